"""The names of an entry's files, and whether it is complete."""

from __future__ import annotations

import pytest
from filling import KEY, NAME, Filling

from rehub.cache import find_cached, get_or_fetch
from rehub.cache.layout import EntryPaths


@pytest.fixture
def unlisted(tmp_path):
    """The paths of a complete model that tensorflow_hub has fetched."""
    get_or_fetch((tmp_path,), KEY, Filling())
    place = EntryPaths.for_key(tmp_path, KEY)
    place.manifest.unlink()
    return place


def test_names_are_those_of_tensorflow_hub(tmp_path):
    place = EntryPaths.for_key(tmp_path, KEY)
    assert place.directory == tmp_path / NAME
    assert place.descriptor == tmp_path / (NAME + ".descriptor.txt")


def test_model_without_a_manifest_is_checked_by_its_own_files(unlisted):
    assert unlisted.first_problem() is None
    (unlisted.directory / "variables" / "variables.data-00000-of-00001").rename(
        unlisted.directory / "variables" / "variables.data-00000-of-00002"
    )
    assert unlisted.first_problem() == "variables/ has 1 of 2 shards"


@pytest.mark.parametrize(
    ("gone", "damage"),
    [
        ("saved_model.pb", "it has no saved_model.pb or saved_model.pbtxt or saved_model.cpb"),
        ("variables/variables.index", "variables/variables.index is missing"),
        ("variables/variables.data-00000-of-00001", "variables/ has an index and no data"),
    ],
)
def test_files_deleted_from_a_cache_of_tensorflow_hub_are_noticed(unlisted, gone, damage):  # hub#646, hub#850
    (unlisted.directory / gone).unlink()
    assert unlisted.first_problem() == damage
    assert find_cached((unlisted.root,), KEY) is None


def test_saved_model_without_variables_is_complete(unlisted):
    for path in (unlisted.directory / "variables").iterdir():
        path.unlink()
    assert unlisted.first_problem() is None
    (unlisted.directory / "variables").rmdir()
    assert unlisted.first_problem() is None
