from __future__ import annotations

import pytest
import saved_models
import tensorflow as tf

import rehub as hub
from rehub.errors import MissingOp

SAVERS = [saved_models.save_replacing, saved_models.save_replacing_v1]
MINOR = ".".join(tf.__version__.split(".")[:2])


@pytest.fixture(params=SAVERS, ids=["TF2", "TF1"])
def model(request, tmp_path):
    return request.param(tmp_path / "model")


def test_an_op_of_a_package_is_an_error_that_names_the_package(model):
    saved_models.rename_op(model, "CaseFoldUTF8")
    with pytest.raises(MissingOp) as caught:
        hub.load(model)
    message = str(caught.value)
    assert model in message
    assert "CaseFoldUTF8" in message
    assert f'pip install "tensorflow-text=={MINOR}.*"' in message


def test_an_op_that_the_writer_did_not_list_gets_the_same_error(model):
    saved_models.rename_op(model, "CaseFoldUTF8", in_list=False)
    with pytest.raises(MissingOp, match=r"tensorflow-text"):
        hub.load(model)


def test_an_op_that_is_listed_but_not_used_is_ignored(model, request):
    if saved_models.IS_TF1 and "TF2" in request.node.name:
        pytest.skip("TensorFlow 1.15 lists no ops of functions")
    saved_models.rename_op(model, "CaseFoldUTF8", in_graph=False)
    obj = hub.load(model)
    (replaced,) = obj.signatures["serving_default"](tf.constant(["banana"])).values()
    assert replaced.numpy().tolist() == [b"bbnbnb"]


@pytest.mark.skipif(saved_models.IS_TF1, reason="TensorFlow 1.15 has tf.contrib, which rehub imports by itself")
def test_an_op_of_tf_contrib_is_named_as_such(model):
    saved_models.rename_op(model, "KafkaDataset")
    with pytest.raises(MissingOp, match=r"tf\.contrib\.kafka in TensorFlow 1\.x"):
        hub.load(model)


def test_an_unknown_op_is_named(model):
    saved_models.rename_op(model, "NobodysOpYet")
    with pytest.raises(MissingOp, match=r"NobodysOpYet: no package is known.*tf\.load_op_library"):
        hub.load(model)


def save_boosted_trees(path):
    """Save a TF1 graph whose restoring fills an ensemble of boosted trees, for which TensorFlow 2.15 has no kernels."""
    v1, raw = tf.compat.v1, tf.raw_ops
    config = v1.ConfigProto(graph_options=v1.GraphOptions(place_pruned_graph=True))  # Others need kernels.
    with tf.Graph().as_default() as graph, v1.Session(config=config) as session:
        x = v1.placeholder(tf.float32, [None])
        variable = v1.get_variable("v", initializer=2.0)
        saver = v1.train.Saver([variable])
        trees = raw.BoostedTreesEnsembleResourceHandleOp(container="", shared_name="trees")
        (text,) = raw.RestoreV2(
            prefix=graph.get_tensor_by_name(saver.saver_def.filename_tensor_name),
            tensor_names=["t"],
            shape_and_slices=[""],
            dtypes=[tf.string],
        )
        fill = raw.BoostedTreesCreateEnsemble(
            tree_ensemble_handle=trees, stamp_token=tf.constant(0, tf.int64), tree_ensemble_serialized=text
        )
        with tf.control_dependencies([fill, graph.get_operation_by_name(saver.saver_def.restore_op_name)]):
            everything = tf.no_op("restore_everything")
        saver.saver_def.restore_op_name = everything.name
        session.run(variable.initializer)
        signature = v1.saved_model.predict_signature_def({"x": x}, {"y": x * variable})
        builder = v1.saved_model.Builder(path)
        builder.add_meta_graph_and_variables(session, ["serve"], {"serving_default": signature}, saver=saver)
        builder.save()


@pytest.mark.skipif(saved_models.IS_TF1, reason="TensorFlow 1.15 has the kernels")
def test_ops_without_kernels_that_restore_a_model_are_named(tmp_path):
    path = str(tmp_path / "model")
    save_boosted_trees(path)
    with pytest.raises(MissingOp, match=r"has no kernels for: BoostedTreesEnsembleResourceHandleOp"):
        hub.load(path)


def test_a_broken_package_is_named_with_its_error(model, tmp_path, monkeypatch):
    package = tmp_path / "site" / "tensorflow_text"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise ImportError('undefined symbol: _ZN10tensorflow')")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    saved_models.rename_op(model, "CaseFoldUTF8")
    with pytest.raises(MissingOp, match=r"tensorflow_text is installed, but importing it failed.*undefined symbol"):
        hub.load(model)


def test_a_published_module_that_needs_tensorflow_text_says_so():
    segmenter = saved_models.PUBLISHED / "zh_segmenter"
    if not segmenter.is_dir():
        pytest.skip(f"the published models are not at {saved_models.PUBLISHED}")
    with pytest.raises(MissingOp, match=r"tensorflow-text"):
        hub.load(str(segmenter))
