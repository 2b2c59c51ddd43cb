"""Write tfhub_models.txt, the table of tfhub.dev's models.

usage: python make_tfhub_models.py FORMATS.json > tfhub_models.txt

FORMATS.json maps each model's name to its versions' formats: `{"google/elmo": {"1": "hub", ...}}`. It was made from the
front matter of https://github.com/tensorflow/tfhub.dev: of each file below assets/docs, `asset-path` and the format.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

_LETTERS = {"hub": "h", "saved_model": "s", "saved_model_2": "t"}


def format_table(formats: dict[str, dict[str, str]]) -> str:
    """Return a line for each model: its name, then each version with the letter of its format."""
    lines = []
    for name, versions in sorted(formats.items()):
        ordered = sorted(versions.items(), key=lambda each: int(each[0]))
        lines.append(" ".join([name, *(f"{_LETTERS[kind]}{version}" for version, kind in ordered)]))
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    sys.stdout.write(format_table(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))))
