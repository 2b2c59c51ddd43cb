"""Copies of layers by `pickle` and `copy`: a layer with the same config, over a loaded model with the same values."""

from __future__ import annotations

import contextlib
import contextvars
import copy
from typing import Any, Iterator

from rehub import restore
from rehub.errors import NotCopyable, NotSerializable
from rehub.keras.layer_class import layer_class_of_package
from rehub.redaction import redact_url

# While a layer is copied: its handle, and the object to use for it.
_object_of_copy: contextvars.ContextVar[Any] = contextvars.ContextVar("object_of_copy", default=None)
_is_for_copy: contextvars.ContextVar[bool] = contextvars.ContextVar("is_for_copy", default=False)


def object_for_copy(handle: Any) -> Any:
    """Return the object for a copied layer with this handle; None if no such layer is being copied."""
    expected, obj = _object_of_copy.get() or (None, None)
    return obj if handle is expected or (isinstance(handle, str) and handle == expected) else None


def config_is_for_copy() -> bool:
    """Return whether `get_config` is called for a copy, which can hold values that JSON cannot."""
    return _is_for_copy.get()


class CopyableLayer:
    """The part of a `KerasLayer` that makes copies of it.

    A pickle holds the layer's config, its handle without secrets, and its values. `copy.deepcopy` makes an independent
    layer with the same values. `copy.copy` makes one that shares the restored object, and so the weights.
    """

    _parts: Any
    keras: Any

    def __reduce_ex__(self, protocol: Any) -> Any:
        computation, handle = self._parts.computation, self._parts.spec.handle
        config = _config_for_copy(self)
        request = restore.get_load_request(computation.restored)
        if not isinstance(handle, str) or request is None:
            raise NotCopyable(
                "A hub.KerasLayer can be pickled if it was made from a handle. This one was made from "
                f"{computation.label}. Save the object by tf.saved_model.save, and make the layer from that "
                "path; or pickle your own config and make the layer where it is needed."
            )
        if config.get("handle") == handle and redact_url(handle) != handle:
            config["handle"] = request.public_handle  # Without the secret.
        cls = type(self)
        reference = self.keras.package if cls.__module__ == "rehub" else cls
        return _unpickle, (reference, config, restore.get_carrier(computation.restored), *_describe_state(self))

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        computation, config = self._parts.computation, _config_for_copy(self)
        if restore.get_load_request(computation.restored) is None:
            # Python copies the variables of such an object, but its functions would still use the original's.
            raise NotCopyable(
                f"{computation.label} cannot be copied with the layer. Make the layer from a handle, or from "
                "the result of hub.load. copy.copy makes a layer that shares the object."
            )
        obj = copy.deepcopy(computation.restored, memo)
        if not isinstance(self._parts.spec.handle, str) and "handle" in config:
            config["handle"] = obj
        layer = memo[id(self)] = _make_layer(type(self), config, obj, *_describe_state(self))
        return layer

    def __copy__(self) -> Any:
        restored = self._parts.computation.restored
        return _make_layer(type(self), _config_for_copy(self), restored, *_describe_state(self))


def _config_for_copy(layer: Any) -> dict[str, Any]:
    token = _is_for_copy.set(True)
    try:
        config: dict[str, Any] = layer.get_config()
    except NotSerializable as error:
        raise NotCopyable(f"The layer cannot be copied: {error}") from error
    finally:
        _is_for_copy.reset(token)
    return config


def _describe_state(layer: Any) -> tuple[bool, list[Any], Any]:
    """Return whether a layer is built, the values of the weights that a subclass added, and how to build those."""
    added = [weight.numpy() for weight in _added_weights(layer)]
    return bool(layer.built), added, layer.get_build_config() if added and hasattr(layer, "get_build_config") else None


def _added_weights(layer: Any) -> list[Any]:
    """Return the weights that a subclass made: those that are not of the restored object."""
    parts = layer._parts  # noqa: SLF001  ours
    known = set(map(id, [*parts.weights.in_order, *parts.keras_weights]))
    return [weight for weight in layer.weights if id(weight) not in known]


def _unpickle(  # Pickles name it.
    reference: Any, config: dict[str, Any], obj: Any, built: bool, added: list[Any], build_config: Any
) -> Any:
    cls = layer_class_of_package(reference) if isinstance(reference, str) else reference
    return _make_layer(cls, config, obj, built, added, build_config)


def _make_layer(cls: Any, config: dict[str, Any], obj: Any, built: bool, added: list[Any], build_config: Any) -> Any:
    """Make a layer of a config over an object that is loaded already."""
    with _use_object_for(config.get("handle"), obj):
        layer = cls.from_config(config)
    if layer.resolved_object is not obj:  # The handle of a subclass is not that of its config.
        request = restore.get_load_request(obj)
        restore.set_values(layer.resolved_object, restore.get_values(obj), request.label if request else "the object")
    if built and not layer.built:
        layer.built = True
    if added:
        if build_config and not _added_weights(layer):
            layer.build_from_config(build_config)
        weights = _added_weights(layer)
        if len(weights) != len(added):
            raise NotCopyable(
                f"{cls.__name__} {layer.name!r} has {len(added)} weights of its own, and its copy {len(weights)}. Make "
                "them in __init__ or build, by the values in get_config."
            )
        for weight, value in zip(weights, added):
            weight.assign(value)
    return layer


@contextlib.contextmanager
def _use_object_for(handle: Any, obj: Any) -> Iterator[None]:
    token = _object_of_copy.set((handle, obj))
    try:
        yield
    finally:
        _object_of_copy.reset(token)
