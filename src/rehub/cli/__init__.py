"""The command line: `rehub COMMAND`, or `python -m rehub COMMAND`.

Each command has a file here: `rehub pull` is `pull.py`, `rehub cache ls` is `cache/ls.py`, and `import_.py` ends in `_`
because `import` is a Python keyword. The file has `add_arguments(parser)`, with the command's description, arguments
and examples, and `run_command(arguments)`, which returns an exit code: `OK` or `FAILED`. To add a command, write its
file and its line in `commands.py`; the file is imported only when the command runs.

It uses argparse, which Python 3.7 has too: `rehub --version` takes 60 ms with it and over 100 ms with click.
"""

from __future__ import annotations

from rehub.cli.program import console as console
from rehub.cli.program import main as main
