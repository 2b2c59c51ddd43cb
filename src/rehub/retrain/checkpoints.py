"""`hub.restore_checkpoint`: the values that a `tf.train.Saver` of TensorFlow 1 wrote, into a loaded legacy module."""

from __future__ import annotations

import itertools
import os
from typing import Any, Mapping, Sequence

from rehub import tf_internals
from rehub.errors import CheckpointMismatch, InvalidSetting

_NAMES_SHOWN = 5


def restore_checkpoint(module: Any, checkpoint: str | os.PathLike[str], scope: str = "module") -> Any:
    """Assign the values of a TF1 checkpoint to the variables of a legacy module.

    In TensorFlow 1, a `tf.train.Saver` wrote the variables of a `hub.Module` under the name of the module:

        module = hub.Module("models/sentences", trainable=True, name="text")  # text/embeddings in the checkpoint

    In TensorFlow 2, this restores the trained module:

        module = hub.restore_checkpoint(hub.load("models/sentences"), "logs/model.ckpt-1000", scope="text")

    Variables outside the scope, and the slots that an optimizer kept for a variable, are ignored.

    Args:
        module: the result of `hub.load` for a legacy module.
        checkpoint: the path that the Saver returned, without `.index`; or a directory, for its latest checkpoint.
        scope: the `name=` of the `hub.Module`, after the variable scopes around it: "tower/text". A module without a
            name had the name "module", the second one "module_1". "" for names without a scope.

    Returns:
        The module.

    Raises:
        CheckpointMismatch: there is no checkpoint, or under this scope it does not have exactly the variables of the
            module, with the same shapes and dtypes; the message lists the differences. Nothing was assigned.
        InvalidSetting: the object has no `variable_map`.
    """
    variables = getattr(module, "variable_map", None)
    if not isinstance(variables, Mapping):
        raise InvalidSetting(
            f"restore_checkpoint takes what hub.load returns for a legacy module, which has a variable_map: {module!r}"
        )
    path = os.fspath(checkpoint)
    reader = _open_checkpoint(path)
    prefix = f"{scope}/" if scope else ""
    shapes = reader.get_variable_to_shape_map()
    _check_names(path, scope, list(variables), list(shapes))
    values = {name: reader.get_tensor(prefix + name) for name in variables}
    pairs = [_pair_parts(path, prefix + name, variables[name], values[name]) for name in variables]
    for variable, value in itertools.chain.from_iterable(pairs):
        variable.assign(value)
    return module


def _open_checkpoint(path: str) -> Any:
    tf = tf_internals.import_tensorflow()
    try:
        return tf.train.load_checkpoint(path)
    except (ValueError, tf.errors.OpError) as error:
        raise CheckpointMismatch(f"{path!r} is not a checkpoint of TensorFlow: {error}") from error


def _check_names(path: str, scope: str, wanted: list[str], stored: list[str]) -> None:
    """Raise an error if the checkpoint has not exactly these variables under the scope."""
    prefix = f"{scope}/" if scope else ""
    inside = [name[len(prefix) :] for name in stored if name.startswith(prefix)]
    missing = [name for name in wanted if name not in inside]
    if missing:
        scopes = sorted(_find_scopes(wanted, stored))
        remedy = f" It has all of them under scope={' or scope='.join(map(repr, scopes))}." if scopes else ""
        if not scopes:
            remedy = f" It has {_list_names(stored)}."
        raise CheckpointMismatch(
            f"The checkpoint {path!r} lacks variables of the module under the scope {scope!r}: "
            f"{_list_names(missing)}.{remedy}"
        )
    extra = [name for name in inside if name not in wanted and not _is_slot(name, wanted)] if scope else []
    if extra:
        raise CheckpointMismatch(
            f"The checkpoint {path!r} has variables under the scope {scope!r} that the module has not: "
            f"{_list_names(extra)}. It was written for another module, or the scope is not that of the module alone."
        )


def _is_slot(name: str, variables: Sequence[str]) -> bool:
    """Whether a name is that of an optimizer's slot: `embeddings/Adam_1`."""
    return name.rpartition("/")[0] in variables


def _find_scopes(wanted: list[str], stored: list[str]) -> set[str]:
    """Return the scopes under which a checkpoint has all of these variables."""
    names = set(stored)
    first = f"/{wanted[0]}"
    scopes = {name[: -len(first)] for name in names if name.endswith(first)}
    if wanted[0] in names:
        scopes.add("")
    return {scope for scope in scopes if all((f"{scope}/{name}" if scope else name) in names for name in wanted)}


def _list_names(names: Sequence[str]) -> str:
    shown = ", ".join(map(repr, sorted(names)[:_NAMES_SHOWN]))
    return f"{shown} and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else shown or "no variables"


def _pair_parts(path: str, name: str, variable: Any, value: Any) -> list[tuple[Any, Any]]:
    """Return what each variable is assigned: a Saver wrote the parts of a partitioned variable as one."""
    import numpy as np

    parts = list(variable) if isinstance(variable, Sequence) else [variable]
    shapes = [tuple(part.shape) for part in parts]
    axis = next((axis for axis in range(value.ndim) if _join_shapes(shapes, axis) == value.shape), 0)
    if _join_shapes(shapes, axis) != value.shape or value.dtype != parts[0].dtype.as_numpy_dtype:
        raise CheckpointMismatch(
            f"{name!r} in the checkpoint {path!r} is {value.dtype} of shape {list(value.shape)}; the module's variable "
            f"is {parts[0].dtype.name} of shape {list(_join_shapes(shapes, axis))}."
        )
    if len(parts) == 1:
        return [(parts[0], value)]
    return list(zip(parts, np.split(value, np.cumsum([shape[axis] for shape in shapes])[:-1], axis)))


def _join_shapes(shapes: Sequence[tuple[int, ...]], axis: int) -> tuple[int, ...]:
    """Return the shape of parts that are joined along an axis."""
    first = shapes[0]
    return first if len(shapes) == 1 else (*first[:axis], sum(shape[axis] for shape in shapes), *first[axis + 1 :])
