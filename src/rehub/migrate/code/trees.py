"""Walks over libcst's trees."""

from __future__ import annotations

import functools

import libcst as cst


@functools.lru_cache(maxsize=100_000)
def children_of(node: cst.CSTNode) -> tuple[cst.CSTNode, ...]:
    """Return the nodes in a node. libcst finds them by a visitor, so asking it at each of many walks is slow."""
    return tuple(node.children)
