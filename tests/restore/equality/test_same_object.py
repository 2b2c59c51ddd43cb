"""The object of the lazy loader equals the one of `tf.saved_model.load` in every way of use."""

from __future__ import annotations

import gc
import logging
import threading
import weakref

import numpy as np
import pytest
import saved_models
import tensorflow as tf
from equality_models import HAS_KERAS_2, IS_215, MODELS

import rehub as hub
from rehub.errors import InputMismatch, InvalidSetting, UnsupportedFormat

pytestmark = pytest.mark.skipif(saved_models.IS_TF1, reason="TensorFlow 1.15 loads by its own loader")


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    root = tmp_path_factory.mktemp("equality")
    found = {}
    for name, save in MODELS.items():
        save(root / name if name == "lookup" else str(root / name))
        found[name] = str(root / name)
    published = saved_models.PUBLISHED / "basic_pitch"
    if published.is_dir():
        found["basic_pitch"] = str(published)
    return found


@pytest.fixture(scope="module", params=[*MODELS, "basic_pitch"])
def both(request, paths):
    """A model loaded by rehub's lazy loader and by TensorFlow's."""
    if request.param not in paths:
        pytest.skip("the published models are not on this machine")
    if request.param == "basic_pitch" and not HAS_KERAS_2:
        pytest.skip("TensorFlow restores the optimizer of this model by Keras 2, which is not installed")
    if request.param == "basic_pitch" and IS_215:
        pytest.skip("TensorFlow's loader breaks Keras 2 for the tests after this: see test_optimizer.py")
    path = paths[request.param]
    lazy = hub.load(path, loader="lazy")
    assert hub.load_report(lazy) == hub.LoadReport("lazy")
    return lazy, tf.saved_model.load(path)


def parts(obj):
    """The children of a restored object, by the path of attributes that leads to each."""
    found, seen, to_visit = {}, set(), [("root", obj)]
    while to_visit:
        path, part = to_visit.pop(0)
        if id(part) in seen:
            continue
        seen.add(id(part))
        found[path] = part
        to_visit.extend((f"{path}.{name}", child) for name, child in part._trackable_children().items())
    return found


def described(part):
    if isinstance(part, tf.Variable):
        return (
            "variable",
            part.name,
            part.dtype,
            str(part.shape),
            part.trainable,
            part.synchronization,
            part.aggregation,
            part.device,
            part.numpy().tolist(),
        )
    if hasattr(part, "concrete_functions"):
        return ("function", [signature(trace) for trace in part.concrete_functions])
    if hasattr(part, "structured_outputs"):
        return ("trace", signature(part))
    return next(base.__name__ for base in type(part).__mro__ if not base.__name__.startswith("Lazy"))


def signature(trace):
    return (
        repr(trace.structured_input_signature),
        repr(trace.structured_outputs),
        [(v.name, str(v.shape)) for v in trace.variables],
        len(trace.captured_inputs),
        [(t.name, t.dtype, str(t.shape)) for t in trace.inputs],
        sorted(n.op for n in trace.graph.as_graph_def().node),
    )


def test_objects_have_the_same_children(both):
    lazy, expected = ({path: described(part) for path, part in parts(obj).items()} for obj in both)
    assert lazy == expected


def test_objects_have_the_same_attributes(both):
    lazy, expected = (
        {name for name in dir(obj) if not name.startswith("_rehub") and name != "_is_hub_module_v1"} for obj in both
    )
    lazy -= {"__copy__", "__deepcopy__"}  # TensorFlow's objects fail when they are copied.
    assert {name for name in lazy if "_self_" not in name} == {name for name in expected if "_self_" not in name}
    assert both[0].tensorflow_version == both[1].tensorflow_version
    assert both[0].graph_debug_info == both[1].graph_debug_info
    assert callable(both[0]) == callable(both[1])


def an_input(spec, seed):
    shape = [2 if size is None else size for size in spec.shape]
    if spec.dtype == tf.string:
        return tf.constant(np.full(shape, "b"))
    return tf.cast(np.random.default_rng(seed).uniform(-2.0, 2.0, shape), spec.dtype)


def test_signatures_have_the_same_outputs_and_gradients(both):
    assert list(both[0].signatures) == list(both[1].signatures)
    for name in both[0].signatures:
        results = []
        for obj in both:
            function = obj.signatures[name]
            specs = function.structured_input_signature[1]
            inputs = {key: an_input(spec, i) for i, (key, spec) in enumerate(sorted(specs.items()))}
            results.append(
                [
                    values(function(**inputs)),
                    values(tf.function(lambda f=function, **tensors: f(**tensors))(**inputs)),
                    outcome_with_gradients(function, inputs, function.trainable_variables),
                    values(function(**inputs)),
                ]
            )
        np.testing.assert_equal(results[0], results[1])


def values(outputs):
    return {key: value.numpy().tolist() for key, value in outputs.items()}


def outcome_with_gradients(function, inputs, variables):
    """A signature's outputs and gradients; or the error, as TensorFlow cannot differentiate all that it restores."""
    floats = [each for each in inputs.values() if each.dtype.is_floating]
    try:
        with tf.GradientTape() as tape:
            tape.watch(floats)
            outputs = function(**inputs)
            loss = [tf.reduce_sum(out) for _, out in sorted(outputs.items()) if out.dtype.is_floating]
        gradients = tape.gradient(loss, [*floats, *variables]) if loss else []
    except ValueError as error:
        return without_numbers(str(error))
    return values(outputs), [
        None if each is None else tf.convert_to_tensor(each).numpy().tolist() for each in gradients
    ]


def test_methods_have_the_same_outputs(paths):
    x = tf.constant([[0.1, -0.2, 0.3], [1.0, 2.0, -3.0]])
    ragged = tf.ragged.constant([[1.0, 2.0], [3.0]])
    results = []
    for obj in (hub.load(paths["kitchen"], loader="lazy"), tf.saved_model.load(paths["kitchen"])):
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(x)
            trained = obj(x, training=True)["y"]
            power = obj.power(x)
        results.append(
            [
                obj(x)["y"],
                obj(x, False)["half"],
                obj(x, scale=tf.constant(3.0))["y"],
                trained,
                obj.count,
                tape.gradient(trained, [x, obj.weight]),
                tape.gradient(power, x),
                *obj.ragged(ragged),
                obj.sparse(tf.sparse.from_dense(x)),
                obj.nested({"a": x, "b": [x, x]}),
                obj.__call__.pretty_printed_concrete_signatures().count("Input Parameters"),
            ]
        )
    flat = [
        [np.asarray(each).tolist() for each in tf.nest.flatten(result, expand_composites=True)] for result in results
    ]
    assert flat[0] == flat[1]


def test_gradients_in_forward_mode_and_of_second_order_are_the_same(paths):
    x = tf.constant([[0.1, -0.2, 0.3]])
    results = []
    for obj in (hub.load(paths["kitchen"], loader="lazy"), tf.saved_model.load(paths["kitchen"])):
        with tf.autodiff.ForwardAccumulator(obj.weight, tf.ones([3, 2])) as forward:
            y = obj(x)["y"]
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                z = obj.power(x)
            first = inner.gradient(z, x)
        results.append([each.numpy().tolist() for each in (forward.jvp(y), first, outer.gradient(first, x))])
    assert results[0] == results[1]
    assert np.any(results[0][0])


@pytest.mark.parametrize(
    "call",
    [
        lambda obj: obj(tf.ones([2, 4])),
        lambda obj: obj(tf.ones([2, 3], tf.int32)),
        lambda obj: obj(tf.ones([2, 3]), training="yes"),
        lambda obj: obj(tf.ones([2, 3]), wrong=1),
        lambda obj: obj.power("text"),
        lambda obj: obj.signatures["power"](y=1.0),
        lambda obj: obj.signatures["power"](),
        lambda obj: obj.nothing,
    ],
)
def test_a_bad_call_is_an_error_of_the_same_type(call, paths):
    """The types are the same; rehub's shorter messages are tested in tests/restore/test_input_mismatch.py."""
    messages = []
    for obj in (hub.load(paths["kitchen"], loader="lazy"), tf.saved_model.load(paths["kitchen"])):
        with pytest.raises(Exception) as caught:  # noqa: PT011  the two are compared
            call(obj)
        messages.append((type(caught.value), str(caught.value).split(" object at ")[0]))
    assert issubclass(messages[0][0], messages[1][0])
    if not issubclass(messages[0][0], InputMismatch):
        assert without_numbers(messages[0][1]) == without_numbers(messages[1][1])


def without_numbers(message):
    return "".join(character for character in message if not character.isdigit())


def test_an_object_is_saved_and_loaded_again(both, tmp_path):
    try:
        tf.saved_model.save(both[1], str(tmp_path / "expected"), signatures=dict(both[1].signatures))
    except ValueError as expected:
        # TensorFlow does not save a restored gradient again that needs what only its function has.
        with pytest.raises(ValueError, match=str(expected).split("Tensor")[0]):
            tf.saved_model.save(both[0], str(tmp_path / "again"), signatures=dict(both[0].signatures))
        return
    tf.saved_model.save(both[0], str(tmp_path / "again"), signatures=dict(both[0].signatures))
    again = tf.saved_model.load(str(tmp_path / "again"))
    assert sorted(again.signatures) == sorted(both[1].signatures)
    for name in again.signatures:
        specs = both[1].signatures[name].structured_input_signature[1]
        inputs = {key: an_input(spec, 3) for key, spec in specs.items()}
        expected, found = both[1].signatures[name](**inputs), again.signatures[name](**inputs)
        for key in expected:
            np.testing.assert_array_equal(found[key], expected[key])


def test_a_checkpoint_of_one_object_is_read_by_the_other(paths, tmp_path):
    lazy, expected = hub.load(paths["kitchen"], loader="lazy"), tf.saved_model.load(paths["kitchen"])
    lazy.weight.assign_add(tf.ones([3, 2]))
    prefix = tf.train.Checkpoint(model=lazy).write(str(tmp_path / "checkpoint"))
    tf.train.Checkpoint(model=expected).read(prefix).assert_existing_objects_matched()
    assert expected.weight.numpy().tolist() == lazy.weight.numpy().tolist()


def test_a_function_runs_in_a_dataset(paths):
    obj = hub.load(paths["kitchen"], loader="lazy")
    dataset = tf.data.Dataset.from_tensors(tf.ones([2, 3])).map(obj.power)
    (found,) = dataset.as_numpy_iterator()
    assert found.tolist() == tf.saved_model.load(paths["kitchen"]).power(tf.ones([2, 3])).numpy().tolist()


def test_threads_load_call_and_differentiate(paths):
    shared = hub.load(paths["kitchen"], loader="lazy")
    x = tf.constant([[0.1, -0.2, 0.3], [1.0, 2.0, 3.0]])
    results, errors = [], []

    def work():
        try:
            # Of one object, TensorFlow makes gradients in one thread at a time.
            found = shared(x)["y"] + shared(x, scale=tf.constant(2.0))["y"]
            own = hub.load(paths["kitchen"], loader="lazy")
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = own(x)["y"] + own(x, scale=tf.constant(2.0))["y"]
            results.append([each.numpy().tolist() for each in (found, y, tape.gradient(y, x))])
        except Exception as error:  # noqa: BLE001  a thread cannot fail the test by itself
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(results) == 8
    assert all(result == results[0] for result in results)


def test_nothing_is_left_of_a_dropped_object(paths):
    for _ in range(3):
        obj = hub.load(paths["kitchen"], loader="lazy")
        obj(tf.ones([2, 3]))
        left = [weakref.ref(each) for each in (obj.weight, obj.power, obj.signatures["power"])]
        del obj
        gc.collect()
        assert [each() for each in left] == [None, None, None]


def test_only_used_functions_are_built(paths):
    obj = hub.load(paths["kitchen"], loader="lazy")
    assert "_func_graph" not in vars(obj.signatures["power"])
    obj.signatures["call"](x=tf.ones([1, 3]))
    assert "_func_graph" not in vars(obj.signatures["call"])
    with tf.GradientTape():
        obj.signatures["call"](x=tf.ones([1, 3]))
    assert "_func_graph" in vars(obj.signatures["call"])
    assert "_func_graph" not in vars(obj.signatures["power"])


def test_the_setting_chooses_the_loader(paths, monkeypatch):
    monkeypatch.setenv("REHUB_LOADER", "tensorflow")
    assert hub.load_report(hub.load(paths["kitchen"])) == hub.LoadReport("tensorflow")
    assert hub.load_report(hub.load(paths["kitchen"], loader="auto")).loader == "lazy"
    with pytest.raises(InvalidSetting, match="loader is 'quick'"):
        hub.load(paths["kitchen"], loader="quick")


def test_tensorflows_loader_is_used_with_a_reason_if_the_lazy_one_cannot_load(tmp_path, caplog):
    path = saved_models.save_v1(tmp_path / "v1")
    with caplog.at_level(logging.DEBUG, "rehub"):
        report = hub.load_report(hub.load(path))
    assert report == hub.LoadReport("tensorflow", "it is a graph of TF1")
    assert "is loaded by TensorFlow's loader: it is a graph of TF1" in caplog.text
    with pytest.raises(UnsupportedFormat, match="loader='lazy' was asked for: it is a graph of TF1"):
        hub.load(path, loader="lazy")


def test_aliases_and_graphs_of_tf1_are_restored_by_tensorflow(paths):
    options = tf.saved_model.LoadOptions(experimental_load_function_aliases=True)
    assert "aliases" in hub.load_report(hub.load(paths["kitchen"], options=options)).reason
    with tf.Graph().as_default():
        assert "a graph of TF1" in hub.load_report(hub.load(paths["kitchen"])).reason
    with tf.distribute.MirroredStrategy(["CPU:0"]).scope():
        assert "strategy" in hub.load_report(hub.load(paths["kitchen"])).reason


def test_a_report_needs_a_loaded_object():
    with pytest.raises(TypeError, match=r"takes what hub\.load returned"):
        hub.load_report(tf.Module())
