"""A program as TensorFlow Hub's notebook "Retraining an Image Classifier" has it: MODEL, ARCHIVE of pictures."""

import pathlib
import sys

import numpy as np
import tensorflow as tf
import tensorflow_hub as hub

model_handle, archive = sys.argv[1:]
IMAGE_SIZE = (32, 32)
BATCH_SIZE = 8

data_dir = tf.keras.utils.get_file("flower_photos", pathlib.Path(archive).as_uri(), untar=True, cache_dir=".")


def build_dataset(subset):
    return tf.keras.preprocessing.image_dataset_from_directory(
        data_dir,
        validation_split=0.20,
        subset=subset,
        label_mode="categorical",
        seed=123,
        image_size=IMAGE_SIZE,
        batch_size=1,
    )


train_ds = build_dataset("training")
class_names = tuple(train_ds.class_names)
train_size = train_ds.cardinality().numpy()
train_ds = train_ds.unbatch().batch(BATCH_SIZE)
train_ds = train_ds.repeat()
normalization_layer = tf.keras.layers.Rescaling(1.0 / 255)
preprocessing_model = tf.keras.Sequential([normalization_layer])
preprocessing_model.add(tf.keras.layers.RandomRotation(0.05))
preprocessing_model.add(tf.keras.layers.RandomFlip(mode="horizontal"))
train_ds = train_ds.map(lambda images, labels: (preprocessing_model(images), labels))

val_ds = build_dataset("validation")
valid_size = val_ds.cardinality().numpy()
val_ds = val_ds.unbatch().batch(BATCH_SIZE)
val_ds = val_ds.map(lambda images, labels: (normalization_layer(images), labels))

do_fine_tuning = True
model = tf.keras.Sequential(
    [
        tf.keras.layers.InputLayer(input_shape=IMAGE_SIZE + (3,)),
        hub.KerasLayer(model_handle, trainable=do_fine_tuning),
        tf.keras.layers.Dropout(rate=0.2),
        tf.keras.layers.Dense(len(class_names), kernel_regularizer=tf.keras.regularizers.l2(0.0001)),
    ]
)
model.build((None, *IMAGE_SIZE, 3))
model.summary()
model.compile(
    optimizer=tf.keras.optimizers.SGD(learning_rate=0.05, momentum=0.9),
    loss=tf.keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1),
    metrics=["accuracy"],
)
hist = model.fit(
    train_ds,
    epochs=4,
    steps_per_epoch=train_size // BATCH_SIZE,
    validation_data=val_ds,
    validation_steps=valid_size // BATCH_SIZE,
    verbose=0,
).history

x, y = next(iter(val_ds))
scores = model.predict(np.expand_dims(x[0], axis=0), verbose=0)
print("classes", class_names)
print("accuracy", hist["val_accuracy"][-1])

tf.saved_model.save(model, "saved_flowers_model")
lite_model_content = tf.lite.TFLiteConverter.from_saved_model("saved_flowers_model").convert()
interpreter = tf.lite.Interpreter(model_content=lite_model_content)
interpreter.allocate_tensors()
interpreter.set_tensor(interpreter.get_input_details()[0]["index"], np.expand_dims(x[0], axis=0))
interpreter.invoke()
lite_scores = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
print("difference", np.abs(lite_scores - scores).max())
