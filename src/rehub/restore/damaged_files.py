"""Name the damaged file that keeps a model from being loaded, in place of TensorFlow's error."""

from __future__ import annotations

import contextlib
from typing import Iterator, Sequence

from rehub import tf_internals
from rehub.errors import CorruptModel, HubError
from rehub.inspection.damage import (
    Damage,
    describe_damage,
    find_damaged_asset,
    find_unmatched_variable,
    find_wrong_checkpoint,
)
from rehub.restore.remote_directories import is_local
from rehub.restore.tensorflow_errors import make_joint_error
from rehub.savedmodel import Layout, MetaGraph


def check_files(
    layout: Layout, metagraphs: Sequence[MetaGraph], label: str, *, wants_all_variables: bool = False
) -> None:
    """Check for damage that TensorFlow would find late, or not at all, before it restores a model.

    That is an asset that is missing or a Git LFS pointer; for a graph of TF1, variables of other shapes; and if a
    session will restore the values, everything but the values themselves.

    Args:
        layout: the model's directory. One in an object store is not checked.
        wants_all_variables: whether each variable of a TF1 graph needs a value in the checkpoint, as in a legacy
            module.

    Raises:
        CorruptModel: a file is missing or a Git LFS pointer, or the checkpoint is another model's; names the file. It
            is the error that TensorFlow raises too.
    """
    if not is_local(layout.path):
        return
    if tf_internals.v1_graphs.is_building_v1_graph():  # A session will restore the values.
        damage = describe_damage(layout.path, metagraphs, wants_all_variables=wants_all_variables, with_values=False)
    else:
        damage = find_damaged_asset(layout.path, metagraphs)
        if damage is None and not all(each.has_objects for each in metagraphs):
            damage = find_wrong_checkpoint(layout.path, metagraphs, wants_all_variables=wants_all_variables)
            if damage is not None and damage.kind != "mismatch":
                damage = None  # TensorFlow reports it.
    if damage is not None:
        raise _make_error(damage, label, _tensorflow_errors(damage))


@contextlib.contextmanager
def explain_damaged_files(
    layout: Layout, metagraphs: Sequence[MetaGraph], label: str, *, wants_all_variables: bool = False
) -> Iterator[None]:
    """Replace an error of TensorFlow by CorruptModel, if files of the model are damaged.

    Args:
        layout, metagraphs, label, wants_all_variables: as for `check_files`, which comes first.

    Raises:
        CorruptModel: names the file. It is of the type of TensorFlow's error too.
    """
    wants_all = wants_all_variables or layout.is_legacy
    check_files(layout, metagraphs, label, wants_all_variables=wants_all)
    try:
        yield
    except HubError:
        raise
    except Exception as error:
        raise_if_damaged(layout, metagraphs, label, error, wants_all_variables=wants_all)
        raise


def raise_if_damaged(
    layout: Layout, metagraphs: Sequence[MetaGraph], label: str, error: Exception, *, wants_all_variables: bool = False
) -> None:
    """Search the files of a model for what explains an error of TensorFlow.

    Raises:
        CorruptModel: names the damaged file. It is of the type of TensorFlow's error too.
    """
    if not is_local(layout.path):
        return
    damage = describe_damage(layout.path, metagraphs, wants_all_variables=wants_all_variables, with_values=True)
    # TensorFlow raises these for objects that are not matched; 1.15 fails when it tries to name them.
    if damage is None and isinstance(
        error, (AssertionError, tf_internals.import_tensorflow().errors.FailedPreconditionError)
    ):
        damage = find_unmatched_variable(layout.path, metagraphs)
    if damage is not None:
        raise _make_error(damage, label, (type(error), *_tensorflow_errors(damage))) from error


def _tensorflow_errors(damage: Damage) -> tuple[type[Exception], ...]:
    """Return the errors that TensorFlow raises for a damage, in a session and outside of one."""
    errors = tf_internals.import_tensorflow().errors
    if damage.kind == "missing":
        return FileNotFoundError, errors.NotFoundError
    return (errors.DataLossError,) if damage.kind == "data" else (errors.InvalidArgumentError,)


def _make_error(damage: Damage, label: str, classes: Sequence[type[Exception]]) -> HubError:
    return make_joint_error(CorruptModel, classes, f"{label!r} cannot be loaded: {damage.message}")
