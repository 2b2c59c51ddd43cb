"""Whether a model is there, whole."""

from __future__ import annotations

import pytest
from filling import KEY, NAME, Filling

from rehub.cache import find_cached, get_or_fetch
from rehub.cache.place import Place


@pytest.fixture
def unlisted(tmp_path):
    """The place of a whole model that tensorflow_hub has brought in."""
    get_or_fetch((tmp_path,), KEY, Filling())
    place = Place.of(tmp_path, KEY)
    place.manifest.unlink()
    return place


def test_the_names_are_those_of_tensorflow_hub(tmp_path):
    place = Place.of(tmp_path, KEY)
    assert place.directory == tmp_path / NAME
    assert place.descriptor == tmp_path / (NAME + ".descriptor.txt")


def test_a_model_without_a_manifest_is_whole_as_far_as_its_own_files_tell(unlisted):
    assert unlisted.damage() is None
    (unlisted.directory / "variables" / "variables.data-00000-of-00001").rename(
        unlisted.directory / "variables" / "variables.data-00000-of-00002"
    )
    assert unlisted.damage() == "variables/ has 1 of 2 shards"


@pytest.mark.parametrize(
    ("gone", "damage"),
    [
        ("saved_model.pb", "it has no saved_model.pb or saved_model.pbtxt or saved_model.cpb"),
        ("variables/variables.index", "variables/variables.index is missing"),
        ("variables/variables.data-00000-of-00001", "variables/ has an index and no data"),
    ],
)
def test_what_a_cleaner_took_from_a_cache_of_tensorflow_hub_is_noticed(unlisted, gone, damage):  # hub#646, hub#850
    (unlisted.directory / gone).unlink()
    assert unlisted.damage() == damage
    assert find_cached((unlisted.root,), KEY) is None


def test_a_saved_model_without_variables_is_whole(unlisted):
    for path in (unlisted.directory / "variables").iterdir():
        path.unlink()
    assert unlisted.damage() is None
    (unlisted.directory / "variables").rmdir()
    assert unlisted.damage() is None
