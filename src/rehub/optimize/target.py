"""One signature, or one trace of a function: make its forms, compare them, and choose the best."""

from __future__ import annotations

import copy
import functools
from typing import Any, Callable

from rehub.optimize import frozen
from rehub.optimize.blockers import Blockers
from rehub.optimize.choices import BF16, FROZEN, PLAIN, choose_form
from rehub.optimize.comparison import Call, compare_forms, first_line
from rehub.optimize.sample_inputs import NoSample, SampleInputs, describe
from rehub.restore import OptimizedFunction, retain_objects

_SAMPLES = 3
# What TensorFlow's converter and Grappler raise for a graph that they cannot work on.
_CANNOT_FREEZE = (ValueError, TypeError, KeyError, NotImplementedError, RuntimeError)


class Target:
    """A concrete function that is to be optimized.

    Args:
        name: as it is called, for reports.
        call: calls a concrete function with a pair of positional and keyword arguments.
        blocker: why it cannot be optimized, if that is known; else "".

    Attributes:
        to_build: a copy of it that is built instead: without a graph in Python, the function itself is called faster.
    """

    def __init__(
        self, name: str, trace: Any, argument_names: list[str], call: Callable[[Any, Any], Any], blocker: str = ""
    ) -> None:
        self.name = name
        self.trace = trace
        self.to_build = copy.copy(trace)
        self._argument_names = argument_names
        self._call = call
        self._blocker = blocker
        self._inputs: list[Any] = []

    def make_inputs(self, samples: SampleInputs) -> None:
        """Make the inputs to call it with."""
        structure = self.trace.structured_input_signature
        try:
            self._inputs = [samples.make_arguments(structure, self._argument_names, seed) for seed in range(_SAMPLES)]
        except NoSample as problem:
            self._blocker = self._blocker or str(problem)

    def optimize(self, blockers: Blockers, find_resources: Callable[[Any], list[Any]]) -> tuple[Any, OptimizedFunction]:
        """Return the function in the form to serve, and a report.

        Args:
            find_resources: returns the tables and other resources that a concrete function captures.
        """
        inputs = describe(self._inputs[:1])
        reason = self._blocker or blockers.why_not_frozen(self.to_build) or frozen.why_too_large(self.to_build)
        if reason:
            return self._leave_plain(inputs, reason)
        try:
            forms = self._make_forms(find_resources)
        except _CANNOT_FREEZE as error:
            return self._leave_plain(inputs, f"TensorFlow cannot freeze it. {first_line(error)}")
        calls: dict[str, Call] = {name: functools.partial(self._call, form) for name, form in forms.items()}
        compared = compare_forms(calls, self._inputs)
        if isinstance(compared, str):
            return self._leave_plain(inputs, compared)
        chosen = choose_form(compared)
        return forms[chosen], OptimizedFunction(self.name, inputs, chosen, compared)

    def _leave_plain(self, inputs: str, reason: str) -> tuple[Any, OptimizedFunction]:
        return self.trace, OptimizedFunction(self.name, inputs, PLAIN, reason=reason)

    def _make_forms(self, find_resources: Callable[[Any], list[Any]]) -> dict[str, Any]:
        graph = frozen.freeze_function(
            functools.partial(self._call, self.to_build), self.trace.structured_input_signature
        )
        graphs = {FROZEN: graph}
        if frozen.cpu_has_bfloat16():
            converted = frozen.convert_to_bfloat16(graph)
            if converted is not None:
                graphs[BF16] = converted
        forms = {PLAIN: self.trace}
        for name, each in graphs.items():
            forms[name] = frozen.make_function(each, self.trace, name)
            retain_objects(forms[name], *find_resources(forms[name]))
        return forms
