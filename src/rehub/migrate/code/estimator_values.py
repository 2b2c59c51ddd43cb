"""What expressions with canned Estimators can be."""

from __future__ import annotations

from dataclasses import dataclass

from rehub.migrate.code.values import Made


@dataclass(frozen=True)
class Column(Made):
    """A `hub.text_embedding_column`."""

    words = "a feature column"


@dataclass(frozen=True)
class InputFunction(Made):
    """What `tf.estimator.inputs.numpy_input_fn` or `pandas_input_fn` returned."""

    words = "an input function"


@dataclass(frozen=True)
class Estimator(Made):
    """A canned Estimator."""

    words = "an Estimator"


@dataclass(frozen=True)
class Evaluation(Made):
    """What `evaluate` of an Estimator returned."""

    words = "the evaluation of an Estimator"
