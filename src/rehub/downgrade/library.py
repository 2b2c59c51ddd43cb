"""The functions of a graph, to which rules add others."""

from __future__ import annotations

from typing import Any, Iterable


class Library:
    """The FunctionDefs of a graph by name.

    Args:
        message: a FunctionDefLibrary.
    """

    def __init__(self, message: Any) -> None:
        self._message = message
        self._functions = {function.signature.name: function for function in message.function}

    def __contains__(self, name: str) -> bool:
        return name in self._functions

    def functions(self) -> Iterable[Any]:
        """Return every FunctionDef."""
        return self._functions.values()

    def function(self, name: str) -> Any:
        """Return a FunctionDef."""
        return self._functions[name]

    def add_function(self, wanted_name: str, inputs: list[tuple[str, Any]], outputs: list[tuple[str, Any]]) -> Any:
        """Add a function without nodes.

        Args:
            wanted_name: its name; a number is added where another function has it.
            inputs: the names and dtypes of its arguments, each dtype an AttrValue.
            outputs: those of its results.

        Returns:
            Its FunctionDef.
        """
        function = self._add_named(wanted_name)
        for arg, dtype in inputs:
            function.signature.input_arg.add(name=arg, type=dtype.type)
        for arg, dtype in outputs:
            function.signature.output_arg.add(name=arg, type=dtype.type)
        return function

    def copy_function(self, name: str, wanted_name: str) -> Any:
        """Add a copy of a function, named as `add_function` does it; return its FunctionDef."""
        function = self._add_named(wanted_name)
        new_name = function.signature.name
        function.CopyFrom(self._functions[name])
        function.signature.name = new_name
        return function

    def _add_named(self, wanted_name: str) -> Any:
        name, number = wanted_name, 0
        while name in self._functions:
            number += 1
            name = f"{wanted_name}_{number}"
        function = self._message.function.add()
        function.signature.name = name
        self._functions[name] = function
        return function

    def remove_functions(self, names: set[str]) -> None:
        """Remove functions."""
        for index in reversed(range(len(self._message.function))):
            if self._message.function[index].signature.name in names:
                del self._message.function[index]
        self._functions = {function.signature.name: function for function in self._message.function}
