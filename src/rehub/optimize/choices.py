"""What was measured of a function's forms, and which of them is taken."""

from __future__ import annotations

from dataclasses import dataclass

PLAIN, FROZEN, BF16 = "plain", "frozen", "bf16"

# A form is taken if it takes this part of the time of the one before it, or less.
WORTHWHILE = 0.95


@dataclass(frozen=True)
class OutputDifference:
    """How far an output of a form is from that of the function as it was restored, at most.

    Attributes:
        output: its name, or its place among the outputs.
        absolute: the largest difference of two numbers; 1.0 for strings and booleans that differ.
        relative: that, over the largest magnitude of the restored function's output.
    """

    output: str
    absolute: float
    relative: float


@dataclass(frozen=True)
class Form:
    """A form of a function: as it was restored ("plain"), with constants ("frozen"), or in bfloat16 too ("bf16").

    Attributes:
        name: "plain", "frozen" or "bf16".
        seconds: the median time of a call; None where it was not measured.
        slow_call: the time that a quarter of the calls took longer than; None where it was not measured.
        differences: how far each output is from the plain one's.
        refused: why it is not taken, however fast; "" where it can be.
    """

    name: str
    seconds: float | None = None
    slow_call: float | None = None
    differences: tuple[OutputDifference, ...] = ()
    refused: str = ""

    @property
    def difference(self) -> float:
        """The largest of the outputs' relative differences."""
        return max((each.relative for each in self.differences), default=0.0)


@dataclass(frozen=True)
class OptimizedFunction:
    """What was found for one signature, or one trace of a function, and which form of it is served.

    Attributes:
        name: as it is called: "signatures['serving_default']", or "__call__(float32[?, 224, 224, 3])".
        inputs: what it was measured with: "images=float32[1, 224, 224, 3]".
        chosen: the name of the form that is served.
        forms: those that were made, the plain one first.
        reason: why the function is left as it was without a comparison; "" where forms were compared.
    """

    name: str
    inputs: str
    chosen: str
    forms: tuple[Form, ...] = ()
    reason: str = ""

    @property
    def speedup(self) -> float:
        """How many times faster the chosen form is than the plain one: 1.0 where that is the chosen one."""
        seconds = {form.name: form.seconds for form in self.forms}
        plain, chosen = seconds.get(PLAIN), seconds.get(self.chosen)
        return plain / chosen if plain and chosen else 1.0


def choose(forms: tuple[Form, ...]) -> str:
    """Returns the name of the form to serve.

    Each later form gives away more: that variables can change, then accuracy. It is taken only if that is worth it,
    beyond what is noise: its median is 5 % below that of the best before it, and so are three quarters of its calls
    below that median.
    """
    best = forms[0]
    for form in forms[1:]:
        if form.refused or form.seconds is None or form.slow_call is None or best.seconds is None:
            continue
        if form.seconds <= WORTHWHILE * best.seconds and form.slow_call < best.seconds:
            best = form
    return best.name
