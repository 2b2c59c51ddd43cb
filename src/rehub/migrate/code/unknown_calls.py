"""Why a call of TensorFlow stays, and what takes its place."""

from __future__ import annotations

_QUEUES = frozenset(
    """
    FIFOQueue FixedLengthRecordReader IdentityReader RandomShuffleQueue TFRecordReader TextLineReader WholeFileReader
    train.Coordinator train.batch train.shuffle_batch train.slice_input_producer train.start_queue_runners
    train.string_input_producer
    """.split()
)

_SUMMARIES = (
    "Let the step return them, and write them by TensorFlow 2's tf.summary.scalar in "
    "`with tf.summary.create_file_writer(directory).as_default()`"
)


def explain_unknown(name: str) -> tuple[str, str]:
    """Return the rule and the reason why a call of TensorFlow stays."""
    first = name.partition(".")[0]
    if name in _QUEUES:
        return "RH105", f"`tf.{name}`: a queue of a graph; in its place: a loop over a tf.data.Dataset"
    if first == "contrib":
        return "RH305", f"`tf.{name}`: tf.contrib is in no TensorFlow 2"
    if first == "estimator":
        return "RH304", f"`tf.{name}`: Estimators are not in TensorFlow 2.16 and newer"
    if name == "train.Saver":
        return "RH306", "tf.train.Saver reads and writes the variables of a graph by name"
    if first in {"saved_model", "graph_util"} or name == "import_graph_def":
        return "RH307", f"`tf.{name}` writes or reads a graph"
    if name.startswith("train.") and name.endswith("Optimizer"):
        return "RH301", f"`tf.{name}` trains variables of a graph"
    if first == "summary":
        return "RH102", f"`tf.{name}` writes tensors of a graph. {_SUMMARIES}"
    if name in {"get_collection", "add_to_collection"}:
        return "RH102", f"`tf.{name}`: a collection of a graph"
    if name.startswith("losses."):
        return "RH302", f"`tf.{name}` reads a collection of a graph"
    if first == "feature_column":
        return "RH304", f"`tf.{name}` builds feature columns"
    if name in {"get_variable", "Variable", "assign", "assign_add", "assign_sub"} or first in {"layers", "metrics"}:
        return "RH102", f"`tf.{name}`: variables of a graph"
    return "RH102", f"`tf.{name}` is not known to mean the same in eager mode"
