"""The exit codes of the program."""

from __future__ import annotations

OK = 0
FAILED = 1
DIFFERENT = 1  # of `rehub diff`: the same codes as those of diff
INCOMPLETE = 3  # of `rehub batch`: shards failed; the others are written
ERROR = 2
WRONG_USAGE = 2  # argparse exits with it, too.
INTERRUPTED = 130  # what shells report of a program that was ended by Ctrl-C
