"""Legacy modules and their signatures, by the names in tensorflow_hub's submodules."""

from __future__ import annotations

import pytest
from saved_models import LEGACY, tf

from rehub.compat.submodules import Loader, tensor_info_proto_maps_match
from rehub.legacy.ops import register_ops_if_needed

v1 = tf.compat.v1


def test_the_loader_loads_legacy_modules():
    path = str(LEGACY / "text_embed")
    assert Loader().is_supported(path)
    assert Loader()(path).get_signature_names() == ["default", "tokens"]


def test_ops_are_registered_by_name_or_refused():
    register_ops_if_needed({"MatMul"})
    with pytest.raises(tf.errors.NotFoundError, match="NoSuchOp"):
        register_ops_if_needed({"MatMul", "NoSuchOp"})


def test_signatures_match_by_names_kinds_dtypes_and_shapes():
    with tf.Graph().as_default():
        pair, other_pair = ({"x": _info(v1.placeholder(tf.int32, [2]))} for _ in range(2))
        unlike = [v1.placeholder(tf.int64, [2]), v1.placeholder(tf.int32, [None]), v1.sparse_placeholder(tf.int32, [2])]
        assert tensor_info_proto_maps_match(pair, other_pair)
        assert not any(tensor_info_proto_maps_match(pair, {"x": _info(tensor)}) for tensor in unlike)
        assert not tensor_info_proto_maps_match(pair, {"y": pair["x"]})


def _info(tensor):
    return v1.saved_model.utils.build_tensor_info(tensor)
