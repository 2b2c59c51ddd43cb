"""Rules for older TensorFlows, without TensorFlow: what becomes of nodes."""

from __future__ import annotations

import pytest

from rehub import downgrade
from rehub.errors import MissingOp
from rehub.savedmodel.encodings.message_classes import message_class


def make_model(*nodes, function=True):
    """A TF2 SavedModel with these nodes in the function of its only signature."""
    model = message_class("SavedModel")()
    metagraph = model.meta_graphs.add()
    metagraph.meta_info_def.tensorflow_version = "2.15.1"
    objects = metagraph.object_graph_def
    root, signatures, signature = objects.nodes.add(), objects.nodes.add(), objects.nodes.add()
    root.user_object.identifier = signatures.user_object.identifier = "_generic_user_object"
    root.children.add(node_id=1, local_name="signatures")
    signatures.children.add(node_id=2, local_name="serving_default")
    signature.bare_concrete_function.concrete_function_name = "signature"
    body = metagraph.graph_def.library.function.add()
    body.signature.name = "signature"
    objects.concrete_functions["signature"].SetInParent()
    for op, name, inputs, attributes in nodes:
        node = body.node_def.add(name=name, op=op, input=inputs)
        for key, value in attributes.items():
            node.attr[key].MergeFrom(value)
    return model


def attribute(**values):
    return message_class("AttrValue")(**values)


def rewrite(model, version=(1, 15)):
    rewriting = downgrade.rewrite_model(model.SerializeToString(), version, "a model", read_tensor=None)
    if rewriting is None:
        return None, None
    return rewriting, message_class("SavedModel").FromString(rewriting.content).meta_graphs[0]


def nodes_of(metagraph, function="signature"):
    functions = {each.signature.name: each for each in metagraph.graph_def.library.function}
    return {node.name: node for node in functions[function].node_def}


def test_a_model_of_known_ops_is_not_rewritten():
    assert rewrite(make_model(("MatMul", "product", ["x", "y"], {}))) == (None, None)


def test_an_attribute_at_its_default_is_dropped():
    default = {"exponential_avg_factor": attribute(f=1.0), "epsilon": attribute(f=0.1)}
    rewriting, metagraph = rewrite(make_model(("FusedBatchNormV3", "norm", ["x"], default)))
    assert set(nodes_of(metagraph)["norm"].attr) == {"epsilon"}
    assert rewriting.changes == ("FusedBatchNormV3: attribute exponential_avg_factor (1)",)


def test_an_attribute_with_a_meaning_is_an_error_that_names_it():
    model = make_model(("InitializeTableFromTextFileV2", "fill", ["t", "f"], {"offset": attribute(i=3)}))
    with pytest.raises(MissingOp, match=r"'a model'.*1\.15.*'InitializeTableFromTextFileV2'.*offset.*columns"):
        rewrite(model)


def test_a_dataset_is_not_optimized():
    model = make_model(
        ("OptimizeDatasetV2", "optimized", ["dataset", "on", "off", "default"], {}),
        ("AnonymousIteratorV2", "iterator", [], {}),
        ("MakeIterator", "make", ["optimized:handle:0", "iterator:handle:0"], {}),
    )
    _, metagraph = rewrite(model)
    assert list(nodes_of(metagraph)["make"].input) == ["dataset", "iterator:handle:0"]


def test_a_cross_with_another_separator_is_an_error():
    separator = attribute()
    separator.tensor.string_val.append(b", ")
    model = make_model(
        ("Const", "separator", [], {"value": separator}),
        ("SparseCrossV2", "cross", ["x", "y", "separator:output:0"], {}),
    )
    with pytest.raises(MissingOp, match=r"'SparseCrossV2'.*separator.*'_X_'"):
        rewrite(model)


def test_an_op_without_a_rule_is_an_error_that_names_it():
    with pytest.raises(MissingOp, match=r"no rule for op 'BesselJ0'.*2\.15\.1"):
        rewrite(make_model(("BesselJ0", "bessel", ["x"], {})))


def test_what_waits_for_a_removed_node_waits_no_longer():
    switch = ("DisableCopyOnRead", "switch", ["v"], {})
    place = attribute()
    place.list.s.append(b"loc:@switch")
    read = ("ReadVariableOp", "read", ["v", "^switch"], {"_class": place})
    _, metagraph = rewrite(make_model(switch, read))
    assert list(nodes_of(metagraph)["read"].input) == ["v"]
    assert "_class" not in nodes_of(metagraph)["read"].attr
    assert "switch" not in nodes_of(metagraph)


def test_new_nodes_wait_for_what_the_old_one_waited_for():
    dtypes = {"Tidx": attribute(type=9), "T": attribute(type=1)}
    count = ("DenseBincount", "count", ["x", "size", "weights", "^check"], dtypes)
    result = ("Identity", "result", ["count:output:0", "^count"], {})
    _, metagraph = rewrite(make_model(("NoOp", "check", [], {}), count, result))
    nodes = nodes_of(metagraph)
    added = [node for name, node in nodes.items() if name.startswith("count/")]
    assert all("^check" in node.input for node in added)
    data, control = nodes["result"].input
    assert data.startswith("count/Reshape")
    assert control.lstrip("^") in nodes


def test_functions_that_no_signature_needs_are_left_out():
    model = make_model(("Identity", "result", ["x"], {}))
    metagraph = model.meta_graphs[0]
    for name, op in (("uses", "BesselJ0"), ("calls", "uses")):
        function = metagraph.graph_def.library.function.add()
        function.signature.name = name
        function.node_def.add(name="node", op=op)
        metagraph.object_graph_def.concrete_functions[name].SetInParent()
    metagraph.object_graph_def.nodes.add().function.concrete_functions.extend(["calls"])
    rewriting, written = rewrite(model)
    assert rewriting.left_out == ("2 functions: there is no rule for op 'BesselJ0'",)
    assert [each.signature.name for each in written.graph_def.library.function] == ["signature"]
    assert set(written.object_graph_def.concrete_functions) == {"signature"}
    assert not written.object_graph_def.nodes[3].function.concrete_functions


def test_a_case_becomes_nested_choices():
    branches = attribute()
    for number in range(3):
        branches.list.func.add(name=f"branch_{number}")
    types = {"Tin": attribute(), "Tout": attribute(), "branches": branches}
    types["Tin"].list.type.append(1)
    types["Tout"].list.type.append(1)
    _, metagraph = rewrite(make_model(("StatelessCase", "case", ["index", "x"], types)))
    assert [node.op for node in nodes_of(metagraph).values()] == ["Const", "Equal", "StatelessIf"]
    added = [each.signature.name for each in metagraph.graph_def.library.function][1:]
    assert sorted(added) == ["branch_0_of_index", "branch_1_of_index", "branch_1_of_index_or_else", "branch_2_of_index"]


def test_saved_values_of_other_resources_than_tables_are_an_error():
    model = make_model(("Identity", "result", ["x"], {}))
    nodes = model.meta_graphs[0].object_graph_def.nodes
    nodes.add().resource.SetInParent()
    nodes[3].saveable_objects["forest"].restore_function = 2
    with pytest.raises(MissingOp, match=r"'a model'.*1\.15.*resource with saved values that is not a table"):
        rewrite(model)


def test_every_rule_has_one_name():
    rules = downgrade.all_rules()
    assert len({rule.name for rule in rules}) == len(rules)
    assert all(downgrade.find_rule(op) is rule for rule in rules for op in rule.ops)


def test_functions_of_unknown_classes_are_left_out_and_bounds_dropped():
    model = make_model(("Identity", "result", ["x"], {}))
    objects = model.meta_graphs[0].object_graph_def
    bounded, distribution = objects.concrete_functions["bounded"], objects.concrete_functions["distribution"]
    bounded.canonicalized_input_signature.tuple_value.values.add().bounded_tensor_spec_value.dtype = 1
    returned = distribution.output_signature.named_tuple_value.values.add().value.type_spec_value
    returned.type_spec_class, returned.type_spec_class_name = 12, "Normal"
    function = objects.nodes.add().function
    function.concrete_functions.extend(["bounded", "distribution"])
    function.function_spec.fullargspec.tuple_value.values.add().tensor_value.dtype = 1
    rewriting, metagraph = rewrite(model)
    assert rewriting.left_out == ("1 functions: it takes or returns a Normal",)
    written = metagraph.object_graph_def
    spec = written.concrete_functions["bounded"].canonicalized_input_signature.tuple_value.values[0]
    assert spec.tensor_spec_value.dtype == 1
    assert list(written.nodes[3].function.concrete_functions) == ["bounded"]
    assert written.nodes[3].function.function_spec.fullargspec.tuple_value.values[0].HasField("none_value")


def test_variables_that_only_an_optimizer_has_become_plain_objects():
    model = make_model(("Identity", "result", ["x"], {}))
    objects = model.meta_graphs[0].object_graph_def
    objects.nodes[0].children.add(node_id=3, local_name="optimizer")
    objects.nodes.add().user_object.identifier = "optimizer"
    for number in (4, 5):
        objects.nodes.add().variable.dtype = 1
        objects.nodes[3].slot_variables.add(slot_variable_node_id=number)
    objects.concrete_functions["signature"].bound_inputs.append(5)
    _, metagraph = rewrite(model)
    kinds = [node.WhichOneof("kind") for node in metagraph.object_graph_def.nodes]
    assert kinds[4:] == ["user_object", "variable"]


def test_functions_that_train_are_left_out_with_their_optimizer():
    model = make_model(("Identity", "output", ["x"], {}))
    metagraph = model.meta_graphs[0]
    objects = metagraph.object_graph_def
    optimizer, slot, train = objects.nodes.add(), objects.nodes.add(), objects.nodes.add()
    optimizer.user_object.identifier = "optimizer"
    optimizer.slot_variables.add(slot_variable_node_id=4, slot_name="m")
    slot.variable.SetInParent()
    train.function.concrete_functions.append("train")
    objects.nodes[0].children.add(node_id=3, local_name="optimizer")
    objects.nodes[0].children.add(node_id=5, local_name="train")
    objects.concrete_functions["train"].bound_inputs.append(4)
    metagraph.graph_def.library.function.add().signature.name = "train"
    rewriting, metagraph = rewrite(model)
    assert rewriting.left_out == ("1 functions: it takes a variable of an optimizer, which is not restored",)
    assert [each.signature.name for each in metagraph.graph_def.library.function] == ["signature"]


def test_boosted_trees_take_vectors_of_features():
    inputs, count = ["trees", "x", "y"], {"num_bucketized_features": attribute(i=2)}
    _, metagraph = rewrite(make_model(("BoostedTreesPredict", "predict", inputs, count)))
    nodes = nodes_of(metagraph)
    tree, *features = nodes["predict"].input
    assert tree == "trees"
    made = [nodes[each.split(":")[0]] for each in features]
    assert [(each.op, each.input[0]) for each in made] == [("Reshape", "x"), ("Reshape", "y")]
