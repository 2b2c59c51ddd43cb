"""The prepared form of a model: weights that are mapped, copied on write, and never trusted when damaged."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import saved_models
import tensorflow as tf
from forked_programs import ForkedProgram

import rehub as hub
from rehub.errors import InvalidSetting
from rehub.restore import prepared
from rehub.restore.prepared.mounts import is_on_network

pytestmark = [
    pytest.mark.skipif(saved_models.IS_TF1, reason="TensorFlow 1.15 loads by its own loader"),
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc says whether a file system is local"),
]
SIZE = 1 << 20


@pytest.fixture
def model(tmp_path, monkeypatch):
    monkeypatch.setenv("REHUB_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("REHUB_PREPARE", raising=False)
    return save(tmp_path / "model", 1.0)


def save(path, first):
    model = tf.Module()
    model.v = tf.Variable(tf.range(SIZE, dtype=tf.float32) + first)
    model.half = tf.Variable([1.5, 2.5], dtype=tf.bfloat16)
    model.count = tf.Variable(7, dtype=tf.int64, trainable=False)
    model.words = tf.Variable(["a", "bc"])
    model.flags = tf.Variable([True, False])
    model.none = tf.Variable(tf.zeros([0, 2]))
    model.any_shape = tf.Variable([[1.0, 2.0]], shape=tf.TensorShape(None))
    model.f = tf.function(lambda x: x * model.v + tf.cast(model.half[0], tf.float32), [tf.TensorSpec([], tf.float32)])
    tf.saved_model.save(model, str(path), model.f)
    return str(path)


def values(obj):
    names = ("v", "half", "count", "words", "flags", "none", "any_shape")
    return {name: getattr(obj, name).numpy().tolist() for name in names}


def prepare(model):
    assert not hub.load_report(hub.load(model, prepare="make")).prepared
    obj = hub.load(model)
    form = Path(hub.load_report(obj).prepared)
    assert sorted(each.name for each in form.iterdir()) == ["index.json", "weights"]
    return obj, form


def test_a_prepared_model_is_the_same(model):
    obj, _ = prepare(model)
    expected = tf.saved_model.load(model)
    assert values(obj) == values(expected)
    assert obj.v.name == expected.v.name
    assert obj.any_shape.shape.rank is None
    np.testing.assert_array_equal(obj.f(2.0), expected.f(2.0))


def test_training_does_not_change_the_file(model, tmp_path):
    obj, form = prepare(model)
    before = (form / "weights").read_bytes()
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(obj.f(1.0))
    obj.v.assign_sub(0.5 * tape.gradient(loss, obj.v))
    obj.count.assign_add(1)
    tf.raw_ops.ResourceScatterUpdate(resource=obj.v.handle, indices=[0], updates=[100.0])
    assert (form / "weights").read_bytes() == before
    assert obj.v.numpy()[:3].tolist() == [100.0, 1.5, 2.5]
    assert hub.load(model).v.numpy()[:3].tolist() == [1.0, 2.0, 3.0]
    tf.saved_model.save(obj, str(tmp_path / "trained"))
    assert tf.saved_model.load(str(tmp_path / "trained")).v.numpy()[:3].tolist() == [100.0, 1.5, 2.5]


def test_a_form_is_made_on_request_and_used_afterwards(model, monkeypatch):
    assert not hub.load_report(hub.load(model)).prepared
    assert not hub.load_report(hub.load(model)).prepared
    monkeypatch.setenv("REHUB_PREPARE", "make")
    hub.load(model)
    assert hub.load_report(hub.load(model)).prepared
    monkeypatch.setenv("REHUB_PREPARE", "off")
    assert not hub.load_report(hub.load(model)).prepared
    monkeypatch.setenv("REHUB_PREPARE", "yes")
    with pytest.raises(InvalidSetting, match="REHUB_PREPARE is 'yes'"):
        hub.load(model)


def test_a_changed_model_has_no_form(model):
    prepare(model)
    save(model, 5.0)
    obj = hub.load(model)
    assert not hub.load_report(obj).prepared
    assert obj.v.numpy()[0] == 5.0


def test_a_form_of_another_tensorflow_is_stale_and_made_again(model):
    _, form = prepare(model)
    index = json.loads((form / "index.json").read_bytes().partition(b"\n")[2])
    stale = json.dumps({**index, "tensorflow": "2.0.0"}).encode()
    (form / "index.json").write_bytes(hashlib.sha256(stale).hexdigest().encode() + b"\n" + stale)
    assert not hub.load_report(hub.load(model)).prepared
    assert not hub.load_report(hub.load(model, prepare="make")).prepared
    assert hub.load_report(hub.load(model)).prepared == str(form)


def rewrite(file, change):
    """Change the bytes of a file in place, without its checksum."""
    content = bytearray(file.read_bytes())
    file.write_bytes(change(content) or bytes(content))


def say(form, change):
    """Change the content of the index, and its checksum."""
    index = json.loads((form / "index.json").read_bytes().partition(b"\n")[2])
    changed = change(index)
    content = (json.dumps(index) if changed is None else changed).encode()
    (form / "index.json").write_bytes(hashlib.sha256(content).hexdigest().encode() + b"\n" + content)


def replace_by(path, make):
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    make(path)


def set_variable(place, value):
    return lambda form: say(form, lambda index: index["variables"][0].__setitem__(place, value))


DAMAGE = {
    "cut": lambda form: rewrite(form / "weights", lambda content: content[:-1]),
    "longer": lambda form: rewrite(form / "weights", lambda content: content + b"\0"),
    "zeros": lambda form: rewrite(form / "weights", lambda content: bytes(len(content))),
    "a byte": lambda form: rewrite(form / "weights", lambda content: content.__setitem__(1234, content[1234] ^ 1)),
    "exchanged": lambda form: rewrite(form / "weights", lambda content: content[8:16] + content[:8] + content[16:]),
    "no weights": lambda form: (form / "weights").unlink(),
    "weights are a directory": lambda form: replace_by(form / "weights", Path.mkdir),
    "weights are a pipe": lambda form: replace_by(form / "weights", os.mkfifo),
    "weights are a link": lambda form: replace_by(form / "weights", lambda path: path.symlink_to("/dev/zero")),
    "index": lambda form: rewrite(form / "index.json", lambda content: content.replace(b'"size"', b'"side"')),
    "empty index": lambda form: (form / "index.json").write_bytes(b""),
    "index is a directory": lambda form: replace_by(form / "index.json", Path.mkdir),
    "index is a pipe": lambda form: replace_by(form / "index.json", os.mkfifo),
    "index is not JSON": lambda form: say(form, lambda index: "{"),
    "index is deep": lambda form: say(form, lambda index: "[" * 100_000),
    "index is a list": lambda form: say(form, lambda index: "[]"),
    "index is of another model": lambda form: say(form, lambda index: index.update(model="0" * 64)),
    "a number of 5,000 digits": lambda form: say(form, lambda index: '{"size": ' + "9" * 5000 + "}"),
    "negative offset": set_variable(4, -64),
    "offset behind the end": set_variable(4, 1 << 40),
    "offset of no alignment": set_variable(4, 4),
    "offset is infinite": set_variable(4, float("inf")),
    "other shape": set_variable(3, [SIZE * 2]),
    "other type": set_variable(2, "int32"),
    "unknown type": set_variable(2, "float31"),
    "another variable": set_variable(0, 10_000),
    "form is a file": lambda form: replace_by(form, lambda path: path.write_bytes(b"")),
    "form is a pipe": lambda form: replace_by(form, os.mkfifo),
    "others can write": lambda form: (form / "weights").chmod(0o666),
    "others can write into the directory": lambda form: form.chmod(0o777),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_form_is_ignored_and_made_again(model, damage, caplog):
    _, form = prepare(model)
    DAMAGE[damage](form)
    with caplog.at_level(logging.WARNING):
        obj = hub.load(model)
    assert not hub.load_report(obj).prepared
    assert values(obj) == values(tf.saved_model.load(model))
    assert f"the prepared form {form} is ignored" in caplog.text
    hub.load(model, prepare="make")
    assert hub.load_report(hub.load(model)).prepared


def test_copied_form_is_used_and_weights_with_an_old_time_are_compared(model):
    _, form = prepare(model)
    copied = form.with_name("copied")
    shutil.copytree(str(form), str(copied))
    shutil.rmtree(str(form))
    copied.rename(form)
    assert hub.load_report(hub.load(model)).prepared == str(form)
    status = (form / "weights").stat()
    rewrite(form / "weights", lambda content: bytes(len(content)))
    os.utime(str(form / "weights"), ns=(status.st_atime_ns, status.st_mtime_ns))
    assert not hub.load_report(hub.load(model)).prepared


def test_weights_of_another_model_are_not_mapped(model, tmp_path, caplog):
    _, form = prepare(model)
    _, other = prepare(save(tmp_path / "other", 5.0))
    shutil.copyfile(str(other / "weights"), str(form / "weights"))
    assert hub.load(model).v.numpy()[0] == 1.0
    shutil.rmtree(str(form))
    other.rename(form)
    assert hub.load(model).v.numpy()[0] == 1.0
    assert caplog.text.count(f"the prepared form {form} is ignored") == 2


def test_a_loaded_model_keeps_weights_that_are_deleted_or_replaced(model):
    obj, form = prepare(model)
    assert prepared.remove_form(form)
    assert not prepared.remove_form(form)
    np.testing.assert_array_equal(obj.v, tf.saved_model.load(model).v)
    assert not hub.load_report(hub.load(model)).prepared


def test_weights_are_not_mapped_over_the_network(tmp_path):
    mounts = {"/": "ext4", str(tmp_path): "nfs4"}
    assert is_on_network(tmp_path / "weights", mounts)
    assert is_on_network(tmp_path / "weights", {"/": "fuse.sshfs"})
    assert not is_on_network(tmp_path / "weights", {"/": "ext4"})
    assert is_on_network(tmp_path / "weights", {})


LOAD_AND_WAIT = """
import json, os, pathlib, sys, time
import tensorflow as tf
import rehub as hub
model = hub.load(sys.argv[1])
assert hub.load_report(model).prepared
print(float(tf.reduce_sum(model.v)))


def wait_for_others(moment):
    together = pathlib.Path(sys.argv[2])
    (together / (moment + str(os.getpid()))).touch()
    while len(list(together.glob(moment + "*"))) < 4:
        time.sleep(0.01)


wait_for_others("loaded")
found, is_weights = {"Rss": 0, "Pss": 0}, False
for line in open("/proc/self/smaps"):
    if "-" in line.split()[0] and ":" not in line.split()[0]:
        is_weights = line.rstrip().endswith("/weights")
    elif is_weights and line.split(":")[0] in found:
        found[line.split(":")[0]] += int(line.split()[1]) * 1024
print(json.dumps(found))
wait_for_others("measured")
"""


def test_processes_share_the_pages(model, tmp_path):
    prepare(model)
    together = tmp_path / "together"
    together.mkdir()
    with contextlib.ExitStack() as programs:
        started = [programs.enter_context(ForkedProgram(LOAD_AND_WAIT, model, together)) for _ in range(4)]
        printed = [program.output().splitlines() for program in started]
    assert len({total for total, _ in printed}) == 1
    for each in [json.loads(found) for _, found in printed]:
        assert each["Rss"] >= SIZE * 4
        assert each["Pss"] < SIZE * 4 * 0.4  # A quarter, and what is written of it.
