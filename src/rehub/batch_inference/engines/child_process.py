"""A Python process that runs one function, and ends when this process does: its stdin is closed then.

It is a plain child. Those of `multiprocessing` run the user's main program again, so a script needs a guard for that:
https://docs.python.org/3/library/multiprocessing.html#the-spawn-and-forkserver-start-methods.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import IO, Mapping

_PROGRAM = "import importlib, sys; sys.path[:] = {path!r}; importlib.import_module({module!r}).{function}()"


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
    )


def end_child(process: subprocess.Popen[bytes]) -> int:
    """Close the pipes of a child, and return its exit status when it has ended."""
    for pipe in (process.stdin, process.stdout):
        try:
            assert pipe is not None
            pipe.close()
        except OSError:  # It did not read all.
            pass
    return process.wait()


def claim_stdout() -> IO[bytes]:
    """In a child: return the pipe to the parent. What libraries print goes to stderr from now on."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the parent too, and that ends this process.
    pipe = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return pipe
