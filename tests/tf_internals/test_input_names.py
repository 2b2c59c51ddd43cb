"""Signatures of TF1 graphs are called by the names of their inputs, even if Python forbids these as parameters."""

from __future__ import annotations

import numpy as np
import pytest
import saved_models
import tensorflow as tf

import rehub as hub
from rehub import tf_internals
from rehub.cli.program import main

v1 = tf.compat.v1
SIGNATURES = {
    "default": ["class", "from", "self", "x"],
    "empty": [""],
    "alone": ["self"],
    "alike": ["a-b", "a_b", "a b"],
    "constants": ["None", "True", "²", "_x"],
    # TensorFlow sorts inputs by these, or by "aB" and "a_b".
    "order": ["a-b", "aB"],
}
FORMS = ["TF1 SavedModel", "legacy module"]
retrained = pytest.mark.skipif(
    saved_models.IS_TF1, reason="legacy modules are traced again, and converted, from TensorFlow 2 on"
)


def of_inputs(names, w):
    """The inputs by name, and w times a number in which each of them has a digit."""
    inputs = {name: v1.placeholder(tf.float32, [None]) for name in names}
    return inputs, w * sum(10.0**digit * inputs[name] for digit, name in enumerate(names))


def values_of(names):
    """Values of all inputs, and what is expected of them without w."""
    values = {name: [float(digit + 1)] for digit, name in enumerate(names)}
    return values, sum(10.0**digit * (digit + 1) for digit, _ in enumerate(names))


def export_savedmodel(path):
    with tf.Graph().as_default(), v1.Session() as session:
        w = v1.get_variable("w", initializer=2.0, use_resource=True)
        signatures = {}
        for signature, names in SIGNATURES.items():
            inputs, output = of_inputs(names, w)
            signatures[signature] = v1.saved_model.predict_signature_def(inputs, {"y": output})
        session.run(v1.global_variables_initializer())
        builder = v1.saved_model.Builder(path)
        builder.add_meta_graph_and_variables(session, ["serve"], signatures)
        builder.save()


def export_module(path):
    def module_fn():
        w = v1.get_variable("w", initializer=2.0, use_resource=True)
        for signature, names in SIGNATURES.items():
            inputs, output = of_inputs(names, w)
            hub.add_signature(signature, inputs=inputs, outputs={"y": output})

    with tf.Graph().as_default(), v1.Session() as session:
        module = hub.Module(hub.create_module_spec(module_fn))
        session.run(v1.global_variables_initializer())
        module.export(path, session)


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    """The directory of each form of the model."""
    found = {form: str(tmp_path_factory.mktemp("models") / "model") for form in FORMS}
    export_savedmodel(found["TF1 SavedModel"])
    export_module(found["legacy module"])
    return found


@pytest.fixture(scope="module")
def models(paths):
    return {form: hub.load(path) for form, path in paths.items()}


@pytest.fixture(params=FORMS)
def model(request, models):
    return models[request.param]


@pytest.mark.parametrize("name", SIGNATURES)
def test_a_signature_is_called_by_the_names_of_its_inputs(model, name):
    signature = model.signatures[name]
    values, expected = values_of(SIGNATURES[name])
    tensors = {key: tf.constant(value) for key, value in values.items()}
    assert signature(**tensors)["y"].numpy() == [2 * expected]
    assert tf.function(lambda: signature(**tensors)["y"], autograph=False)().numpy() == [2 * expected]
    assert model(values, signature=name, as_dict=True)["y"].numpy() == [2 * expected]
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        outputs = signature(**tensors)["y"]
    gradients = tape.gradient(outputs, tensors)
    assert [gradients[key].numpy() for key in SIGNATURES[name]] == [2 * 10.0**n for n in range(len(tensors))]
    if not saved_models.IS_TF1:
        assert sorted(signature.structured_input_signature[1]) == sorted(SIGNATURES[name])
        assert {key: tuple(each.shape) for key, each in signature.structured_outputs.items()} == {"y": (None,)}


def test_a_single_input_is_given_by_position_too(model):
    assert model.signatures["alone"](tf.constant([3.0]))["y"].numpy() == [6.0]


def test_an_error_has_the_names_in_the_model(model):
    signature, one = model.signatures["default"], tf.constant([1.0])
    with pytest.raises(TypeError, match="takes 'class', 'from', 'self', 'x' by keyword. Missing: 'self'. Unknown.*'z'"):
        signature(**{"class": one, "from": one, "x": one, "z": one})
    with pytest.raises(TypeError, match="4 came by position"):
        signature(one, one, one, one)
    with pytest.raises(TypeError, match="Input 'class' takes a float32 tensor of shape "):
        signature(**{"class": tf.constant([[1.0]]), "from": one, "self": one, "x": one})
    with pytest.raises(TypeError, match="Input 'from' takes a float32 tensor of shape "):
        signature(**{"class": one, "from": tf.constant(["a"]), "self": one, "x": one})


@retrained
def test_signatures_of_a_module_train_its_variables(models):
    module = models["legacy module"]
    values, expected = values_of(SIGNATURES["default"])
    with tf.GradientTape() as tape:
        loss = module.signatures["default"](**{key: tf.constant(value) for key, value in values.items()})["y"]
    assert tape.gradient(loss, module.trainable_variables)[0].numpy() == expected


@pytest.mark.parametrize("name", SIGNATURES)
@retrained
def test_a_layer_calls_a_signature(model, name):
    values, expected = values_of(SIGNATURES[name])
    layer = hub.KerasLayer(model, signature=name, output_key="y")
    assert np.array(layer({key: tf.constant(value) for key, value in values.items()})) == [2 * expected]


@pytest.mark.parametrize("name", SIGNATURES)
@pytest.mark.parametrize("form", FORMS)
def test_a_signature_is_run_from_the_command_line(paths, form, name, capsys):
    values, expected = values_of(SIGNATURES[name])
    inputs = [f"--input={key}={value}" for key, value in values.items()]
    assert main(["run", paths[form], "--signature", name, *inputs]) == 0
    assert float(capsys.readouterr().out.split()[-1].strip("[]")) == 2 * expected


@pytest.mark.parametrize("form", FORMS)
@retrained
def test_a_converted_model_is_called_by_any_names_and_has_signatures_with_valid_names(paths, form, tmp_path):
    report = hub.convert(paths[form], tmp_path / "new", signature="default")
    model = tf.saved_model.load(str(tmp_path / "new"))
    for name, keys in SIGNATURES.items():
        values, expected = values_of(keys)
        tensors = {key: tf.constant(value) for key, value in values.items()}
        assert model(tensors, signature=name, as_dict=True)["y"].numpy() == [2 * expected]
        renamed = tf_internals.input_names.make_parameter_names(keys)
        fed = {renamed[key]: tensor for key, tensor in tensors.items()}
        assert model.signatures[name](**fed)["y"].numpy() == [2 * expected]
    assert any("signatures['default']: 'class' became 'class_'" in each for each in report.left_out)


@retrained
def test_an_optimized_model_is_called_by_any_names(paths):
    model = hub.load(paths["TF1 SavedModel"], optimize="inference")
    for name, keys in SIGNATURES.items():
        values, expected = values_of(keys)
        fed = {key: tf.constant(value) for key, value in values.items()}
        assert model.signatures[name](**fed)["y"].numpy() == [2 * expected]
        assert sorted(model.signatures[name].structured_input_signature[1]) == sorted(keys)


@retrained
def test_a_restored_savedmodel_is_saved_again_with_valid_names(models, tmp_path):
    restored = models["TF1 SavedModel"]
    tf.saved_model.save(restored, str(tmp_path / "again"), signatures=dict(restored.signatures))
    again = tf.saved_model.load(str(tmp_path / "again"))
    values, expected = values_of(SIGNATURES["default"])
    renamed = tf_internals.input_names.make_parameter_names(SIGNATURES["default"])
    fed = {renamed[key]: tf.constant(value) for key, value in values.items()}
    assert again.signatures["default"](**fed)["y"].numpy() == [2 * expected]


@pytest.mark.parametrize("names", [["x", "y"], ["a-b", "c d"], ["1a"], ["name", "args", "kwargs"]])
def test_names_that_tensorflow_accepts_are_unchanged(names):
    assert tf_internals.input_names.are_callable_names(names)
