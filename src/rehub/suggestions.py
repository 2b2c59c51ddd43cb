"""The word that somebody meant who mistyped one: for messages of errors."""

from __future__ import annotations

from typing import Iterable


def did_you_mean(word: str, known: Iterable[str], spell: str = "{!r}") -> str:
    """Return " Did you mean 'pull'?" if a known word is much like this one, and "" otherwise.

    >>> did_you_mean("laod", ["load", "resolve"])
    " Did you mean 'load'?"
    >>> did_you_mean("fetch", ["load", "resolve"])
    ''

    Args:
        word: what was typed.
        known: what could have been meant.
        spell: how to write the known word.
    """
    import difflib  # Only those who mistype pay for it.

    by_lower = {each.lower(): each for each in sorted(set(known), reverse=True)}
    close = difflib.get_close_matches(word.lower(), by_lower, n=1, cutoff=0.7)
    return f" Did you mean {spell.format(by_lower[close[0]])}?" if close else ""
