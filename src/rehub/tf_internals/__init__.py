"""The private TensorFlow and Keras names that rehub uses, one file a topic, each with the versions it was seen in.

No other package imports `tensorflow.python`, `tensorflow.core` or `keras.src`, or reads an underscore attribute of a
TensorFlow object. All imports happen inside the functions: importing this package imports no TensorFlow.
"""

from __future__ import annotations

from rehub.tf_internals import (
    feature_columns,
    freezing,
    functions,
    gradients,
    keras,
    loader,
    objects,
    odd_names,
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
    tensorflow_version,
    version_of,
    without_deprecations_and_infos,
)

__all__ = [
    "OLDEST_TENSORFLOW",
    "feature_columns",
    "freezing",
    "functions",
    "gradients",
    "import_tensorflow",
    "keras",
    "loader",
    "objects",
    "odd_names",
    "ops",
    "protos",
    "restored_functions",
    "specs",
    "tensorflow_version",
    "tracing",
    "v1_graphs",
    "variables",
    "version_of",
    "without_deprecations_and_infos",
]
