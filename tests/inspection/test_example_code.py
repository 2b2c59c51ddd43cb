"""The lines that `hub.inspect` gives for loading and calling a model, run as they stand, over models of every kind."""

from __future__ import annotations

import harmful_models
import pytest
import saved_models
from saved_models import tf

import rehub as hub
from rehub.errors import MissingOp
from rehub.inspection.summary import IMPORTS

# Left out: what an older TensorFlow than the one that wrote it cannot load; what disturbs other tests; and two modules
# that work for one size of their inputs, which nothing in them tells.
_NOT_HERE = (
    "published/",
    "object/optimizer",
    "object/keras",
    "feature/sparse_tensors",
    "feature/variables_of_other_types",
)
if saved_models.IS_TF1:
    # Its loader takes no sparse and ragged inputs, and mixes up the parts of reference variables.
    _NOT_HERE += ("feature/", "legacy/multi_sig")


def usable(inspected):
    for name, path in sorted(inspected.items()):
        if not name.startswith(_NOT_HERE) or name == "published/half_plus_two_legacy":
            yield name, path


def run(path, lines):
    names = {}
    exec("\n".join((IMPORTS, *lines)), names)
    return names


def test_the_lines_of_python_run(inspected):
    for name, path in usable(inspected):
        info = hub.inspect(path)
        assert info.can_be_called, name
        assert len(info.usage) == 2, name
        assert "outputs" in run(path, info.usage), name


def test_the_call_is_as_short_as_the_model_allows(inspected):
    calls = {name: hub.inspect(path).usage[-1] for name, path in inspected.items()}
    assert calls["legacy/conv_bn"] == "outputs = model(tf.zeros([1, 16, 16, 3]))"
    assert calls["legacy/text_embed"] == "outputs = model(tf.constant(['some text']))"
    assert calls["module/partitioned"] == "outputs = model()"
    assert calls["module/two_in_two_out"] == "outputs = model({'x': tf.zeros([1]), 'y': tf.zeros([1])}, as_dict=True)"
    assert calls["v1"] == "outputs = model({'x': tf.zeros([1]), 'y': tf.zeros([1])})"
    assert calls["odd names"] == "outputs = model(tf.zeros([], tf.int64), signature='count')"
    if not saved_models.IS_TF1:
        assert calls["nests"] == (
            "outputs = model.encode({'rows': tf.RaggedTensor.from_tensor(tf.zeros([1, 8], tf.int64)), "
            "'x': tf.zeros([1, 2])}, tf.sparse.from_dense(tf.zeros([1, 3])))"
        )


def test_a_variant_that_has_to_be_chosen_is_named(inspected):
    info = hub.inspect(inspected["v1 of two variants"])
    assert info.usage[0].endswith("tags=['serve'])")
    assert hub.inspect(inspected["legacy/conv_bn"], tags="train").usage[0].endswith("tags=['train'])")


def test_a_function_may_have_a_python_keyword_as_its_name(tmp_path):
    model = tf.Module()
    function = tf.function(lambda x: x)
    for dtype in (tf.float32, tf.int32):  # TensorFlow makes a signature of what is traced once.
        function.get_concrete_function(tf.TensorSpec([2], dtype))
    setattr(model, "def", function)
    tf.saved_model.save(model, str(tmp_path))
    info = hub.inspect(str(tmp_path))
    assert info.usage[-1].startswith("outputs = getattr(model, 'def')(tf.zeros([2]")
    assert "outputs" in run(tmp_path, info.usage)


def test_an_input_named_by_a_python_keyword_is_given_in_a_dict_or_without_a_name(tmp_path):
    def rename(metagraph):
        inputs = metagraph.signature_def["serving_default"].inputs
        inputs["class"].CopyFrom(inputs["words"])
        del inputs["words"]

    text = "tf.constant(['some text'])"
    model = harmful_models.save(tmp_path / "object", lambda words: words + "!")
    harmful_models.edit(model, rename)
    assert hub.inspect(model).usage[-1] == f"outputs = model.signatures['serving_default'](**{{'class': {text}}})"

    model = harmful_models.save_graph(tmp_path / "graph", lambda words, _: words + "!")
    harmful_models.edit(model, rename)  # In TF1 the name of an only input is not needed.
    assert hub.inspect(model).usage[-1] == f"outputs = model({text})"


def test_a_model_that_cannot_be_called_is_only_loaded(tmp_path):
    model = tf.Module()
    model.v = tf.Variable(1.0)
    tf.saved_model.save(model, str(tmp_path))
    info = hub.inspect(str(tmp_path))
    assert not info.can_be_called
    assert info.usage == (f"model = hub.load({str(tmp_path)!r})",)
    run(tmp_path, info.usage)


def test_a_model_with_an_unknown_op_cannot_be_called(tmp_path):
    path = saved_models.rename_op(saved_models.save_replacing(tmp_path / "model"), "RegexReplbce")
    info = hub.inspect(path)
    assert not info.can_be_called
    assert "RegexReplbce" in info.can_be_called.reason
    assert [package.ops for package in info.missing_packages] == [("RegexReplbce",)]
    with pytest.raises(MissingOp, match="RegexReplbce"):
        hub.load(path)
