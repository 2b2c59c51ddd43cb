"""What `hub.inspect` returns: what a model holds, as frozen dataclasses that hold nothing of TensorFlow."""

from __future__ import annotations

from dataclasses import dataclass

from rehub.savedmodel.shapes import Shape
from rehub.savedmodel.signatures import SignatureInfo as SignatureInfo  # noqa: PLC0414  handed on: hub.inspect returns it
from rehub.savedmodel.signatures import TensorInfo as TensorInfo  # noqa: PLC0414


@dataclass(frozen=True)
class TraceInfo:
    """One way in which a callable was traced.

    Attributes:
        inputs: the tensors among its arguments.
        literals: the other arguments, by name, as Python writes them: `(("training", "False"),)`.
        outputs: the tensors that it returns.
    """

    inputs: tuple[TensorInfo, ...]
    literals: tuple[tuple[str, str], ...]
    outputs: tuple[TensorInfo, ...]


@dataclass(frozen=True)
class CallableInfo:
    """A function of the restored object.

    Attributes:
        path: how it is reached from the root, such as "__call__" or "encoder.encode".
        arguments: the names of its arguments in order; empty where that is not recorded.
        traces: the ways in which it can be called.
    """

    path: str
    arguments: tuple[str, ...]
    traces: tuple[TraceInfo, ...]


@dataclass(frozen=True)
class VariableInfo:
    """A variable of a model.

    Attributes:
        name: as the variable is named in the graph; "" for a variable without a name.
        path: how it is reached from the root of a TF2 object, such as "encoder.kernel"; "" in TF1.
        key: under which its value lies in the checkpoint; "" if there is none.
        dtype: TensorFlow's name of its type.
        shape: its sizes.
        trainable: whether training changes it, by default.
        bytes: what its value takes in the checkpoint.
        parts: into how many variables a partitioned one is split, each with a piece of the shape.
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
        """How many numbers it holds; 0 where its shape is not known."""
        if self.shape is None:
            return 0
        count = 1
        for size in self.shape:
            count *= size or 0
        return count


@dataclass(frozen=True)
class AssetInfo:
    """A file that a model brings along: its path from the model's directory, and its bytes; None if it is missing."""

    path: str
    bytes: int | None


@dataclass(frozen=True)
class AttachmentInfo:
    """A message that is attached to a legacy module.

    Attributes:
        key: by which it is found, such as "image_module_info".
        tags: of the graph variant that it is attached to.
        value: the message, serialized.
        text: what it says, where rehub knows its type: "images of 224 x 224 pixels"; else "".
    """

    key: str
    tags: frozenset[str]
    value: bytes
    text: str = ""


@dataclass(frozen=True)
class MissingPackage:
    """Ops that plain TensorFlow lacks, and what brings them.

    Attributes:
        ops: their names, sorted.
        package: the package on PyPI; "" where none is known.
        note: what else to know.
    """

    ops: tuple[str, ...]
    package: str
    note: str = ""


@dataclass(frozen=True)
class GraphInfo:
    """One graph variant (MetaGraph) of a model.

    Attributes:
        tags: the set of strings that names it.
        signatures: sorted by name.
        ops: how often each op occurs in the graph and its functions, sorted by op.
        nodes: how many nodes there are, those of functions included.
        functions: how many functions its library has.
        variables: of this variant, in the order of its object graph or of its collection.
        update_ops: how many UPDATE_OPS it has, such as those of batch normalization.
        regularization_losses: how many losses it would add to training.
        v1_control_flow: the TF1 control flow ops in it, sorted.
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
    """What TensorFlow 2.12 and newer note of a model that they save, as `tf.saved_model.experimental.Fingerprint` does.

    Attributes:
        saved_model_checksum: of all of the model's file; it differs from one save of the same model to the next.
        graph_def_program_hash, signature_def_hash, saved_object_graph_hash, checkpoint_hash: of these parts, without
            what differs by chance.
        version: by which rules they were made.
    """

    saved_model_checksum: int
    graph_def_program_hash: int
    signature_def_hash: int
    saved_object_graph_hash: int
    checkpoint_hash: int
    version: int


@dataclass(frozen=True)
class Capability:
    """Whether something can be done with a model, and why, in a sentence."""

    verdict: bool
    reason: str

    def __bool__(self) -> bool:
        return self.verdict


@dataclass(frozen=True)
class ModelInfo:
    """What a model holds.

    Attributes:
        handle: what was asked for.
        path: the directory in which it lies.
        format: "TF2 SavedModel", "TF1 SavedModel" or "legacy module".
        saved_by: "Keras 2", "Keras 3", "hub.convert" or "" for others: what made the object that was saved.
        tensorflow_version: of the TensorFlow that wrote it; "" where that is not recorded.
        graphs: its graph variants, in the file's order.
        callables: the functions of a TF2 object, sorted by path; empty in TF1.
        assets: sorted by path.
        attachments: of a legacy module.
        missing_packages: what its ops need beside TensorFlow.
        can_be_called, can_be_fine_tuned, can_be_retrained: capabilities with their reasons. To fine-tune is to train
            what the restored object offers by itself; to retrain is what rehub makes of a model of TF1.
        usage: the lines of Python that load it and call it, given `import rehub as hub, tensorflow as tf`.
        fingerprint: what its writer noted by which to tell it from others; None where there is no `fingerprint.pb`.
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
    can_be_called: Capability
    can_be_fine_tuned: Capability
    can_be_retrained: Capability
    usage: tuple[str, ...]
    fingerprint: FingerprintInfo | None

    def __str__(self) -> str:
        from rehub.inspection.report import report_text  # It stands on this file.

        return report_text(self)

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        from rehub.inspection.html_table import (
            html_table,  # It stands on this file, and only notebooks need it.
        )

        return html_table(self)

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
        """How many numbers its variables hold."""
        return sum(variable.parameters for variable in self.variables)

    @property
    def bytes(self) -> int:
        """What its variables take in the checkpoint."""
        return sum(variable.bytes for variable in self.variables)
