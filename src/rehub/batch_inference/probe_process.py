"""The probe in a process of its own: then the driver of other processes loads no model, and takes no GPU from them."""

from __future__ import annotations

import functools
import os
import pickle
import sys
from typing import Any, Mapping, Sequence

from rehub.batch_inference.engines.child_process import (
    ChildDied,
    claim_stdout,
    end_child,
    exchange_messages,
    send_answer,
    start_child,
    watch_parent,
)
from rehub.batch_inference.plan import Plan, Shard
from rehub.batch_inference.probe import probe_schema
from rehub.errors import BatchFailed, HubError


def probe_schema_in_child(
    plan: Plan, shards: Sequence[Shard], types: Mapping[str, Any], keep: Sequence[str]
) -> bytes | None:
    """Return what `probe_schema` returns in another process.

    Raises:
        HubError: as there.
        BatchFailed: the process died.
    """
    process = start_child(__name__, run_probe.__name__, {})
    try:
        found = exchange_messages(process, (plan, tuple(shards), dict(types), tuple(keep)))
    except ChildDied as error:
        raise BatchFailed(f"The process that computes the first rows died: {error}.") from None
    except BaseException:
        process.kill()
        raise
    end_child(process)
    if isinstance(found, BaseException):
        raise found
    schema: bytes | None = found
    return schema


def run_probe() -> None:
    """Do the probe that comes by stdin, and write what it finds to stdout."""
    pipe = claim_stdout()
    arguments = pickle.load(sys.stdin.buffer)  # noqa: S301  From our own parent.
    watch_parent(functools.partial(os._exit, 0))
    try:
        found: Any = probe_schema(*arguments)
    except Exception as error:  # noqa: BLE001  The parent raises it.
        found = error if isinstance(error, HubError) else BatchFailed(f"{type(error).__name__}: {error}")
    send_answer(pipe, found)
