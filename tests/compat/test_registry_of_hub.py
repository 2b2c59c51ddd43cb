"""The registers, by the names in tensorflow_hub's submodules."""

from __future__ import annotations

import pytest

import rehub as hub
from rehub.compat import submodules as registry


class Shelf:
    def __init__(self, start, answer):
        self._start = start
        self._answer = answer

    def is_supported(self, handle):
        return handle.startswith(self._start)

    def __call__(self, handle):
        return self._answer


def test_an_added_resolver_resolves_handles(tmp_path):
    registry.resolver.add_implementation(Shelf("shelf-of-registry://", "/mnt/shelf"))
    assert hub.resolve("shelf-of-registry://m") == registry.resolver("shelf-of-registry://m") == "/mnt/shelf"
    assert registry.resolver(str(tmp_path)) == str(tmp_path)


def test_call_uses_the_latest_implementation_that_supports_the_argument():
    register = registry.MultiImplRegister("letters")
    register.add_implementation(Shelf("a", "older"))
    register.add_implementation(Shelf("a", "newer"))
    register.add_implementation(Shelf("b", "other"))
    assert [register("a"), register("b")] == ["newer", "other"]


def test_error_of_an_unsupported_argument_names_the_implementations():
    register = registry.MultiImplRegister("letters")
    register.add_implementation(Shelf("a", "answer"))
    with pytest.raises(RuntimeError, match=r"supports: letters\(\*\('c',\), \*\*{}\)\. Implementations: Shelf\."):
        register("c")
    register.clear_implementations()
    with pytest.raises(RuntimeError, match="Implementations: none"):
        register("a")
