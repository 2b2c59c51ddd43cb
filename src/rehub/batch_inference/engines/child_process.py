"""A Python process that runs one function, and ends when this process does: its stdin is closed then.

It has a session of its own: Ctrl-C in a terminal goes to the parent alone, which ends it.

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
import threading
from typing import IO, Any, Callable, Iterator, Mapping

_PROGRAM = "import importlib, sys; sys.path[:] = {path!r}; importlib.import_module({module!r}).{function}()"


class ChildDied(Exception):
    """A child process ended before it answered; says how."""


def start_child(module: str, function: str, variables: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start a process that calls a function without arguments; give it pipes for stdin and stdout.

    Args:
        module: by its full name.
        function: its name in the module. It calls `claim_stdout` first.
        variables: of the environment, where the user has not set them.
    """
    return subprocess.Popen(  # noqa: S603  This Python.
        [sys.executable, "-c", _PROGRAM.format(path=sys.path, module=module, function=function)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**variables, **os.environ},
        start_new_session=True,
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


def end_session(process: subprocess.Popen[bytes]) -> None:
    """End a child and all processes that it started, which its death alone may leave behind."""
    kill_session(process.pid)
    end_child(process)


def kill_session(leader: int) -> None:
    """Kill the processes of a session, this one last; without Linux's /proc those of its first group.

    Those of a group are killed at once, so that none complains about another. Ray gives each worker a group.
    """
    if leader != os.getpid():
        _kill_group(leader)
    killed: set[int] = set()
    while sys.platform == "linux":  # Until they start no others.
        found = set(_list_other_groups(leader)) - killed
        if not found:
            break
        for pid in found:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        killed |= found
    if leader == os.getpid():
        _kill_group(leader)


def _kill_group(leader: int) -> None:
    with contextlib.suppress(OSError):  # It has ended.
        if sys.platform == "win32":
            os.kill(leader, signal.SIGTERM)  # It has no groups.
        else:
            os.killpg(leader, signal.SIGKILL)


def _list_other_groups(leader: int) -> Iterator[int]:
    for name in os.listdir("/proc"):
        with contextlib.suppress(OSError):
            if name.isdigit() and os.getsid(int(name)) == leader != os.getpgid(int(name)):
                yield int(name)


def claim_stdout() -> IO[bytes]:
    """In a child: return the pipe to the parent. What libraries print goes to stderr from now on."""
    pipe = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return pipe


def send_answer(pipe: IO[bytes], message: Any) -> None:
    """In a child: write a message to the parent; end if it has died."""
    try:
        send_message(pipe, message)
    except OSError:
        os._exit(0)


def watch_parent(on_end: Callable[[], None]) -> None:
    """In a child: call a function when the parent, which sends nothing more, has closed stdin or has died."""
    threading.Thread(target=_wait_for_parent, args=(on_end,), daemon=True).start()


def _wait_for_parent(on_end: Callable[[], None]) -> None:
    while os.read(0, 1024):  # Python aborts if it ends while a thread waits for sys.stdin.
        pass
    on_end()
