"""What is done about a model that could do harm: the policy of `hub.load(trusted=)` and REHUB_TRUST."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from rehub import config
from rehub.errors import UnsafeModel
from rehub.restore.remote_directories import copy_model
from rehub.restore.scanned_copy import scanned_copy
from rehub.savedmodel import Layout

if TYPE_CHECKING:
    from rehub.scanning import Finding

_SHOWN = 5


def check_trust(tf: Any, layout: Layout, handle: str, trusted: bool | None = None) -> Layout:
    """Refuses a model with ops that could do harm, or warns of it, before TensorFlow sees its graph.

    By default it does nothing: to read all of a graph can take longer than to load it. Where a model is scanned, it has
    to be loaded from the directory that is returned: there lie the bytes that were scanned, whatever has become of the
    file since then.

    Args:
        tf: the TensorFlow module, by which files of object stores are read.
        layout: the directory.
        handle: what the user typed, for messages.
        trusted: True for a model that is not looked at, False for one that is refused; None for what REHUB_TRUST says.

    Returns:
        The directory to load the model from: the same one, where nothing was scanned.

    Raises:
        UnsafeModel: it is refused; names the ops and where they stand.
        UnsupportedFormat: the model is in a form that cannot be read here.
        CorruptModel: the model's file is damaged.
    """
    policy = config.trust_policy(trusted)
    if policy == "allow":
        return layout
    from rehub.scanning import scan_saved_model  # By default nothing is scanned.

    file = layout.path.rstrip("/") + "/" + layout.model_file
    content = copy_model(tf, layout)
    findings = scan_saved_model(file, content).findings
    dangers = [finding for finding in findings if finding.severity == "danger"]
    if not dangers:
        return scanned_copy(tf, layout, content)
    if policy == "refuse":
        said_by = "trusted=False" if trusted is False else f"{config.TRUST.variable_in_use}=refuse"
        raise UnsafeModel(
            f"{handle!r} can do harm to this machine, and {said_by} refuses such models. TensorFlow has not seen it.\n"
            f"{_listed(dangers)}\nrehub scan shows more of it. If you trust who made it: hub.load(..., trusted=True)."
        )
    warnings.warn(
        f"{handle!r} can do harm to this machine, if who made it wants to:\n{_listed(dangers)}\n"
        "rehub scan shows more of it. hub.load(..., trusted=True) says that you trust who made it.",
        RuntimeWarning,
        stacklevel=3,
    )
    return scanned_copy(tf, layout, content)


def _listed(dangers: list[Finding]) -> str:
    lines = [f"  {each.summary()}" for each in dangers[:_SHOWN]]
    if len(dangers) > _SHOWN:
        lines.append(f"  and {len(dangers) - _SHOWN} more")
    return "\n".join(lines)
