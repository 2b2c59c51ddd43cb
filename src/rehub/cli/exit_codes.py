"""What the program tells its caller when it ends."""

from __future__ import annotations

DONE = 0
FAILED = 1
DIFFERENT = 1  # of `rehub diff`: the same codes as those of diff
TROUBLE = 2
WRONG_USAGE = 2  # argparse exits with it, too.
INTERRUPTED = 130  # what shells report of a program that Ctrl-C has ended
