"""How a restored object was made, kept with the object: what `hub.load_report` returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rehub.restore.lazy.objects import set_untracked

_REPORT = "_rehub_load_report"


@dataclass(frozen=True)
class OutputDifference:
    """The largest difference between an output of a form and that of the plain form.

    Attributes:
        output: its name, or its index among the outputs.
        absolute: the largest difference of two numbers; 1.0 for strings and booleans that differ.
        relative: the absolute difference divided by the largest magnitude of the plain form's output.
    """

    output: str
    absolute: float
    relative: float


@dataclass(frozen=True)
class Form:
    """A form of a function: as it was restored ("plain"), with constants ("frozen"), or in bfloat16 too ("bf16").

    Attributes:
        name: "plain", "frozen" or "bf16".
        seconds: the median time of a call; None if it was not measured.
        slow_call: the time that a quarter of the calls exceeded; None if it was not measured.
        differences: the difference of each output from the plain form's.
        refused: why it is not chosen, however fast; "" if it can be chosen.
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
    """The measurements of one signature, or of one trace of a function, and the chosen form.

    Attributes:
        name: as it is called: "signatures['serving_default']", or "__call__(float32[?, 224, 224, 3])".
        inputs: the inputs that it was measured with: "images=float32[1, 224, 224, 3]".
        chosen: the name of the form that is used.
        forms: the forms that were made, the plain one first.
        reason: why the function stays plain without a comparison; "" if forms were compared.
    """

    name: str
    inputs: str
    chosen: str
    forms: tuple[Form, ...] = ()
    reason: str = ""

    @property
    def speedup(self) -> float:
        """How many times faster the chosen form is than the plain form; 1.0 if the plain form is chosen."""
        seconds = {form.name: form.seconds for form in self.forms}
        plain, chosen = seconds.get("plain"), seconds.get(self.chosen)
        return plain / chosen if plain and chosen else 1.0


@dataclass(frozen=True)
class LoadReport:
    """How a restored object was made.

    Attributes:
        loader: "lazy", "tensorflow" (TensorFlow's own loader), or "retrain" (a TF1 model, whose graph is traced again).
        reason: why the lazy loader was not used; "" if it was used, or if you chose another loader.
        prepared: the directory of the prepared form from which the weights are mapped; "" if they are not mapped.
        optimized: with `optimize="inference"`, the measurements and the choice for each signature and function.
        rewritten: if a newer TensorFlow wrote the model, each kind of change that was made to it, with its count.
        left_out: the functions of a rewritten model that cannot be rewritten, and the variables of an optimizer that no
            installed Keras has, with the reason.
    """

    loader: str
    reason: str = ""
    prepared: str = ""
    optimized: tuple[OptimizedFunction, ...] = ()
    rewritten: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


def set_load_report(obj: Any, report: LoadReport) -> None:
    """Keep with a restored object how it was made."""
    set_untracked(obj, _REPORT, report)


def load_report(obj: Any) -> LoadReport:
    """Return how an object that `hub.load` returned was made: by which loader, and why not by the lazy one.

    Raises:
        TypeError: `hub.load` did not return it.
    """
    report = getattr(obj, _REPORT, None)
    if not isinstance(report, LoadReport):
        raise TypeError(f"hub.load_report takes what hub.load returned. Received: {obj!r}")
    return report
