"""Many files migrated by several processes."""

from __future__ import annotations

import functools
import os
from concurrent.futures import ProcessPoolExecutor
from typing import Iterator, Sequence

from rehub.migrate.code.discovery import FoundFile
from rehub.migrate.code.migration import FileMigration, MigrateOptions, migrate_file

# Fewer files are done before a second process has started.
_FEWEST_FOR_PROCESSES = 12


def migrate_files(files: Sequence[FoundFile], options: MigrateOptions) -> Iterator[FileMigration]:
    """Yield what becomes of each file, in their order. Files are not written."""
    migrate = functools.partial(migrate_file, options=options)
    processes = min(_count_processors(), len(files))
    if len(files) < _FEWEST_FOR_PROCESSES or processes < 2:
        yield from map(migrate, files)
        return
    with ProcessPoolExecutor(processes) as executor:
        yield from executor.map(migrate, files, chunksize=max(1, min(8, len(files) // (4 * processes))))


def _count_processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
