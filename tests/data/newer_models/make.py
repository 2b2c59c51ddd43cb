"""Makes models with what older TensorFlows lack, and records what they compute: in 2.15.zip by TensorFlow 2.15, ...

python make.py         # by TensorFlow 2.15 or 2.21; writes the zip file of its version
python make.py NAME... # adds models to it
"""

from __future__ import annotations

import io
import pathlib
import sys
import tempfile
import zipfile

import numpy as np
import tensorflow as tf

HERE = pathlib.Path(__file__).resolve().parent
MODELS = {}
X = np.random.RandomState(0).uniform(-1, 1, (4, 4)).astype("float32")
TEXTS = np.array([b"the hat", b"a", b""], dtype=object)


def model(*inputs, **variables):
    """Registers a function of variables and inputs as a model."""

    def register(function):
        MODELS[function.__name__] = (function, inputs, variables)
        return function

    return register


def save(name, path):
    """Saves a model, and returns its inputs and outputs."""
    function, inputs, variables = MODELS[name]
    root = tf.Module()
    root.parts = {key: make() if callable(make) else tf.Variable(make) for key, make in variables.items()}
    specs = [
        tf.TensorSpec([None, *each.shape[1:]], tf.string if each.dtype == object else each.dtype, name=f"x{number}")
        for number, each in enumerate(inputs)
    ]
    root.call = tf.function(lambda *args: function(*args, **root.parts), input_signature=specs)
    tf.saved_model.save(root, path, signatures=root.call)
    outputs = root.call(*map(tf.constant, inputs))
    outputs = outputs if isinstance(outputs, dict) else {"output_0": outputs}
    recorded = {f"inputs/x{number}": each for number, each in enumerate(inputs)}
    recorded.update({f"outputs/{key}": as_array(value) for key, value in outputs.items()})
    return {key: as_bytes(value) if value.dtype == object else value for key, value in recorded.items()}


def as_array(tensor):
    """The values of a tensor; texts as objects, a single one too."""
    return np.asarray(tensor.numpy(), dtype=object if tensor.dtype == tf.string else None)


def as_bytes(texts):
    """An array that NumPy stores without pickling. A mark ends each text, as NumPy drops zeros at ends."""
    return np.array([[text + b"|" for text in row] for row in texts.reshape(1, -1)]).reshape(texts.shape)


@model(X, w=X)
def variable_read(x, w):
    return x @ w


@model(X, np.array([1, 0, 0, 0], "int32"), w=X)
def case(x, index, w):
    branches = [lambda: {"a": x, "b": x @ w}, lambda: {"a": x * 2, "b": x - w}, lambda: {"a": x + 3, "b": w}]
    return tf.switch_case(index[0], branches)


@model(X, np.array([7, 0, 0, 0], "int32"))
def stateless_case(x, index):
    return tf.switch_case(index[0], [lambda: x, lambda: x * 2, lambda: x + 3])


@model(X[:3], np.array([[1, 2, 2], [3, 4, 9], [0, 0, 0]]), X[:3, :3].copy())
def dense_bincount(x, values, weights):
    def count(ids, given, binary=False):
        return tf.raw_ops.DenseBincount(input=ids, size=6, weights=given, binary_output=binary)

    none = tf.zeros([0], tf.float32)
    return {
        "rows": count(values, none),
        "rows_weighted": count(values, weights),
        "rows_binary": count(values, none, binary=True),
        "vector": count(values[0], none) + x[0, 0] * 0,
        "vector_weighted": count(values[0], weights[0]),
        "vector_binary_int": count(values[1], tf.zeros([0], tf.int32), binary=True),
    }


@model(np.array([[1, 2, 2], [3, 4, 0]]))
def sparse_bincount(x):
    sparse = tf.sparse.from_dense(x)
    none, size = tf.zeros([0], tf.float32), tf.constant(6, tf.int64)
    ragged = tf.RaggedTensor.from_tensor(x, padding=0)
    return {
        "sparse": tf.raw_ops.SparseBincount(
            indices=sparse.indices, values=sparse.values, dense_shape=sparse.dense_shape, size=size, weights=none
        ),
        "ragged": tf.raw_ops.RaggedBincount(
            splits=ragged.row_splits, values=ragged.values, size=size, weights=none, binary_output=True
        ),
    }


def _example(a, b, c):
    features = {
        "a": tf.train.Feature(float_list=tf.train.FloatList(value=a)),
        "b": tf.train.Feature(int64_list=tf.train.Int64List(value=b)),
        "c": tf.train.Feature(bytes_list=tf.train.BytesList(value=c)),
        "d": tf.train.Feature(int64_list=tf.train.Int64List(value=[7, *b])),
    }
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


EXAMPLES = np.array([_example([1, 2], [3], [b"x"]), _example([3, 4], [5, 6], [b"y"])], dtype=object)
FEATURES = {
    "a": tf.io.FixedLenFeature([2], tf.float32),
    "b": tf.io.VarLenFeature(tf.int64),
    "c": tf.io.FixedLenFeature([], tf.string),
}


@model(EXAMPLES)
def parse_example(serialized):
    parsed = tf.io.parse_example(serialized, {**FEATURES, "d": tf.io.RaggedFeature(tf.int64)})
    ragged = parsed.pop("d")
    return {**parsed, "b": tf.sparse.to_dense(parsed["b"]), "d": ragged.values, "splits": ragged.row_splits}


@model(EXAMPLES)
def parse_single_example(serialized):
    parsed = tf.io.parse_single_example(serialized[1], FEATURES)
    return {**parsed, "b": tf.sparse.to_dense(parsed["b"])}


def _sequence(values):
    steps = [tf.train.Feature(int64_list=tf.train.Int64List(value=[value])) for value in values]
    lists = tf.train.FeatureLists(feature_list={"t": tf.train.FeatureList(feature=steps)})
    return tf.train.SequenceExample(feature_lists=lists).SerializeToString()


@model(np.array([_sequence([1, 2, 3]), _sequence([4])], dtype=object))
def parse_sequence_example(serialized):
    features = {"t": tf.io.FixedLenSequenceFeature([], tf.int64)}
    _, sequences, lengths = tf.io.parse_sequence_example(serialized, sequence_features=features)
    return {"t": sequences["t"], "lengths": lengths["t"]}


@model(X)
def diagonals(x):
    return {"diag": tf.linalg.diag(x[0]), "part": tf.linalg.diag_part(x), "set": tf.linalg.set_diag(x, x[0])}


@model(X)
def seeded_random(x):
    return {
        "uniform": tf.random.stateless_uniform([3], [1, 2]) + 0 * x[0, 0],
        "normal": tf.random.stateless_normal([3], [1, 2]),
        "truncated": tf.random.stateless_truncated_normal([3], [1, 2]),
        "integers": tf.random.stateless_uniform([3], [1, 2], 0, 10, tf.int32),
    }


@model(X, generator=lambda: tf.random.Generator.from_seed(3))
def generator_state(x, generator):
    return tf.shape(generator.uniform([2])) + tf.cast(x[0, 0] * 0, tf.int32)


@model(X)
def segment_ids(x):
    ids = tf.constant([0, 0, 1, 1], tf.int64)
    return tf.sparse.segment_mean(x, tf.constant([0, 1, 2, 3], tf.int64), ids)


@model(X)
def growing_list(x):
    array = tf.TensorArray(tf.float32, size=0, dynamic_size=True, element_shape=[4])
    for index in tf.range(5):
        array = array.write(index, x[0] * tf.cast(index, tf.float32))
    return array.stack()


@model(X[:, :, None, None] * np.ones([1, 1, 1, 3], "float32"), mean=X[0, :3] * 0, variance=X[0, :3] * 0 + 1)
def moving_statistics(x, mean, variance):
    ones, zeros = tf.ones([3]), tf.zeros([3])
    normalized, new_mean, new_variance = tf.raw_ops.FusedBatchNormV3(
        x=x, scale=ones, offset=zeros, mean=mean, variance=variance, exponential_avg_factor=0.1, is_training=True
    )[:3]
    return {"normalized": normalized, "mean": new_mean, "variance": new_variance}


@model(X, kernel=X[:, :1] + 2)
def layer_norm(x, kernel):
    images = tf.reshape(x, [1, 4, 4, 1])
    ones, zeros = tf.ones([4]), tf.zeros([4])
    raw = tf.raw_ops.FusedBatchNormV3(
        x=images, scale=ones, offset=zeros, mean=[], variance=[], epsilon=0.001, data_format="NCHW"
    )
    return tf.reshape(raw[0], [4, 4]) @ kernel


@model(TEXTS)
def ragged_text(texts):
    words = tf.strings.split(texts)
    return {"words": words.to_tensor("-"), "lengths": words.row_lengths()}


@model(TEXTS)
def mapped_rows(texts):
    words = tf.strings.split(texts)
    kind = tf.RaggedTensorSpec([None], tf.string, ragged_rank=0)
    reversed_rows = tf.map_fn(lambda row: row[::-1], words, fn_output_signature=kind)
    return {"words": reversed_rows.to_tensor("-"), "counts": tf.map_fn(tf.size, words, fn_output_signature=tf.int32)}


@model(X.reshape(4, 2, 2))
def encoded_rows(x):
    rows = tf.raw_ops.RaggedTensorToVariant(rt_nested_splits=[], rt_dense_values=x, batched_input=True)
    splits, values = tf.raw_ops.RaggedTensorFromVariant(
        encoded_ragged=rows, input_ragged_rank=0, output_ragged_rank=1, Tvalues=tf.float32, Tsplits=tf.int64
    )
    return {"splits": splits[0], "values": values}


def _make_static_table():
    keys, values = tf.constant(["the", "cat"]), tf.constant([5, 6], tf.int64)
    return tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(keys, values), -1)


def _make_mutable_table():
    made = tf.lookup.experimental.MutableHashTable(tf.string, tf.int64, -1)
    made.insert(tf.constant(["the", "cat"]), tf.constant([5, 6], tf.int64))
    return made


@model(np.array([b"the", b"cat", b"x"], dtype=object), table=_make_static_table)
def table(texts, table):
    return table.lookup(texts)


@model(np.array([b"the", b"cat", b"x"], dtype=object), table=_make_mutable_table)
def mutable_table(texts, table):
    return table.lookup(texts)


def _make_dense_table():
    made = tf.lookup.experimental.DenseHashTable(tf.int64, tf.float32, 0.5, 0, 99, initial_num_buckets=8)
    made.insert(tf.constant([7, 8], tf.int64), tf.constant([1.5, 2.5]))
    return made


@model(np.array([7, 8, 9]), table=_make_dense_table)
def dense_table(numbers, table):
    return table.lookup(numbers)


def _make_table_of_file(**options):
    path = pathlib.Path(tempfile.mkdtemp()) / "words.txt"
    path.write_bytes(b"the\r\ncat\nhat")
    line, number = (tf.string, tf.lookup.TextFileIndex.WHOLE_LINE), (tf.int64, tf.lookup.TextFileIndex.LINE_NUMBER)
    columns, default = ((*number, *line), "?") if options.pop("is_inverse", False) else ((*line, *number), -1)
    initializer = tf.lookup.TextFileInitializer(str(path), *columns, value_index_offset=2, **options)
    return tf.lookup.StaticHashTable(initializer, default)


@model(
    np.array([b"the", b"cat", b"hat", b"x"], dtype=object),
    table=_make_table_of_file,
    inverse=lambda: _make_table_of_file(is_inverse=True, vocab_size=2),
)
def table_of_file(texts, table, inverse):
    numbers = table.lookup(texts)
    return {"numbers": numbers, "texts": inverse.lookup(numbers)}


@model(np.array([[b"a"], [b"b"]], dtype=object), np.array([[1, 2], [3, 4]]))
def crossed_features(texts, numbers):
    dense = tf.sparse.cross([texts, numbers], separator="_X_")
    sparse = tf.sparse.cross([tf.sparse.from_dense(numbers), texts], separator="_X_")
    return {"dense": tf.sparse.to_dense(dense), "sparse": tf.sparse.to_dense(sparse)}


@model(np.float32([[7, 8, 9, 10]]), w=X)
def changed_elements(x, w):
    w.scatter_nd_update([[1]], x)
    w.scatter_nd_add([[2]], x)
    w.scatter_nd_sub([[0]], x)
    return {
        "elements": tf.gather_nd(w, [[0, 0], [1, 2]]),
        "rows": tf.raw_ops.ResourceGatherNd(resource=w.handle, indices=[[2], [0]], dtype=tf.float32),
    }


@model(X)
def custom_gradient(x):
    @tf.custom_gradient
    def double_gradient(y):
        return tf.identity(y), lambda dy: dy * 2

    return tf.nn.silu(x) + double_gradient(x)


@model(np.array([tf.io.encode_png(np.arange(48).reshape(4, 4, 3).astype("uint8")).numpy()], dtype=object))
def decoded_image(content):
    return tf.io.decode_image(content[0], channels=3, dtype=tf.float32, expand_animations=False)


@model(X)
def logarithm(x):
    return tf.math.xlog1py(x, tf.abs(x))


@model(X, indices=np.array([[0, 1], [2, 3], [0, 1], [3, 0]], "int32"))
def scattered_extremes(x, indices):
    rows = tf.constant([[3], [0], [3]], tf.int64)
    lowest = tf.fill([4, 4], -np.inf)
    return {
        "elements": tf.tensor_scatter_nd_max(x, indices, x[:, 0]),
        "rows": tf.tensor_scatter_nd_min(x, rows, x[:3] * 2),
        "untouched": tf.tensor_scatter_nd_max(lowest, rows, x[:3]),
        "integers": tf.tensor_scatter_nd_max(tf.cast(x * 9, tf.int32), indices, tf.constant([1, 2, 3, 4])),
    }


PROBABILITIES = np.array([1e-30, 1e-7, 0.01, 0.3, 0.5, 0.7, 0.999, 1, 0, -1, 2])


@model(PROBABILITIES, np.array([-1 + 1e-15, -0.99999, -0.5, 0, 1e-4, 0.9, 1, -1, 1.1]))
def quantiles(p, x):
    return {
        "normal": tf.math.ndtri(p),
        "normal_single": tf.math.ndtri(tf.cast(p, tf.float32)),
        "erf": tf.math.erfinv(x),
        "erf_single": tf.math.erfinv(tf.cast(x, tf.float32)),
    }


@model(X.reshape(1, 4, 4, 1) * np.arange(1, 9, dtype="float32"), kernel=np.tile(X[:3, :3, None, None], (1, 1, 1, 16)))
def grouped_convolutions(x, kernel):
    wide = tf.concat([kernel, kernel * 2], axis=2)
    return {
        "depthwise": tf.nn.conv2d(x, kernel, 1, "SAME"),
        "strides": tf.nn.conv2d(x, kernel, [1, 2], "VALID"),
        "dilations": tf.nn.conv2d(x, kernel, 1, "SAME", dilations=2),
        "groups": tf.nn.conv2d(x, wide, 1, [[0, 0], [1, 0], [0, 1], [0, 0]]),
    }


IMAGES = np.random.RandomState(1).uniform(0, 9, (2, 5, 4, 3)).astype("float32")
WARPS = np.array([[0.9, 0.3, -2.2, -0.4, 1.1, 1.23, 0.01, -0.02], [-3.1, 0, 9.23, 0, 2.7, -7.1, 0, 0.25]], "float32")


@model(IMAGES, WARPS)
def transformed_images(x, transforms):
    def transform(images, interpolation, fill_mode, size=(6, 7), count=2):
        return tf.raw_ops.ImageProjectiveTransformV3(
            images=images,
            transforms=transforms[:count],
            output_shape=size,
            fill_value=0.5,
            interpolation=interpolation,
            fill_mode=fill_mode,
        )

    modes = [(first, mode) for first in ("NEAREST", "BILINEAR") for mode in ("CONSTANT", "REFLECT", "WRAP", "NEAREST")]
    return {
        **{f"{interpolation}_{mode}".lower(): transform(x, interpolation, mode) for interpolation, mode in modes},
        "bytes": transform(tf.cast(x, tf.uint8), "NEAREST", "REFLECT", count=1),
        "one_row": transform(x[:, :1], "BILINEAR", "WRAP"),
    }


@model(np.tile(X[:, :, None, None, None], (1, 1, 2, 1, 3)), mean=X[0, :3] * 0, variance=X[0, :3] * 0 + 1)
def normalized_volumes(x, mean, variance):
    ones, zeros = tf.ones([3]), tf.zeros([3])
    normalized, new_mean, new_variance = tf.raw_ops.FusedBatchNormV3(
        x=x, scale=ones, offset=zeros, mean=mean, variance=variance, is_training=True, data_format="NDHWC"
    )[:3]
    return {"normalized": normalized, "mean": new_mean, "variance": new_variance}


@model(X, w=X)
def applied_gradient(x, w):
    tf.raw_ops.ResourceApplyGradientDescent(var=w.handle, alpha=0.5, delta=x)
    return w.read_value()


class Trained(tf.Module):
    """A Reusable SavedModel with a batch norm, a silu and a regularization loss."""

    def __init__(self):
        super().__init__()
        self.kernel, self.gamma, self.beta = tf.Variable(X), tf.Variable(tf.ones([4])), tf.Variable(tf.zeros([4]))
        self.mean = tf.Variable(tf.zeros([4]), trainable=False)
        self.variance = tf.Variable(tf.ones([4]), trainable=False)
        self.variables_of_model = [self.kernel, self.gamma, self.beta, self.mean, self.variance]
        self.__call__ = tf.function(self.compute)
        for training in (False, True):
            self.__call__.get_concrete_function(tf.TensorSpec([None, 4]), training)
        self.regularization_losses = [tf.function(lambda: 0.01 * tf.nn.l2_loss(self.kernel), input_signature=[])]

    def compute(self, x, training=False):
        """Computes the model."""
        images = tf.reshape(x @ self.kernel, [-1, 1, 1, 4])
        normalized, mean, variance = tf.raw_ops.FusedBatchNormV3(
            x=images,
            scale=self.gamma,
            offset=self.beta,
            mean=self.mean,
            variance=self.variance,
            exponential_avg_factor=0.1 if training else 1.0,
            is_training=training,
        )[:3]
        if training:
            self.mean.assign(mean)
            self.variance.assign(variance)
        return tf.nn.silu(tf.reshape(normalized, [-1, 4]))


def save_trained(path):
    """Saves a model, and records how this TensorFlow trains it."""
    root = Trained()
    saved = tf.train.Checkpoint(
        variables=root.variables_of_model,
        trainable_variables=root.variables_of_model[:3],
        regularization_losses=root.regularization_losses,
    )
    saved.__call__ = root.__call__
    tf.saved_model.save(saved, path)
    loaded = tf.saved_model.load(path)
    x, target = tf.constant(X), tf.constant(X[::-1].copy())
    losses = []
    for _ in range(10):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((loaded(x, training=True) - target) ** 2) + loaded.regularization_losses[0]()
        variables = list(loaded.trainable_variables)
        for variable, gradient in zip(variables, tape.gradient(loss, variables)):
            variable.assign_sub(0.5 * gradient)
        losses.append(loss.numpy())
    prediction = loaded(x, training=False).numpy()
    return {"x": X, "target": X[::-1].copy(), "losses": np.array(losses), "prediction": prediction}


def save_legacy(path):
    """Saves a module in TF1 Hub format."""
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(tf.float32, [None, 4], name="x")
        table = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer([1, 2], [0.5, 1.5]), 0.0)
        product = x @ v1.get_variable("w", initializer=X, use_resource=True)
        ids = tf.cast(tf.abs(x) * 4, tf.int32)
        counts = tf.raw_ops.DenseBincount(input=ids, size=4, weights=tf.zeros([0]))
        output = product + counts + table.lookup(ids)
        session.run([v1.global_variables_initializer(), v1.tables_initializer()])
        signature = v1.saved_model.predict_signature_def({"default": x}, {"default": output})
        builder = v1.saved_model.Builder(path)
        builder.add_meta_graph_and_variables(session, [], {"default": signature})
        builder.save()
        pathlib.Path(path, "tfhub_module.pb").write_bytes(b"\x08\x03")
        return {"inputs/x": X, "outputs/default": session.run(output, {x: X})}


def save_optimizer(path):
    """Saves a model that takes steps with an optimizer of Keras 2, which TensorFlow 1.15 loads without the optimizer.

    No function takes the moments of one of its variables.
    """
    root = tf.Module()
    root.variables_of_model = [tf.Variable(X, name="trained"), tf.Variable(X, name="other")]
    root.optimizer = tf.keras.optimizers.legacy.Adam(0.1)

    @tf.function(input_signature=[tf.TensorSpec([None, 4], name="x0")])
    def step(x):
        root.optimizer.apply_gradients([(x, root.variables_of_model[0])])
        return root.variables_of_model[0].read_value()

    root.optimizer.apply_gradients([(tf.constant(X), each) for each in root.variables_of_model])
    tf.saved_model.save(root, path, signatures=step)
    return {"inputs/x0": X, "outputs/output_0": step(tf.constant(X)).numpy()}


class Pair(tf.experimental.ExtensionType):
    """What an older TensorFlow cannot return."""

    __name__ = "rehub.tests.Pair"
    first: tf.Tensor


def save_argument_types(path):
    """Saves a model with functions whose arguments and results an older TensorFlow cannot describe."""
    spec, two = tf.TensorSpec([None, 4], name="x0"), tf.constant(2.0)

    def shift(x, offset=two):
        return x + offset

    root = tf.Module()
    root.shift = tf.function(shift)
    root.shift.get_concrete_function(spec)
    root.pair = tf.function(lambda x: Pair(x * 1), input_signature=[spec])
    root.call = tf.function(lambda x: root.shift(root.pair(x).first), input_signature=[spec])
    tf.saved_model.save(root, path, signatures=root.call)
    return {"inputs/x0": X, "outputs/output_0": X + 2}


def save_function(path):
    """Saves a function itself, not an object that has it."""
    function = tf.function(lambda x: x @ X).get_concrete_function(tf.TensorSpec([None, 4], name="x0"))
    tf.saved_model.save(function, path, signatures=function)
    return {"inputs/x0": X, "outputs/output_0": X @ X}


def save_keyword_only(path):
    """Saves functions with arguments that are given by keyword, or left at their defaults."""
    root = tf.Module()

    @tf.function
    def scale(x, *, factor, is_doubled=False):
        return x * factor * (2.0 if is_doubled else 1.0)

    @tf.function(input_signature=[tf.TensorSpec([None, 4], name="x0")])
    def call(x, *, is_doubled=False):
        factor = tf.constant(3.0)
        return {"scaled": scale(x, factor=factor), "doubled": scale(x, factor=factor, is_doubled=True)}

    @tf.function
    def add(*tensors, offset=1.0):
        return tf.add_n(tensors) + offset

    root.scale, root.call, root.add = scale, call, add
    add(tf.constant(X))
    outputs = call(tf.constant(X))
    tf.saved_model.save(root, path, signatures=call)
    return {"inputs/x0": X, **{f"outputs/{name}": value.numpy() for name, value in outputs.items()}}


OTHERS = {
    "trained": save_trained,
    "legacy_module": save_legacy,
    "argument_types": save_argument_types,
    "function": save_function,
    "keyword_only": save_keyword_only,
}
if tf.__version__ < "2.16":  # Newer ones have no optimizers of Keras 2.
    OTHERS["optimizer"] = save_optimizer


def main():
    """Writes a folder and an .npz file for each model into a zip file."""
    version = ".".join(tf.__version__.split(".")[:2])
    with zipfile.ZipFile(HERE / f"{version}.zip", "a" if sys.argv[1:] else "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sys.argv[1:] or [*MODELS, *OTHERS]:
            with tempfile.TemporaryDirectory() as directory:
                path = pathlib.Path(directory) / "model"
                recorded = OTHERS[name](str(path)) if name in OTHERS else save(name, str(path))
                file = io.BytesIO()
                np.savez_compressed(file, **recorded)
                archive.writestr(f"{name}.npz", file.getvalue())
                for each in sorted(path.rglob("*")):
                    if each.is_file() and each.name != "fingerprint.pb":
                        archive.write(str(each), f"{name}/{each.relative_to(path)}")
            sys.stdout.write(f"{name}\n")


if __name__ == "__main__":
    main()
