"""`python -m rehub` is the `rehub` program."""

from __future__ import annotations

from rehub.cli import console

if __name__ == "__main__":
    console()
