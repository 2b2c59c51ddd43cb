"""The inputs and outputs of a signature: their descriptions, and conversion of values to tensors that fit."""

from __future__ import annotations

from typing import Any, Callable, Mapping

from rehub import tf_internals
from rehub.errors import InputMismatch, InvalidModule
from rehub.formatting import list_names


class ParsedTensorInfo:
    """The description of an input or output of a signature, with attributes as those of a tensor in a graph."""

    def __init__(self, dtype: Any, shape: Any, is_sparse: bool | None, type_spec: Any = None) -> None:
        """Describe a dense or a sparse tensor.

        Args:
            dtype: that of the elements.
            shape: that of the dense tensor.
            is_sparse: whether it is a SparseTensor.
            type_spec: a `tf.TypeSpec` for any kind of tensor; the other arguments are None then.
        """
        if type_spec is None:
            tf = tf_internals.import_tensorflow()
            type_spec = (tf.SparseTensorSpec if is_sparse else tf.TensorSpec)(shape, dtype)
        self._type_spec = type_spec

    @classmethod
    def from_type_spec(cls, type_spec: Any) -> ParsedTensorInfo:
        """Make the description from a `tf.TypeSpec`."""
        return cls(None, None, None, type_spec)

    @property
    def type_spec(self) -> Any:
        """The `tf.TypeSpec`: a TensorSpec, a SparseTensorSpec, a RaggedTensorSpec or another."""
        return self._type_spec

    @property
    def dtype(self) -> Any:
        """The dtype of the elements."""
        return tf_internals.specs.dtype_of(self._type_spec)

    def get_shape(self) -> Any:
        """Return the `tf.TensorShape` of the tensor, or of the dense tensor that it represents."""
        return tf_internals.specs.shape_of(self._type_spec)

    @property
    def is_sparse(self) -> bool:
        """Whether it is a SparseTensor."""
        return isinstance(self._type_spec, tf_internals.import_tensorflow().SparseTensorSpec)

    @property
    def is_composite(self) -> bool:
        """Whether it is made of several tensors, as a SparseTensor or a RaggedTensor is."""
        return not isinstance(self._type_spec, tf_internals.import_tensorflow().TensorSpec)

    @property
    def is_supported_type(self) -> bool:
        """Whether a module can take or return it."""
        return issubclass(self._type_spec.value_type, supported_types())

    def __repr__(self) -> str:
        if self.is_composite and not self.is_sparse:
            return f"<hub.ParsedTensorInfo type_spec={self._type_spec}>"
        return f"<hub.ParsedTensorInfo shape={self.get_shape()} dtype={self.dtype.name} is_sparse={self.is_sparse}>"


def supported_types() -> tuple[type, ...]:
    """Return the classes of tensors that a signature can take and return."""
    tf = tf_internals.import_tensorflow()
    return (tf.Tensor, tf.SparseTensor, tf.RaggedTensor)


def parse_tensor_info_map(protomap: Mapping[str, Any]) -> dict[str, ParsedTensorInfo]:
    """Describe the inputs or the outputs of a SignatureDef, by name.

    Raises:
        InvalidModule: a TensorInfo has an unknown encoding.
    """
    return {name: ParsedTensorInfo.from_type_spec(_read_spec(name, info)) for name, info in protomap.items()}


def _read_spec(name: str, info: Any) -> Any:
    tf = tf_internals.import_tensorflow()
    encoding = info.WhichOneof("encoding")
    if encoding == "composite_tensor":
        return tf_internals.specs.decode_composite_spec(info)
    kinds = {"name": tf.TensorSpec, "coo_sparse": tf.SparseTensorSpec}
    if encoding not in kinds:
        raise _unknown_encoding(name, encoding)
    # Not every writer gives a shape: testdata/half_plus_two.py of TensorFlow Serving did not.
    shape = tf.TensorShape(info.tensor_shape if info.HasField("tensor_shape") else None)
    # In TF1, a variable's reference can be an output, or be fed.
    return kinds[encoding](shape, tf.as_dtype(info.dtype).base_dtype)


def _unknown_encoding(name: str, encoding: str | None) -> InvalidModule:
    return InvalidModule(
        f"The signature's {name!r} has an unknown encoding: {encoding!r}. Expected a dense, sparse or other "
        "composite tensor."
    )


def components(info: Any) -> list[str]:
    """Return the names of the tensors that a TensorInfo is made of, in the order in which TensorFlow flattens them.

    Raises:
        InvalidModule: it has an unknown encoding.
    """
    return [name if ":" in name else f"{name}:0" for name in _component_names(info)]


def _component_names(info: Any) -> list[str]:
    encoding = info.WhichOneof("encoding")
    if encoding == "name":
        return [info.name]
    if encoding == "coo_sparse":
        sparse = info.coo_sparse
        return [sparse.indices_tensor_name, sparse.values_tensor_name, sparse.dense_shape_tensor_name]
    if encoding == "composite_tensor":
        return [component.name for component in info.composite_tensor.components]
    raise _unknown_encoding("tensor", encoding)


def build_input_map(protomap: Mapping[str, Any], inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the tensors to bind by the names of the components of a signature's inputs.

    Args:
        inputs: a tensor or composite tensor for each of them.
    """
    flatten = tf_internals.import_tensorflow().nest.flatten
    bindings: dict[str, Any] = {}
    for name, info in protomap.items():
        bindings.update(zip(components(info), flatten(inputs[name], expand_composites=True)))
    return bindings


def build_output_map(protomap: Mapping[str, Any], get_tensor: Callable[[str], Any]) -> dict[str, Any]:
    """Return a signature's outputs by name, made from the tensors that `get_tensor` returns for their components."""
    outputs = {}
    for name, info in protomap.items():
        tensors = [get_tensor(component) for component in components(info)]
        encoding = info.WhichOneof("encoding")
        if encoding == "name":
            outputs[name] = tensors[0]
        elif encoding == "coo_sparse":
            outputs[name] = tf_internals.import_tensorflow().SparseTensor(*tensors)
        else:
            outputs[name] = tf_internals.specs.pack_components(_read_spec(name, info), tensors)
    return outputs


def convert_inputs(inputs: Any, expected: Mapping[str, ParsedTensorInfo]) -> dict[str, Any]:
    """Convert the inputs of a module's call to the tensors that a signature takes, by name.

    Args:
        inputs: None, one value for a signature with one input, or a dict of values by name.

    Raises:
        InputMismatch: names, dtypes, shapes or kinds of tensor do not fit; shows expected beside received.
    """
    return convert_dict_to_compatible_tensor(name_inputs(inputs, expected), expected)


def convert_dict_to_compatible_tensor(
    values: Mapping[str, Any], targets: Mapping[str, ParsedTensorInfo]
) -> dict[str, Any]:
    """Convert values to the tensors that the targets of the same names describe.

    Raises:
        InputMismatch: a dtype, shape or kind of tensor does not fit; shows expected beside received.
    """
    return {name: _convert_value(name, value, targets[name].type_spec) for name, value in sorted(values.items())}


def name_inputs(inputs: Any, expected: Mapping[str, Any]) -> dict[str, Any]:
    """Return the inputs of a module's call by the names of the signature's inputs.

    Raises:
        InputMismatch: some are missing or unknown; names them.
    """
    if inputs is None:
        by_name = {}
    elif isinstance(inputs, dict):
        by_name = inputs
    elif len(expected) == 1:
        by_name = {next(iter(expected)): inputs}
    elif expected:
        raise InputMismatch(
            f"Signature expects multiple inputs. Use a dict. Expected: {list_names(sorted(expected))}. "
            f"Received: {type(inputs).__name__}."
        )
    else:
        raise InputMismatch(f"Signature expects no inputs. Received: {type(inputs).__name__}.")
    missing, extra = sorted(set(expected) - set(by_name)), sorted(set(by_name) - set(expected), key=str)
    if missing or extra:
        raise InputMismatch(
            f"The inputs do not fit the signature: missing {missing!r}, extra given {extra!r}. "
            f"Expected: {sorted(expected)}."
        )
    return by_name


def _convert_value(name: str, value: Any, expected: Any) -> Any:
    tf = tf_internals.import_tensorflow()
    if isinstance(value, tf.compat.v1.SparseTensorValue):
        value = tf.SparseTensor.from_value(value)
    received = tf_internals.specs.type_spec_of(value)
    if received is None or isinstance(received, tf.TensorSpec):
        try:
            value = tf.convert_to_tensor(value, tf_internals.specs.dtype_of(expected))
        except (TypeError, ValueError) as error:
            raise InputMismatch(f"Can't convert {name!r}: {error}") from error
        received = tf.TensorSpec.from_tensor(value)
    if not issubclass(received.value_type, supported_types()):
        known = ", ".join(sorted(kind.__name__ for kind in supported_types()))
        raise InputMismatch(
            f"Can't convert {name!r}: Passed argument of type {received.value_type.__name__}, which modules do not "
            f"take. Expected one of: {known}."
        )
    if received.value_type is not expected.value_type:
        raise InputMismatch(
            f"Can't convert {name!r}: Got {received.value_type.__name__}. Expected {expected.value_type.__name__}."
        )
    if not received.is_compatible_with(expected):
        raise InputMismatch(f"Can't convert {name!r}: Got {received}. Expected {expected}.")
    return value


def select_output(outputs: dict[str, Any], as_dict: bool | None) -> Any:
    """Return all outputs by name with `as_dict`, else the one named "default".

    Raises:
        InputMismatch: no output has that name; lists the outputs.
    """
    if as_dict:
        return outputs
    if "default" in outputs:
        return outputs["default"]
    raise InputMismatch(f"There is no output named 'default'. Use as_dict=True. The outputs: {sorted(outputs)}.")
