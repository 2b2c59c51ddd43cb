"""A Ray cluster on this machine, for one run.

It belongs to a process of its own, which ends it in an orderly way when the driver ends or is killed. `ray.init` in the
driver would leave processes behind: Ray 2.60's agents live on when a driver is killed, and where a process adopts
orphans, as systemd does in a session, actors do too.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import json
import logging
import os
import secrets
import shutil
import signal
import socket
import sys
import threading
import time
from typing import Any, Iterator, Mapping

from rehub.batch_inference.engines.child_process import (
    claim_stdout,
    end_child,
    kill_session,
    start_child,
    watch_parent,
)
from rehub.errors import BatchFailed, PackageMissing

# Only descriptions of shards and reports pass through it. Ray takes 30 % of the memory if it is not told.
_OBJECT_STORE_BYTES = 128 << 20
_SECONDS_TO_END = 10.0
_SECONDS_TO_CONNECT = 10.0


def import_ray() -> Any:
    """Return the module `ray`.

    Raises:
        PackageMissing: it is not installed.
    """
    try:
        return importlib.import_module("ray")
    except ImportError as error:
        raise PackageMissing(f'The engine "ray" needs Ray: pip install "rehub[ray]" ({error})') from error


@contextlib.contextmanager
def connect(address: str, cpus: int) -> Iterator[None]:
    """Connect to a cluster; start one on this machine if there is no address.

    A process that is connected already stays so.

    Args:
        address: as for `ray.init`; "" for a cluster of this run alone.
        cpus: how many the cluster says it has, if it is started.
    """
    with contextlib.ExitStack() as stack:
        if not address:
            stack.enter_context(_set_variables(_choose_authentication()))
        ray = import_ray()
        if not ray.is_initialized() or address:
            found = address or stack.enter_context(_start_cluster(cpus))
            with _keep_sigterm_handler():
                _connect_to(found)
            stack.callback(ray.shutdown)
        yield


def _connect_to(address: str) -> None:
    ray = import_ray()
    try:
        _check_listener(address)
        ray.init(address=address, logging_level=logging.ERROR, log_to_driver=False)
    except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        advice = (
            "" if "RAY_AUTH_MODE" in os.environ else "\nIf `ray start` has enabled tokens, set RAY_AUTH_MODE=token."
        )
        raise BatchFailed(f"The Ray cluster {address!r} cannot be used: {str(error).strip()}{advice}") from error


def _check_listener(address: str) -> None:
    """Raise an error if no process listens at `host:port`: Ray tries for minutes."""
    host, _, port = address.rpartition(":")
    if port.isdigit() and "://" not in host:
        socket.create_connection((host.strip("[]"), int(port)), _SECONDS_TO_CONNECT).close()


@contextlib.contextmanager
def _keep_sigterm_handler() -> Iterator[None]:
    """Restore the handler that `ray.init` replaces by one that exits with the number of the signal."""
    handler = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if handler is not None and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, handler)


@functools.lru_cache(maxsize=None)
def _choose_authentication() -> Mapping[str, str]:
    """Return the variables by which only this program may use its cluster, which listens on the network.

    Ray reads them when it is imported. If a program has done that, its cluster is as Ray's own defaults were for long.
    """
    if "ray" in sys.modules or "RAY_AUTH_MODE" in os.environ:
        return {"RAY_AUTH_MODE": os.environ.get("RAY_AUTH_MODE", "disabled")}
    return {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}


@contextlib.contextmanager
def _set_variables(variables: Mapping[str, str]) -> Iterator[None]:
    """Set variables of the environment during a `with`."""
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        for name in variables:
            if name in before:
                os.environ[name] = before[name]
            else:
                del os.environ[name]


@contextlib.contextmanager
def _start_cluster(cpus: int) -> Iterator[str]:
    """Give the address of a new cluster, which ends with the `with` and with this process."""
    # Without this variable Ray sends statistics to its makers.
    process = start_child(__name__, hold_cluster.__name__, {"RAY_USAGE_STATS_ENABLED": "0"})
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(json.dumps({"num_cpus": cpus}).encode() + b"\n")
        process.stdin.flush()
        address = process.stdout.readline().decode().strip()
        if not address:
            raise BatchFailed("Ray did not start on this machine; its message is above.")
        yield address
    finally:
        end_child(process)
        kill_session(process.pid)  # If it was killed, Ray's agents live on.


def hold_cluster() -> None:
    """Start a cluster, print its address, and end it when stdin is closed."""
    pipe = claim_stdout()
    options = json.loads(sys.stdin.buffer.readline())
    is_closed = threading.Event()
    watch_parent(functools.partial(_end_soon, is_closed))
    ray = import_ray()
    try:
        context = ray.init(
            **options,
            include_dashboard=False,
            object_store_memory=_OBJECT_STORE_BYTES,
            logging_level=logging.ERROR,
            log_to_driver=False,
        )
        pipe.write(ray.get_runtime_context().gcs_address.encode() + b"\n")
        pipe.flush()
        is_closed.wait()
        ray.shutdown()
        shutil.rmtree(context.address_info["session_dir"], ignore_errors=True)
    finally:
        kill_session(os.getpid())


def _end_soon(is_closed: threading.Event) -> None:
    is_closed.set()
    time.sleep(_SECONDS_TO_END)  # ray.init and ray.shutdown hang if a part of the cluster was killed.
    kill_session(os.getpid())
