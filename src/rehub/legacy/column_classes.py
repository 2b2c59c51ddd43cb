"""The classes of the feature columns that embed by a module. Importing this file imports TensorFlow."""

from __future__ import annotations

import collections
from typing import Any

from rehub import tf_internals
from rehub.errors import InvalidModule, NotSerializable
from rehub.legacy.images import get_expected_image_size
from rehub.legacy.loading import as_module_spec
from rehub.legacy.module import Module
from rehub.legacy.spec import ModuleSpec

_tf = tf_internals.import_tensorflow()
_RESOURCE = "module"


class EmbeddingColumn:
    """What embedding columns have in common. Subclasses are namedtuples."""

    key: Any

    @property
    def _is_v2_column(self) -> bool:
        return True

    @property
    def name(self) -> str:
        return f"{getattr(self.key, 'name', self.key)}_hub_module_embedding"

    @property
    def parents(self) -> list[Any]:
        return [self.key]

    def transform_feature(self, transformation_cache: Any, state_manager: Any) -> Any:
        return transformation_cache.get(self.key, state_manager)

    def get_config(self) -> dict[str, Any]:
        return dict(zip(self._fields, self))  # type: ignore[attr-defined, call-overload]

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None, columns_by_name: Any = None) -> Any:
        del custom_objects, columns_by_name
        return cls(**config)


class _ModuleColumn(EmbeddingColumn, *tf_internals.feature_columns.dense_column_classes()):  # type: ignore[misc]
    """A column of dense values that a module computes from the feature `key`."""

    module_spec_path: Any
    module_spec: ModuleSpec

    def __init__(self, *_: Any, **__: Any) -> None:
        self.module_spec = as_module_spec(self.module_spec_path)
        self._check_spec()
        super().__init__()

    def _check_spec(self) -> None:
        """Check that the module is an embedding of texts."""
        _check_text_embedding(self.module_spec)

    @property
    def dtype(self) -> Any:
        return _tf.float32

    @property
    def variable_shape(self) -> Any:
        return self.module_spec.get_output_info_dict()["default"].get_shape()[1:]

    @property
    def _variable_shape(self) -> Any:
        return self.variable_shape

    @property
    def _parse_example_spec(self) -> Any:
        return self.parse_example_spec

    def _transform_feature(self, inputs: Any) -> Any:
        return inputs.get(self.key)

    def create_state(self, state_manager: Any) -> None:
        trainable = self._is_trained and tf_internals.feature_columns.is_trainable_state(state_manager)
        module = Module(self.module_spec, trainable=trainable)
        state_manager.add_resource(self, _RESOURCE, module)
        if trainable:
            # Since TensorFlow 2.2 Keras' layers find them here, and Estimators train the weights of these layers.
            weights = _tf.Module()
            weights.of_hub_module = module.variables
            state_manager.add_resource(self, "weights", weights)

    def get_dense_tensor(self, transformation_cache: Any, state_manager: Any) -> Any:
        module = state_manager.get_resource(self, _RESOURCE)
        return self._embed_feature(transformation_cache.get(self, state_manager), module)

    def _get_dense_tensor(self, inputs: Any, weight_collections: Any = None, trainable: bool | None = None) -> Any:
        del weight_collections
        module = Module(self.module_spec, trainable=bool(self._is_trained and trainable))
        return self._embed_feature(inputs.get(self), module)

    @property
    def _is_trained(self) -> bool:
        return bool(getattr(self, "trainable", False))

    def _embed_feature(self, feature: Any, module: Module) -> Any:
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        if isinstance(self.module_spec_path, ModuleSpec):
            raise NotSerializable(
                f"The column {self.name!r} was made from a ModuleSpec, which a config cannot contain. Make it from "
                "the handle of a module: a string."
            )
        return super().get_config()


class TextEmbeddingColumn(
    _ModuleColumn, collections.namedtuple("TextEmbeddingColumn", ("key", "module_spec_path", "trainable"))
):
    """The column of `text_embedding_column`."""

    @property
    def parse_example_spec(self) -> dict[Any, Any]:
        return {self.key: _tf.compat.v1.FixedLenFeature([1], _tf.string)}

    def _embed_feature(self, feature: Any, module: Module) -> Any:
        return module(_tf.reshape(feature, [-1]))


class SparseTextEmbeddingColumn(
    _ModuleColumn,
    collections.namedtuple(
        "SparseTextEmbeddingColumn", ("key", "combiner", "module_spec_path", "default_value", "trainable")
    ),
):
    """The column of `sparse_text_embedding_column`."""

    @property
    def parse_example_spec(self) -> dict[Any, Any]:
        return {self.key: _tf.compat.v1.VarLenFeature(_tf.string)}

    def _embed_feature(self, feature: Any, module: Module) -> Any:
        if self.default_value is not None:
            feature = _tf.sparse.fill_empty_rows(feature, self.default_value)[0]
        rows = _tf.range(_tf.shape(feature.indices)[0], dtype=_tf.int32)
        return _tf.nn.embedding_lookup_sparse(
            params=module(feature.values),
            sp_ids=_tf.SparseTensor(feature.indices, rows, feature.dense_shape),
            sp_weights=None,
            combiner=self.combiner,
        )


class ImageEmbeddingColumn(
    _ModuleColumn, collections.namedtuple("ImageEmbeddingColumn", ("key", "module_spec_path", "image_size"))
):
    """The column of `image_embedding_column`."""

    def _check_spec(self) -> None:
        _check_image_embedding(self.module_spec, needs_size=self.image_size is None)

    @property
    def parse_example_spec(self) -> dict[Any, Any]:
        height, width = self.image_size or get_expected_image_size(self.module_spec)
        return {self.key: _tf.compat.v1.FixedLenFeature([height, width, 3], _tf.float32)}

    def _embed_feature(self, feature: Any, module: Module) -> Any:
        return module({"images": feature})


def _check_text_embedding(spec: ModuleSpec) -> None:
    inputs, issues = spec.get_input_info_dict(), []
    if len(inputs) != 1 or not all(
        info.dtype == _tf.string and info.get_shape().ndims == 1 and info.get_shape().as_list() == [None]
        for info in inputs.values()
    ):
        issues.append(f"its signature 'default' must have only one input, strings of shape [None]; it has {inputs}")
    issues += _find_output_issues(spec, any_batch=False)
    if issues:
        raise InvalidModule(f"Module is not a text-embedding: {'; '.join(issues)}.")


def _check_image_embedding(spec: ModuleSpec, needs_size: bool) -> None:
    inputs, issues = spec.get_input_info_dict(), []
    if list(inputs) != ["images"] or inputs["images"].dtype != _tf.float32:
        issues.append(f"its signature 'default' must have the single input 'images', of float32; it has {inputs}")
    elif needs_size:
        try:
            get_expected_image_size(spec)
        except InvalidModule as error:
            issues.append(f"the size of its images is not known, so image_size is required ({error})")
    issues += _find_output_issues(spec, any_batch=True)
    if issues:
        raise InvalidModule(f"Module is not usable as image embedding: {'; '.join(issues)}.")


def _find_output_issues(spec: ModuleSpec, any_batch: bool) -> list[str]:
    output = spec.get_output_info_dict().get("default")
    shape = _tf.TensorShape(None) if output is None else output.get_shape()
    fits = shape.ndims == 2 and shape.as_list()[1] and (any_batch or shape.as_list()[0] is None)
    if output is None or output.dtype != _tf.float32 or not fits:
        return [f"its output 'default' must be float32 of shape [None, K] with a known K; it is {output}"]
    return []
