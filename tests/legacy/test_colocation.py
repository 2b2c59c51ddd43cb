"""Colocation constraints of a module follow the tensors that replace its inputs and state."""

from __future__ import annotations

import module_fns
import pytest
from saved_models import tf

import rehub as hub

v1 = tf.compat.v1


def groups(tensor):
    return sorted(group.decode() for group in tensor.op.colocation_groups())


def test_constraints_follow_the_tensors_that_replace_inputs_and_state(run):
    def module_fn():
        w = v1.get_variable("w", initializer=1.0, use_resource=False)
        x = v1.placeholder(tf.float32, [], "x")
        read = tf.identity(w)
        with v1.colocate_with(w.op), v1.colocate_with(x):
            y = tf.add(read, x)
        hub.add_signature(inputs=x, outputs=y)

    spec = hub.create_module_spec(module_fn)
    with tf.Graph().as_default():
        anchors = [tf.constant(1.0, name="u"), tf.constant(1.0, name="v")]
        with v1.colocate_with(anchors[0]), v1.colocate_with(anchors[1]):
            fed = tf.constant(100.0)
        outputs = hub.Module(spec)(fed)
        assert groups(outputs) == ["loc:@module/w", "loc:@u", "loc:@v"]
        assert run(outputs) == 101.0


def test_a_read_stays_colocated_with_its_reference_variable_in_loops_and_branches():
    spec = hub.create_module_spec(module_fns.scaled_by_reference)
    with tf.Graph().as_default() as graph:
        module = hub.Module(spec)
        module([1.0])
        read = graph.get_operation_by_name("module_apply_default/w/read")
        assert [group.decode() for group in read.colocation_groups()] == ["loc:@module/w"]


def test_inputs_and_state_colocated_with_other_ops_are_refused():
    def fed_elsewhere():
        with v1.colocate_with(tf.constant(1.0, name="u")):
            x = v1.placeholder(tf.float32, name="x")
        hub.add_signature(inputs=x, outputs=x + 1.0)

    def kept_elsewhere():
        with v1.colocate_with(tf.constant(1.0, name="u")):
            v1.get_variable("v", initializer=1.0)
        module_fns.scaled()

    with pytest.raises(ValueError, match="(?s)input.*colocate.*loc:@u"):
        hub.create_module_spec(fed_elsewhere)
    with pytest.raises(ValueError, match="(?s)state.*colocate.*loc:@u"):
        hub.create_module_spec(kept_elsewhere)


def test_ambiguous_constraints_are_an_error_of_the_application(caplog):
    def module_fn():
        x, y = tf.split([1, 2], 2, name="split")
        with v1.colocate_with(x):
            z = tf.add(x, y)
        hub.add_signature("both", inputs={"x": x, "y": y}, outputs=z)
        hub.add_signature("one", inputs={"x": x}, outputs=z)

    spec = hub.create_module_spec(module_fn)
    assert "Affected inputs: x='split:0', y='split:1'" in caplog.text
    with tf.Graph().as_default():
        u, w = tf.constant([1], name="u"), tf.constant([2], name="w")
        with v1.colocate_with(u):
            v = tf.constant([2], name="v")
        module = hub.Module(spec, name="m")
        assert groups(module({"x": u, "y": v}, signature="both")) == ["loc:@u"]
        with pytest.raises(ValueError, match=r"loc:@m_apply_both_1/split' .*\[b'loc:@u'\] vs \[b'loc:@w'\]"):
            module({"x": u, "y": w}, signature="both")
        with pytest.raises(ValueError, match="Failed to rewrite"):
            module({"x": u}, signature="one")
