"""What a signature takes and gives: the description of its tensors, and the tensors that fit it."""

from __future__ import annotations

from typing import Any, Callable, Mapping

from rehub import tf_internals
from rehub.errors import InputMismatch, InvalidModule
from rehub.formatting import list_names


class ParsedTensorInfo:
    """An input or output of a signature: looks like a tensor in a graph, but is only its description."""

    def __init__(self, dtype: Any, shape: Any, is_sparse: bool | None, type_spec: Any = None) -> None:
        """Describes a dense or a sparse tensor.

        Args:
            dtype: of the elements.
            shape: of the dense tensor.
            is_sparse: whether it is a SparseTensor.
            type_spec: a `tf.TypeSpec` that says all of this, for any kind of tensor; the other arguments are None then.
        """
        if type_spec is None:
            tf = tf_internals.import_tensorflow()
            type_spec = (tf.SparseTensorSpec if is_sparse else tf.TensorSpec)(shape, dtype)
        self._type_spec = type_spec

    @classmethod
    def from_type_spec(cls, type_spec: Any) -> ParsedTensorInfo:
        """Describes what a `tf.TypeSpec` describes."""
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
        """Returns the `tf.TensorShape` of the tensor, or of the dense tensor that it stands for."""
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
        """Whether a module can take or give it."""
        return issubclass(self._type_spec.value_type, supported_types())

    def __repr__(self) -> str:
        if self.is_composite and not self.is_sparse:
            return f"<hub.ParsedTensorInfo type_spec={self._type_spec}>"
        return f"<hub.ParsedTensorInfo shape={self.get_shape()} dtype={self.dtype.name} is_sparse={self.is_sparse}>"


def supported_types() -> tuple[type, ...]:
    """The classes of what a signature can take and give."""
    tf = tf_internals.import_tensorflow()
    return (tf.Tensor, tf.SparseTensor, tf.RaggedTensor)


def parse_tensor_info_map(protomap: Mapping[str, Any]) -> dict[str, ParsedTensorInfo]:
    """Describes the inputs or the outputs of a SignatureDef, by name.

    Raises:
        InvalidModule: a TensorInfo is of no known encoding.
    """
    return {name: ParsedTensorInfo.from_type_spec(_spec(name, info)) for name, info in protomap.items()}


def _spec(name: str, info: Any) -> Any:
    tf = tf_internals.import_tensorflow()
    encoding = info.WhichOneof("encoding")
    if encoding == "composite_tensor":
        return tf_internals.specs.decode_composite_spec(info)
    kinds = {"name": tf.TensorSpec, "coo_sparse": tf.SparseTensorSpec}
    if encoding not in kinds:
        raise _unknown_encoding(name, encoding)
    return kinds[encoding](tf.TensorShape(info.tensor_shape), tf.as_dtype(info.dtype))


def _unknown_encoding(name: str, encoding: str | None) -> InvalidModule:
    return InvalidModule(
        f"The signature's {name!r} is described in a way that is not known here: {encoding!r}. Expected a dense, a "
        "sparse or another composite tensor."
    )


def components(info: Any) -> list[str]:
    """The names of the tensors that a TensorInfo is made of, in the order in which TensorFlow flattens them.

    Raises:
        InvalidModule: it is of no known encoding.
    """
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
    """Returns the tensor to feed for each tensor's name that a signature's inputs are made of.

    Args:
        protomap: the inputs of a SignatureDef.
        inputs: a tensor or composite tensor for each of them.
    """
    flatten = tf_internals.import_tensorflow().nest.flatten
    fed: dict[str, Any] = {}
    for name, info in protomap.items():
        fed.update(zip(components(info), flatten(inputs[name], expand_composites=True)))
    return fed


def build_output_map(protomap: Mapping[str, Any], get_tensor: Callable[[str], Any]) -> dict[str, Any]:
    """Returns a signature's outputs by name, put together from tensors that `get_tensor` finds by theirs."""
    outputs = {}
    for name, info in protomap.items():
        tensors = [get_tensor(component) for component in components(info)]
        encoding = info.WhichOneof("encoding")
        if encoding == "name":
            outputs[name] = tensors[0]
        elif encoding == "coo_sparse":
            outputs[name] = tf_internals.import_tensorflow().SparseTensor(*tensors)
        else:
            outputs[name] = tf_internals.specs.pack_components(_spec(name, info), tensors)
    return outputs


def convert_inputs(inputs: Any, expected: Mapping[str, ParsedTensorInfo]) -> dict[str, Any]:
    """Turns what a module was called with into the tensors that a signature takes, by name.

    Args:
        inputs: None, one value for a signature of one input, or a dict of them by name.
        expected: the signature's inputs.

    Raises:
        InputMismatch: names, dtypes, shapes or kinds of tensor do not fit; shows expected beside received.
    """
    return convert_dict_to_compatible_tensor(inputs_by_name(inputs, expected), expected)


def convert_dict_to_compatible_tensor(
    values: Mapping[str, Any], targets: Mapping[str, ParsedTensorInfo]
) -> dict[str, Any]:
    """Turns values into the tensors that the targets of the same names describe.

    Raises:
        InputMismatch: a dtype, shape or kind of tensor does not fit; shows expected beside received.
    """
    return {name: _convert(name, value, targets[name].type_spec) for name, value in sorted(values.items())}


def inputs_by_name(inputs: Any, expected: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the values that a module was called with by the names of the signature's inputs.

    Raises:
        InputMismatch: some are missing, or not known; names them.
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


def _convert(name: str, value: Any, expected: Any) -> Any:
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
            f"Can't convert {name!r}: Passed argument of type {received.value_type.__name__}, which no module takes. "
            f"Expected one of: {known}."
        )
    if received.value_type is not expected.value_type:
        raise InputMismatch(
            f"Can't convert {name!r}: Got {received.value_type.__name__}. Expected {expected.value_type.__name__}."
        )
    if not received.is_compatible_with(expected):
        raise InputMismatch(f"Can't convert {name!r}: Got {received}. Expected {expected}.")
    return value


def select_output(outputs: dict[str, Any], as_dict: bool | None) -> Any:
    """Returns all outputs by name with `as_dict`, else the one named "default".

    Raises:
        InputMismatch: there is no output of that name; lists those there are.
    """
    if as_dict:
        return outputs
    if "default" in outputs:
        return outputs["default"]
    raise InputMismatch(f"There is no output named 'default'. Use as_dict=True. The outputs: {sorted(outputs)}.")
