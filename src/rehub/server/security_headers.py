"""Headers that every answer has, and those of a page, on which no script runs and only its style is loaded."""

from __future__ import annotations

_PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; img-src {images}; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
EVERY_ANSWER = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def page_policy(*, remote_images: bool) -> str:
    """Return the Content-Security-Policy of a page; images of other hosts only where they are allowed."""
    return _PAGE_POLICY.format(images="'self' https:" if remote_images else "'self'")
