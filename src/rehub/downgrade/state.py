"""Ops on variables and random states."""

from __future__ import annotations

from typing import Any

from rehub.downgrade.bodies import Body
from rehub.downgrade.library import Library
from rehub.downgrade.rules import rule


@rule("nothing, as reads never copy", "DisableCopyOnRead")
def remove_copy_on_read(body: Body, _node: Any, _library: Library) -> None:
    """Remove a switch of variables that older versions do not have."""
    body.remove_node()
