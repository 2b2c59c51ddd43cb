"""From a SavedModel directory to a restored object, which retains what its functions need.

The lazy loader restores it, or TensorFlow's own. Missing ops of installed packages are registered first, functions get
references to the variables and tables that they use, and a model in TF1 format gets a call.
"""

from __future__ import annotations

from rehub.restore.copies import forbid_copies, get_carrier, make_copyable, raise_not_copyable
from rehub.restore.damaged_files import check_files, explain_damaged_files, raise_if_damaged
from rehub.restore.input_descriptions import (
    are_compatible_dtypes,
    describe_arguments,
    describe_nest,
    spec_of,
    suggest_fixes,
)
from rehub.restore.lazy.objects import set_untracked
from rehub.restore.loader import restore_model
from rehub.restore.local_io import with_local_io
from rehub.restore.missing_ops import ensure_ops_registered, raise_if_kernels_missing
from rehub.restore.older_tensorflow import read_checkpoint_tensor, rewrite_if_newer
from rehub.restore.pattern_free_paths import pattern_free_path
from rehub.restore.remote_devices import explain_remote_devices
from rehub.restore.remote_directories import detect_layout_anywhere, is_local, read_model
from rehub.restore.report import Form, LoadReport, OptimizedFunction, OutputDifference, load_report, set_load_report
from rehub.restore.request import LoadPolicy, LoadRequest, get_load_request
from rehub.restore.retention import find_resources, find_variables, retain_for_trace, retain_objects
from rehub.restore.signatures import (
    SignatureDict,
    describe_missing_signature,
    get_signature,
    list_signatures_in_errors,
    signature_names,
)
from rehub.restore.tensorflow_errors import make_joint_error
from rehub.restore.trust import check_trust
from rehub.restore.v1_call import SignatureCall, add_v1_call, is_v1_model
from rehub.restore.values import get_values, set_values
from rehub.restore.variable_names import name_in_model, set_name_in_model, use_name_in_model

__all__ = [
    "Form",
    "LoadPolicy",
    "LoadReport",
    "LoadRequest",
    "OptimizedFunction",
    "OutputDifference",
    "SignatureCall",
    "SignatureDict",
    "add_v1_call",
    "are_compatible_dtypes",
    "check_files",
    "check_trust",
    "describe_arguments",
    "describe_missing_signature",
    "describe_nest",
    "detect_layout_anywhere",
    "ensure_ops_registered",
    "explain_damaged_files",
    "explain_remote_devices",
    "find_resources",
    "find_variables",
    "forbid_copies",
    "get_carrier",
    "get_load_request",
    "get_signature",
    "get_values",
    "is_local",
    "is_v1_model",
    "list_signatures_in_errors",
    "load_report",
    "make_copyable",
    "make_joint_error",
    "name_in_model",
    "pattern_free_path",
    "raise_if_damaged",
    "raise_if_kernels_missing",
    "raise_not_copyable",
    "read_checkpoint_tensor",
    "read_model",
    "restore_model",
    "retain_for_trace",
    "retain_objects",
    "rewrite_if_newer",
    "set_load_report",
    "set_name_in_model",
    "set_untracked",
    "set_values",
    "signature_names",
    "spec_of",
    "suggest_fixes",
    "use_name_in_model",
    "with_local_io",
]
