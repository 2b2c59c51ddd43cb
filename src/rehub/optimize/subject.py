"""One signature, or one trace of a function: makes its forms, has them compared, and takes the best."""

from __future__ import annotations

import copy
import functools
from typing import Any, Callable

from rehub.optimize import frozen
from rehub.optimize.choices import BF16, FROZEN, PLAIN, OptimizedFunction, choose
from rehub.optimize.comparison import Call, compare, first_line
from rehub.optimize.obstacles import Obstacles
from rehub.optimize.sample_inputs import NoSample, SampleInputs, describe
from rehub.restore.ownership import own

_SAMPLES = 3
# What TensorFlow's converter and Grappler raise for a graph that they cannot work on.
_CANNOT_FREEZE = (ValueError, TypeError, KeyError, NotImplementedError, RuntimeError)


class Subject:
    """A concrete function that is to be optimized.

    Args:
        name: as it is called, for reports.
        trace: the function.
        argument_names: of its positional arguments.
        call: calls a concrete function with a pair of positional and keyword arguments.
        obstacle: why it is not to be optimized, if that is known; else "".

    Attributes:
        to_build: a copy of it, which is given a graph in its place: one that has none is called in less time.
    """

    def __init__(
        self, name: str, trace: Any, argument_names: list[str], call: Callable[[Any, Any], Any], obstacle: str = ""
    ) -> None:
        self.name = name
        self.trace = trace
        self.to_build = copy.copy(trace)
        self._argument_names = argument_names
        self._call = call
        self._obstacle = obstacle
        self._inputs: list[Any] = []

    def make_inputs(self, samples: SampleInputs) -> None:
        """Has inputs made to call it with."""
        structure = self.trace.structured_input_signature
        try:
            self._inputs = [samples.make(structure, self._argument_names, seed) for seed in range(_SAMPLES)]
        except NoSample as problem:
            self._obstacle = self._obstacle or str(problem)

    def optimize(
        self, tf: Any, obstacles: Obstacles, owned: Callable[[Any], list[Any]]
    ) -> tuple[Any, OptimizedFunction]:
        """Returns the function in the form to serve, and what was found.

        Args:
            tf: the TensorFlow module.
            obstacles: what is in the way, for this function among others.
            owned: the tables and other resources that a concrete function captures.
        """
        shown = describe(self._inputs[:1])
        reason = self._obstacle or obstacles.to(tf, self.to_build) or frozen.too_large(self.to_build)
        if reason:
            return self._left(shown, reason)
        try:
            forms = self._forms(tf, owned)
        except _CANNOT_FREEZE as error:
            return self._left(shown, f"TensorFlow cannot freeze it. {first_line(error)}")
        calls: dict[str, Call] = {name: functools.partial(self._call, form) for name, form in forms.items()}
        compared = compare(tf, calls, self._inputs)
        if isinstance(compared, str):
            return self._left(shown, compared)
        chosen = choose(compared)
        return forms[chosen], OptimizedFunction(self.name, shown, chosen, compared)

    def _left(self, inputs: str, reason: str) -> tuple[Any, OptimizedFunction]:
        return self.trace, OptimizedFunction(self.name, inputs, PLAIN, reason=reason)

    def _forms(self, tf: Any, owned: Callable[[Any], list[Any]]) -> dict[str, Any]:
        graph = frozen.freeze(tf, functools.partial(self._call, self.to_build), self.trace.structured_input_signature)
        graphs = {FROZEN: graph}
        if frozen.cpu_has_bfloat16():
            converted = frozen.in_bfloat16(tf, graph)
            if converted is not None:
                graphs[BF16] = converted
        forms = {PLAIN: self.trace}
        for name, each in graphs.items():
            forms[name] = frozen.as_function(tf, each, self.trace, name)
            own(forms[name], *owned(forms[name]))
        return forms
