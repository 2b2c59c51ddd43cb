"""Ops with a file's name in an input or attribute: which file, and when what they do with it is not a danger."""

from __future__ import annotations

from typing import Iterator

from rehub.savedmodel.nodes import Node
from rehub.savedmodel.ops.op_classes import HIDES_PROGRAM, READS_FILES, WRITES_FILES, OpClass, classify_op
from rehub.savedmodel.protos import AttrListValue, AttrValue
from rehub.savedmodel.wire import Message
from rehub.scanning.graph_program import GraphProgram
from rehub.scanning.sources import Source

# Op -> which of its inputs name the files.
NAMING_INPUTS = {
    "CSVDataset": (0,),
    "CSVDatasetV2": (0,),
    "CacheDataset": (1,),
    "CacheDatasetV2": (1,),
    "CreateSummaryDbWriter": (1,),
    "CreateSummaryFileWriter": (1,),
    "DatasetToTFRecord": (1,),
    "ExperimentalCSVDataset": (0,),
    "ExperimentalDatasetToTFRecord": (1,),
    "ExperimentalLMDBDataset": (0,),
    "ExperimentalMatchingFilesDataset": (0,),
    "FixedLengthRecordDataset": (0,),
    "FixedLengthRecordDatasetV2": (0,),
    "GenerateVocabRemapping": (0, 1),
    "InitializeTableFromTextFile": (1,),
    "InitializeTableFromTextFileV2": (1,),
    "LMDBDataset": (0,),
    "LoadAndRemapMatrix": (0,),
    "LoadDataset": (0,),
    "MatchingFiles": (0,),
    "MatchingFilesDataset": (0,),
    "MergeV2Checkpoints": (0, 1),
    "ReadFile": (0,),
    "Restore": (0,),
    "RestoreSlice": (0,),
    "RestoreV2": (0,),
    "Save": (0,),
    "SaveDataset": (1,),
    "SaveDatasetV2": (1,),
    "SaveSlices": (0,),
    "SaveV2": (0,),
    "SnapshotDataset": (1,),
    "SnapshotDatasetV2": (1,),
    "TFRecordDataset": (0,),
    "TFRecordDatasetV2": (0,),
    "TextLineDataset": (0,),
    "WriteFile": (0,),
}

# Op -> the attribute that names the file, URL or function.
_NAMING_ATTRIBUTES = {
    "CalibrationStatisticsSaver": "output_file_path",
    "DebugIdentity": "debug_urls",
    "DebugIdentityV2": "debug_urls",
    "DebugIdentityV3": "debug_urls",
    "DebugNanCount": "debug_urls",
    "DebugNumericSummary": "debug_urls",
    "DecodeProtoV2": "descriptor_source",
    "DumpTensor": "log_dir_path",
    "EagerPyFunc": "token",
    "EncodeProto": "descriptor_source",
    "FixedUnigramCandidateSampler": "vocab_file",
    "ImmutableConst": "memory_region_name",
    "PrintV2": "output_stream",
    "PyFunc": "token",
    "PyFuncStateless": "token",
    "RecordInput": "file_pattern",
    "Skipgram": "filename",
    "XlaCustomCall": "target_name",
    "XlaCustomCallV2": "call_target_name",
}
# These touch files only if their attribute says so, and by default it does not.
_NOTHING_BY_DEFAULT = {
    "DebugIdentity",
    "DebugIdentityV2",
    "DebugIdentityV3",
    "DebugNanCount",
    "DebugNumericSummary",
    "DecodeProtoV2",
    "EncodeProto",
    "FixedUnigramCandidateSampler",
}

_READS_CHECKPOINT = {"Restore", "RestoreSlice", "RestoreV2"}
_WRITES_CHECKPOINT = {"MergeV2Checkpoints", "Save", "SaveSlices", "SaveV2"}


def read_naming_attributes(node: Node) -> list[str]:
    """Return what the attribute says that names a node's file, URL or function; nothing where it is at its default."""
    name = _NAMING_ATTRIBUTES.get(node.op)
    return [] if name is None else list(_read_texts(node.attribute(name)))


def refine_class(node: Node, texts: list[str], op_class: OpClass) -> OpClass | None:
    """Return what a node does, given what `read_naming_attributes` found; None if that is nothing with files."""
    if node.op == "XlaCallModule" and any(map(_calls_native_code, node.attribute("module").values(AttrValue.s))):
        return HIDES_PROGRAM
    if node.op == "PrintV2" and any(not _is_stream(text) for text in texts):
        return WRITES_FILES
    if node.op in _NOTHING_BY_DEFAULT and all(
        text in ("", "local://") or (text.startswith("bytes://") and op_class is READS_FILES) for text in texts
    ):
        return None
    return op_class


def is_model_asset(program: GraphProgram, node: Node, sources: frozenset[Source]) -> bool:
    """Whether a node reads an asset of the model, or is part of what saves and restores its variables.

    Only the shapes that TensorFlow's writers produce are that: the file is one that the loader feeds to the graph, each
    time that the node runs, or one that an object of the model names.

    Args:
        program: where the node is.
        node: one that names its file by inputs.
        sources: all that these inputs are made from.
    """
    if program.within:
        return False  # No loader feeds a graph that a node holds.
    if node.op in _READS_CHECKPOINT:
        return all(_is_fed_by_saver(program, source, ("restoring", "saving")) for source in sources)
    if node.op in _WRITES_CHECKPOINT:
        # To restore is to read: a node that writes then would write over what is restored.
        return all(_is_fed_by_saver(program, source, ("saving",)) for source in sources)
    if node.op in ("CacheDataset", "CacheDatasetV2"):
        return all(source.kind == "constant" and source.text == "" for source in sources)  # It caches in memory.
    return classify_op(node.op) is READS_FILES and all(_is_asset(program, source) for source in sources)


def _is_fed_by_saver(program: GraphProgram, source: Source, kinds: tuple[str, ...]) -> bool:
    """Whether a checkpoint's path is fed by the saver that it belongs to, whenever it is used.

    What nothing runs, such as a saver that was left in a graph, does something only for those who name the node.
    """
    if source.kind != "placeholder" or not source.root:
        return False
    return all(kind in kinds and fed == source.text for kind, fed in program.runs(source.root))


def _is_asset(program: GraphProgram, source: Source) -> bool:
    if source.kind not in ("asset", "fed asset") or escapes_model_dir(source.text):
        return False
    # Assets are fed while a model is loaded. A constant in its place has its own value at all other times.
    return source.kind == "asset" or all(kind == "loading" for kind, _ in program.runs(source.root))


def escapes_model_dir(asset: str) -> bool:
    """Whether an asset's file name leads out of the model's directory, or is not that of a file.

    >>> escapes_model_dir("vocabulary.txt"), escapes_model_dir("../../../etc/passwd"), escapes_model_dir("/etc/passwd")
    (False, True, True)
    """
    parts = asset.replace("\\", "/").split("/")
    return ".." in parts or "" in parts or ":" in parts[0] or "\0" in asset


def _is_stream(text: str) -> bool:
    return text in ("stdout", "stderr") or text.startswith("log(")


def _calls_native_code(module: bytes) -> bool:
    """Whether a compiled program calls functions of the process by name, or is not in the form that shows that.

    MLIR's bytecode has the names of all operations in plain text: see mlir.llvm.org/docs/BytecodeFormat.
    """
    return b"custom_call" in module or not module.startswith(b"ML\xefR")


def _read_texts(value: Message) -> Iterator[str]:
    for raw in value.values(AttrValue.s):
        yield raw.decode("utf-8", "replace")
    for several in value.messages(AttrValue.list):
        for raw in several.values(AttrListValue.s):
            yield raw.decode("utf-8", "replace")
    for raw in value.values(AttrValue.placeholder):
        yield f"the caller's {raw.decode('utf-8', 'replace')}"
