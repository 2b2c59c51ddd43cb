"""Programs of TensorFlow 1, and what each printed on TensorFlow 1.15.5 with tensorflow_hub 0.12.0."""

from __future__ import annotations

# The modules are those of tests/data/legacy.
PROGRAMS: dict[str, tuple[str, str]] = {
    "fine_tuning": (
        """
import numpy as np
import tensorflow as tf
import tensorflow_hub as hub

texts = tf.placeholder(tf.string, [None])
targets = tf.placeholder(tf.float32, [None])
embed = hub.Module("text_embed", trainable=True)
scale = tf.Variable(2.0, name="scale")
shift = tf.get_variable("shift", [], initializer=tf.zeros_initializer(), trainable=False)
outputs = scale * tf.reduce_sum(embed(texts), axis=1) + shift
loss = tf.losses.mean_squared_error(targets, outputs)
optimizer = tf.train.MomentumOptimizer(0.05, 0.9)
step = optimizer.minimize(loss)
sess = tf.Session()
sess.run([tf.global_variables_initializer(), tf.tables_initializer()])
for _ in range(4):
    value, _ = sess.run([loss, step], feed_dict={texts: ["a cat", "the dog"], targets: [1.0, -1.0]})
print("loss %.4f scale %.4f" % (value, sess.run(scale)))
print(np.round(sess.run(outputs, {texts: ["a dog"]}), 4).tolist())
""",
        """
loss 1.9576 scale 0.3067
[0.4035]
""",
    ),
    "function_returns_session_and_tensors": (
        """
import numpy as np
import tensorflow as tf
import tensorflow_hub as hub


def build(url):
    graph = tf.Graph()
    with graph.as_default():
        text = tf.placeholder(tf.string, shape=[None], name="text")
        module = hub.Module(url)
        vectors = module(text)
        norms = tf.norm(vectors, axis=1)
        init = tf.group(tf.global_variables_initializer(), tf.tables_initializer())
    sess = tf.Session(graph=graph)
    sess.run(init)
    return sess, text, vectors, norms


sess, text, vectors, norms = build("text_embed")
v, n = sess.run([vectors, norms], feed_dict={text: ["a good film", "moon"]})
print(np.round(v, 4).tolist(), np.round(n, 4).tolist())
sess.close()
""",
        """
[[-0.1427, 0.0874, 0.0617, 0.0721, 0.1745, -0.5423, -0.0757, -0.0922], [-1.2249, -0.7583, -0.0231, 0.6655, 0.4222,
-1.1025, 0.315, -1.0067]] [0.613, 2.2417]
""",
    ),
    "keras_layer_of_the_program": (
        """
import numpy as np
import tensorflow as tf
import tensorflow_hub as hub
from tensorflow.keras import backend as K


class Embedding(tf.keras.layers.Layer):
    def build(self, input_shape):
        self.embed = hub.Module("text_embed", trainable=True, name="{}_module".format(self.name))
        self._trainable_weights += tf.trainable_variables(scope="^{}_module/.*".format(self.name))
        super(Embedding, self).build(input_shape)

    def call(self, x):
        return self.embed(K.squeeze(K.cast(x, tf.string), axis=1), as_dict=True)["default"]

    def compute_output_shape(self, input_shape):
        return (input_shape[0], 8)


inputs = tf.keras.layers.Input(shape=(1,), dtype=tf.string)
outputs = tf.keras.layers.Dense(1, kernel_initializer="ones")(Embedding()(inputs))
model = tf.keras.Model(inputs, outputs)
model.compile(tf.keras.optimizers.SGD(lr=0.1), "mse")
K.get_session().run([tf.global_variables_initializer(), tf.tables_initializer()])
texts = np.array(["a cat", "the dog", "a fish"], dtype=object)[:, np.newaxis]
model.fit(texts, np.ones(3), epochs=2, batch_size=3, verbose=0)
print(len(model.trainable_weights), np.round(model.predict(texts), 4).tolist())
""",
        """
3 [[1.0152], [0.8212], [1.0152]]
""",
    ),
    "keras_defaults_that_changed": (
        """
import numpy as np
import tensorflow as tf
import tensorflow_hub as hub
from tensorflow.keras import backend as K
from tensorflow.keras.layers import GRU, LSTM, Activation, Bidirectional, Dense, Input, Lambda
from tensorflow.keras.models import Model
from tensorflow.keras.optimizers import SGD

embed = hub.Module("text_embed")
K.get_session().run([tf.global_variables_initializer(), tf.tables_initializer()])
texts = Input(shape=(1,), dtype=tf.string)
vectors = Lambda(lambda x: tf.reshape(embed(tf.squeeze(x, axis=1)), [-1, 2, 4]), output_shape=(2, 4))(texts)
both = Bidirectional(LSTM(1, kernel_initializer="ones", recurrent_initializer="ones", return_sequences=True))(vectors)
gated = GRU(
    1,
    recurrent_activation="hard_sigmoid",  # As it was.
    kernel_initializer="ones",
    recurrent_initializer="ones",
)(Activation("hard_sigmoid")(both))
model = Model(texts, Dense(1, kernel_initializer="ones")(gated))
model.compile(SGD(lr=0.1, decay=0.5), "mse")
words = np.array(["a cat", "the dog", "a fish"], dtype=object)[:, np.newaxis]
model.fit(words, np.zeros(3), epochs=3, batch_size=3, verbose=0)
print(np.round(model.predict(words).astype(float), 4).tolist())
""",
        """
[[0.2085], [0.2057], [0.2085]]
""",
    ),
    "module_in_a_function_of_a_placeholder": (
        """
import numpy as np
import tensorflow as tf
import tensorflow_hub as hub

def normalize(t):
    m = tf.reduce_mean(t, axis=1, keepdims=True)
    return t - m

def model(inputs):
    emb = hub.Module("text_embed")(inputs)
    return normalize(emb), emb

ph = tf.placeholder(tf.string, [None])
normed, emb = model(ph)
sess = tf.Session()
sess.run(tf.global_variables_initializer()); sess.run(tf.tables_initializer())
r = sess.run(normed, {ph: ["a film", "b"]})
e = sess.run(emb, {ph: ["a film", "b"]})
print(np.round(r, 4).tolist(), np.round(e, 3).tolist())
""",
        """
[[-0.3076, 0.1104, 0.1136, 0.3116, 0.3894, -0.6575, -0.0565, 0.0967], [-0.8858, -0.4192, 0.316, 1.0046, 0.7613,
-0.7634, 0.6541, -0.6676]] [[-0.342, 0.077, 0.08, 0.278, 0.355, -0.691, -0.09, 0.063], [-1.225, -0.758, -0.023, 0.666,
0.422, -1.102, 0.315, -1.007]]
""",
    ),
    "one_shot_iterator": (
        """
import numpy as np
import tensorflow as tf
import tensorflow_hub as hub

x = np.array(["a good film", "hello", "moon"], dtype=object)
y = np.array([1, 2, 3])
iterator = tf.data.Dataset.from_tensor_slices((x, y)).repeat(2).batch(2).make_one_shot_iterator()
text, label = iterator.get_next()
embed = hub.Module("text_embed")
v = tf.reduce_sum(embed(text), 1) * tf.cast(label, tf.float32)
with tf.Session() as sess:
    sess.run([tf.global_variables_initializer(), tf.tables_initializer()])
    try:
        while True:
            a, b = sess.run([v, label])
            print(np.round(a, 4).tolist(), b.tolist())
    except tf.errors.OutOfRangeError:
        print("end")
""",
        """
[-0.4573, -5.4255] [1, 2]
[-8.1382, -0.4573] [3, 1]
[-5.4255, -8.1382] [2, 3]
end
""",
    ),
    "random_numbers": (
        """
import numpy as np
import tensorflow as tf
import tensorflow_hub as hub
m = hub.Module("text_embed")
noise = tf.random_normal([2, 8]) * 0.0
out = m(["hello", "world"]) + noise
with tf.Session() as sess:
    sess.run([tf.global_variables_initializer(), tf.tables_initializer()])
    print(np.round(sess.run(out), 4).tolist())
    print(np.round(out.eval(session=sess), 4).tolist())
""",
        """
[[-1.2249, -0.7583, -0.0231, 0.6655, 0.4222, -1.1025, 0.315, -1.0067], [-1.2249, -0.7583, -0.0231, 0.6655, 0.4222,
-1.1025, 0.315, -1.0067]]
[[-1.2249, -0.7583, -0.0231, 0.6655, 0.4222, -1.1025, 0.315, -1.0067], [-1.2249, -0.7583, -0.0231, 0.6655, 0.4222,
-1.1025, 0.315, -1.0067]]
""",
    ),
    "session_and_placeholder_as_arguments": (
        """
import numpy as np
import tensorflow as tf
import tensorflow_hub as hub
module_url = "text_embed" #@param
embed = hub.Module(module_url)

def plot_similarity(labels, features, rotation):
  corr = np.inner(features, features)
  print(labels, np.round(corr, 4).tolist(), rotation)


def run_and_plot(session_, input_tensor_, messages_, encoding_tensor):
  message_embeddings_ = session_.run(
      encoding_tensor, feed_dict={input_tensor_: messages_})
  plot_similarity(messages_, message_embeddings_, 90)

messages = [
    # Smartphones
    "a good film",
    "hello",
]

similarity_input_placeholder = tf.placeholder(tf.string, shape=(None))
similarity_message_encodings = embed(similarity_input_placeholder)
with tf.Session() as session:
  session.run(tf.global_variables_initializer())
  session.run(tf.tables_initializer())
  run_and_plot(session, similarity_input_placeholder, messages,
               similarity_message_encodings)
""",
        """
['a good film', 'hello'] [[0.3758, 0.8956], [0.8956, 5.0253]] 90
""",
    ),
    "session_in_a_class": (
        '''
import numpy as np
import tensorflow as tf
import tensorflow_hub as hub


class Embedder:
    """A wrapper."""

    def __init__(self, url="text_embed", batch_size=2):
        self.url = url
        self.batch_size = batch_size
        self.graph = tf.Graph()
        with self.graph.as_default():
            self._embed = hub.Module(self.url)
            self._texts = tf.placeholder(tf.string, shape=[None])
            self._out = self._embed(self._texts)
            init = [tf.global_variables_initializer(), tf.tables_initializer()]
            self.graph.finalize()
        self._sess = tf.Session(graph=self.graph)
        self._sess.run(init)

    def __call__(self, texts):
        chunks = []
        for i in range(0, len(texts), self.batch_size):
            chunk = texts[i:i + self.batch_size]
            chunks.append(self._sess.run(self._out, feed_dict={self._texts: chunk}))
        return np.vstack(chunks)

    def close(self):
        self._sess.close()


e = Embedder()
print(np.round(e(["a", "good film", "moon"]), 4).tolist())
e.close()
''',
        """
[[0.0454, -0.475, -0.1093, 0.2032, 0.8719, -0.7125, -0.1385, -0.0819], [-0.2368, 0.3686, 0.1471, 0.0065, -0.1742,
-0.4572, -0.0443, -0.0974], [-1.2249, -0.7583, -0.0231, 0.6655, 0.4222, -1.1025, 0.315, -1.0067]]
""",
    ),
    "session_in_a_closure": (
        """
import numpy as np
import tensorflow as tf
import tensorflow_hub as hub

def embed_useT(module):
    with tf.Graph().as_default():
        sentences = tf.placeholder(tf.string)
        embed = hub.Module(module)
        embeddings = embed(sentences)
        session = tf.train.MonitoredSession()
    return lambda x: session.run(embeddings, {sentences: x})

embed_fn = embed_useT('text_embed')
print(np.round(embed_fn(["a good film"]), 4).tolist())
""",
        """
[[-0.1427, 0.0874, 0.0617, 0.0721, 0.1745, -0.5423, -0.0757, -0.0922]]
""",
    ),
    "similarity_of_two_placeholders": (
        '''
import numpy as np
import tensorflow as tf
import tensorflow_hub as hub

embed = hub.Module("text_embed")
sts_input1 = tf.placeholder(tf.string, shape=(None))
sts_input2 = tf.placeholder(tf.string, shape=(None))

# For evaluation we use exactly normalized rather than
# approximately normalized.
sts_encode1 = tf.nn.l2_normalize(embed(sts_input1), axis=1)
sts_encode2 = tf.nn.l2_normalize(embed(sts_input2), axis=1)
cosine_similarities = tf.reduce_sum(tf.multiply(sts_encode1, sts_encode2), axis=1)
clip_cosine_similarities = tf.clip_by_value(cosine_similarities, -1.0, 1.0)
sim_scores = 1.0 - tf.acos(clip_cosine_similarities)

text_a = ["a good film", "hello world"]
text_b = ["a bad film", "the moon"]

def run_sts_benchmark(session):
  """Returns the similarity scores"""
  emba, embb, scores = session.run(
      [sts_encode1, sts_encode2, sim_scores],
      feed_dict={
          sts_input1: text_a,
          sts_input2: text_b
      })
  return (emba, embb, scores)


with tf.Session() as session:
  session.run(tf.global_variables_initializer())
  session.run(tf.tables_initializer())
  emba, embb, scores = run_sts_benchmark(session)

print(np.round(scores, 4).tolist())
''',
        """
[0.492, 0.6738]
""",
    ),
    "spec_from_flags": (
        """
import argparse
import numpy as np
import tensorflow as tf
import tensorflow_hub as hub

FLAGS = None


def create_graph(module_spec):
    height, width = hub.get_expected_image_size(module_spec)
    with tf.Graph().as_default() as graph:
        resized_input_tensor = tf.placeholder(tf.float32, [None, height, width, 3])
        m = hub.Module(module_spec)
        bottleneck_tensor = m(resized_input_tensor)
    return graph, bottleneck_tensor, resized_input_tensor


def main(_):
    tf.logging.set_verbosity(tf.logging.ERROR)
    module_spec = hub.load_module_spec(FLAGS.module)
    graph, bottleneck_tensor, resized_input_tensor = create_graph(module_spec)
    with tf.Session(graph=graph) as sess:
        init = tf.global_variables_initializer()
        sess.run(init)
        image = np.linspace(0, 1, 768).reshape(1, 16, 16, 3)
        values = sess.run(bottleneck_tensor, {resized_input_tensor: image})
        print(np.round(np.squeeze(values), 4).tolist())


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--module", default="conv_bn")
    FLAGS, unparsed = parser.parse_known_args([])
    main(None)
""",
        """
[0.0, 0.0, 0.0094, 0.0948, 0.0, 0.0, 0.0, 0.0608, 0.0, 0.0387, 0.0825, 0.0404]
""",
    ),
    "tensors_without_placeholders": (
        """
import numpy as np
import tensorflow as tf
import tensorflow_hub as hub

with tf.Graph().as_default(), tf.variable_scope("texts"):
    module = hub.Module("text_embed", trainable=True, name="embed")
    words = module(["a cat", "the dog"], signature="default", as_dict=True)["default"]
    lengths = tf.reduce_sum(words, 1, keep_dims=True)  # One a row.
    both = (words[0], lengths)
    outputs = {"words": words, "log": tf.log(1.0 + tf.square(lengths))}
    init = [tf.global_variables_initializer(), tf.tables_initializer()]
    with tf.train.MonitoredSession() as sess:
        # The results.
        values = sess.run(outputs)
        first, second = sess.run(both)
for key in sorted(values):
    print(key, np.round(values[key], 4).tolist())
print(np.round(first, 4).tolist(), second.shape)
""",
        """
log [[1.2288], [0.0024]]
words [[-0.5898, -0.6166, -0.0662, 0.4344, 0.647, -0.9075, 0.0883, -0.5443], [0.1377, 0.0103, -0.1244, -0.4649,
0.2461, -0.2287, 0.2759, 0.197]]
[-0.5898, -0.6166, -0.0662, 0.4344, 0.647, -0.9075, 0.0883, -0.5443] (2, 1)
""",
    ),
    "training_of_a_head": (
        """
import numpy as np
import tensorflow as tf
import tensorflow_hub as hub

learning_rate = 0.1
x = tf.placeholder(tf.string, [None], name="x")
y_ = tf.placeholder(tf.float32, [None, 2], name="y")
embed = hub.Module("text_embed")
h = tf.layers.dense(embed(x), 4, activation=tf.nn.relu, kernel_initializer=tf.constant_initializer(0.3))
logits = tf.layers.dense(h, 2, kernel_initializer=tf.constant_initializer(0.1))
cost = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits_v2(labels=y_, logits=logits))
optimizer = tf.train.AdamOptimizer(learning_rate).minimize(cost)
correct = tf.equal(tf.argmax(logits, 1), tf.argmax(y_, 1))
accuracy = tf.reduce_mean(tf.cast(correct, tf.float32))
init = tf.global_variables_initializer()
X = np.array(["a good film", "bad", "moon", "hello"], dtype=object)
Y = np.eye(2)[[0, 1, 1, 0]]
with tf.Session() as sess:
    sess.run(init)
    sess.run(tf.tables_initializer())
    for epoch in range(3):
        for i in range(2):
            feed = {x: X[2 * i:2 * i + 2], y_: Y[2 * i:2 * i + 2]}
            sess.run(optimizer, feed_dict=feed)
        c, a = sess.run([cost, accuracy], feed_dict={x: X, y_: Y})
        print("Epoch %d cost %.4f acc %.2f" % (epoch, c, a))
""",
        """
Epoch 0 cost 0.6769 acc 0.75
Epoch 1 cost 0.5717 acc 0.50
Epoch 2 cost 0.5079 acc 0.75
""",
    ),
    "canned_estimators": (
        """
import numpy as np
import tensorflow as tf
import tensorflow_hub as hub

texts = {"title": np.array(["a cat", "dog"], dtype=object), "body": np.array(["the dog", "moon"], dtype=object)}
labels = np.array([1, 0])
columns = [hub.text_embedding_column("title", "text_embed"), hub.text_embedding_column("body", "text_embed")]
train_input_fn = tf.estimator.inputs.numpy_input_fn(texts, labels, batch_size=2, num_epochs=None, shuffle=False)
eval_input_fn = tf.estimator.inputs.numpy_input_fn(texts, labels, num_epochs=1, shuffle=False)


def classes_of(estimator, input_fn):
    return [int(each["class_ids"][0]) for each in estimator.predict(input_fn=input_fn)]


classifier = tf.estimator.LinearClassifier(feature_columns=columns)
classifier.train(input_fn=train_input_fn, steps=3)
results = classifier.evaluate(input_fn=eval_input_fn)
print("accuracy {accuracy:.1f}".format(**results), "loss %.4f" % results["average_loss"])
for each in classifier.predict(input_fn=eval_input_fn):
    print(np.round(each["logits"], 4).tolist(), np.round(each["probabilities"], 4).tolist(), each["classes"])
print(classes_of(classifier, eval_input_fn))

column = hub.text_embedding_column("title", "text_embed", trainable=True)
regressor = tf.estimator.LinearRegressor([column], optimizer=tf.train.GradientDescentOptimizer(0.1))
regressor.train(train_input_fn, max_steps=4)
print(np.round([float(each["predictions"][0]) for each in regressor.predict(eval_input_fn)], 4).tolist())
""",
        """
accuracy 1.0 loss 0.2084
[1.2940] [0.2152, 0.7848] [b'1']
[-1.6569] [0.8398, 0.1602] [b'0']
[1, 0]
[0.9446, 0.0819]
""",
    ),
    "head_of_layers": (
        """
import numpy as np
import tensorflow as tf
import tensorflow_hub as hub

images = tf.placeholder(tf.float32, [None, 16, 16, 3])
labels = tf.placeholder(tf.int32, [None])
is_training = tf.placeholder_with_default(False, [], name="is_training")
features = hub.Module("conv_bn")(images)
net = tf.layers.conv2d(
    images, 2, 3, padding="same", activation=tf.nn.relu, kernel_initializer=tf.constant_initializer(0.05)
)
net = tf.layers.max_pooling2d(net, 2, 2)
net = tf.layers.batch_normalization(net, training=False)
net = tf.concat([tf.layers.flatten(net), features], axis=1)
net = tf.layers.dropout(net, 0.0, training=is_training)
logits = tf.layers.dense(tf.layers.dropout(net, 0.7), 3, kernel_initializer=tf.zeros_initializer())
loss = tf.losses.sparse_softmax_cross_entropy(labels=labels, logits=logits)
global_step = tf.train.get_or_create_global_step()
train_op = tf.train.GradientDescentOptimizer(0.01).minimize(loss, global_step=global_step)
data = np.linspace(0, 1, 4 * 16 * 16 * 3).reshape(4, 16, 16, 3).astype(np.float32)
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for _ in range(3):
        _, value = sess.run([train_op, loss], feed_dict={images: data, labels: [0, 1, 2, 1], is_training: True})
        print("loss %.4f" % value)
    print(np.round(sess.run(logits, feed_dict={images: data[:1]}), 4).tolist(), sess.run(global_step))
""",
        """
loss 1.0986
loss 1.0166
loss 0.9715
[[-0.1008, 0.1097, -0.0089]] 3
""",
    ),
    "session_when_needed": (
        """
import numpy as np
import tensorflow as tf
import tensorflow_hub as hub

normalize = True


def build(texts):
    vectors = hub.Module("text_embed")(texts)
    if normalize:
        vectors = tf.nn.l2_normalize(vectors, 1)
    return vectors


class Search:
    def __init__(self):
        self.sess = None

    def load(self):
        self.query = tf.placeholder(tf.string, [None])
        self.corpus = tf.placeholder(tf.string, [None])
        self.best = tf.nn.top_k(tf.matmul(build(self.query), build(self.corpus), transpose_b=True), k=2)
        self.sess = tf.Session()
        self.sess.run([tf.global_variables_initializer(), tf.tables_initializer()])

    def __call__(self, text, corpus):
        if not self.sess:
            self.load()
        feed = {self.query: [text], self.corpus: corpus}
        return self.sess.run(self.best, feed_dict=feed)


search = Search()
for word in ["cat", "dog"]:
    values, indices = search(word, ["moon", "dog", "a cat"])
    print(word, np.round(values, 4).tolist(), indices.tolist())


iterator = tf.data.Dataset.from_tensor_slices(["a cat", "dog", "moon"]).batch(2).make_initializable_iterator()
vectors = build(iterator.get_next())
with tf.Session() as session:
    session.run([tf.global_variables_initializer(), tf.tables_initializer()])
    for epoch in range(2):
        session.run(iterator.initializer)
        while True:
            try:
                result = session.run(vectors)
                print(epoch, np.round(result[:, 0], 4).tolist())
            except tf.errors.OutOfRangeError:
                break
""",
        """
cat [[1.0, 0.9457]] [[0, 2]]
dog [[1.0, 0.1242]] [[1, 2]]
0 [-0.3755, 0.3004]
0 [-0.5464]
1 [-0.3755, 0.3004]
1 [-0.5464]
""",
    ),
    "clipped_gradients_with_a_decaying_rate": (
        """
import numpy as np
import tensorflow as tf
import tensorflow_hub as hub

texts = tf.placeholder(tf.string, [None])
targets = tf.placeholder(tf.float32, [None])
embed = hub.Module("text_embed", trainable=True)
scale = tf.Variable(2.0)
loss = tf.losses.mean_squared_error(targets, scale * tf.reduce_sum(embed(texts), axis=1))
global_step = tf.Variable(0, trainable=False, name="global_step")
learning_rate = tf.train.exponential_decay(0.05, global_step, 2, 0.5, staircase=True)
optimizer = tf.train.AdamOptimizer(learning_rate)
gradients, variables = zip(*optimizer.compute_gradients(loss))
gradients, norm = tf.clip_by_global_norm(gradients, 0.1)
train_op = optimizer.apply_gradients(zip(gradients, variables), global_step=global_step)
sess = tf.Session()
sess.run([tf.global_variables_initializer(), tf.tables_initializer()])
for _ in range(4):
    _, value, size = sess.run([train_op, loss, norm], feed_dict={texts: ["a cat", "the dog"], targets: [1.0, -1.0]})
    print("loss %.4f norm %.4f rate %.4f" % (value, size, sess.run(learning_rate)))
print("scale %.4f step %d" % (sess.run(scale), sess.run(global_step)))
""",
        """
loss 9.0461 norm 18.1928 rate 0.0500
loss 5.3363 norm 13.2517 rate 0.0250
loss 3.0210 norm 9.5730 rate 0.0250
loss 2.1786 norm 7.9715 rate 0.0125
scale 1.8530 step 4
""",
    ),
    "schedules_of_the_learning_rate": (
        """
import numpy as np
import tensorflow as tf
import tensorflow_hub as hub

texts = tf.placeholder(tf.string, [None])
embed = hub.Module("text_embed", trainable=True)
loss = tf.reduce_mean(tf.square(embed(texts)))
global_step = tf.Variable(0, trainable=False, name="global_step")
polynomial = tf.train.polynomial_decay(0.1, global_step, 3, 0.02, power=2.0, cycle=True)
inverse = tf.train.inverse_time_decay(0.1, global_step, 2, 0.5, staircase=True)
cosine = tf.train.cosine_decay(0.1, global_step, 3, alpha=0.1)
pieces = tf.train.piecewise_constant(global_step, [1, 3], [0.1, 0.05, 0.01])
train_op = tf.train.GradientDescentOptimizer(pieces).minimize(loss, global_step=global_step)
sess = tf.Session()
sess.run([tf.global_variables_initializer(), tf.tables_initializer()])
for _ in range(6):
    sess.run(train_op, feed_dict={texts: ["a cat", "the dog"]})
    rates = sess.run([polynomial, inverse, cosine, pieces])
    print(" ".join("%.4f" % rate for rate in rates), "%.4f" % sess.run(loss, feed_dict={texts: ["a cat"]}))
""",
        """
0.0556 0.1000 0.0775 0.1000 0.3046
0.0289 0.0667 0.0325 0.0500 0.3008
0.0200 0.0667 0.0100 0.0500 0.2989
0.0289 0.0500 0.0100 0.0100 0.2970
0.0222 0.0500 0.0100 0.0100 0.2967
0.0200 0.0400 0.0100 0.0100 0.2963
""",
    ),
    "gradients_of_some_variables_with_a_fed_rate": (
        """
import numpy as np
import tensorflow as tf
import tensorflow_hub as hub

texts = tf.placeholder(tf.string, [None])
targets = tf.placeholder(tf.float32, [None])
rate = tf.placeholder(tf.float32, [], name="rate")
embed = hub.Module("text_embed", trainable=True)
scale = tf.Variable(2.0)
shift = tf.Variable(0.5)
outputs = scale * tf.reduce_sum(embed(texts), axis=1) + shift
loss = tf.reduce_mean(tf.square(targets - outputs))

tvars = tf.trainable_variables()
grads, _ = tf.clip_by_global_norm(tf.gradients(loss, tvars), 1.0)
all_step = tf.train.GradientDescentOptimizer(0.1).apply_gradients(zip(grads, tvars))

head = [scale, shift]
head_step = tf.train.AdagradOptimizer(rate).minimize(loss, var_list=head)

adam = tf.train.AdamOptimizer(learning_rate=rate * 0.5)
total = loss + 0.1 * tf.square(scale)
pairs = adam.compute_gradients(total, var_list=[scale])
capped = [(tf.clip_by_value(g, -1.0, 1.0), v) for g, v in pairs if g is not None]
capped_step = adam.apply_gradients(capped)

with tf.Session() as sess:
    sess.run([tf.global_variables_initializer(), tf.tables_initializer()])
    feed = {texts: ["a cat", "the dog"], targets: [1.0, -1.0]}
    for number, step in enumerate(range(3)):
        sess.run(all_step, feed)
        sess.run(head_step, {texts: ["a cat", "the dog"], targets: [1.0, -1.0], rate: 0.1 / (number + 1)})
        value, _ = sess.run([loss, capped_step], {texts: ["moon", "dog"], targets: [1.0, -1.0], rate: 0.02})
        print("loss %.4f scale %.4f shift %.4f" % (value, sess.run(scale), sess.run(shift)))
    print(np.round(sess.run(outputs, {texts: ["a dog"]}), 4).tolist())
""",
        """
loss 13.2934 scale 1.8566 shift 0.6103
loss 10.7509 scale 1.7876 shift 0.6487
loss 8.8217 scale 1.7390 shift 0.6717
[0.0768]
""",
    ),
    "clipped_training_in_a_class": (
        """
import tensorflow as tf
import tensorflow_hub as hub


class Classifier:
    def __init__(self, clip=5.0):
        self.clip = clip
        self.build()
        self.sess = tf.Session()
        self.sess.run([tf.global_variables_initializer(), tf.tables_initializer()])

    def build(self):
        self.texts = tf.placeholder(tf.string, [None], name="texts")
        self.labels = tf.placeholder(tf.int32, [None])
        self.lr = tf.placeholder(tf.float32, [], name="lr")
        self.embed = hub.Module("text_embed", trainable=True)
        features = self.embed(self.texts)
        self.logits = tf.layers.dense(features, 2, kernel_initializer=tf.zeros_initializer())
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=self.labels, logits=self.logits)
        self.loss = tf.reduce_mean(losses)
        self.optimizer = tf.train.AdamOptimizer(self.lr)
        grads_and_vars = self.optimizer.compute_gradients(self.loss)
        clipped = [(tf.clip_by_norm(grad, self.clip), var) for grad, var in grads_and_vars]
        self.train_op = self.optimizer.apply_gradients(clipped)

    def fit(self, texts, labels):
        for epoch in range(2):
            feed = {self.texts: texts, self.labels: labels, self.lr: 0.01}
            _, loss = self.sess.run([self.train_op, self.loss], feed_dict=feed)
            print("%d %.4f" % (epoch, loss))

    def predict(self, texts):
        return self.sess.run(self.logits, feed_dict={self.texts: texts})


classifier = Classifier()
classifier.fit(["a cat", "dog"], [0, 1])
print(classifier.predict(["moon"]).round(4).tolist())
""",
        """
0 0.6931
1 0.6734
[[0.0905, -0.0905]]
""",
    ),
    "saver_of_a_program_that_trains": (
        """
import os
import tempfile

import numpy as np
import tensorflow as tf
import tensorflow_hub as hub

texts = tf.placeholder(tf.string, [None])
targets = tf.placeholder(tf.float32, [None])
embed = hub.Module("text_embed", trainable=True)
scale = tf.Variable(2.0)
hidden = tf.layers.dense(embed(texts), 2, kernel_initializer=tf.constant_initializer(0.3))
outputs = scale * tf.reduce_sum(hidden, axis=1)
loss = tf.losses.mean_squared_error(targets, outputs)
global_step = tf.Variable(0, trainable=False, name="global_step")
train_op = tf.train.AdamOptimizer(0.05).minimize(loss, global_step=global_step)
saver = tf.train.Saver(max_to_keep=2)
path = os.path.join(tempfile.mkdtemp(), "model.ckpt")
feed = {texts: ["a cat", "the dog"], targets: [1.0, -1.0]}
with tf.Session() as sess:
    sess.run([tf.global_variables_initializer(), tf.tables_initializer()])
    for epoch in range(4):
        _, value = sess.run([train_op, loss], feed_dict=feed)
        print("loss %.4f" % value)
        if epoch == 1:
            saved = saver.save(sess, path, global_step=epoch)
    print(os.path.basename(saved), os.path.basename(saver.save(sess, path)))
    print(np.round(sess.run(outputs, feed_dict={texts: ["moon"]}), 4).tolist())
    saver.restore(sess, path + "-1")
    print(np.round(sess.run(outputs, feed_dict={texts: ["moon"]}), 4).tolist(), sess.run(global_step))
    print("loss %.4f" % sess.run([train_op, loss], feed_dict=feed)[1])
""",
        """
loss 4.6663
loss 1.3458
loss 0.1416
loss 0.2213
model.ckpt-1 model.ckpt
[1.6704]
[-0.1159] 2
loss 0.1416
""",
    ),
}
