from __future__ import annotations

from rehub.inspection.diff.variable_pairs import SavedVariables, find_pairs
from rehub.inspection.model_info import VariableInfo
from rehub.savedmodel.checkpoint import Checkpoint, CheckpointEntry, TensorPart


def variable(name="", path="", key="", shape=(2,)):
    return VariableInfo(name, path, key, "float32", shape, True, 8)


def test_variables_are_matched_by_key_then_name_then_path():
    old = (variable("a", "p", "k"), variable("b", "q", "l"), variable("c", "r", "m"), variable("d", "s", "n"))
    new = (variable("b", "r", "k"), variable("c", "x", "x"), variable("e", "s", "y"), variable("f", "z", "z"))
    pairs = find_pairs(old, new)
    assert pairs.found == ((old[0], new[0]), (old[1], None), (old[2], new[1]), (old[3], new[2]), (None, new[3]))
    assert pairs.matched == {"checkpoint key": 1, "name": 1, "path": 1}


def test_a_name_that_several_variables_share_is_not_used():
    old, new = (variable("w", key="a"), variable("w", key="b")), (variable("w", key="c"),)
    assert find_pairs(old, new).found == ((old[0], None), (old[1], None), (None, new[0]))


def part_of(key, sizes, offset):
    starts, size = (0,) * len(sizes), 4 * sizes[0] * sizes[1]
    return CheckpointEntry(key, "float32", sizes, (TensorPart(starts, sizes, 0, offset, size, 0),))


def test_parts_are_joined_if_the_other_model_has_the_whole_variable():
    entries = {"1": part_of("1", (3, 2), 0), "2": part_of("2", (3, 4), 24)}
    variables = (variable("w/part_1", key="2", shape=(3, 4)), variable("w/part_0", key="1", shape=(3, 2)))
    parts = SavedVariables(variables, Checkpoint("x", entries, 1))
    (joined,) = parts.join_parts([variable("w", key="w", shape=(3, 6))]).variables
    assert (joined.name, joined.shape) == ("w", (3, 6))
    entry = parts.join_parts([variable("w", key="w", shape=(3, 6))]).checkpoint.entries[joined.key]
    assert [(part.starts, part.offset) for part in entry.parts] == [((0, 0), 0), ((0, 2), 24)]
    for other in (variable("w", shape=(3, 7)), variable("w", shape=(6, 3)), variable("v", shape=(3, 6))):
        assert parts.join_parts([other]).variables == variables


def test_values_in_a_checkpoint_without_a_variable_are_compared():
    entries = {"w": part_of("w", (1, 2), 0), "table": part_of("table", (1, 1), 8)}
    weights = SavedVariables.from_checkpoint([variable("w", key="w", shape=(1, 2))], Checkpoint("x", entries, 1))
    assert [(each.name, each.key) for each in weights.variables] == [("w", "w"), ("", "table")]
