"""Where the files of a run are: a directory, or a place in an object store, with the same few operations."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path
from typing import IO, Any, Callable, ContextManager, Iterator, TypeVar, cast

from rehub.batch_inference.reading.files import find_local_path
from rehub.cache import file_lock
from rehub.cache.fsspec_storage import call_storage, open_storage
from rehub.errors import OutputInUse, OutputNotWritten
from rehub.redaction import redact_url
from rehub.staging import write_atomically

T = TypeVar("T")


@contextlib.contextmanager
def _explain_write_error(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputNotWritten(f"{path!r} cannot be written: {error.strerror or error}.") from error


class LocalStore:
    """A directory."""

    def __init__(self, path: str) -> None:
        self.path = path

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the lock of the directory.

        Raises:
            OutputInUse: another process has it.
        """
        file = Path(self.path, "_rehub", "lock")
        with _explain_write_error(self.path):
            file.parent.mkdir(parents=True, exist_ok=True)
            lock = file_lock.try_acquire(file)
        if lock is None:
            holder = file_lock.read_holder(file) or "another process"
            raise OutputInUse(f"A run writes into {self.path!r}: {holder}. Wait for it, or choose another output.")
        try:
            with lock:
                yield
        finally:
            with contextlib.suppress(OSError):  # It has the run's files, unless the run was refused.
                file.parent.rmdir()

    def list_names(self) -> list[str]:
        """Return the names in the directory."""
        return sorted(os.listdir(self.path))

    def read_text(self, name: str) -> str | None:
        """Return the text of a file; None if there is none."""
        try:
            return Path(self.path, name).read_text("utf-8")
        except FileNotFoundError:
            return None

    def write_text(self, name: str, text: str) -> None:
        """Write a file; a reader sees the old text or the new."""
        with _explain_write_error(self.path), write_atomically(Path(self.path, name)) as staging:
            staging.write_text(text, "utf-8")

    def append_line(self, name: str, line: str) -> None:
        """Add a line to a file."""
        with _explain_write_error(self.path), Path(self.path, name).open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    def open(self, name: str) -> ContextManager[IO[bytes]]:
        """Open a file for reading."""
        return Path(self.path, name).open("rb")

    def remove(self, name: str) -> None:
        """Delete a file."""
        Path(self.path, name).unlink()

    def reset_staging(self) -> None:
        """Make an empty directory for unfinished files: a worker of an earlier run can publish none then."""
        self.remove_staging()
        with _explain_write_error(self.path):
            Path(self.path, "_rehub", "tmp").mkdir(parents=True)

    def remove_staging(self) -> None:
        """Delete the files that processes have left which were killed while they wrote them."""
        shutil.rmtree(str(Path(self.path, "_rehub", "tmp")), ignore_errors=True)
        for file in Path(self.path, "_rehub").glob(".*.tmp"):  # of `write_text`
            with contextlib.suppress(OSError):
                file.unlink()


class ObjectStore:
    """A place in an object store, by fsspec. It has no lock: two runs of one plan write the same files."""

    def __init__(self, url: str) -> None:
        self.path = url.rstrip("/")
        self._storage, self._root = open_storage(self.path, self.path)

    def _call_store(self, action: Callable[[], T]) -> T:
        return call_storage(
            action, OutputNotWritten, f"{redact_url(self.path)!r} cannot be used", self.path, FileNotFoundError
        )

    def _locate_file(self, name: str) -> str:
        return f"{self._root.rstrip('/')}/{name}"

    def lock(self) -> ContextManager[None]:
        """Return a context manager that does nothing."""
        return contextlib.nullcontext()

    def list_names(self) -> list[str]:
        """Return the names at the place."""
        self._storage.invalidate_cache()
        try:
            found = self._call_store(lambda: self._storage.ls(self._root, detail=False))
        except FileNotFoundError:
            return []
        names = (str(path).rstrip("/").rpartition("/")[2] for path in found)
        return sorted(name for name in names if name != self._root.rstrip("/").rpartition("/")[2])

    def read_text(self, name: str) -> str | None:
        """Return the text of a file; None if there is none."""
        try:
            return str(self._call_store(lambda: self._storage.cat_file(self._locate_file(name))), "utf-8")
        except FileNotFoundError:
            return None

    def write_text(self, name: str, text: str) -> None:
        """Write a file by one PUT."""
        self._call_store(lambda: self._storage.pipe_file(self._locate_file(name), text.encode()))

    def open(self, name: str) -> ContextManager[IO[bytes]]:
        """Open a file for reading."""
        return cast(
            "ContextManager[IO[bytes]]", self._call_store(lambda: self._storage.open(self._locate_file(name), "rb"))
        )

    def remove(self, name: str) -> None:
        """Delete a file."""
        self._call_store(lambda: self._storage.rm_file(self._locate_file(name)))

    def put(self, path: str, name: str) -> None:
        """Copy a file of this machine under a name, by one PUT."""
        self._call_store(lambda: self._storage.put_file(path, self._locate_file(name)))

    def reset_staging(self) -> None:
        """Do nothing: what workers write is on their own disks."""

    def remove_staging(self) -> None:
        """Do nothing, as `reset_staging`."""


def open_store(output: Any) -> LocalStore | ObjectStore:
    """Return the store of an output: a path or a URL of fsspec."""
    text = find_local_path(os.fspath(output))
    return ObjectStore(text) if "://" in text else LocalStore(os.path.abspath(os.path.expanduser(text)))
