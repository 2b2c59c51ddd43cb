"""Programs in processes of their own that need not import TensorFlow, which takes each 4 seconds of a processor.

They are forked from a process that has imported it and done nothing else.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import runpy
import sys
import tempfile
from pathlib import Path

FORKS_SAFELY = sys.platform.startswith("linux")
CONTEXT = multiprocessing.get_context("forkserver" if FORKS_SAFELY else "spawn")
if FORKS_SAFELY:
    CONTEXT.set_forkserver_preload(["tensorflow"])


class ForkedProgram:
    """A running program: the path of a file, or source text. Kill it or wait for its output, and at last close it."""

    def __init__(self, program, *arguments, cwd=None, environment=None):
        self._output = tempfile.TemporaryDirectory()
        files = [str(Path(self._output.name, name)) for name in ("stdout", "stderr")]
        settings = {**os.environ, **(environment or {})}
        words = [str(program), *map(str, arguments)]
        arguments = (words, str(cwd or os.getcwd()), settings, files)
        self._process = CONTEXT.Process(target=_run_program, args=arguments, daemon=True)
        self._process.start()

    def output(self, timeout=600):
        """Wait for the end; return what was printed, if the program succeeded."""
        self._process.join(timeout)
        code = self._process.exitcode
        stdout, stderr = (Path(self._output.name, name).read_text(encoding="utf-8") for name in ("stdout", "stderr"))
        assert code == 0, f"exit code {code}:\n{stdout[-2000:]}\n{stderr[-2000:]}"
        return stdout

    def kill(self):
        """End the process, if it has not ended, and delete its output."""
        self._process.kill()
        self._process.join()
        self._process.close()
        self._output.cleanup()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.kill()


def run_forked(program, *arguments, **settings):
    """Run a program to its end; return what it printed."""
    with ForkedProgram(program, *arguments, **settings) as running:
        return running.output()


def _run_program(words, cwd, environment, files):
    """Run in the new process: become like `python PROGRAM ARGUMENTS`."""
    for descriptor, file in enumerate(files, 1):
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT), descriptor)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(cwd)
    sys.argv = words
    try:
        if words[0].endswith(".py"):
            sys.path.insert(0, str(Path(words[0]).parent))
            runpy.run_path(words[0], run_name="__main__")
        else:
            exec(compile(words[0], "<program>", "exec"), {"__name__": "__main__"})
    finally:
        atexit._run_exitfuncs()  # Which multiprocessing leaves out: a measurement of coverage ends so.
