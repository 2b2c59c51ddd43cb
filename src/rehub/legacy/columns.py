"""Feature columns that embed text or images by a module, for Estimators and `tf.compat.v1.feature_column`."""

from __future__ import annotations

from typing import Any, Sequence

from rehub.errors import InvalidSetting


def text_embedding_column(key: Any, module_spec: Any, trainable: bool = False) -> Any:
    """Make a feature column that embeds a text by a module.

        comment = hub.text_embedding_column("comment", "/models/text_embedding")
        estimator = tf.estimator.DNNClassifier([100], [comment])

    Args:
        key: the name of the feature: one string for each example.
        module_spec: a `hub.ModuleSpec` or a handle. Its signature "default" takes strings of shape [batch_size] and
            returns float32 of shape [batch_size, dimensions].
        trainable: whether the module is fine-tuned.

    Returns:
        A feature column of dense values.

    Raises:
        InvalidModule: the module is not a text embedding of this kind; the message shows its inputs and outputs.
    """
    from rehub.legacy.column_classes import TextEmbeddingColumn

    return TextEmbeddingColumn(key, module_spec, trainable)


def sparse_text_embedding_column(
    key: Any, module_spec: Any, combiner: str, default_value: str | None, trainable: bool = False
) -> Any:
    """Make a feature column that embeds each text of an example by a module, and combines the embeddings.

    Args:
        key: the name of the feature: a SparseTensor of strings, of shape [batch_size, texts].
        module_spec: a `hub.ModuleSpec` or a handle, as of `text_embedding_column`.
        combiner: "mean", "sqrtn" or "sum".
        default_value: the text for an example without texts; None if all examples have texts.
        trainable: whether the module is fine-tuned.

    Returns:
        A feature column of dense values.

    Raises:
        InvalidModule: the module is not a text embedding of this kind; the message shows its inputs and outputs.
        InvalidSetting: the combiner is unknown.
    """
    from rehub.legacy.column_classes import SparseTextEmbeddingColumn

    if combiner not in ("mean", "sqrtn", "sum"):
        raise InvalidSetting(f"combiner must be 'mean', 'sqrtn' or 'sum': {combiner!r}")
    return SparseTextEmbeddingColumn(key, combiner, module_spec, default_value, trainable)


def image_embedding_column(key: Any, module_spec: Any, image_size: Sequence[int] | None = None) -> Any:
    """Make a feature column that computes features of an image by a module, which is not trained.

    Args:
        key: the name of the feature: float32 of shape [batch_size, height, width, 3], values from 0 to 1.
        module_spec: a `hub.ModuleSpec` or a handle. Its signature "default" takes "images" and returns float32 of shape
            [batch_size, features].
        image_size: height and width of the images in pixels; unset, those that the module expects.

    Returns:
        A feature column of dense values.

    Raises:
        InvalidModule: the module does not take such images; the message shows its inputs and outputs.
    """
    from rehub.legacy.column_classes import ImageEmbeddingColumn

    # A column has to be hashable, so a list is not possible.
    return ImageEmbeddingColumn(key, module_spec, None if image_size is None else tuple(image_size))
