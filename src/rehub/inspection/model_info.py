"""What `hub.inspect` returns: frozen dataclasses without objects of TensorFlow."""

from __future__ import annotations

from dataclasses import dataclass

from rehub.savedmodel.shapes import Shape
from rehub.savedmodel.signatures import SignatureInfo as SignatureInfo  # noqa: PLC0414  handed on: hub.inspect returns it
from rehub.savedmodel.signatures import TensorInfo as TensorInfo  # noqa: PLC0414


@dataclass(frozen=True)
class TraceInfo:
    """One trace of a callable.

    Attributes:
        inputs: the tensors among its arguments.
        literals: the other arguments as pairs of name and Python literal: `(("training", "False"),)`.
        outputs: the tensors among its results.
    """

    inputs: tuple[TensorInfo, ...]
    literals: tuple[tuple[str, str], ...]
    outputs: tuple[TensorInfo, ...]


@dataclass(frozen=True)
class CallableInfo:
    """A function of the restored object.

    Attributes:
        path: its attribute path from the root, such as "__call__" or "encoder.encode".
        arguments: the names of its arguments in order; empty if they are not recorded.
        traces: the combinations of arguments that it accepts.
    """

    path: str
    arguments: tuple[str, ...]
    traces: tuple[TraceInfo, ...]


@dataclass(frozen=True)
class VariableInfo:
    """A variable of a model.

    Attributes:
        name: its name in the graph; "" if it has none.
        path: its attribute path from the root of a TF2 object, such as "encoder.kernel"; "" in TF1.
        key: the key of its value in the checkpoint; "" if it has no value there.
        dtype: TensorFlow's name of its type.
        shape: its sizes.
        trainable: whether training changes it, by default.
        bytes: the size of its value in the checkpoint.
        parts: the number of variables that a partitioned variable consists of.
    """

    name: str
    path: str
    key: str
    dtype: str
    shape: Shape
    trainable: bool
    bytes: int
    parts: int = 1

    @property
    def parameters(self) -> int:
        """The number of its elements; 0 if its shape is not known."""
        if self.shape is None:
            return 0
        count = 1
        for size in self.shape:
            count *= size or 0
        return count


@dataclass(frozen=True)
class AssetInfo:
    """An asset file: its path from the model's directory, and its size in bytes, or None if it is missing."""

    path: str
    bytes: int | None


@dataclass(frozen=True)
class AttachmentInfo:
    """A message that is attached to a legacy module.

    Attributes:
        key: its key, such as "image_module_info".
        tags: the tags of the graph variant that it is attached to.
        value: the message, serialized.
        text: its content for people, such as "images of 224 x 224 pixels"; "" if rehub does not know its type.
    """

    key: str
    tags: frozenset[str]
    value: bytes
    text: str = ""


@dataclass(frozen=True)
class MissingPackage:
    """Ops that TensorFlow lacks, and the package that provides them.

    Attributes:
        ops: their names, sorted.
        package: the package on PyPI; "" if none is known.
        note: further advice.
    """

    ops: tuple[str, ...]
    package: str
    note: str = ""


@dataclass(frozen=True)
class MinimumTensorFlow:
    """The oldest TensorFlow in which rehub loads a model, besides the packages that it needs.

    Attributes:
        version: "1.15", or "2.1" and newer; "" if no TensorFlow has all that the model needs.
        reason: the ops and attributes that require this version, or why no version has them; "" for the oldest.
        is_only: whether newer versions lack them.
        note: what does not work in any version; "" if everything works.
    """

    version: str
    reason: str = ""
    is_only: bool = False
    note: str = ""

    def __str__(self) -> str:
        if not self.version:
            return f"no TensorFlow: {self.reason}"
        version = f"TensorFlow {self.version} only" if self.is_only else f"TensorFlow >= {self.version}"
        return "".join([version, self.reason and f", for {self.reason}", self.note and f"; {self.note}"])


@dataclass(frozen=True)
class GraphInfo:
    """One graph variant (MetaGraph) of a model.

    Attributes:
        tags: the set of strings that names it.
        signatures: sorted by name.
        ops: how often each op occurs in the graph and its functions, sorted by op.
        nodes: the number of nodes, including those of functions.
        functions: the number of functions in its library.
        variables: its variables, in the order of its object graph or collection.
        update_ops: the number of UPDATE_OPS, such as those of batch normalization.
        regularization_losses: the number of losses that it adds to training.
        v1_control_flow: its TF1 control flow ops, sorted.
    """

    tags: frozenset[str]
    signatures: tuple[SignatureInfo, ...]
    ops: tuple[tuple[str, int], ...]
    nodes: int
    functions: int
    variables: tuple[VariableInfo, ...]
    update_ops: int
    regularization_losses: int
    v1_control_flow: tuple[str, ...]


@dataclass(frozen=True)
class FingerprintInfo:
    """The fingerprint that TensorFlow 2.12 and newer save with a model: `tf.saved_model.experimental.Fingerprint`.

    Attributes:
        saved_model_checksum: the checksum of the model's file. It differs each time that a model is saved.
        graph_def_program_hash, signature_def_hash, saved_object_graph_hash, checkpoint_hash: the hashes of these parts,
            without what changes from save to save.
        version: the version of the algorithm.
    """

    saved_model_checksum: int
    graph_def_program_hash: int
    signature_def_hash: int
    saved_object_graph_hash: int
    checkpoint_hash: int
    version: int


@dataclass(frozen=True)
class Capability:
    """Whether a model can be used in some way, and why, in a sentence. Its truth value is `verdict`."""

    verdict: bool
    reason: str

    def __bool__(self) -> bool:
        return self.verdict


@dataclass(frozen=True)
class ModelInfo:
    """What a model contains.

    Attributes:
        handle: the handle that was inspected, without secrets.
        path: the directory of the model.
        format: "TF2 SavedModel", "TF1 SavedModel" or "legacy module".
        saved_by: the library that made the saved object: "Keras 2", "Keras 3", "hub.convert", or "" for others.
        tensorflow_version: the version of TensorFlow that wrote the model; "" if it is not recorded.
        graphs: the graph variants, in the order of the file.
        callables: the functions of a TF2 object, sorted by path; empty in TF1.
        assets: the extra files, sorted by path.
        attachments: the messages that are attached to a legacy module.
        missing_packages: the packages that the ops of the model need besides TensorFlow.
        minimum_tensorflow: the oldest TensorFlow that has all ops and attributes of the model, and which of them
            need it.
        can_be_called, can_be_fine_tuned, can_be_retrained: possible uses, with reasons. Fine-tuning trains a TF2 object
            as it was saved; retraining is how rehub trains a TF1 model.
        usage: the lines of Python that load and call the model, after `import rehub as hub, tensorflow as tf`.
        fingerprint: the hashes in `fingerprint.pb` that identify the model; None without this file.
    """

    handle: str
    path: str
    format: str
    saved_by: str
    tensorflow_version: str
    graphs: tuple[GraphInfo, ...]
    callables: tuple[CallableInfo, ...]
    assets: tuple[AssetInfo, ...]
    attachments: tuple[AttachmentInfo, ...]
    missing_packages: tuple[MissingPackage, ...]
    minimum_tensorflow: MinimumTensorFlow
    can_be_called: Capability
    can_be_fine_tuned: Capability
    can_be_retrained: Capability
    usage: tuple[str, ...]
    fingerprint: FingerprintInfo | None

    def __str__(self) -> str:
        from rehub.inspection.report import format_report  # It imports this file.

        return format_report(self)

    def _repr_html_(self) -> str:
        """Return a table, which notebooks show."""
        from rehub.inspection.html_table import format_html_table

        return format_html_table(self)

    @property
    def variables(self) -> tuple[VariableInfo, ...]:
        """The variables of all graph variants, each once."""
        found: dict[tuple[str, str, str], VariableInfo] = {}
        for graph in self.graphs:
            for variable in graph.variables:
                found.setdefault((variable.key, variable.name, variable.path), variable)
        return tuple(found.values())

    @property
    def parameters(self) -> int:
        """The number of elements of all its variables."""
        return sum(variable.parameters for variable in self.variables)

    @property
    def bytes(self) -> int:
        """The size of its variables in the checkpoint."""
        return sum(variable.bytes for variable in self.variables)
