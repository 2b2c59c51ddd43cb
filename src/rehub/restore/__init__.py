"""From a SavedModel directory to a restored object, which owns what its functions need.

The lazy loader does the restoring, or TensorFlow's own. Around it: ops that a package has to bring are brought or
named, functions are tied to the variables and tables that they use, and a model in TF1 format can be called.
"""

from __future__ import annotations

from rehub.restore.input_descriptions import casts_safely, describe, describe_arguments, hints, spec_of
from rehub.restore.lazy_objects import note
from rehub.restore.loader import LoadReport, load_report, report_on, restore
from rehub.restore.missing_ops import bring_ops, missing_op_error
from rehub.restore.optimized import check_can_optimize, is_optimized, optimize_for_inference
from rehub.restore.remote_devices import explain_remote_devices
from rehub.restore.remote_directories import is_local, look_at, read_model
from rehub.restore.signatures import signature_names, signature_of
from rehub.restore.tensorflow_errors import as_tensorflow_error
from rehub.restore.trust import check_trust
from rehub.restore.v1_call import SignatureCall, is_v1_model, make_callable

__all__ = [
    "LoadReport",
    "SignatureCall",
    "as_tensorflow_error",
    "bring_ops",
    "casts_safely",
    "check_can_optimize",
    "check_trust",
    "describe",
    "describe_arguments",
    "explain_remote_devices",
    "hints",
    "is_local",
    "is_optimized",
    "is_v1_model",
    "load_report",
    "look_at",
    "make_callable",
    "missing_op_error",
    "note",
    "optimize_for_inference",
    "read_model",
    "report_on",
    "restore",
    "signature_names",
    "signature_of",
    "spec_of",
]
