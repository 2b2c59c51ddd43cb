"""A second lookup costs a stat of each directory, and still notices deleted files."""

from __future__ import annotations

import os
import shutil
import time

import pytest
from filling import KEY, Filling

from rehub.cache import find_cached, get_or_fetch


@pytest.fixture
def remembered(tmp_path):
    """A model that this process has recorded as complete."""
    directory = get_or_fetch((tmp_path,), KEY, Filling())
    os.utime(str(directory), (4e9, 4e9))  # As a clock leaves it that is set back later.
    time.sleep(2.1)  # Until then its directories' times may hide a change; and no user can set a ctime.
    assert find_cached((tmp_path,), KEY) == directory
    # Whether it is remembered shows by what a look at every file would see.
    with (directory / "saved_model.pb").open("ab") as file:
        file.write(b"!")
    assert find_cached((tmp_path,), KEY) == directory
    with (directory / "saved_model.pb").open("rb+") as file:
        file.truncate(5)
    return directory


def test_deleted_file_is_noticed_even_if_the_directorys_mtime_is_set_back(remembered):
    folder = remembered / "variables"
    before = folder.stat()
    (folder / "variables.index").unlink()
    os.utime(str(folder), ns=(before.st_atime_ns, before.st_mtime_ns))  # As systemd-tmpfiles does.
    assert find_cached((remembered.parent,), KEY) is None
    fill = Filling()
    assert get_or_fetch((remembered.parent,), KEY, fill) == remembered
    assert fill.count == 1


def test_deleted_model_is_noticed(remembered):
    shutil.rmtree(str(remembered))
    assert find_cached((remembered.parent,), KEY) is None


def test_other_caches_are_searched_again(remembered, tmp_path):
    assert find_cached((tmp_path / "other",), KEY) is None
    assert find_cached((tmp_path / "other", remembered.parent), KEY) == remembered


def test_recently_changed_model_is_not_recorded(tmp_path):
    directory = get_or_fetch((tmp_path,), KEY, Filling())
    assert find_cached((tmp_path,), KEY) == directory
    with (directory / "saved_model.pb").open("ab") as file:
        file.write(b"!")
    assert find_cached((tmp_path,), KEY) is None
