"""Which form of a function is chosen, by its measurements."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rehub.optimize.choices import choose_form
from rehub.restore import Form, OptimizedFunction, OutputDifference


def form(name, seconds, slow_call=None, refused=""):
    return Form(name, seconds, seconds if slow_call is None else slow_call, refused=refused)


@pytest.mark.parametrize(
    ("frozen", "bf16", "chosen"),
    [
        (form("frozen", 0.5), form("bf16", 0.4), "bf16"),
        (form("frozen", 0.5), form("bf16", 0.49), "frozen"),  # It is not worth the accuracy.
        (form("frozen", 0.96), form("bf16", 0.97), "plain"),
        (form("frozen", 0.96), form("bf16", 0.9), "bf16"),
        (form("frozen", 0.9, slow_call=1.1), form("bf16", 1.2), "plain"),  # A quarter of the calls was slower.
        (form("frozen", 0.5), form("bf16", 0.1, refused="it does not run"), "frozen"),
        (Form("frozen", refused="output 'x' differs"), Form("bf16", refused="it does not run"), "plain"),
    ],
)
def test_a_form_is_chosen_if_it_is_faster_beyond_noise(frozen, bf16, chosen):
    assert choose_form((form("plain", 1.0), frozen, bf16)) == chosen


times = st.floats(1e-6, 10)


@given(st.tuples(times, times, times), st.tuples(st.booleans(), st.booleans()))
def test_the_chosen_form_is_never_slower_and_never_refused(seconds, refused):
    names = ("plain", "frozen", "bf16")
    reasons = ("", *("no" if each else "" for each in refused))
    forms = tuple(form(name, each, refused=why) for name, each, why in zip(names, seconds, reasons))
    chosen = {each.name: each for each in forms}[choose_form(forms)]
    assert chosen.refused == ""
    assert chosen.seconds <= seconds[0]
    assert all(each.refused or 0.95 * chosen.seconds <= each.seconds for each in forms if each.name != "plain")


def test_the_speedup_is_that_of_the_chosen_form():
    forms = (form("plain", 1.0), form("frozen", 0.5), Form("bf16", refused="it does not run"))
    assert OptimizedFunction("f()", "", "frozen", forms).speedup == 2
    assert OptimizedFunction("f()", "", "plain", forms).speedup == 1
    assert OptimizedFunction("f()", "", "plain", reason="it changes variables").speedup == 1


def test_the_difference_of_a_form_is_the_largest_of_its_outputs():
    differences = (OutputDifference("a", 0.1, 0.01), OutputDifference("b", 0.2, 0.002))
    assert Form("bf16", 1.0, differences=differences).difference == 0.01
    assert Form("plain", 1.0).difference == 0
