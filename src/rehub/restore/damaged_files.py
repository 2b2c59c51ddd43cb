"""Names the file of a model because of which it cannot be loaded, in the place of TensorFlow's error."""

from __future__ import annotations

import contextlib
from typing import Any, Iterator, Sequence

from rehub.errors import CorruptModel, HubError
from rehub.inspection.damage import (
    Damage,
    describe_damage,
    find_damaged_asset,
    find_unmatched_variable,
    find_wrong_checkpoint,
)
from rehub.restore.remote_directories import is_local
from rehub.restore.tensorflow_errors import as_builtin_errors
from rehub.savedmodel import Layout, MetaGraph


def check_files(
    tf: Any, layout: Layout, metagraphs: Sequence[MetaGraph], handle: str, *, wants_all_variables: bool = False
) -> None:
    """Looks for what TensorFlow would find late, or not at all, before it restores a model.

    That is an asset that is missing or a Git LFS pointer; for a graph of TF1, variables of other shapes; and where a
    session restores the values, all but the values themselves.

    Args:
        tf: the TensorFlow module.
        layout: the model's directory. Nothing is done about one in an object store.
        metagraphs: the graph variants that are loaded.
        handle: what the user typed, for the message.
        wants_all_variables: whether each variable of a TF1 graph needs a value in the checkpoint, as in a legacy
            module.

    Raises:
        CorruptModel: a file is missing or a Git LFS pointer, or the checkpoint is another model's; names the file. It
            is the error that TensorFlow raises too.
    """
    if not is_local(layout.path):
        return
    if _restores_in_a_session(tf):
        damage = describe_damage(layout.path, metagraphs, wants_all_variables=wants_all_variables, with_values=False)
    else:
        damage = find_damaged_asset(layout.path, metagraphs)
        if damage is None and not all(each.has_objects for each in metagraphs):
            damage = find_wrong_checkpoint(layout.path, metagraphs, wants_all_variables=wants_all_variables)
            if damage is not None and damage.kind != "mismatch":
                damage = None  # TensorFlow finds it.
    if damage is not None:
        raise _corrupt_model(damage, handle, _builtin_errors(tf, damage))


@contextlib.contextmanager
def naming_damaged_files(
    tf: Any, layout: Layout, metagraphs: Sequence[MetaGraph], handle: str, *, wants_all_variables: bool = False
) -> Iterator[None]:
    """Raises CorruptModel for an error of TensorFlow's, where files of the model are damaged.

    Args:
        tf, layout, metagraphs, handle, wants_all_variables: as for `check_files`, which comes first.

    Raises:
        CorruptModel: names the file. It is of the type of TensorFlow's error too.
    """
    wants_all = wants_all_variables or layout.is_legacy
    check_files(tf, layout, metagraphs, handle, wants_all_variables=wants_all)
    try:
        yield
    except HubError:
        raise
    except Exception as error:
        damage = None
        if is_local(layout.path):
            damage = describe_damage(layout.path, metagraphs, wants_all_variables=wants_all, with_values=True)
            # With these TensorFlow says that objects are not matched; in 1.15 it fails when it wants to name them.
            if damage is None and isinstance(error, (AssertionError, tf.errors.FailedPreconditionError)):
                damage = find_unmatched_variable(layout.path, metagraphs)
        if damage is None:
            raise
        raise _corrupt_model(damage, handle, (type(error), *_builtin_errors(tf, damage))) from error


def _restores_in_a_session(tf: Any) -> bool:
    with tf.init_scope():
        return not tf.executing_eagerly()


def _builtin_errors(tf: Any, damage: Damage) -> tuple[type[Exception], ...]:
    """The errors of TensorFlow that it raises for a damage, in a session and outside of one."""
    errors = tf.errors
    if damage.kind == "missing":
        return FileNotFoundError, errors.NotFoundError
    return (errors.DataLossError,) if damage.kind == "data" else (errors.InvalidArgumentError,)


def _corrupt_model(damage: Damage, handle: str, classes: Sequence[type[Exception]]) -> HubError:
    return as_builtin_errors(CorruptModel, classes, f"{handle!r} cannot be loaded: {damage.message}")
