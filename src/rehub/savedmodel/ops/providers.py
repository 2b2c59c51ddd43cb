"""Which package provides an op that plain TensorFlow lacks.

The ops are those of `package_ops.txt`. Some packages begin all names of their ops alike: those prefixes were listed
with tensorflow-decision-forests 1.8.1, tensorflow-addons 0.23.0 and tensorflow-quantum 0.7.3 in the op registry, and
with the symbols of the libraries of tensorflow-io 0.37.1 and tensorflow-recommenders-addons 0.8.1.
"""

from __future__ import annotations

from dataclasses import dataclass

from rehub.savedmodel.ops.op_tables import PACKAGE_OPS, read_op_table


@dataclass(frozen=True)
class Provider:
    """A package that registers ops with TensorFlow when it is imported.

    Attributes:
        package: its name on PyPI; "" where it is not there.
        module: what to import, so that the ops are registered.
        ops: their names, without those that start with one of `prefixes`.
        follows_tensorflow: its releases have TensorFlow's version number and work with that version alone.
        pins_tensorflow: each release asks for one TensorFlow version, so that pip has to choose one that fits.
        note: what else to know.
    """

    package: str
    module: str
    ops: frozenset[str] = frozenset()
    prefixes: tuple[str, ...] = ()
    follows_tensorflow: bool = False
    pins_tensorflow: bool = False
    note: str = ""

    def provides(self, op: str) -> bool:
        """Whether the package registers this op."""
        return op in self.ops or op.startswith(self.prefixes)

    def pip_line(self, tensorflow_version: str) -> str:
        """Return the command that installs the package beside this TensorFlow; "" where there is none.

        >>> find_provider("CaseFoldUTF8").pip_line("2.15.1")
        'pip install "tensorflow-text==2.15.*"'
        """
        minor = ".".join(tensorflow_version.split(".")[:2])
        if not self.package:
            return ""
        if self.follows_tensorflow:
            return f'pip install "{self.package}=={minor}.*"'
        if self.pins_tensorflow:
            return f'pip install {self.package} "tensorflow=={minor}.*"'
        return f"pip install {self.package}"


def find_provider(op: str) -> Provider | None:
    """Return the package that provides an op; None for an op that no known package provides.

    >>> find_provider("Addons>Resampler").module
    'tensorflow_addons'
    """
    for provider in PROVIDERS:
        if provider.provides(op):
            return provider
    return None


_OPS = read_op_table(PACKAGE_OPS)

PROVIDERS: tuple[Provider, ...] = (
    Provider(
        "tensorflow-text",
        "tensorflow_text",
        ops=frozenset(_OPS["tensorflow_text"]),
        prefixes=("TFText>",),
        follows_tensorflow=True,
    ),
    Provider(
        "tensorflow-decision-forests",
        "tensorflow_decision_forests",
        prefixes=("SimpleML", "YggdrasilDecisionForests"),
        pins_tensorflow=True,
        note="Each of its releases works with one TensorFlow version; the last known, 1.12.0, with 2.19.",
    ),
    Provider(
        "tensorflow-addons",
        "tensorflow_addons",
        prefixes=("Addons>",),
        note="Its last release, 0.23.0, is for TensorFlow 2.13 to 2.15.",
    ),
    Provider(
        "tensorflow-io",
        "tensorflow_io",
        prefixes=("IO>",),
        note="Each of its releases works with one TensorFlow version; its README has the table.",
    ),
    Provider(
        "struct2tensor",
        "struct2tensor",
        ops=frozenset(_OPS["struct2tensor"]),
        pins_tensorflow=True,
        note="Each of its releases works with one TensorFlow version; 0.46.0 with 2.15.",
    ),
    Provider(
        "tensorflow-compression",
        "tensorflow_compression",
        ops=frozenset(_OPS["tensorflow_compression"]),
        pins_tensorflow=True,
        note="Each of its releases works with one TensorFlow version; 2.14.1 with 2.14.",
    ),
    Provider(
        "tensorflow-quantum",
        "tensorflow_quantum",
        prefixes=("Tfq",),
        note="Each of its releases works with one TensorFlow version; 0.7.3 with 2.15.",
    ),
    Provider(
        "tensorflow-recommenders-addons",
        "tensorflow_recommenders_addons",
        prefixes=("TFRA>",),
        pins_tensorflow=True,
        note="Release 0.8.1 is for TensorFlow 2.11 to 2.16.",
    ),
    Provider(
        "tf-sentencepiece",
        "tf_sentencepiece",
        ops=frozenset(_OPS["tf_sentencepiece"]),
        note="Its last release, 0.1.90, is for TensorFlow 1.15 to 2.2; tensorflow-text followed, with other op names.",
    ),
    *(
        Provider(
            "",
            module,
            ops=frozenset(ops),
            note=f"It was part of tf.{module[len('tensorflow.') :]} in TensorFlow 1.x, which TensorFlow 2 dropped; "
            "run it with 1.15.",
        )
        for module, ops in _OPS.items()
        if module.startswith("tensorflow.contrib.")
    ),
)
