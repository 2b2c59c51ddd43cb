"""Modules on disk: what is written, what is read, and what is refused."""

from __future__ import annotations

import os
import shutil

import module_fns
import numpy as np
import pytest
from saved_models import LEGACY, save_shift, save_v1, tf

import rehub as hub

v1 = tf.compat.v1


def test_a_fine_tuned_module_is_exported_with_its_new_values(tmp_path, run):
    path = str(tmp_path / "tuned")
    with tf.Graph().as_default(), v1.Session() as session:
        module = hub.Module(hub.create_module_spec(module_fns.scaled), trainable=True)
        loss = tf.reduce_sum(tf.square(module([1.0]) - 5.0))
        step = v1.train.GradientDescentOptimizer(0.25).minimize(loss)
        session.run(v1.global_variables_initializer())
        for _ in range(20):
            session.run(step)
        module.export(path, session)
    with tf.Graph().as_default():
        np.testing.assert_allclose(run(hub.Module(path)([1.0])), [5.0], rtol=1e-4)


def test_a_module_can_be_exported_from_a_finalized_graph(tmp_path, run):
    with tf.Graph().as_default() as graph:
        module = hub.Module(hub.create_module_spec(module_fns.scaled))
        initializer = v1.global_variables_initializer()
        graph.finalize()
        with v1.Session() as session:
            session.run(initializer)
            module.export(str(tmp_path / "module"), session)
    with tf.Graph().as_default():
        assert run(hub.Module(str(tmp_path / "module"))([1.0])) == [3.0]


def test_an_export_can_be_read_by_older_tensorflow_versions(export):
    """TensorFlow 2.21 names variables for debugging, by an attribute that TensorFlow 1.15 cannot import."""
    (meta_graph,) = hub.load_module_spec(export(module_fns.scaled))._variants
    variables = [node for node in meta_graph.graph_def.node if node.op == "VarHandleOp"]
    assert variables
    assert not any("debug_name" in node.attr for node in variables)


def test_all_variants_are_exported_and_share_the_weights(export, run):
    path = export(module_fns.regularized, tags_and_args=[({"train"}, {"is_training": True}), ((), {})])
    assert hub.load_module_spec(path).get_tags() == [frozenset(), frozenset({"train"})]
    for tags in (None, {"train"}):
        with tf.Graph().as_default():
            module = hub.Module(path, tags=tags)
            assert sorted(module.variable_map) == ["mean", "w"]
            assert run(module([[1.0, 2.0]])) == [[3.0]]


def test_assets_are_exported_with_the_module(tmp_path, run):
    vocabulary = tmp_path / "words.txt"
    vocabulary.write_text("a\nb\n")
    with tf.Graph().as_default(), v1.Session() as session:
        module = hub.Module(hub.create_module_spec(module_fns.word_index(vocabulary)))
        module.export(str(tmp_path / "module"), session)
    vocabulary.unlink()
    shutil.move(str(tmp_path / "module"), str(tmp_path / "moved"))
    with tf.Graph().as_default():
        module = hub.Module(str(tmp_path / "moved"))
        assert run(module(["b", "c"])).tolist() == [1, -1]
        listed = v1.get_collection(v1.GraphKeys.ASSET_FILEPATHS)
        assert set(run(listed)) == {str(tmp_path / "moved" / "assets" / "words.txt").encode()}


def test_assets_of_one_name_and_different_places_are_kept_apart(tmp_path, run):
    files = [tmp_path / name / "words.txt" for name in ("one", "two")]
    for file, words in zip(files, ("a\nb\n", "b\na\n")):
        file.parent.mkdir()
        file.write_text(words)

    def both():
        module_fns.word_index(files[0])()
        words = v1.placeholder(tf.string, [None])
        hub.add_signature("second", inputs=words, outputs=module_fns.vocabulary_table(str(files[1])).lookup(words))

    with tf.Graph().as_default(), v1.Session() as session:
        hub.Module(hub.create_module_spec(both)).export(str(tmp_path / "module"), session)
    assert len(os.listdir(tmp_path / "module" / "assets")) == 2
    with tf.Graph().as_default():
        module = hub.Module(str(tmp_path / "module"))
        values = run([module(["a"]), module(["a"], signature="second")])
        assert [value.tolist() for value in values] == [[0], [1]]


def test_a_module_within_a_module_is_exported_with_it(tmp_path, run):
    vocabulary = tmp_path / "words.txt"
    vocabulary.write_text("a\nb\n")
    with tf.Graph().as_default(), v1.Session() as session:
        hub.Module(hub.create_module_spec(module_fns.word_index(vocabulary))).export(str(tmp_path / "inner"), session)

    def outer():
        words = v1.placeholder(tf.string, [None])
        scale = v1.get_variable("scale", initializer=10.0)
        index = tf.cast(hub.Module(str(tmp_path / "inner"))(words), tf.float32)
        hub.add_signature(inputs=words, outputs=scale * index)

    with tf.Graph().as_default(), v1.Session() as session:
        module = hub.Module(hub.create_module_spec(outer))
        session.run(v1.global_variables_initializer())
        module.export(str(tmp_path / "outer"), session)
    shutil.rmtree(tmp_path / "inner")
    with tf.Graph().as_default():
        assert run(hub.Module(str(tmp_path / "outer"))(["a", "b"])).tolist() == [0.0, 10.0]


def test_an_existing_model_is_not_overwritten(export):
    path = export(module_fns.scaled)
    before = {file: os.stat(os.path.join(path, file)).st_mtime_ns for file in os.listdir(path)}
    with pytest.raises(FileExistsError, match="saved_model.pb, tfhub_module.pb, variables, assets is there already"):
        export(module_fns.scaled)
    assert {file: os.stat(os.path.join(path, file)).st_mtime_ns for file in os.listdir(path)} == before


def test_an_export_that_fails_leaves_nothing(tmp_path):
    vocabulary = tmp_path / "words.txt"
    vocabulary.write_text("a\n")
    spec = hub.create_module_spec(module_fns.word_index(vocabulary))
    vocabulary.unlink()
    with tf.Graph().as_default(), v1.Session() as session:
        module = hub.Module(spec)
        with pytest.raises(tf.errors.NotFoundError):
            module.export(str(tmp_path / "module"), session)
    assert os.listdir(tmp_path) == []


def test_a_module_without_variables_has_an_empty_directory_for_them(tmp_path):
    with tf.Graph().as_default(), v1.Session() as session:
        hub.Module(hub.create_module_spec(module_fns.relu_by_cond)).export(str(tmp_path / "module"), session)
    assert sorted(os.listdir(tmp_path / "module")) == ["assets", "saved_model.pb", "tfhub_module.pb", "variables"]


def test_a_spec_is_exported_with_the_weights_of_a_checkpoint(tmp_path, run):
    with tf.Graph().as_default(), v1.Session() as session:
        with v1.variable_scope("block"):
            v1.get_variable("w", initializer=7.0)
        session.run(v1.global_variables_initializer())
        checkpoint = v1.train.Saver().save(session, str(tmp_path / "checkpoint" / "model"))
    spec = hub.create_module_spec(module_fns.scaled)
    spec.export(str(tmp_path / "module"), checkpoint_path=checkpoint, name_transform_fn=lambda name: "block/" + name)
    with tf.Graph().as_default():
        assert run(hub.Module(str(tmp_path / "module"))([1.0])) == [7.0]
    with pytest.raises(ValueError, match="w is not found in"):
        spec.export(str(tmp_path / "other"), checkpoint_path=checkpoint)
    with pytest.raises(ValueError, match="checkpoint_path"):
        spec.export(str(tmp_path / "other"))
    assert not (tmp_path / "other").exists()


def test_another_graph_or_session_cannot_export(tmp_path):
    with tf.Graph().as_default():
        module = hub.Module(hub.create_module_spec(module_fns.scaled))
        with v1.Session(graph=tf.Graph()) as session, pytest.raises(RuntimeError, match="graph differs"):
            module.export(str(tmp_path / "module"), session)


def test_each_variant_is_exported_with_its_messages(export):
    def module_fn(number=0):
        module_fns.scaled()
        hub.attach_message("numbers", v1.train.Int64List(value=[-1]))
        hub.attach_message("numbers", v1.train.Int64List(value=[number]))  # the last one counts

    path = export(module_fn, tags_and_args=[((), {"number": 1}), ({"train"}, {"number": 2})])
    spec = hub.load_module_spec(path)
    assert spec.get_attached_message("numbers", v1.train.Int64List).value == [1]
    with tf.Graph().as_default():
        module = hub.Module(spec, tags={"train"})
        assert module.get_attached_message("numbers", v1.train.Int64List).value == [2]
        assert module.get_attached_message("letters", v1.train.BytesList) is None
        with pytest.raises(KeyError, match="letters"):
            module.get_attached_message("letters", v1.train.BytesList, required=True)
    with tf.Graph().as_default(), pytest.raises(ValueError, match="malformed key 'a/b'"):
        hub.attach_message("a/b", v1.train.Int64List())


def test_a_tf1_saved_model_becomes_a_module(tmp_path, run):
    saved_model = save_v1(tmp_path / "saved_model")
    spec = hub.create_module_spec_from_saved_model(saved_model)
    with tf.Graph().as_default(), v1.Session() as session:
        module = hub.Module(spec, tags={"serve"})
        session.run([v1.global_variables_initializer(), v1.tables_initializer()])
        module.export(str(tmp_path / "module"), session)
    shutil.rmtree(saved_model)
    with tf.Graph().as_default():
        module = hub.Module(str(tmp_path / "module"), tags={"serve"})
        outputs = module({"x": [1.0], "y": [2.0]}, signature="serving_default")
        assert [value.tolist() for value in run([outputs, module(["c"], signature="find", as_dict=True)["place"]])] == [
            [5.0],
            [2],
        ]


def test_other_models_are_not_loaded_as_legacy_modules(tmp_path):
    with pytest.raises(ValueError, match="not a legacy module.*TF2 SavedModel: load it by hub.load"):
        hub.load_module_spec(save_shift(tmp_path / "tf2"))
    with pytest.raises(ValueError, match="create_module_spec_from_saved_model"):
        hub.load_module_spec(save_v1(tmp_path / "tf1"))


@pytest.fixture
def copied(tmp_path):
    path = tmp_path / "copied"
    shutil.copytree(str(LEGACY / "text_embed"), str(path))
    return path


def test_a_module_that_needs_an_unknown_feature_is_refused(copied):
    (copied / "tfhub_module.pb").write_bytes(b"\x08\x03\x12\x03foo")
    with pytest.raises(ValueError, match="Unsupported features: \\['foo'\\]"):
        hub.load_module_spec(str(copied))


def test_a_module_of_unknown_files_is_refused(copied):
    (copied / "tfhub_module.pb").write_bytes(b"\x08\x03\x12\x03foo")
    (copied / "saved_model.pb").unlink()
    with pytest.raises(ValueError, match="Unsupported features: \\['foo'\\]"):
        hub.load_module_spec(str(copied))


def test_a_module_of_another_format_is_refused(copied):
    (copied / "tfhub_module.pb").write_bytes(b"\x08\x02")
    with pytest.raises(ValueError, match="Unsupported module def format: 2"):
        hub.load_module_spec(str(copied))


def test_a_damaged_module_is_named(copied):
    content = (copied / "saved_model.pb").read_bytes()
    (copied / "saved_model.pb").write_bytes(content[: len(content) // 2])
    with pytest.raises(OSError, match="copied.*cannot be read as a SavedModel"):
        hub.load_module_spec(str(copied))


def test_an_asset_outside_of_the_module_is_refused(copied):
    content = (copied / "saved_model.pb").read_bytes()
    name = os.listdir(copied / "assets")[0].encode()
    assert content.count(name) > 0
    (copied / "saved_model.pb").write_bytes(content.replace(name, b"../" + name[3:]))
    with pytest.raises(OSError, match="outside of its directory"):
        hub.load_module_spec(str(copied))


def test_unsupported_collections_are_named_and_can_be_dropped(run):
    def module_fn():
        v1.get_variable("x", (), collections=["mine"])
        module_fns.scaled()

    with pytest.raises(ValueError, match=r"Unsupported collections in graph: \['mine'\].*drop_collections"):
        hub.create_module_spec(module_fn)
    assert hub.create_module_spec(module_fn, drop_collections=["mine"]).get_signature_names() == ["default"]


def test_functions_that_do_not_build_a_module_are_refused():
    with pytest.raises(ValueError, match="No signatures present"):
        hub.create_module_spec(lambda: None)
    with pytest.raises(ValueError, match="same tags"):
        hub.create_module_spec(module_fns.scaled, [({"a"}, {}), ({"a"}, {})])

    def slices():
        x = v1.placeholder(tf.int64, [None])
        hub.add_signature(inputs=x, outputs={"slices": tf.IndexedSlices(x, x)})

    with pytest.raises(ValueError, match="should have one of the types.*\n.*output 'slices' has type IndexedSlices"):
        hub.create_module_spec(slices)
