"""Which files a migration reads: programs, notebooks and lists of requirements below the paths that are given."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Iterable, Iterator

from rehub.migrate.code.pins import is_requirements_file

_SKIPPED = frozenset(["__pycache__", "site-packages", "dist-packages", "node_modules"])


@dataclass(frozen=True)
class FoundFile:
    """A file to migrate.

    Attributes:
        path: the file.
        inner: its path below the directory that was given, or its name: where it goes in an output directory.
    """

    path: Path
    inner: Path

    @property
    def is_notebook(self) -> bool:
        """Whether it is a Jupyter notebook."""
        return self.path.suffix == ".ipynb"

    @property
    def is_requirements(self) -> bool:
        """Whether it lists requirements, and is not a program."""
        return is_requirements_file(self.path.name)


def find_files(paths: Iterable[Path], skipped: Path | None = None) -> Iterator[FoundFile]:
    """Yield the files to migrate, each once.

    Hidden files and directories, virtual environments and installed packages are left out, unless they are given
    themselves.

    Args:
        paths: files of any name, and directories.
        skipped: a directory that is left out.
    """
    seen = set()
    for path in paths:
        for found in _walk_directory(path, skipped) if path.is_dir() else [FoundFile(path, Path(path.name))]:
            real = os.path.realpath(found.path)
            if real not in seen:
                seen.add(real)
                yield found


def _walk_directory(root: Path, skipped: Path | None) -> Iterator[FoundFile]:
    for directory, inner, files in os.walk(root):
        here = Path(directory)
        inner[:] = sorted(name for name in inner if not _is_skipped(here / name, skipped))
        for name in sorted(files):
            is_wanted = name.endswith((".py", ".ipynb")) or is_requirements_file(name)
            if is_wanted and not name.startswith("."):
                yield FoundFile(here / name, (here / name).relative_to(root))


def _is_skipped(directory: Path, skipped: Path | None) -> bool:
    name = directory.name
    is_environment = (directory / "pyvenv.cfg").exists() or (directory / "conda-meta").exists()
    is_output = skipped is not None and directory.resolve() == skipped.resolve()
    return name.startswith(".") or name in _SKIPPED or is_environment or is_output
