"""Optimizers of a SavedModel, and their slot variables, such as Adam's moments."""

from __future__ import annotations

import functools
import importlib.util
from typing import Any, Sequence

from rehub.tf_internals.objects import auto_trackable_class, revived_types
from rehub.tf_internals.tensorflow import parse_version, tensorflow_version

_IDENTIFIER = "rehub_optimizer"
_SLOTS_OF = "_rehub_slots_of/"


def can_revive(identifier: str, written_by: str) -> bool:
    """Whether an optimizer of this identifier can be made by a class of Keras 2.

    TensorFlow's loader imports `tf_keras` for it, and before 2.16 the Keras that TensorFlow requires
    (saved_model/load.py). That of 1.15 does not make the slot variables of newer ones, and fails with a KeyError. Seen
    in 1.15, 2.15, 2.21.

    Args:
        written_by: the version of the TensorFlow that wrote the model.
    """
    version = tensorflow_version()
    if version < (2, 0):
        has_class = parse_version(written_by) < (2, 0)
    else:
        has_class = version < (2, 16) or importlib.util.find_spec("tf_keras") is not None
    return has_class and identifier == "optimizer"


def revive_optimizer(proto: Any) -> Any:
    """Return the optimizer of a SavedUserObject message and its setter, as the imported Keras makes it.

    None for other objects, and if no imported Keras has it. TensorFlow's loader always imports `tf_keras`, which breaks
    `custom_objects=` of another Keras 2. Seen in 2.15, 2.21.
    """
    return revived_types().deserialize(proto) if proto.identifier == "optimizer" else None


def make_restorable(node: Any, with_slots: bool) -> None:
    """Let TensorFlow's loader make an optimizer by a class of rehub, and its slot variables as other variables.

    Args:
        node: a SavedObject message, which is changed.
        with_slots: whether the optimizer gets its slot variables.
    """
    _register_restored_optimizer()
    for slot in node.slot_variables if with_slots else ():
        slots_of = f"{_SLOTS_OF}{slot.original_variable_node_id}/"
        node.children.add(node_id=slot.original_variable_node_id, local_name=slots_of)
        node.children.add(node_id=slot.slot_variable_node_id, local_name=slots_of + slot.slot_name)
    del node.slot_variables[:]
    node.user_object.metadata = node.user_object.identifier
    node.user_object.identifier = _IDENTIFIER
    node.user_object.ClearField("version")


def slot_names(obj: Any) -> Sequence[str]:
    """Return the names of an optimizer's slots; none for another object."""
    # `dir`, as in checkpoint/util.py, serialize_slot_variables: no attribute is computed. Seen in 1.15, 2.15, 2.21.
    return tuple(obj.get_slot_names()) if "get_slot_names" in dir(type(obj)) else ()


def get_slot(optimizer: Any, variable: Any, name: str) -> Any:
    """Return the slot variable of an optimizer for another variable; None if there is none."""
    try:
        return optimizer.get_slot(variable, name)
    except (AttributeError, KeyError):  # Keras 2 raises them for a variable without slots.
        return None


@functools.lru_cache(maxsize=None)
def _register_restored_optimizer() -> None:
    types = revived_types()
    types.register_revived_type(
        _IDENTIFIER,
        lambda _: False,  # The class saves its objects under the identifier that they had.
        versions=[
            types.VersionedTypeRegistration(
                object_factory=_make_restored_optimizer_class(),
                version=1,
                min_producer_version=0,
                min_consumer_version=0,
                setter=lambda optimizer, name, child: optimizer._rehub_set_child(name, child),
            )
        ],
    )


@functools.lru_cache(maxsize=None)
def _make_restored_optimizer_class() -> Any:
    class RestoredOptimizer(auto_trackable_class()):  # type: ignore[misc]
        """What is left of an optimizer: its attributes, and the slot variables that functions of the model take.

        Restoring a checkpoint and saving ask for them by the methods of TensorFlow's own optimizers.
        """

        def __init__(self, proto: Any) -> None:
            # In `__dict__`: attributes are tracked, and a checkpoint has slot variables in a place of their own. The
            # slots of a variable are by their names, and the variable itself by "".
            self.__dict__.update(_rehub_identifier=proto.metadata, _rehub_slots={}, _rehub_slots_by_variable={})

        def __setattr__(self, name: str, value: Any) -> None:
            if name == "_self_saveable_object_factories":
                # The loader's dict. If it was tracked and saved, an optimizer of Keras 2 could not be restored with it.
                self.__dict__[name] = value
            else:
                super().__setattr__(name, value)

        def _rehub_set_child(self, name: str, child: Any) -> None:
            if not name.startswith(_SLOTS_OF):
                setattr(self, name, child)
                return
            number, slot_name = name[len(_SLOTS_OF) :].split("/", 1)
            slots = self._rehub_slots.setdefault(number, {})
            slots[slot_name] = child
            if not slot_name:
                self._rehub_slots_by_variable[id(child)] = slots

        @property
        def _object_identifier(self) -> str:
            return str(self._rehub_identifier)

        def get_slot_names(self) -> list[str]:
            """Return the names of all slots."""
            return sorted({name for slots in self._rehub_slots.values() for name in slots if name})

        def get_slot(self, var: Any, slot_name: str) -> Any:
            """Return the slot variable of a variable; None if it has none of this name."""
            return self._rehub_slots_by_variable.get(id(var), {}).get(slot_name)

        def _create_or_restore_slot_variable(self, slot_variable_position: Any, slot_name: str, variable: Any) -> Any:
            slot = self.get_slot(variable, slot_name)
            if slot is not None:
                slot_variable_position.restore(slot)  # The caller does it only in newer versions.
            return slot

    return RestoredOptimizer
