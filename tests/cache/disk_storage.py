"""A storage `disk://` on real directories that counts each change, and a process that is killed at one of them.

`python disk_storage.py URL GRAPH [STEP]` puts a model into the cache at the URL, or is killed just before the step.
"""

from __future__ import annotations

import os
import signal
import sys

import fsspec
from filling import KEY, Filling
from fsspec.implementations.local import LocalFileSystem

from rehub.cache import refetch


class DiskStorage(LocalFileSystem):
    """The local file system under another name, so that it is not taken for a local directory."""

    protocol = "disk"
    before_step = staticmethod(lambda step: None)
    steps = 0

    @classmethod
    def _strip_protocol(cls, path):
        path = os.fspath(path)
        return super()._strip_protocol(path[len("disk://") :] if path.startswith("disk://") else path)

    def put_file(self, path1, path2, callback=None, **kwargs):
        self._count()
        return super().put_file(path1, path2, **kwargs)

    def pipe_file(self, path, value, **kwargs):
        self._count()
        return super().pipe_file(path, value, **kwargs)

    def rm_file(self, path):
        self._count()
        return super().rm_file(path)

    def mkdir(self, path, create_parents=True, **kwargs):
        self._count()
        return super().mkdir(path, create_parents=create_parents, **kwargs)

    def _count(self):
        DiskStorage.steps += 1
        DiskStorage.before_step(DiskStorage.steps)


fsspec.register_implementation("disk", DiskStorage, clobber=True)


def main(url, graph, step=None):
    def die_before(now):
        if str(now) == step:
            os.kill(os.getpid(), signal.SIGKILL)

    DiskStorage.before_step = staticmethod(die_before)
    refetch((url,), KEY, Filling(graph=graph.encode()))
    sys.stdout.write(f"{DiskStorage.steps}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
