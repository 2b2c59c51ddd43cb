"""Ops that plain TensorFlow lacks: imports the package that brings them, or says which one it is."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Sequence

from rehub import tf_internals
from rehub.errors import MissingOp
from rehub.foreign_text import list_names
from rehub.savedmodel.ops import Provider, provider_of

if TYPE_CHECKING:
    from typing import Protocol

    class UsesOps(Protocol):
        """A graph that tells which ops it uses, such as a `savedmodel.MetaGraph`."""

        @property
        def tensorflow_version(self) -> str:
            """The TensorFlow that wrote it; "" where that is not recorded."""

        def declared_ops(self) -> frozenset[str] | None:
            """The ops in the writer's list, if there is one; cheap."""

        def used_ops(self) -> frozenset[str]:
            """The ops of its nodes."""


def bring_ops(tf: Any, metagraph: UsesOps, handle: str) -> None:
    """Makes sure that every op of a graph is registered with TensorFlow, before TensorFlow sees the graph.

    Packages that are known to bring a missing op are imported if they are installed.

    Raises:
        MissingOp: names the ops that are missing still, the packages that bring them, and what to type.
    """
    declared = metagraph.declared_ops()
    if declared is not None and not tf_internals.missing_ops(declared):
        return
    # There is no list to rely on, or one that may have been left behind by an edited graph: the nodes decide.
    missing = tf_internals.missing_ops(metagraph.used_ops())
    failures: dict[str, Exception] = {}
    for provider in _providers(missing):
        try:
            importlib.import_module(provider.module)
        except Exception as error:  # noqa: BLE001  a library built for another TensorFlow fails in many ways; all are told
            failures[provider.module] = error
    missing = tf_internals.missing_ops(missing)
    if missing:
        raise missing_op_error(tf, missing, metagraph, handle, failures)


def missing_op_error(
    tf: Any, missing: Sequence[str], metagraph: UsesOps, handle: str, failures: dict[str, Exception]
) -> MissingOp:
    """Returns the error that names the missing ops and, for each, what to do about it.

    Args:
        missing: the ops' names.
        failures: why a module could not be imported, by its name.
    """
    several = len(missing) > 1
    uses = "ops" if several else "an op"
    lines = [f"{handle!r} uses {uses} that TensorFlow {tf.__version__} does not have: {list_names(missing)}."]
    for provider in _providers(missing):
        brought = list_names(op for op in missing if provider.brings(op))
        lines.append(f"{brought}: {_advice(provider, tf.__version__)}")
        failure = failures.get(provider.module)
        if failure is not None and not _is_absent(failure, provider):
            reason = str(failure).strip().split("\n")[0]
            lines.append(f"{provider.module} is installed, but importing it failed: {type(failure).__name__}: {reason}")
    unknown = [op for op in missing if provider_of(op) is None]
    if unknown:
        lines.append(_unknown_advice(unknown, metagraph.tensorflow_version, tf.__version__))
    return MissingOp("\n".join(lines))


def _providers(ops: Sequence[str]) -> tuple[Provider, ...]:
    found: list[Provider] = []
    for op in ops:
        provider = provider_of(op)
        if provider is not None and provider not in found:
            found.append(provider)
    return tuple(found)


def _advice(provider: Provider, tensorflow_version: str) -> str:
    if not provider.package:
        return provider.note
    advice = f"comes with {provider.package}: {provider.pip_line(tensorflow_version)}"
    if provider.note:
        advice += f" ({provider.note})"
    return f"{advice}, then load again; rehub imports {provider.module} by itself."


def _is_absent(failure: Exception, provider: Provider) -> bool:
    return (
        isinstance(failure, ModuleNotFoundError)
        and (failure.name or "").partition(".")[0] == (provider.module.partition(".")[0])
    )


def _unknown_advice(ops: Sequence[str], written_by: str, running: str) -> str:
    names = list_names(ops)
    advice = f"{names}: no package is known to bring {'these' if len(ops) > 1 else 'it'}."
    if written_by and written_by != running:
        advice += f" The model was written by TensorFlow {written_by}: a version as new as that may have it."
    return advice + " An op of your own is registered by tf.load_op_library(...) before the model is loaded."
