"""`python -m rehub.as_tensorflow_hub script.py`: run a program with rehub in place of tensorflow_hub."""

from __future__ import annotations

import os
import runpy
import sys
from typing import Sequence

from rehub.compat import install_as_tensorflow_hub

__all__ = ["install_as_tensorflow_hub", "main"]


def main(arguments: Sequence[str]) -> None:
    """Run a script, or a module after `-m`, as Python would."""
    if not arguments or arguments[0] in ("-h", "--help") or arguments == ["-m"]:
        print("usage: python -m rehub.as_tensorflow_hub (SCRIPT | -m MODULE) [ARGUMENT ...]")  # noqa: T201
        sys.exit(0 if arguments and arguments[0] != "-m" else 2)
    install_as_tensorflow_hub()
    if arguments[0] == "-m":
        sys.argv[:] = arguments[1:]
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv[:] = arguments
        sys.path[0] = os.path.dirname(os.path.abspath(arguments[0]))
        runpy.run_path(arguments[0], run_name="__main__")


if __name__ == "__main__":
    main(sys.argv[1:])
