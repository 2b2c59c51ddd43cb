"""The objects of a TF2 SavedModel: a graph whose edges are attributes, from the root that is restored."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Iterator

from rehub.savedmodel import protos
from rehub.savedmodel.protos import (
    MapEntry,
    ObjectReference,
    SavedBareConcreteFunction,
    SavedConcreteFunction,
    SavedObjectGraph,
    SavedUserObject,
    SlotVariableReference,
)
from rehub.savedmodel.wire import BYTES, VARINT, Message, Span, WireError, read_varint

_KINDS = {
    field.number: field.name.replace("_", " ").replace(" concrete", "")
    for field in protos.MESSAGES["SavedObject"].values()
    if field.group == "kind"
}
_NODE_ID_TAG, _LOCAL_NAME_TAG = ObjectReference.node_id << 3 | VARINT, ObjectReference.local_name << 3 | BYTES
_DEEPEST = 256  # How many attributes away from the root an object may be; a longer way is made to take time.
_FUNCTIONS = ("function", "bare function")
CONVERSION = "_rehub_conversion"  # An attribute of the root of what `hub.convert` wrote.
_LISTS = ("trackable_list_wrapper", "trackable_tuple_wrapper")
_DICTS = ("trackable_dict_wrapper",)


@dataclass(frozen=True)
class SavedObject:
    """An object of a model.

    Attributes:
        kind: "user object", "function", "variable", ...
        children: what its attributes are called, and the numbers of the objects that they hold.
        slots: the variables that it keeps for others, as an optimizer does: that variable's number, the slot's name,
            and the number of the variable in it.
        body: the message for its kind.
    """

    kind: str
    children: tuple[tuple[str, int], ...]
    slots: tuple[tuple[int, str, int], ...]
    body: Message

    @property
    def identifier(self) -> str:
        """What a user object says it is, such as "_tf_keras_model"; "" for objects of other kinds."""
        return self.body.text(SavedUserObject.identifier) if self.kind == "user object" else ""

    def child(self, name: str) -> int | None:
        """Return the number of the object in an attribute; None where there is no such attribute."""
        return dict(self.children).get(name)


@dataclass(frozen=True)
class Step:
    """The last step of the shortest way from the root to an object: from which object, by which attribute."""

    parent: int
    name: str


_MARK = Step(0, CONVERSION)


class ObjectGraph:
    """The objects of a model.

    Attributes:
        objects: by their numbers; 0 is the root.
        steps: how each object is reached from the root, in the order of their distance. What is missing is not
            reached by attributes: the root itself, and what only functions and optimizers hold.
    """

    def __init__(self, message: Message) -> None:
        """Read the objects, but for the bodies of functions.

        Args:
            message: a SavedObjectGraph.

        Raises:
            WireError: it cannot be read, or an attribute names a missing object.
        """
        self.objects = tuple(map(_read_object, message.messages(SavedObjectGraph.nodes)))
        entries = message.messages(SavedObjectGraph.concrete_functions)
        self.concrete_functions = {entry.text(MapEntry.key): entry.message(MapEntry.value) for entry in entries}
        self._check_numbers()
        self.steps = self._find_shortest_steps()
        self._paths: dict[int, str] = {}

    def _check_numbers(self) -> None:
        count = len(self.objects)
        for number, obj in enumerate(self.objects):
            held = [child for _, child in obj.children]
            held.extend(end for slot in obj.slots for end in (slot[0], slot[2]))
            if held and max(held) >= count:
                raise WireError(f"object {number} holds an object {max(held)}, where there are {count}")

    def _find_shortest_steps(self) -> dict[int, Step]:
        steps: dict[int, Step] = {}
        queue = deque([(0, 0)] if self.objects else [])
        while queue:
            parent, depth = queue.popleft()
            if depth > _DEEPEST:
                raise WireError(f"object {parent} is more than {_DEEPEST} steps from the root")
            for name, child in self.objects[parent].children:
                if child and child not in steps:
                    steps[child] = Step(parent, name)
                    queue.append((child, depth + 1))
        return steps

    def path_to(self, number: int) -> list[Step]:
        """Return the steps from the root to an object; none for the root, and for what is not reached."""
        way = []
        while number in self.steps:
            way.append(self.steps[number])
            number = self.steps[number].parent
        return way[::-1]

    def path(self, number: int) -> str:
        """Return how Python writes the way to an object, "parts[0].kernel"; "" where there is none."""
        if number not in self.steps:
            return ""
        if number not in self._paths:
            step = self.steps[number]
            self._paths[number] = self.path(step.parent) + self._format_step(step)
        return self._paths[number]

    def _format_step(self, step: Step) -> str:
        identifier = self.objects[step.parent].identifier
        if identifier in _LISTS and step.name.isdigit():
            return f"[{step.name}]"
        if identifier in _DICTS:
            return f"[{step.name!r}]"
        return f".{step.name}" if step.parent in self.steps else step.name

    def members(self, name: str) -> tuple[int, ...]:
        """Return the numbers of the objects in a list that is an attribute of the root; none where it has none."""
        number = self.objects[0].child(name) if self.objects else None
        return () if number is None else tuple(child for _, child in self.objects[number].children)

    def captures_of_signature(self, name: str) -> tuple[int, ...]:
        """Return the numbers of the objects that a signature uses: variables, tables, constants."""
        signatures = self.objects[0].child("signatures") if self.objects else None
        number = None if signatures is None else self.objects[signatures].child(name)
        if number is None or self.objects[number].kind != "bare function":
            return ()
        name = self.objects[number].body.text(SavedBareConcreteFunction.concrete_function_name)
        concrete = self.concrete_functions.get(name)
        return () if concrete is None else tuple(concrete.packed_integers(SavedConcreteFunction.bound_inputs))

    def functions(self) -> Iterator[tuple[int, SavedObject]]:
        """Yield the functions that are reached by attributes, each with its number; for users, not for TensorFlow."""
        signatures = self.objects[0].child("signatures") if self.objects else None
        for number, step in self.steps.items():
            obj = self.objects[number]
            if obj.kind not in _FUNCTIONS or step.parent == signatures or step == _MARK:
                continue
            # A trace is an attribute of its function, and a table has functions that make and fill it.
            if self.objects[step.parent].kind not in (*_FUNCTIONS, "resource"):
                yield number, obj


def read_optimizer_identifiers(message: Message) -> frozenset[str]:
    """Return what the objects with slot variables say they are: "optimizer" are those of Keras 2.

    Args:
        message: a SavedObjectGraph.
    """
    return frozenset(
        node.message(protos.SavedObject.user_object).text(SavedUserObject.identifier)
        for node in message.messages(SavedObjectGraph.nodes)
        if any(node.spans(protos.SavedObject.slot_variables))
    )


def _read_object(message: Message) -> SavedObject:
    children, slots = [], []
    kind, body = "", Message(b"")
    for number, wire_type, value in message.fields():
        if number == protos.SavedObject.children and wire_type == BYTES:
            children.append(_read_child(message, value))
        elif number == protos.SavedObject.slot_variables and wire_type == BYTES:
            slot = message.within(value)
            slots.append(
                (
                    slot.integer(SlotVariableReference.original_variable_node_id),
                    slot.text(SlotVariableReference.slot_name),
                    slot.integer(SlotVariableReference.slot_variable_node_id),
                )
            )
        elif number in _KINDS and wire_type == BYTES:
            kind, body = _KINDS[number], message.within(value)
    return SavedObject(kind, tuple(children), tuple(slots), body)


def _read_child(parent: Message, value: int | Span) -> tuple[str, int]:
    """Return the name of an attribute, and the number of the object in it.

    There are so many that they are read in the form in which every writer writes them: the number, then the name.
    """
    content = parent.bytes_at(value)
    if len(content) > 2 and content[0] == _NODE_ID_TAG:
        child, position = read_varint(content, 1, len(content))
        rest = content[position:]
        if len(rest) > 1 and rest[0] == _LOCAL_NAME_TAG and rest[1] == len(rest) - 2 < 0x80:
            return rest[2:].decode("utf-8", "replace"), child
    message = Message(content)
    return message.text(ObjectReference.local_name), message.integer(ObjectReference.node_id)
