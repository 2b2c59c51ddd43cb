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
