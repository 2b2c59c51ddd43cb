"""A Python process that runs one function, and ends when this process does: its stdin is closed then.

It is a plain child. Those of `multiprocessing` run the user's main program again, so a script needs a guard for that:
https://docs.python.org/3/library/multiprocessing.html#the-spawn-and-forkserver-start-methods.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import subprocess
import sys
from typing import IO, Any, Mapping

_PROGRAM = "import importlib, sys; sys.path[:] = {path!r}; importlib.import_module({module!r}).{function}()"


class ChildDied(Exception):
    """A child process ended before it answered; says how."""


def start_child(
    module: str, function: str, variables: Mapping[str, str], *, has_group: bool = False
) -> subprocess.Popen[bytes]:
    """Start a process that calls a function without arguments; give it pipes for stdin and stdout.

    Args:
        module: by its full name.
        function: its name in the module. It calls `claim_stdout` first.
        variables: of the environment, where the user has not set them.
        has_group: give it a process group, for `end_group`.
    """
    return subprocess.Popen(  # noqa: S603  This Python.
        [sys.executable, "-c", _PROGRAM.format(path=sys.path, module=module, function=function)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**variables, **os.environ},
        start_new_session=has_group,
    )


def exchange_messages(process: subprocess.Popen[bytes], *messages: Any) -> Any:
    """Send messages to a child, and return its answer.

    Raises:
        ChildDied: it has ended.
    """
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        for message in messages:
            send_message(process.stdin, message)
        return pickle.load(process.stdout)  # noqa: S301  From our own child.
    except (EOFError, OSError, ValueError, pickle.UnpicklingError):
        raise ChildDied(_describe_exit(end_child(process))) from None


def send_message(pipe: IO[bytes], message: Any) -> None:
    """Write a message to a pipe."""
    pickle.dump(message, pipe)
    pipe.flush()


def _describe_exit(status: int) -> str:
    if status >= 0:
        return f"exit status {status}"
    name = signal.Signals(-status).name
    return f"killed by {name}" + (", perhaps because memory ran out" if name == "SIGKILL" else "")


def end_child(process: subprocess.Popen[bytes]) -> int:
    """Close the pipes of a child, and return its exit status when it has ended."""
    for pipe in (process.stdin, process.stdout):
        try:
            assert pipe is not None
            pipe.close()
        except OSError:  # It did not read all.
            pass
    return process.wait()


def end_group(process: subprocess.Popen[bytes]) -> None:
    """End a child that has a group, and all processes that it started."""
    with contextlib.suppress(ProcessLookupError):
        kill_group(process.pid)
    end_child(process)


def kill_group(pid: int) -> None:
    """End a process that leads a group, and all others of the group; on Windows the process alone."""
    if hasattr(os, "killpg"):
        os.killpg(pid, signal.SIGKILL)
    else:
        os.kill(pid, signal.SIGTERM)


def claim_stdout() -> IO[bytes]:
    """In a child: return the pipe to the parent. What libraries print goes to stderr from now on."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the parent too, and that ends this process.
    pipe = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return pipe
