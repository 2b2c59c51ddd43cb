"""Rewriting texts: what stays, what is reported, and that a second time changes nothing."""

from __future__ import annotations

import ast
import textwrap

import pytest
from effort import scaled
from hypothesis import given, settings
from hypothesis import strategies as st
from programs import PROGRAMS

pytest.importorskip("libcst")

from rehub.migrate.code.rewriting import rewrite

HEADER = "import tensorflow as tf\nimport tensorflow_hub as hub\n"


def rewritten(body, **options):
    """The new text of a program after its imports, and its findings."""
    rewriting = rewrite(HEADER + textwrap.dedent(body), **options)
    return rewriting.source.replace("import rehub as hub", "import tensorflow_hub as hub")[len(HEADER) :], rewriting


def blockers(rewriting):
    return [finding for finding in rewriting.findings if finding.kind == "c"]


@pytest.mark.parametrize("name", PROGRAMS)
def test_second_rewriting_changes_nothing(name):
    first = rewrite(PROGRAMS[name][0], notes=True)
    again = rewrite(first.source, notes=True)
    assert again.source == first.source
    assert blockers(again) == []


@pytest.mark.parametrize("name", PROGRAMS)
def test_each_rewrite_to_check_has_a_comment(name):
    rewriting = rewrite(PROGRAMS[name][0], notes=True)
    checks = [finding.message for finding in rewriting.findings if finding.kind == "b"]
    assert all(f"# rehub: check {message}" in rewriting.source for message in checks)


def test_program_without_tensorflow_at_its_top_stays():
    program = (
        "import tensorflow_hub as hub\ndef f(t):\n    import tensorflow as tf\n    x = tf.placeholder(tf.string)\n"
        "    y = hub.Module('m')(x)\n    return tf.Session().run(y, {x: t})\n"
    )
    rewriting = rewrite(program)
    assert rewriting.source == program.replace("tensorflow_hub", "rehub")
    assert "is not at the top" in blockers(rewriting)[0].message


def test_other_packages_modules_stay():
    program = "import paddlehub as hub\nmodel = hub.Module(name='resnet')  # not rehub's\nprint(model)\n"
    assert rewrite(program).source == program


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("import tensorflow_hub", "import rehub"),
        ("import tensorflow_hub as hub", "import rehub as hub"),
        ("from tensorflow_hub import load_module_spec", "from rehub import load_module_spec"),
        (
            "def f():\n    import tensorflow_hub as th\n    return th.load",
            "def f():\n    import rehub as th\n    return th.load",
        ),
    ],
)
def test_imports_change_however_they_are_written(before, after):
    assert rewrite(before + "\n").source == after + "\n"


def test_comments_and_blank_lines_stay_where_sessions_go():
    after, _ = rewritten(
        """
        embed = hub.Module("m")  # The module.
        x = embed(["a"])

        # Run it.
        with tf.Session() as sess:
            sess.run(tf.global_variables_initializer())
            # The values.
            y = sess.run(x)  # NumPy
        print( y )
        """
    )
    assert after == textwrap.dedent(
        """
        embed = hub.load("m")  # The module.
        x = embed(["a"])

        # Run it.
        # The values.
        y = x.numpy()  # NumPy
        print( y )
        """
    )


def test_space_before_the_colon_of_an_except_stays():
    program = "import tensorflow_hub as hub\ntry:\n    hub.load('m')\nexcept (OSError) :\n    pass\n"
    assert rewrite(program).source == program.replace("tensorflow_hub", "rehub")


FEEDS = """
    x = tf.placeholder(tf.float32, [None, 2])
    y = hub.Module("m")(x)
    sess = tf.Session()
    """


TRAINING = """\
x = tf.placeholder(tf.float32)
w, c = tf.Variable(1.0), tf.Variable(1.0, trainable=False)
scale = tf.Variable(1.0)
loss = w * tf.reduce_sum(hub.Module("m")(x)) + c
total = loss * scale
optimizer = tf.train.AdamOptimizer()
sess = tf.Session()
"""
ESTIMATOR = "estimator = tf.estimator.LinearClassifier([hub.text_embedding_column('k', 'm')])\n"


@pytest.mark.parametrize(
    ("body", "rule"),
    [
        (FEEDS + "print(sess.run('y:0', {x: [[1, 2]]}))", "RH102"),
        (FEEDS + "print(y.name)", "RH102"),
        (FEEDS + "print(sess.run(y, feed_of(1)))", "RH103"),
        (FEEDS + "print(sess.run(y))", "RH103"),
        (FEEDS + "unknown(y)", "RH309"),
        (FEEDS + "unknown(sess)", "RH309"),
        (FEEDS + "print(y == x)", "RH109"),
        (FEEDS + "saver = tf.train.Saver()", "RH306"),
        (FEEDS + "tf.contrib.layers.flatten(y)", "RH305"),
        (FEEDS + "tf.saved_model.simple_save(sess, 'd', {'x': x}, {'y': y})", "RH307"),
        (FEEDS + "print(sess.run(y, {x: 1}), y.shape)", "RH309"),
        (FEEDS + "t = tf.layers.batch_normalization(y, training=data)", "RH302"),
        (
            FEEDS
            + "step = tf.train.AdamOptimizer().minimize(y)\n    n = tf.Variable(0)\n    sess.run([step, n], {x: 1})",
            "RH301",
        ),
        (FEEDS + "if normalize:\n        y = tf.nn.relu(y)\n    print(sess.run(y, {x: 1}))", "RH103"),
        (ESTIMATOR + "estimator.export_savedmodel('d', None)", "RH304"),
        (ESTIMATOR + "print(estimator.evaluate(tf.estimator.inputs.numpy_input_fn(d, shuffle=False))['auc'])", "RH304"),
        (ESTIMATOR + "estimator.train(lambda: data)", "RH304"),
        (
            "c = hub.text_embedding_column('k', 'm')\nestimator = tf.estimator.DNNClassifier([8], [c], model_dir=d)",
            "RH304",
        ),
        ("spec = hub.create_module_spec(f)", "RH308"),
        ("def f(x):\n    return hub.Module('m')(x)", "RH309"),
        (TRAINING + "step = tf.train.MomentumOptimizer(w, 0.9).minimize(loss)", "RH301"),
        (TRAINING + "step = optimizer.minimize(loss, var_list=[c])", "RH301"),
        (TRAINING + "step, other = optimizer.minimize(loss), optimizer.minimize(loss, var_list=[w])", "RH301"),
        (TRAINING + "step = optimizer.minimize(loss)\nother = optimizer.minimize(loss, var_list=[w])", "RH301"),
        (TRAINING + "pairs = optimizer.compute_gradients(loss)\nsess.run(pairs, {x: 1})", "RH301"),
        (TRAINING + "step = optimizer.apply_gradients(pairs)", "RH301"),
        (
            TRAINING + "tvars = tf.trainable_variables()\nloss += tf.add_n([tf.nn.l2_loss(v) for v in tvars])\n"
            "step = optimizer.apply_gradients(zip(tf.gradients(loss, tvars), tvars))\nsess.run(step, {x: 1})",
            "RH301",
        ),
        (
            TRAINING + "saver = tf.train.Saver()\nstep = optimizer.minimize(loss)\nsess.run(step, {x: 1})\n"
            "saver.save(sess, 'f')",
            "RH306",
        ),
        (
            TRAINING + "gradients = [a + b for a, b in zip(tf.gradients(loss, [w]), tf.gradients(total, [w]))]\n"
            "step = optimizer.apply_gradients(zip(gradients, [w]))\nsess.run(step, {x: 1})",
            "RH301",
        ),
        (
            TRAINING + "step = optimizer.minimize(loss)\ntf.train.Saver().restore(sess, 'f')\nsess.run(step, {x: 1})",
            "RH306",
        ),
        ("x = tf.placeholder(tf.string)\ny = hub.Module('m')(x)", "RH309"),
        ("class Model:\n    def __init__(self, data):\n        self.y = hub.Module('m')(data.x)", "RH309"),
    ],
)
def test_program_that_cannot_be_rewritten_whole_stays_whole(body, rule):
    body = textwrap.dedent(body.replace("\n    ", "\n") if body.startswith(FEEDS) else body) + "\n"
    after, rewriting = rewritten(body, notes=True)
    assert after == body
    assert rule in [finding.rule for finding in blockers(rewriting)]
    assert all(finding.line > 2 for finding in blockers(rewriting))


def test_value_that_changes_after_it_was_used_in_a_graph_blocks():
    body = 'x = tf.placeholder(tf.float32)\nk = 2.0\ny = hub.Module("m")(x) * k\nk = 3.0\n'
    after, rewriting = rewritten(body + "print(tf.Session().run(y, {x: 1.0}), k)\n")
    assert after.startswith(body)
    assert "`k` changes" in blockers(rewriting)[0].message


def test_rewrite_that_a_person_should_check_needs_notes():
    body = 'm = hub.Module("m")\nx = tf.image.resize_images(read(), [8, 8])\nprint(tf.Session().run(m(x)))\n'
    after, rewriting = rewritten(body)
    assert after == body
    assert [(finding.rule, finding.kind, finding.is_applied) for finding in rewriting.findings] == [
        ("RH001", "a", True),
        ("RH109", "b", False),
    ]
    after, _ = rewritten(body, notes=True)
    assert "# rehub: check " in after
    assert "x = tf.compat.v1.image.resize_images(read(), [8, 8])" in after


def test_ignored_rule_leaves_the_program():
    body = 'm = hub.Module("m")  # rehub: ignore[RH101]\nprint(tf.Session().run(m(["a"])))\n'
    after, rewriting = rewritten(body)
    assert after == body
    assert "RH101" not in [finding.rule for finding in rewriting.findings]


def test_program_of_compat_v1_keeps_all_but_the_import():
    program = (
        HEADER.replace("tensorflow as", "tensorflow.compat.v1 as") + 'hub.Module("m")(tf.placeholder(tf.string))\n'
    )
    assert rewrite(program).source == program.replace("tensorflow_hub", "rehub")


@pytest.mark.parametrize(
    ("body", "is_reported"),
    [
        ("hub.Module('m')(tf.placeholder(tf.string))\n", True),
        ("tf.disable_v2_behavior()\nhub.Module('m')(tf.placeholder(tf.string))\n", False),
        ("with tf.Graph().as_default():\n    hub.Module('m')(tf.placeholder(tf.string))\n", False),
        ("def model_fn(x):\n    return hub.Module('m')(x)\n", False),
        ("hub.load('m')\n", False),
    ],
)
def test_program_of_compat_v1_that_leaves_eager_mode_on_is_reported(body, is_reported):
    rewriting = rewrite(HEADER.replace("tensorflow as", "tensorflow.compat.v1 as") + body)
    assert ["`tf.disable_v2_behavior()`" in finding.message for finding in blockers(rewriting)] == [True] * is_reported


def test_program_in_graph_mode_gets_the_names_that_tensorflow_2_has():
    after, rewriting = rewritten(
        """
        tf.compat.v1.disable_eager_execution()
        y = tf.log(hub.Module("m")(tf.placeholder(tf.string)))
        print(tf.Session().run(y, feed), y.shape[1].value)
        """
    )
    assert blockers(rewriting) == []
    assert 'tf.math.log(hub.Module("m")(tf.compat.v1.placeholder(tf.string)))' in after
    assert "tf.compat.v1.Session().run(y, feed), y.shape[1].value" in after
    of_tf2 = 'tf.compat.v1.disable_eager_execution()\nhub.Module("m")(tf.image.resize(images, [8, 8]))\n'
    assert rewritten(of_tf2)[0] == of_tf2


ONE_OF_TWO = """
class A:
    def __init__(self):
        self.y = tf.nn.relu(hub.Module("m")(["a"]))
    def predict(self, texts):
        return [t.lower() for t in texts]
if data:
    model = A()
else:
    model = unknown()
print({use})
"""


def test_method_of_one_of_two_objects_is_code_that_others_may_call():
    _, rewriting = rewritten(ONE_OF_TWO.replace("{use}", "model.predict(data), tf.Session().run(A().y)"))
    assert blockers(rewriting) == []
    _, rewriting = rewritten(ONE_OF_TWO.replace("{use}", "model.y * 2"))
    assert "of one of several objects" in blockers(rewriting)[0].message


def test_text_that_does_not_parse_is_returned_with_the_reason():
    rewriting = rewrite("import tensorflow_hub as hub\nprint 'x'\n")
    assert rewriting.source.endswith("print 'x'\n")
    assert "line 2" in rewriting.parse_error


LINES = [
    'm = hub.Module("m", trainable=True)',
    'm = hub.Module("m", tags={"train"})',
    "x = tf.placeholder(tf.string, [None], name='x')",
    "x, y = tf.placeholder(tf.float32), tf.placeholder(tf.float32)",
    "y = m(x)",
    "y = m(['a'], signature='s', as_dict=True)['k']",
    "y = tf.nn.relu(y) + tf.random_normal([2])",
    "y += 1",
    "sess = tf.Session(config=tf.ConfigProto())",
    "sess.run([tf.global_variables_initializer(), tf.tables_initializer()])",
    "z = sess.run(y, feed_dict={x: data})",
    "z, w = sess.run([y, x], feed)",
    "z = y.eval(session=sess)",
    "feed = {x: data}",
    "step = tf.train.AdamOptimizer().minimize(tf.reduce_mean(y))",
    "_, z = sess.run([step, y], {x: data})",
    "self.sess = sess; self.y = y",
    "return sess, y",
    "y = f(sess, x)",
    "it = dataset.make_one_shot_iterator(); x = it.get_next()",
    "del y",
    "sess.close()  # done",
    "lambda x: sess.run(y, {x: x})",
    "tf.reset_default_graph()",
    "print(y, sess, *z, **w)",
    "y = [m(t) for t in texts if t]",
    "async_ = {**feed, x: 1}",
    "sess = None",
    "self.sess = None",
    "vals, ids = tf.nn.top_k(y, k=2)",
    "y = tf.nn.top_k(y).values",
    "net = tf.layers.dropout(tf.layers.conv2d(y, 2, 3), training=x)",
    "y = tf.layers.batch_normalization(y, training=False)",
    "n = tf.train.get_or_create_global_step()",
    "step = tf.train.AdamOptimizer().minimize(tf.reduce_mean(y), global_step=n)",
    "it = dataset.make_initializable_iterator()",
    "it = tf.data.Dataset.from_tensors(data).make_initializable_iterator(); x = it.get_next()",
    "sess.run(it.initializer)",
    "print(y)",
    "col = hub.text_embedding_column('k', 'm', trainable=data)",
    "est = tf.estimator.DNNClassifier([8], [col, hub.text_embedding_column('j', 'm')], dropout=0.1)",
    "fn = tf.estimator.inputs.numpy_input_fn(data, labels, shuffle=False)",
    "est.train(fn, steps=3)",
    "z = est.evaluate(input_fn=fn)['accuracy']",
    "z = [p['classes'] for p in est.predict(fn)]",
    "x = tf.placeholder_with_default(1.0, [])",
    "y = f(x, x)",
    "K.save_weights('w.h5')",
]
BLOCKS = [
    "with tf.Session() as sess:",
    "with tf.Graph().as_default(), tf.device('/cpu:0'):",
    "def f(sess, x):",
    "class C(tf.keras.layers.Layer):",
    "for i in range(3):",
    "while True:",
    "if data:",
    "if sess is None:",
    "if not self.sess:",
    "while y is not None:",
    "try:",
]


@st.composite
def blocks(draw, depth=2):
    """Lines of the kinds that programs have, in any order and nesting."""
    lines = []
    for _ in range(draw(st.integers(1, 5))):
        if depth and draw(st.booleans()):
            head = draw(st.sampled_from(BLOCKS))
            body = draw(blocks(depth - 1))
            lines += [head, *("    " + line for line in body)]
            lines += ["except ValueError:", "    pass"] if head == "try:" else []
        else:
            lines.append(draw(st.sampled_from(LINES)))
    return lines


@settings(max_examples=scaled(300), deadline=None)
@given(blocks())
def test_any_program_parses_after_rewriting_and_a_second_time_changes_nothing(lines):
    program = HEADER + "\n".join(lines) + "\n"
    first = rewrite(program, notes=True)
    compile(first.source, "<program>", "exec", ast.PyCF_ONLY_AST)
    assert first.parse_error == ""
    second = rewrite(first.source, notes=True)
    assert second.source == first.source


HAZARDS = {
    "the name of a module becomes that of its tensor": """
        embed = hub.Module("m")
        x = tf.placeholder(tf.string)
        embed = embed(x)
        print(tf.Session().run(embed, {x: ["a"]}))
        """,
    "a tensor without placeholders is fed": """
        x = hub.Module("m")(["a"])
        y = x * 2.0
        print(tf.Session().run(y, {x: [[1.0]]}))
        """,
    "what is fed to a tensor without placeholders is unknown": """
        y = hub.Module("m")(["a"]) * 2.0
        print(tf.Session().run(y, feed_of(y)))
        """,
    "a function prints while it builds": """
        def build(x):
            print("building")
            return hub.Module("m")(x)
        x = tf.placeholder(tf.string)
        y = build(x)
        print(tf.Session().run(y, {x: ["a"]}))
        """,
    "a global changes in a function": """
        scale = 1.0
        def change():
            global scale
            scale = 2.0
        x = tf.placeholder(tf.float32)
        y = hub.Module("m")(x) * scale
        change()
        print(tf.Session().run(y, {x: 1.0}))
        """,
    "an attribute changes": """
        class Model:
            def __init__(self):
                self.scale = 1.0
                self.x = tf.placeholder(tf.float32)
                self.y = hub.Module("m")(self.x) * self.scale
                self.scale = 2.0
            def run(self, x):
                return tf.Session().run(self.y, {self.x: x})
        """,
    "a subclass reads the session of its base": """
        class Base:
            def __init__(self):
                self.sess = tf.Session()
                self.y = hub.Module("m")(["a"])
        class Child(Base):
            def run(self):
                return self.sess.run(self.y)
        """,
    "an object of unknown origin has the session": """
        class Model:
            def __init__(self):
                self.sess = tf.Session()
                self.y = hub.Module("m")(["a"])
        def run(model):
            return model.sess.run(model.y)
        """,
    "variables are initialized again": """
        x = tf.placeholder(tf.float32, [None])
        m = hub.Module("m", trainable=True)
        loss = tf.reduce_sum(m(x))
        step = tf.train.GradientDescentOptimizer(0.1).minimize(loss)
        sess = tf.Session()
        for fold in range(2):
            sess.run(tf.global_variables_initializer())
            sess.run(step, {x: [1.0]})
        """,
    "each session has its own variables": """
        x = tf.placeholder(tf.float32, [None])
        loss = tf.reduce_sum(hub.Module("m", trainable=True)(x))
        step = tf.train.GradientDescentOptimizer(0.1).minimize(loss)
        for session in [tf.Session(), tf.Session()]:
            session.run(step, {x: [1.0]})
        """,
    "it is not known what is trained": """
        x = tf.placeholder(tf.float32, [None])
        loss = tf.reduce_sum(hub.Module("m", trainable=args.fine_tune)(x))
        step = tf.train.GradientDescentOptimizer(0.1).minimize(loss)
        tf.Session().run(step, {x: [1.0]})
        """,
    "the module's losses are collected": """
        x = tf.placeholder(tf.float32, [None])
        loss = tf.reduce_sum(hub.Module("m", trainable=True)(x)) + tf.losses.get_regularization_loss()
        step = tf.train.GradientDescentOptimizer(0.1).minimize(loss)
        tf.Session().run(step, {x: [1.0]})
        """,
}


@pytest.mark.parametrize("hazard", HAZARDS)
def test_program_that_would_do_something_else_stays(hazard):
    body = textwrap.dedent(HAZARDS[hazard])
    after, rewriting = rewritten(body, notes=True)
    assert after == body
    assert blockers(rewriting)


def test_lambda_that_other_code_calls_is_rewritten_too():
    after, rewriting = rewritten(
        'm = hub.Module("m")\ny = m(["a"])\nsess = tf.Session()\napp.route(lambda: sess.run(y))\n', notes=True
    )
    assert blockers(rewriting) == []
    assert "lambda: y.numpy()" in after


@pytest.mark.parametrize("logits", ["tf.layers.dense(features, 5)", "tf.layers.dense(m(x), 5)"])
def test_layer_that_only_the_training_step_uses_is_made_before_it(logits):
    body = f"""
        x = tf.placeholder(tf.float32, [None, 3])
        y = tf.placeholder(tf.int64, [None])
        m = hub.Module("m")
        features = m(x)
        logits = {logits}
        loss = tf.losses.sparse_softmax_cross_entropy(y, logits)
        train = tf.train.AdamOptimizer(1e-4).minimize(loss)
        with tf.Session() as s:
            s.run(tf.global_variables_initializer())
            for i in range(2):
                _, l = s.run([train, loss], {{x: batch(i), y: labels(i)}})
                print(l)
    """
    after, rewriting = rewritten(body, notes=True)
    assert blockers(rewriting) == []
    assert after.index("dense = tf.keras.layers.Dense(5)") < after.index("def train(")


def test_session_that_a_condition_asks_for_becomes_a_mark():
    after, rewriting = rewritten(
        """
        session = None
        def embed(texts):
            global session, y, x
            if session is None:
                x = tf.placeholder(tf.string)
                y = hub.Module("m")(x)
                session = tf.Session()
            return session.run(y, {x: texts})
        """,
        notes=True,
    )
    assert blockers(rewriting) == []
    assert "if session is None:" in after
    assert "        session = True\n" in after


def test_prints_of_tensors_are_marked_or_removed():
    after, _ = rewritten(
        """
        m = hub.Module("m")
        x = tf.placeholder(tf.string)
        y = m(x)
        print("y:", y)
        print(m(["a"]))
        print(tf.Session().run(y, {x: "a"}))
        """,
        notes=True,
    )
    assert "y:" not in after
    assert "# rehub: check a print of a tensor is removed" in after
    assert 'eager mode its values\nprint(m(["a"]))\n' in after


def test_op_with_several_outputs_is_run_with_its_structure():
    after, _ = rewritten(
        """
        x = tf.placeholder(tf.string)
        best = tf.nn.top_k(hub.Module("m")(x))
        print(tf.Session().run(best, {x: "a"}).indices)
        """
    )
    assert "tf.nest.map_structure(lambda value: value.numpy(), best(" in after


def test_module_of_a_function_that_each_run_calls_is_loaded_once():
    after, _ = rewritten(
        """
        def build(x):
            return hub.Module("m", trainable=True)(x)
        x = tf.placeholder(tf.string)
        y = build(x)
        print(tf.Session().run(y, {x: "a"}))
        """
    )
    assert after.startswith("import functools\n\nload_module = functools.lru_cache(maxsize=None)(hub.load)\n")
    assert 'return load_module("m")(x)' in after


@pytest.mark.parametrize("path", ["./model.h5", "./model"])
def test_file_of_weights_that_a_program_writes_gets_the_name_that_keras_3_asks_for(path):
    after, _ = rewritten(
        f"""
        m = hub.Module("m")
        model = tf.keras.Sequential([tf.keras.layers.Lambda(lambda x: m(x))])
        model.save_weights("{path}")
        model.load_weights("{path}")
        model.load_weights("other.h5")
        """
    )
    assert after.count('"./model.weights.h5"') == 2
    assert '"other.h5"' in after


def test_iterator_starts_again_where_its_initializer_is_run():
    after, rewriting = rewritten(
        """
        it = tf.data.Dataset.range(3).make_initializable_iterator()
        y = hub.Module("m")(it.get_next())
        with tf.Session() as s:
            for epoch in range(2):
                s.run(it.initializer)
                print(s.run(y))
        """,
        notes=True,
    )
    assert blockers(rewriting) == []
    assert "it_data = tf.data.Dataset.range(3)\n" in after
    assert "    it = iter(it_data)\n" in after


def test_imports_from_modules_that_keras_no_longer_has_move():
    after, _ = rewritten(
        """
        from keras.models import Model, Input  # Both.
        from keras.layers.merge import add
        from keras.engine import Layer
        from tensorflow.python.keras.layers import Dense
        m = hub.Module("m")
        """
    )
    assert after.startswith(
        "\nfrom keras.models import Model  # Both.\nfrom keras.layers import Input\nfrom keras.layers import add\n"
        "from keras.layers import Layer\nfrom tensorflow.keras.layers import Dense\n"
    )


@pytest.mark.parametrize(
    "line", ["from keras import backend as K", "import keras.backend as K", "from keras import layers, backend as K"]
)
def test_functions_of_tensors_of_keras_are_in_tensorflow(line):
    body = f"{line}\nfrom keras.preprocessing.text import Tokenizer\nm = hub.Module('m')\n"
    after, _ = rewritten(body + "print(K.int_shape(data), K.epsilon())\n")
    assert after.startswith(f"{line.replace('keras', 'tensorflow.keras')}\nfrom tensorflow.keras.preprocessing.text ")
    after, _ = rewritten(body + "K.clear_session()\n")
    assert after.startswith(f"{line}\n")
    _, rewriting = rewritten(body + "print(K.learning_phase())\n")
    assert "`keras.backend.learning_phase` is in no Keras 3" in blockers(rewriting)[0].message


@pytest.mark.parametrize(
    ("made", "checked"),
    [
        ("model.compile('adadelta', 'mse')", "it was at 1.0"),
        ("model.compile(optimizer=Adam(clipnorm=1.0), loss='mse')", "`global_clipnorm=`"),
        ("model.add(LSTM(2))", "LSTM keeps the gates"),
    ],
)
def test_default_of_keras_that_depends_on_its_version_is_to_check(made, checked):
    _, rewriting = rewritten(
        f"""
        from keras.layers import LSTM
        from keras.models import Sequential
        from keras.optimizers import Adam
        m = hub.Module("m")
        model = Sequential()
        {made}
        """,
        notes=True,
    )
    assert checked in rewriting.source
    assert [finding.kind for finding in rewriting.findings if checked in finding.message] == ["b"]


DICT_AND_TENSOR = """
    x = tf.placeholder(tf.string)
    y = hub.Module("m")(x, as_dict=True)
    z = tf.strings.lower(x)
    """


@pytest.mark.parametrize(
    ("run", "written"),
    [
        ("a, b = sess.run([y, z], {x: next(data)})", "x_value = next(data)\n"),
        ("print(sess.run({'y': y, 'z': z}, {x: load()}))", "x_value = load()\n"),
        ("a, b = sess.run([y, z], {x: np.array(data)})", ""),
        ("a = sess.run(z, {x: next(data)})", ""),
        ("a = sess.run(z, {x: next(data), tf.placeholder(tf.string): next(data)})", "x_value = next(data)\n"),
    ],
)
def test_what_is_fed_is_computed_once_and_in_order(run, written):
    after, rewriting = rewritten(
        "import numpy as np" + DICT_AND_TENSOR.replace("\n    ", "\n") + "sess = tf.Session()\n" + run
    )
    assert blockers(rewriting) == []
    assert after.count("next(data)") + after.count("load()") == run.count("next(data)") + run.count("load()")
    assert written in after


@pytest.mark.parametrize(
    "run", ["a = f(g(), sess.run([y, z], {x: next(data)}))", "a = [sess.run([y, z], {x: next(data)}) for _ in data]"]
)
def test_feed_that_cannot_be_computed_before_its_statement_is_reported(run):
    _, rewriting = rewritten(DICT_AND_TENSOR.replace("\n    ", "\n") + "sess = tf.Session()\n" + run)
    assert "put it in a variable" in blockers(rewriting)[0].message


def test_placeholder_of_strings_gives_what_it_was_fed():
    after, _ = rewritten(
        "import numpy as np\nx = tf.placeholder(tf.string)\ny = hub.Module('m')(x)\n"
        "print(tf.Session().run(x, {x: [z]}))"
    )
    assert "print(np.asarray([z], dtype=object))" in after


def test_tensors_of_one_random_op_that_are_run_together_stay():
    _, rewriting = rewritten(
        """
        x = tf.placeholder(tf.float32)
        y = hub.Module("m")(x) + tf.random_normal([2])
        print(tf.Session().run({"y": y, "z": y * 2}, {x: 1.0}))
        """
    )
    assert "each would draw again" in blockers(rewriting)[0].message


def test_random_op_in_a_function_that_a_dataset_maps_stays_there():
    after, rewriting = rewritten(
        """
        def augment(image):
            noise = tf.random_normal([2])
            return image + noise
        x = tf.data.Dataset.from_tensors(data).map(augment).make_one_shot_iterator().get_next()
        y = hub.Module("m")(x)
        print(tf.Session().run(y))
        """,
        notes=True,
    )
    assert blockers(rewriting) == []
    assert "    noise = tf.random.normal([2])\n    return image + noise\n" in after


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("y = tf.map_fn(lambda t: t + tf.random_normal([]), hub.Module('m')(['a']))", "in a function that an op calls"),
        (
            (
                "sess = None\nx = tf.placeholder(tf.string)\nm = hub.Module('m', trainable=True)\n"
                "step = tf.train.GradientDescentOptimizer(1.0).minimize(m(x))\n"
                "if sess is None:\n    sess = tf.Session()\nsess.run(step, {x: 'a'})"
            ),
            "may be made again",
        ),
    ],
)
def test_numbers_that_would_change_are_reported(body, message):
    _, rewriting = rewritten(body, notes=True)
    assert any(message in finding.message for finding in blockers(rewriting))
