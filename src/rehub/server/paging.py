"""The pages of a long list of models: `?page=2`."""

from __future__ import annotations

from urllib.parse import quote, urlencode

from starlette.requests import Request

from rehub.server.names import is_version

MODELS_ON_A_PAGE = 50
_MOST_DIGITS = 9


def page_number(request: Request) -> int:
    """Return the number of the page that is asked for; 1 if none is, or it is not a number."""
    asked = request.query_params.get("page", "")
    return max(int(asked), 1) if is_version(asked) and len(asked) <= _MOST_DIGITS else 1


def page_url(request: Request, number: int) -> str:
    """Return the URL of another page of the list that is asked for."""
    return f"{quote(request.scope['path'])}?{urlencode({**request.query_params, 'page': number})}"
