"""Which form of a function is served."""

from __future__ import annotations

from rehub.restore import Form

PLAIN, FROZEN, BF16 = "plain", "frozen", "bf16"

# A form is chosen if it takes at most this part of the time of the best form before it.
WORTHWHILE = 0.95


def choose_form(forms: tuple[Form, ...]) -> str:
    """Return the name of the form to serve.

    Each later form gives up more: variables that can change, then accuracy. It is chosen only if it is faster beyond
    noise: its median is 5 % below that of the best form before it, and three quarters of its calls are below it too.
    """
    best = forms[0]
    for form in forms[1:]:
        if form.refused or form.seconds is None or form.slow_call is None or best.seconds is None:
            continue
        if form.seconds <= WORTHWHILE * best.seconds and form.slow_call < best.seconds:
            best = form
    return best.name
