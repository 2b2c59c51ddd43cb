"""What an op can do to the machine that runs it: each op of TensorFlow has a class, and each class a reason.

Read for this were TensorFlow's SECURITY.md, the definitions and kernels of the ops, and what has been found with
models that do harm: ops that write files although they are no WriteFile (SaveV2, PrintV2 to a file, DebugIdentity,
CacheDataset, DumpTensor), that read them although they are no ReadFile (ImmutableConst, DecodeProtoV2,
FixedUnigramCandidateSampler), and graphs within graphs (DatasetFromGraph). Ops of TensorFlow 1.15.5, 2.15.1 and 2.21.0
are classed; the harmless ones are listed in `harmless_ops`.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

from rehub.savedmodel.ops import harmless_ops
from rehub.savedmodel.ops.providers import provider_of


@dataclass(frozen=True)
class OpClass:
    """What ops can do.

    Attributes:
        name: in a word or two: "reads files".
        severity: "danger" for what a careful user refuses, "note" for what is good to know, "" for the harmless.
        reason: why that matters, in a sentence.
    """

    name: str
    severity: str
    reason: str


COMPUTES = OpClass("computes", "", "It makes tensors from tensors.")
KEEPS_STATE = OpClass("keeps state", "", "It changes variables, tables, queues or iterators, in memory.")
USES_DEVICES = OpClass("uses devices", "", "It moves tensors to an accelerator, or computes there.")
LOGS = OpClass("logs", "note", "It writes what the model computes into the program's output, or into a log it opened.")
REACHES_MACHINES = OpClass(
    "reaches machines", "note", "It exchanges tensors with other devices, of other machines too if there is a cluster."
)
HOLDS_PROGRAM = OpClass(
    "holds a program", "note", "It computes by a compiled program in an attribute, whose operations are not read here."
)
READS_FILES = OpClass(
    "reads files",
    "danger",
    "It reads files with the rights of whoever runs the model; what it reads can leave in the model's outputs.",
)
WRITES_FILES = OpClass(
    "writes files", "danger", "It writes, renames or deletes files with the rights of whoever runs the model."
)
USES_NETWORK = OpClass(
    "uses the network", "danger", "It opens network connections: data can leave the machine, and come to it."
)
RUNS_PYTHON = OpClass("runs Python", "danger", "It calls a Python function of the process that runs the model.")
HIDES_PROGRAM = OpClass(
    "hides a program", "danger", "It runs what is not in the graph: a graph made at run time, or native code."
)
CHANGES_PROCESS = OpClass(
    "changes the process", "danger", "It ends the process, or changes how all of it reads files or uses credentials."
)
AMBIGUOUS = OpClass(
    "ambiguous",
    "danger",
    "It can be read in two ways, and no writer of models writes it: what is loaded may not be what was scanned.",
)
CUSTOM = OpClass("custom op", "note", "It is native code of a package that has to be installed: {package}.")
CUSTOM_WITH_FILES = OpClass(
    "custom op", "danger", "It is native code of a package that reads files and uses the network: {package}."
)
UNKNOWN = OpClass("unknown op", "danger", "No TensorFlow and no known package has this op: what it does is not known.")

_DANGERS = {
    LOGS: """
        CloseSummaryWriter FlushSummaryWriter ImportEvent Print PrintV2 StatsAggregatorSetSummaryWriter SummaryWriter
        WriteAudioSummary WriteGraphSummary WriteHistogramSummary WriteImageSummary WriteRawProtoSummary
        WriteScalarSummary WriteSummary
    """,
    REACHES_MACHINES: """
        CollectiveAllToAllV2 CollectiveAllToAllV3 CollectiveAssignGroupV2 CollectiveBcastRecv CollectiveBcastRecvV2
        CollectiveBcastSend CollectiveBcastSendV2 CollectiveGather CollectiveGatherV2 CollectiveInitializeCommunicator
        CollectiveReduce CollectiveReduceScatterV2 CollectiveReduceV2 CollectiveReduceV3
        ConfigureAndInitializeGlobalTPU ConfigureDistributedTPU ConfigureTPUEmbedding ConfigureTPUEmbeddingHost
        ConfigureTPUEmbeddingMemory DTensorSetGlobalTPUArray NcclAllReduce NcclBroadcast NcclReduce Recv RemoteCall
        Send ShutdownDistributedTPU ShutdownTPUSystem UpdateTaskIdAndGlobalCoreArray _ConfigureDistributedTPU
        _DisconnectHostFromDistributedTPUSystem _HostRecv _HostSend _InitializeHostForDistributedTPU
        _NcclBroadcastRecv _NcclBroadcastSend _NcclReduceRecv _NcclReduceSend _Recv _Send _SetGlobalTPUArray
        _ShutdownDistributedTPU _WaitForDistributedTPU
    """,
    HOLDS_PROGRAM: "XlaCallModule",
    READS_FILES: """
        CSVDataset CSVDatasetV2 DTensorRestoreV2 DecodeProtoV2 EncodeProto ExperimentalCSVDataset
        ExperimentalLMDBDataset ExperimentalMatchingFilesDataset ExperimentalSqlDataset FixedLengthRecordDataset
        FixedLengthRecordDatasetV2 FixedLengthRecordReader FixedLengthRecordReaderV2 FixedUnigramCandidateSampler
        GenerateVocabRemapping ImmutableConst InitializeTableFromTextFile InitializeTableFromTextFileV2 LMDBDataset
        LMDBReader ListSnapshotChunksDataset LoadAndRemapMatrix LoadDataset MatchingFiles MatchingFilesDataset
        ReadFile RecordInput Restore RestoreSlice RestoreV2 Skipgram SnapshotChunkDataset SnapshotDatasetReader
        SqlDataset TFRecordDataset TFRecordDatasetV2 TFRecordReader TFRecordReaderV2 TextLineDataset TextLineReader
        TextLineReaderV2 WholeFileReader WholeFileReaderV2
    """,
    WRITES_FILES: """
        CacheDataset CacheDatasetV2 CalibrationStatisticsSaver CreateSummaryDbWriter CreateSummaryFileWriter
        DatasetToTFRecord DebugIdentity DebugIdentityV2 DebugIdentityV3 DebugNanCount DebugNumericSummary
        DistributedSave DumpTensor ExperimentalDatasetToTFRecord MergeV2Checkpoints Save SaveDataset SaveDatasetV2
        SaveSlices SaveV2 SerializeTRTResource SnapshotDataset SnapshotDatasetV2 WriteFile
    """,
    USES_NETWORK: """
        BigQueryReader DataServiceDataset DataServiceDatasetV2 DataServiceDatasetV3 DataServiceDatasetV4
        DeleteRpcFutureResource GenerateBigQueryReaderPartitions RegisterDataset RegisterDatasetV2 Rpc RpcCall
        RpcCheckStatus RpcClient RpcGetValue RpcServer RpcServerRegister RpcServerStart TryRpc
    """,
    RUNS_PYTHON: "EagerPyFunc PyFunc PyFuncStateless",
    HIDES_PROGRAM: """
        DatasetFromGraph DeserializeIterator InitializeTRTResource MlirPassthroughOp RemoteFusedGraphExecute TRTEngineOp
        TfLiteSubgraphExecute XlaCustomCall XlaCustomCallV2 _TPUCompileMlir _XlaHostComputeMlir
    """,
    CHANGES_PROCESS: """
        Abort FileSystemSetConfiguration GcsConfigureBlockCache GcsConfigureCredentials WorkerHeartbeat
    """,
}

# What is in these reads files or speaks to servers, by design.
_PROVIDERS_WITH_FILES = {
    "tensorflow_io",
    "struct2tensor",
    *(f"tensorflow.contrib.{module}" for module in ("bigtable", "ffmpeg", "hadoop", "ignite", "kafka", "kinesis")),
}
# Ops with files or servers of packages whose other ops compute: a forest is loaded from a path, trained and saved, an
# embedding is kept in a directory or by Redis, and frames are read from a video.
_OPS_WITH_FILES = re.compile(
    r"SimpleML(?!InferenceOp|InferenceLeafIndexOp|CreateModelResource)|TFRA>.*(FileSystem|Redis)|Y4MDataset"
)


@functools.lru_cache(maxsize=None)
def _classes() -> dict[str, OpClass]:
    listed = {
        **_DANGERS,
        COMPUTES: harmless_ops.COMPUTES,
        KEEPS_STATE: harmless_ops.KEEPS_STATE,
        USES_DEVICES: harmless_ops.USES_DEVICES,
    }
    return {op: op_class for op_class, ops in listed.items() for op in ops.split()}


def is_tensorflow_op(op: str) -> bool:
    """Whether an op is plain TensorFlow's: of 1.15, 2.15 or 2.21, without any other package.

    >>> is_tensorflow_op("MatMul"), is_tensorflow_op("CaseFoldUTF8")
    (True, False)
    """
    return op in _classes()


def class_of(op: str) -> OpClass:
    """Returns what an op can do.

    >>> class_of("WriteFile").name, class_of("MatMul").name, class_of("CaseFoldUTF8").name, class_of("Unheard").name
    ('writes files', 'computes', 'custom op', 'unknown op')
    """
    known = _classes().get(op)
    if known is not None:
        return known
    provider = provider_of(op)
    if provider is None:
        return UNKNOWN
    has_files = provider.module in _PROVIDERS_WITH_FILES or _OPS_WITH_FILES.match(op)
    custom = CUSTOM_WITH_FILES if has_files else CUSTOM
    reason = custom.reason.format(package=provider.package or provider.module)
    return OpClass(custom.name, custom.severity, reason)


def calls_functions(op: str) -> bool:
    """Whether an op may have attributes that name functions; of ops that TensorFlow lacks, nobody knows."""
    return op in _calling() or not is_tensorflow_op(op)


@functools.lru_cache(maxsize=None)
def _calling() -> frozenset[str]:
    return frozenset(harmless_ops.CALLS_FUNCTIONS.split())
