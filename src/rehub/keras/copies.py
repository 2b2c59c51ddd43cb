"""Copies of layers, by `pickle` and `copy`: a layer of the same config, over the loaded model with the same values."""

from __future__ import annotations

import contextlib
import contextvars
import copy
from typing import Any, Iterator

from rehub import restore
from rehub.errors import NotCopyable, NotSerializable
from rehub.redaction import redact_url

# While a layer is copied: its handle, and the object that it stands for in the copy.
_object_of_copy: contextvars.ContextVar[Any] = contextvars.ContextVar("object_of_copy", default=None)
_is_for_copy: contextvars.ContextVar[bool] = contextvars.ContextVar("is_for_copy", default=False)


def object_for_copy(handle: Any) -> Any:
    """Return the object over which a copied layer of this handle is made; None if no such layer is being copied."""
    expected, obj = _object_of_copy.get() or (None, None)
    return obj if handle is expected or (isinstance(handle, str) and handle == expected) else None


def config_is_for_copy() -> bool:
    """Whether `get_config` is asked for a copy, which can hold what JSON cannot."""
    return _is_for_copy.get()


class CopiedLayer:
    """The part of a `KerasLayer` that makes copies of it.

    A pickle holds the layer's config, its handle without secrets and its values. `copy.deepcopy` makes an independent
    layer with the same values; `copy.copy` one that shares the restored object, and so the weights.
    """

    _prepared: Any
    keras: Any

    def __reduce_ex__(self, protocol: Any) -> Any:
        prepared, config = self._prepared, _config_for_copy(self)
        obj = prepared.computation.restored
        request = restore.load_request(obj)
        if not isinstance(prepared.handle, str) or request is None:
            raise NotCopyable(
                "A hub.KerasLayer can be pickled if it was made from a handle. This one was made from "
                f"{prepared.computation.described_as}. Save the object by tf.saved_model.save, and make the layer from "
                "that path; or pickle the config of your own and make the layer where it is needed."
            )
        if config.get("handle") == prepared.handle and redact_url(prepared.handle) != prepared.handle:
            config["handle"] = request.public_handle  # Without the secret.
        cls = type(self)
        reference = self.keras.package if cls.__module__ == "rehub" else cls
        return _unpickle, (reference, config, restore.carrier_of(obj), *_state_of(self))

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        prepared, config = self._prepared, _config_for_copy(self)
        original = prepared.computation.restored
        if restore.load_request(original) is None:
            # Python copies the variables of such an object; its functions would go on using the original's.
            raise NotCopyable(
                f"{prepared.computation.described_as} cannot be copied with the layer. Make the layer from a handle, "
                "or from what hub.load returns. copy.copy makes a layer that shares the object."
            )
        obj = copy.deepcopy(original, memo)
        if not isinstance(prepared.handle, str) and "handle" in config:
            config["handle"] = obj
        made = memo[id(self)] = _make_layer(type(self), config, obj, *_state_of(self))
        return made

    def __copy__(self) -> Any:
        return _make_layer(type(self), _config_for_copy(self), self._prepared.computation.restored, *_state_of(self))


def _config_for_copy(layer: Any) -> dict[str, Any]:
    usual = _is_for_copy.set(True)
    try:
        config: dict[str, Any] = layer.get_config()
    except NotSerializable as error:
        raise NotCopyable(f"The layer cannot be copied: {error}") from error
    finally:
        _is_for_copy.reset(usual)
    return config


def _state_of(layer: Any) -> tuple[bool, list[Any], Any]:
    """Whether a layer is built; the values of the weights that a subclass has added; how those are built again."""
    added = [weight.numpy() for weight in _added_weights(layer)]
    return bool(layer.built), added, layer.get_build_config() if added and hasattr(layer, "get_build_config") else None


def _added_weights(layer: Any) -> list[Any]:
    """The weights that are not those of the restored object, which a subclass has made."""
    prepared = layer._prepared  # noqa: SLF001  ours
    known = set(map(id, [*prepared.weights.in_order, *prepared.keras_weights]))
    return [weight for weight in layer.weights if id(weight) not in known]


def _unpickle(
    reference: Any, config: dict[str, Any], obj: Any, built: bool, added: list[Any], build_config: Any
) -> Any:
    from rehub.keras.layer import layer_class_of

    cls = layer_class_of(reference) if isinstance(reference, str) else reference
    return _make_layer(cls, config, obj, built, added, build_config)


def _make_layer(cls: Any, config: dict[str, Any], obj: Any, built: bool, added: list[Any], build_config: Any) -> Any:
    """Make a layer of a config over an object that is there already."""
    with _standing_for(config.get("handle"), obj):
        layer = cls.from_config(config)
    if layer.resolved_object is not obj:  # A subclass that has another handle than its config says.
        request = restore.load_request(obj)
        restore.set_values(layer.resolved_object, restore.values_of(obj), request.shown if request else "the object")
    if built and not layer.built:
        layer.built = True
    if added:
        if build_config and not _added_weights(layer):
            layer.build_from_config(build_config)
        weights = _added_weights(layer)
        if len(weights) != len(added):
            raise NotCopyable(
                f"{cls.__name__} {layer.name!r} has {len(added)} weights of its own, and its copy {len(weights)}. Make "
                "them in __init__ or build, by what get_config says."
            )
        for weight, value in zip(weights, added):
            weight.assign(value)
    return layer


@contextlib.contextmanager
def _standing_for(handle: Any, obj: Any) -> Iterator[None]:
    usual = _object_of_copy.set((handle, obj))
    try:
        yield
    finally:
        _object_of_copy.reset(usual)
