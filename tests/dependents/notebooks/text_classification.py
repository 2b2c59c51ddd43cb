"""A program as TensorFlow Hub's notebook "Text classification with movie reviews" has it: MODEL."""

import sys

import matplotlib
import numpy as np
import tensorflow as tf
import tensorflow_hub as hub

matplotlib.use("agg")
import matplotlib.pyplot as plt

print("Version: ", tf.__version__)
print("Eager mode: ", tf.executing_eagerly())
print("Hub version: ", hub.__version__)

# The notebook takes IMDB's reviews from tensorflow_datasets, as arrays of bytes.
good = [b"a fine film", b"a wonderful story", b"funny and warm", b"the best of the year"]
bad = [b"a dull film", b"a weak story", b"boring and long", b"the worst of the year"]
train_examples = np.array((good + bad) * 8, dtype=object)
train_labels = np.array(([1] * 4 + [0] * 4) * 8)
test_examples, test_labels = train_examples[:8], train_labels[:8]

model = sys.argv[1]
hub_layer = hub.KerasLayer(model, input_shape=[], dtype=tf.string, trainable=True)
assert hub_layer(train_examples[:3]).shape == (3, 50)

model = tf.keras.Sequential()
model.add(hub_layer)
model.add(tf.keras.layers.Dense(16, activation="relu"))
model.add(tf.keras.layers.Dense(1))
model.summary()
model.compile(
    optimizer="adam",
    loss=tf.losses.BinaryCrossentropy(from_logits=True),
    metrics=[tf.metrics.BinaryAccuracy(threshold=0.0, name="accuracy")],
)

x_val, partial_x_train = train_examples[:16], train_examples[16:]
y_val, partial_y_train = train_labels[:16], train_labels[16:]
history = model.fit(
    partial_x_train, partial_y_train, epochs=30, batch_size=16, validation_data=(x_val, y_val), verbose=0
)
results = model.evaluate(test_examples, test_labels, verbose=0)

history_dict = history.history
epochs = range(1, len(history_dict["accuracy"]) + 1)
plt.plot(epochs, history_dict["loss"], "bo", label="Training loss")
plt.plot(epochs, history_dict["val_loss"], "b", label="Validation loss")
print("keys", sorted(history_dict))
print("accuracy", results[1])
