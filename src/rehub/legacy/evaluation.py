"""`hub.eval_function_for_module`: a module as a function of values, in its own graph and session."""

from __future__ import annotations

import contextlib
from typing import Any, Callable, Iterable, Iterator

from rehub import tf_internals
from rehub.errors import InvalidSetting, SignatureNotFound
from rehub.formatting import list_names
from rehub.legacy.module import Module
from rehub.legacy.tensor_info import name_inputs, select_output


@contextlib.contextmanager
def eval_function_for_module(spec: Any, tags: Iterable[str] | None = None) -> Iterator[Callable[..., Any]]:
    """Open a session for a module, and yield a function that evaluates the module in this session.

        with hub.eval_function_for_module("/models/text_embedding") as embed:
            vectors = embed(["a sentence", "another"])

    You call the function like a `hub.Module`: `f(inputs=None, signature=None, as_dict=None)`. Like `Session.run`, it
    takes and returns values: numbers, lists, NumPy arrays, SparseTensorValues. It works in eager mode too.

    Args:
        spec: a `hub.ModuleSpec`, or a handle to load one from.
        tags: the set of strings that names the graph variant; unset, the empty set.

    Raises:
        TagsNotFound: no variant has these tags; the message lists those that exist.
    """
    v1 = tf_internals.import_tensorflow().compat.v1
    callers_graph = None if v1.executing_eagerly() else v1.get_default_graph()
    with v1.Graph().as_default():
        module = Module(spec, tags=tags)
        inputs_of, outputs_of = {}, {}
        for signature in module.get_signature_names():
            with v1.variable_scope(signature.replace(":", "_")):
                described = module.get_input_info_dict(signature)
                inputs_of[signature] = {
                    name: _make_placeholder(info.type_spec, name) for name, info in described.items()
                }
                outputs_of[signature] = module(inputs_of[signature], signature=signature, as_dict=True)

        with v1.train.SingularMonitoredSession() as session:

            def evaluate(
                inputs: Any = None, _sentinel: None = None, signature: str | None = None, as_dict: bool | None = None
            ) -> Any:
                if _sentinel is not None:
                    raise InvalidSetting("signature=... and as_dict=... must be given by name.")
                signature = signature or "default"
                if signature not in inputs_of:
                    raise SignatureNotFound(f"No signature {signature!r}; available: {list_names(sorted(inputs_of))}.")
                placeholders = inputs_of[signature]
                values = name_inputs(inputs, placeholders)
                outputs = select_output(outputs_of[signature], as_dict)
                return session.run(outputs, {placeholders[name]: value for name, value in values.items()})

            with contextlib.nullcontext() if callers_graph is None else callers_graph.as_default():
                yield evaluate


def _make_placeholder(spec: Any, name: str) -> Any:
    tf = tf_internals.import_tensorflow()
    parts = tf.nest.flatten(spec, expand_composites=True)
    if isinstance(spec, tf.SparseTensorSpec):
        shape = tf_internals.specs.shape_of(spec)
        return tf.compat.v1.sparse_placeholder(spec.dtype, None if shape.dims is None else shape.as_list(), name)
    placeholders = [tf.compat.v1.placeholder(part.dtype, part.shape, name) for part in parts]
    return tf.nest.pack_sequence_as(spec, placeholders, expand_composites=True)
