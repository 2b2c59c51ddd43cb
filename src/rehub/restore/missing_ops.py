"""Register ops that plain TensorFlow lacks, if the package is installed, or say what to install."""

from __future__ import annotations

import glob
import importlib
import os
from typing import Any, Iterable, Sequence

from rehub import tf_internals
from rehub.errors import HubError, MissingOp
from rehub.formatting import list_names
from rehub.restore.tensorflow_errors import make_joint_error
from rehub.savedmodel.encodings import map_file
from rehub.savedmodel.ops import Provider, find_provider


def ensure_ops_registered(ops: Iterable[str], label: str, *, written_by: str = "", wanted: Iterable[str] = ()) -> None:
    """Register every op of a graph with TensorFlow, before TensorFlow sees the graph.

    Packages that are known to provide a missing op are imported if they are installed.

    Args:
        ops: the ops of the graph's nodes. The list that TensorFlow stores with a graph is not enough: since 2.15 it
            lacks the ops of functions that no signature calls.
        written_by: the TensorFlow version that wrote the graph; "" if unknown.
        wanted: ops that are registered if a package has them, and are not required otherwise.

    Raises:
        MissingOp: names the ops that are still missing, the packages that provide them, and what to type.
    """
    ops = frozenset(ops)
    failures = _register_ops(tf_internals.ops.missing_ops(ops.union(wanted)))
    missing = tf_internals.ops.missing_ops(ops)
    if missing:
        raise MissingOp(_explain_missing_ops(missing, label, written_by, failures))


def raise_if_kernels_missing(ops: Iterable[str], label: str, error: Exception) -> None:
    """Explain an error of TensorFlow that names ops which it knows, and has no kernels for.

    Raises:
        MissingOp: names them. It is of the type of TensorFlow's error too.
    """
    named = (op for op in set(ops) if op in str(error))
    missing = () if isinstance(error, HubError) else tf_internals.ops.ops_without_kernels(named)
    if missing:
        version = tf_internals.import_tensorflow().__version__
        raise make_joint_error(
            MissingOp,
            [type(error)],
            f"{label!r} uses ops that TensorFlow {version} knows and has no kernels for: {list_names(missing)}. Newer "
            "versions dropped them, such as those of the boosted trees of Estimators. Load it with the version that "
            "wrote it.",
        ) from error


def _register_ops(ops: Sequence[str]) -> dict[str, Exception | None]:
    """Import the packages that provide the ops.

    Returns:
        Why a module could not be imported, by its name; None for one that is imported and lacks an op.
    """
    failures: dict[str, Exception | None] = {}
    for provider in _find_providers(ops):
        provided = [op for op in ops if provider.provides(op)]
        try:
            module = importlib.import_module(provider.module)
            still_missing = tf_internals.ops.missing_ops(provided)
            if still_missing:
                _load_op_libraries(module, still_missing)
                failures[provider.module] = None
        except Exception as error:  # noqa: BLE001  a library built for another TensorFlow fails in many ways; all are reported
            failures[provider.module] = error
    return failures


def _load_op_libraries(module: Any, ops: Sequence[str]) -> None:
    """Load the libraries of a package that contain the name of one of the ops.

    Some packages load theirs when one of their functions is first called: tensorflow_addons and tensorflow_io (LazySO
    in addons' utils/resource_loader.py, LazyLoader in io's python/ops/__init__.py), struct2tensor, parts of tf.contrib.
    """
    names = [op.encode() for op in ops]
    for folder in getattr(module, "__path__", ()):
        for file in sorted(glob.glob(os.path.join(glob.escape(folder), "**", "*.so"), recursive=True)):
            content = map_file(file)
            if any(content.find(name) >= 0 for name in names):
                tf_internals.import_tensorflow().load_op_library(file)


def _explain_missing_ops(
    missing: Sequence[str], label: str, written_by: str, failures: dict[str, Exception | None]
) -> str:
    version = tf_internals.import_tensorflow().__version__
    several = len(missing) > 1
    uses = "ops" if several else "an op"
    lines = [f"{label!r} uses {uses} that TensorFlow {version} does not have: {list_names(missing)}."]
    for provider in _find_providers(missing):
        provided = list_names(op for op in missing if provider.provides(op))
        failure = failures.get(provider.module)
        if provider.module in failures and failure is None:
            lines.append(
                f"{provided}: {provider.module} is installed and has no such op; another release of it may have. "
                f"{provider.note}".rstrip()
            )
            continue
        lines.append(f"{provided}: {_describe_provider(provider, version)}")
        if failure is not None and not _is_absent(failure, provider):
            reason = str(failure).strip().split("\n")[0]
            lines.append(f"{provider.module} is installed, but importing it failed: {type(failure).__name__}: {reason}")
    unknown = [op for op in missing if find_provider(op) is None]
    if unknown:
        lines.append(_describe_unknown_ops(unknown, written_by, version))
    return "\n".join(lines)


def _find_providers(ops: Sequence[str]) -> tuple[Provider, ...]:
    found: list[Provider] = []
    for op in ops:
        provider = find_provider(op)
        if provider is not None and provider not in found:
            found.append(provider)
    return tuple(found)


def _describe_provider(provider: Provider, tensorflow_version: str) -> str:
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


def _describe_unknown_ops(ops: Sequence[str], written_by: str, running: str) -> str:
    names = list_names(ops)
    advice = f"{names}: no package is known to provide {'these' if len(ops) > 1 else 'it'}."
    if written_by and written_by != running:
        advice += f" The model was written by TensorFlow {written_by}: a version as new as that may have it."
    return advice + " An op of your own is registered by tf.load_op_library(...) before the model is loaded."
