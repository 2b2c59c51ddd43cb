"""The command line: `rehub COMMAND`, or `python -m rehub COMMAND`.

A command is a file here: `rehub pull` is `pull.py`, `rehub cache ls` is `cache/ls.py`, and `import_.py` has the `_`
because `import` is Python's. It has `configure(parser)`, which describes its arguments, and `run(arguments)`, which
does it and returns an exit code: `DONE` or `FAILED`. To add one is to write its file and its line in `commands.py`; it
is imported only when it is run.

It stands on argparse, which Python 3.7 has too: `rehub --version` takes 60 ms with it and over 100 ms with click, and
the completion that click brings is sixty lines here.
"""

from __future__ import annotations

from rehub.cli.program import console, main

__all__ = ["console", "main"]
