"""The private TensorFlow and Keras names that rehub uses, one file a topic, each with the versions it was seen in.

No other package imports `tensorflow.python`, `tensorflow.core` or `keras.src`, or reads an underscore attribute of a
TensorFlow object. Importing this package does not import TensorFlow. Other packages name the topic in each use, so
that private names show: `from rehub import tf_internals`, then `tf_internals.specs.shape_of(spec)`.
"""

from __future__ import annotations

from rehub.tf_internals import (
    classes,
    feature_columns,
    freezing,
    functions,
    gradients,
    input_names,
    keras,
    loader,
    objects,
    ops,
    protos,
    restored_functions,
    specs,
    tracing,
    v1_graphs,
    variables,
)
from rehub.tf_internals.tensorflow import (
    OLDEST_TENSORFLOW,
    import_tensorflow,
    parse_version,
    suppress_deprecations_and_infos,
    tensorflow_version,
)

__all__ = [
    "OLDEST_TENSORFLOW",
    "classes",
    "feature_columns",
    "freezing",
    "functions",
    "gradients",
    "import_tensorflow",
    "input_names",
    "keras",
    "loader",
    "objects",
    "ops",
    "parse_version",
    "protos",
    "restored_functions",
    "specs",
    "suppress_deprecations_and_infos",
    "tensorflow_version",
    "tracing",
    "v1_graphs",
    "variables",
]
