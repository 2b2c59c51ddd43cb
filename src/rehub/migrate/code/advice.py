"""The code that a person writes in the place of what no rewrite can know: one piece for each rule.

Each piece runs as it is, after `import tensorflow as tf` and `import rehub as hub`, once the names in it that belong to
the program, such as `images` and `labels`, have values.
"""

from __future__ import annotations

import string

_ADVICE = {
    "RH301": """
module = hub.load($handle)
head = tf.keras.layers.Dense(2)
optimizer = tf.keras.optimizers.Adam(0.001, epsilon=1e-8)  # epsilon as in tf.train.AdamOptimizer


@tf.function
def train_step($values, labels):
    with tf.GradientTape() as tape:
        logits = head(module($values, training=True))
        loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))
    variables = head.trainable_variables + list(module.trainable_variables)  # leave the module's out to keep it frozen
    optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))
    return loss


loss = train_step($values, labels)  # for each batch
""",
    "RH302": """
module = hub.load($handle)
features = module(images, training=True)  # takes the variant for training, and runs its update ops in the call
# In Keras, fit does both, and adds the module's regularization losses:
layer = hub.KerasLayer($handle, trainable=True)
""",
    "RH303": """
features = hub.KerasLayer($handle, trainable=True$signature)
head = tf.keras.layers.Dense(2)
model = tf.keras.Sequential([features, head])
model.compile(
    tf.keras.optimizers.SGD(0.1),
    tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    # Keras adds regularization losses to "loss" in evaluation, too; an Estimator did so in training alone.
    metrics=[tf.keras.metrics.SparseCategoricalCrossentropy(name="data_loss", from_logits=True)],
)
dataset = tf.data.Dataset.from_tensor_slices(($values, labels)).batch(2)  # what input_fn returns
model.fit(dataset.repeat(), steps_per_epoch=6, shuffle=False)  # estimator.train(input_fn, steps=6)
model.evaluate(dataset, return_dict=True)  # estimator.evaluate(input_fn)
model.predict($values)  # estimator.predict(input_fn)
""",
    "RH304": """
$key = tf.keras.layers.Input($shape, dtype="$dtype", name="$key")  # one Input for each column
column = hub.KerasLayer($handle, trainable=$trainable)($key)
logits = tf.keras.layers.Dense(1, kernel_initializer="zeros")(column)  # a linear classifier; more layers for a DNN
model = tf.keras.Model({"$key": $key}, logits)
model.compile(
    tf.keras.optimizers.SGD(0.2),  # the defaults were Ftrl for Linear*, Adagrad for DNN*
    tf.keras.losses.BinaryCrossentropy(from_logits=True, reduction="sum"),  # canned Estimators sum over the batch
)
model.fit({"$key": $values}, labels, batch_size=2, epochs=3)
probabilities = tf.sigmoid(model.predict({"$key": $values}))
""",
    "RH306": """
module = hub.load($handle)
hub.restore_checkpoint(module, "model.ckpt", scope="$scope")  # what the Saver wrote; the module's name= was its scope
# Checkpoints of the new program:
tf.train.Checkpoint(variables=module.variables).write("new_model.ckpt")
""",
    "RH307": """
class Served(tf.Module):
    def __init__(self):
        self.module = hub.load($handle)

    @tf.function(input_signature=[tf.TensorSpec($tensor_shape, tf.$dtype, name="inputs")])
    def serve(self, inputs):
        return {"outputs": self.module(inputs)}


served = Served()
tf.saved_model.save(served, "served", signatures=served.serve)  # serving_default, as simple_save wrote it
predictor = hub.load("served").signatures["serving_default"]
outputs = predictor(inputs=$values)["outputs"]
# A frozen graph for TensorFlow Lite: tf.lite.TFLiteConverter.from_saved_model("served").convert()
""",
    "RH308": """
class Published(tf.Module):
    def __init__(self):
        self.weights = tf.Variable(tf.ones([4, 2]), name="weights")

    @tf.function(input_signature=[tf.TensorSpec([None, 4], tf.float32)])
    def __call__(self, inputs):
        return tf.nn.relu(tf.matmul(inputs, self.weights))

    @tf.function(input_signature=[tf.TensorSpec([None, 4], tf.float32)])
    def hidden(self, inputs):  # a method for each other signature
        return {"default": self(inputs), "hidden": tf.matmul(inputs, self.weights)}


published = Published()
tf.saved_model.save(published, "published", signatures={"default": published.hidden})
outputs = hub.load("published")(tf.ones([1, 4]))
""",
    "RH309": """
import functools


@functools.lru_cache(maxsize=None)
def load_module(handle):
    return hub.load(handle)


def apply_module(inputs, handle=$handle):  # keeps its name and arguments, and returns an eager tensor
    return load_module(handle)(inputs)
""",
    "RH310": """
value = tf.compat.v1.SparseTensorValue(sparse.indices.numpy(), sparse.values.numpy(), sparse.dense_shape.numpy())
""",
}

# What takes the place of a name of tf.contrib; the longest prefix counts.
_CONTRIB = {
    "crf": "tfa.text.crf of tensorflow-addons",
    "data": "tf.data",
    "eager": "tf itself",
    "estimator": "Keras",
    "feature_column": "Keras layers",
    "framework": "tf.train and tf.Variable; a step counter is optimizer.iterations",
    "hub": "rehub",
    "image": "tf.image, or tfa.image of tensorflow-addons",
    "layers": "tf.keras.layers, or tf_slim (pip install tf_slim)",
    "layers.batch_norm": "tf.keras.layers.BatchNormalization(momentum=0.999, epsilon=0.001)",
    "layers.conv2d": "tf.keras.layers.Conv2D with activation='relu', which was the default",
    "layers.dropout": "tf.keras.layers.Dropout(1 - keep_prob)",
    "layers.flatten": "tf.keras.layers.Flatten()",
    "layers.fully_connected": "tf.keras.layers.Dense with activation='relu', which was the default",
    "layers.l1_regularizer": "tf.keras.regularizers.L1(scale)",
    "layers.l2_regularizer": "tf.keras.regularizers.L2(scale / 2): tf.contrib took half of the sum of squares",
    "layers.optimize_loss": "an optimizer of tf.keras and a tf.GradientTape",
    "layers.variance_scaling_initializer": "tf.keras.initializers.VarianceScaling(2.0)",
    "layers.xavier_initializer": "tf.keras.initializers.GlorotUniform()",
    "learn": "Keras",
    "lookup": "tf.lookup",
    "lookup.index_table_from_file": "tf.lookup.StaticVocabularyTable with a TextFileInitializer",
    "lookup.index_table_from_tensor": "tf.lookup.StaticVocabularyTable with a KeyValueTensorInitializer",
    "metrics": "tf.keras.metrics",
    "opt": "tf.keras.optimizers; AdamWOptimizer is tf.keras.optimizers.AdamW",
    "predictor.from_saved_model": "hub.load(directory).signatures['serving_default']",
    "rnn": "tf.keras.layers.RNN, LSTM, GRU and their cells",
    "cudnn_rnn": "tf.keras.layers.LSTM and GRU, which use cuDNN where they can",
    "saved_model": "tf.saved_model",
    "seq2seq": "tfa.seq2seq of tensorflow-addons",
    "slim": "tf_slim (pip install tf_slim)",
    "summary": "tf.summary",
    "tensorboard": "tensorboard.plugins.projector",
    "tpu": "tf.distribute.TPUStrategy and Keras",
    "training.HParams": "a dataclass",
    "util": "tf.make_ndarray, tf.nest and their like in tf",
}


def write_advice(rule: str, **facts: str) -> str:
    """Return code for a rule.

    Args:
        rule: its code.
        facts: what the code takes from the program, as Python writes it: `handle`, `key`, ...

    Returns:
        The code; "" for a rule without one.
    """
    return string.Template(_ADVICE.get(rule, "")).safe_substitute(_add_defaults(facts)).strip()


def find_contrib_replacement(name: str) -> str:
    """Return what takes the place of a name of tf.contrib, such as "layers.l2_regularizer"; "" where nothing does."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        if ".".join(parts[:length]) in _CONTRIB:
            return _CONTRIB[".".join(parts[:length])]
    return ""


def _add_defaults(facts: dict[str, str]) -> dict[str, str]:
    defaults = {
        "handle": '"HANDLE"', "signature": "", "scope": "module", "key": "image", "dtype": "float32",
        "shape": "(8, 8, 3)", "tensor_shape": "None", "values": "images", "trainable": "False",
    }  # fmt: skip
    return {**defaults, **facts}
