"""The private TensorFlow and Keras names that rehub uses, one file a topic, each with the versions it was seen in.

No other package imports `tensorflow.python`, `tensorflow.core` or `keras.src`, or reads an underscore attribute of a
TensorFlow object. Importing this package does not import TensorFlow. Other packages name the topic in each use, so
that private names show: `from rehub import tf_internals`, then `tf_internals.specs.shape_of(spec)`.
"""

from __future__ import annotations

from rehub.tf_internals import classes as classes
from rehub.tf_internals import feature_columns as feature_columns
from rehub.tf_internals import freezing as freezing
from rehub.tf_internals import functions as functions
from rehub.tf_internals import gradients as gradients
from rehub.tf_internals import input_names as input_names
from rehub.tf_internals import keras as keras
from rehub.tf_internals import loader as loader
from rehub.tf_internals import objects as objects
from rehub.tf_internals import ops as ops
from rehub.tf_internals import optimizers as optimizers
from rehub.tf_internals import protos as protos
from rehub.tf_internals import restored_functions as restored_functions
from rehub.tf_internals import specs as specs
from rehub.tf_internals import tracing as tracing
from rehub.tf_internals import v1_graphs as v1_graphs
from rehub.tf_internals import variables as variables
from rehub.tf_internals.tensorflow import OLDEST_TENSORFLOW as OLDEST_TENSORFLOW
from rehub.tf_internals.tensorflow import import_tensorflow as import_tensorflow
from rehub.tf_internals.tensorflow import parse_version as parse_version
from rehub.tf_internals.tensorflow import set_first_import as set_first_import
from rehub.tf_internals.tensorflow import suppress_deprecations_and_infos as suppress_deprecations_and_infos
from rehub.tf_internals.tensorflow import tensorflow_version as tensorflow_version
