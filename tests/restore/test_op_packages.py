"""Ops of packages that are installed: the packages are imported, and models that use the ops load and run."""

from __future__ import annotations

import sys

import pytest
import saved_models
import tensorflow as tf
from op_packages import write_package

import rehub as hub
from rehub.errors import MissingOp

needs_c_api = pytest.mark.skipif(saved_models.IS_TF1, reason="TensorFlow 1.15 has no C API for the kernels of ops")
WORDS = tf.constant(["banana"])


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A directory that packages are imported from."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    yield tmp_path / "site"
    for name in set(sys.modules) - before:
        del sys.modules[name]


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    return saved_models.save_replacing(tmp_path_factory.mktemp("saved") / "model")


def copy_with_op(saved, directory, op):
    """A copy of the model whose function uses another op, which is not in the writer's list."""
    return saved_models.rename_op(saved_models.copy(saved, directory), op, in_list=False)


@needs_c_api
@pytest.mark.parametrize("loader", ["lazy", "tensorflow"])
@pytest.mark.parametrize(
    ("package", "prefix", "layout"),
    [
        ("tensorflow_text", "TFText>", {}),
        ("tensorflow_io", "IO>", {"library": "python/ops/libtensorflow_io.so", "loads": "nothing"}),
        ("tensorflow_addons", "Addons>", {"library": "custom_ops/text/_text.so", "loads": "nothing"}),
    ],
)
def test_an_op_that_only_a_function_uses_is_provided_by_its_package(
    site, saved, tmp_path, loader, package, prefix, layout
):
    op = (prefix + loader.capitalize()).ljust(12, "X")[:12]
    write_package(site, package, op, **layout)
    obj = hub.load(copy_with_op(saved, tmp_path / "model", op), loader=loader)
    assert hub.load_report(obj).loader == loader
    assert obj(WORDS).numpy().tolist() == [b"banana"]  # The package's op changes nothing.


@needs_c_api
def test_a_package_that_lacks_the_op_is_named_with_advice_to_try_another_release(site, tmp_path):
    model = saved_models.save_replacing_v1(tmp_path / "model")
    write_package(site, "tensorflow_text", "TFText>Graph1")
    with pytest.raises(MissingOp, match="tensorflow_text is installed and has no such op; another release"):
        hub.load(saved_models.rename_op(model, "TFText>Graph", in_list=False))


@needs_c_api
def test_an_op_in_a_serialized_dataset_is_provided_by_its_package(site, tmp_path):
    def replace(words):
        # A name with ">" in it is not found as an input by the runtime of datasets.
        letters = tf.constant("a"), tf.constant("b")
        return tf.raw_ops.RegexReplace(input=words, pattern=letters[0], rewrite=letters[1], name="replaced")

    dataset = tf.data.Dataset.from_tensors(["banana"]).map(replace)
    graph = tf.raw_ops.DatasetToGraphV2(input_dataset=tf.data.experimental.to_variant(dataset)).numpy()

    class Reads(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([], tf.int32)])
        def __call__(self, index):
            variant = tf.raw_ops.DatasetFromGraph(graph_def=tf.constant([graph])[index])
            return tf.data.experimental.from_variant(variant, dataset.element_spec).get_single_element()

    model = str(tmp_path / "model")
    tf.saved_model.save(Reads(), model)
    saved_models.rename_op(model, "TFText>Neste")
    with pytest.raises(tf.errors.OpError, match="TFText>Neste"):
        hub.load(model)(0)  # As with TensorFlow, where nothing has it.
    write_package(site, "tensorflow_text", "TFText>Neste")
    assert hub.load(model)(0).numpy().tolist() == [b"banana"]


@pytest.mark.skipif(not saved_models.IS_TF1, reason="it is part of TensorFlow 1.x")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_an_op_of_tf_contrib_whose_library_is_loaded_late_is_provided(tmp_path):
    v1 = tf.compat.v1
    model = str(tmp_path / "model")
    with tf.Graph().as_default(), v1.Session() as session:
        rows = v1.placeholder(tf.float32, None, "rows")
        added = tf.raw_ops.GatherV2(params=rows, indices=tf.constant([[0, 2]]), axis=tf.constant(0, tf.int64))
        v1.saved_model.simple_save(session, model, {"rows": rows}, {"added": added})

    def use_op_of_contrib(node):
        node.op = "ReduceSliceSum"
        node.attr["T"].CopyFrom(node.attr.pop("Tparams"))
        del node.attr["Taxis"], node.attr["batch_dims"], node.attr["_output_shapes"]

    saved_models.change_nodes(model, "GatherV2", use_op_of_contrib)
    added = hub.load(model).signatures["serving_default"](tf.constant([[1.0], [2.0], [4.0]]))["added"]
    assert added.numpy().tolist() == [[3.0]]
