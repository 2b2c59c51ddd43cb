"""From a SavedModel directory to a restored object, which owns what its functions need.

The lazy loader does the restoring, or TensorFlow's own. Around it: ops that a package has to bring are brought or
named, functions are tied to the variables and tables that they use, and a model in TF1 format can be called.
"""

from __future__ import annotations

from rehub.restore.copies import (
    LoadRequest,
    carrier_of,
    load_request,
    make_copyable,
    refuse_copies_of,
    refuse_to_copy_function,
    set_values,
    values_of,
)
from rehub.restore.damaged_files import check_files, naming_damaged_files
from rehub.restore.input_descriptions import describe, describe_arguments, dtypes_agree, hints, spec_of
from rehub.restore.lazy_objects import note
from rehub.restore.loader import LoadReport, load_report, report_on, restore
from rehub.restore.missing_ops import ensure_ops_registered
from rehub.restore.ownership import variables_within
from rehub.restore.pattern_free_paths import pattern_free_path
from rehub.restore.remote_devices import explain_remote_devices
from rehub.restore.remote_directories import is_local, look_at, read_model
from rehub.restore.signatures import list_known_signatures, no_such_signature, signature_names, signature_of
from rehub.restore.tensorflow_errors import as_tensorflow_error
from rehub.restore.trust import check_trust
from rehub.restore.v1_call import SignatureCall, is_v1_model, make_callable
from rehub.restore.variable_names import name_in_model, set_name_in_model, under_name_in_model

__all__ = [
    "LoadReport",
    "LoadRequest",
    "SignatureCall",
    "as_tensorflow_error",
    "carrier_of",
    "check_files",
    "check_trust",
    "describe",
    "describe_arguments",
    "dtypes_agree",
    "ensure_ops_registered",
    "explain_remote_devices",
    "hints",
    "is_local",
    "is_v1_model",
    "list_known_signatures",
    "load_report",
    "load_request",
    "look_at",
    "make_callable",
    "make_copyable",
    "name_in_model",
    "naming_damaged_files",
    "no_such_signature",
    "note",
    "pattern_free_path",
    "read_model",
    "refuse_copies_of",
    "refuse_to_copy_function",
    "report_on",
    "restore",
    "set_name_in_model",
    "set_values",
    "signature_names",
    "signature_of",
    "spec_of",
    "under_name_in_model",
    "values_of",
    "variables_within",
]
