"""Refuse or warn of a model that could do harm: the policy of `hub.load(trusted=)` and REHUB_TRUST."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from rehub import config
from rehub.errors import UnsafeModel
from rehub.restore.remote_directories import copy_model_bytes
from rehub.restore.scanned_copy import make_scanned_copy
from rehub.savedmodel import Layout

if TYPE_CHECKING:
    from rehub.scanning import Finding

_MAX_LISTED = 5


def check_trust(layout: Layout, label: str, trusted: bool | None = None) -> Layout:
    """Refuse a model with ops that could do harm, or warn of it, before TensorFlow sees its graph.

    By default nothing is scanned: reading all of a graph can take longer than loading it. A model that was scanned has
    to be loaded from the returned directory: it holds the bytes that were scanned, even if the file has changed since.

    Args:
        trusted: True to skip the scan, False to refuse a harmful model; None for the setting REHUB_TRUST.

    Returns:
        The directory to load the model from: the same one if nothing was scanned.

    Raises:
        UnsafeModel: it is refused; names the ops and their nodes.
        UnsupportedFormat: the model's encoding cannot be read here.
        CorruptModel: the model's file is damaged.
    """
    policy = config.trust_policy(trusted)
    if policy == "allow":
        return layout
    from rehub.scanning import scan_saved_model  # By default nothing is scanned.

    content = copy_model_bytes(layout)
    findings = scan_saved_model(layout.file, content).findings
    dangers = [finding for finding in findings if finding.severity == "danger"]
    if not dangers:
        return make_scanned_copy(layout, content)
    if policy == "refuse":
        refused_by = "trusted=False" if trusted is False else f"{config.TRUST.variable_in_use}=refuse"
        raise UnsafeModel(
            f"{label!r} can do harm to this machine, and {refused_by} refuses such models. TensorFlow has not "
            "seen it.\n"
            f"{_list_findings(dangers)}\nrehub scan shows more. If you trust its author: hub.load(..., trusted=True)."
        )
    warnings.warn(
        f"{label!r} can do harm to this machine, if its author wants to:\n{_list_findings(dangers)}\n"
        "rehub scan shows more. hub.load(..., trusted=True) says that you trust its author.",
        RuntimeWarning,
        stacklevel=3,
    )
    return make_scanned_copy(layout, content)


def _list_findings(dangers: list[Finding]) -> str:
    lines = [f"  {each.summary()}" for each in dangers[:_MAX_LISTED]]
    if len(dangers) > _MAX_LISTED:
        lines.append(f"  and {len(dangers) - _MAX_LISTED} more")
    return "\n".join(lines)
