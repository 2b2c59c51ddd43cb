"""From a SavedModel directory to a restored object, which retains what its functions need.

The lazy loader restores it, or TensorFlow's own. Missing ops of installed packages are registered first, functions get
references to the variables and tables that they use, and a model in TF1 format gets a call.
"""

from __future__ import annotations

from rehub.restore.copies import forbid_copies as forbid_copies
from rehub.restore.copies import get_carrier as get_carrier
from rehub.restore.copies import make_copyable as make_copyable
from rehub.restore.copies import raise_not_copyable as raise_not_copyable
from rehub.restore.damaged_files import check_files as check_files
from rehub.restore.damaged_files import explain_damaged_files as explain_damaged_files
from rehub.restore.damaged_files import raise_if_damaged as raise_if_damaged
from rehub.restore.input_descriptions import are_compatible_dtypes as are_compatible_dtypes
from rehub.restore.input_descriptions import describe_arguments as describe_arguments
from rehub.restore.input_descriptions import describe_nest as describe_nest
from rehub.restore.input_descriptions import spec_of as spec_of
from rehub.restore.input_descriptions import suggest_fixes as suggest_fixes
from rehub.restore.lazy.objects import set_untracked as set_untracked
from rehub.restore.loader import restore_model as restore_model
from rehub.restore.local_io import with_local_io as with_local_io
from rehub.restore.missing_ops import ensure_ops_registered as ensure_ops_registered
from rehub.restore.missing_ops import raise_if_kernels_missing as raise_if_kernels_missing
from rehub.restore.older_tensorflow import read_checkpoint_tensor as read_checkpoint_tensor
from rehub.restore.older_tensorflow import rewrite_if_newer as rewrite_if_newer
from rehub.restore.pattern_free_paths import pattern_free_path as pattern_free_path
from rehub.restore.remote_devices import explain_remote_devices as explain_remote_devices
from rehub.restore.remote_directories import detect_layout_anywhere as detect_layout_anywhere
from rehub.restore.remote_directories import is_local as is_local
from rehub.restore.remote_directories import read_model as read_model
from rehub.restore.remote_directories import strip_entry_name as strip_entry_name
from rehub.restore.report import Form as Form
from rehub.restore.report import LoadReport as LoadReport
from rehub.restore.report import OptimizedFunction as OptimizedFunction
from rehub.restore.report import OutputDifference as OutputDifference
from rehub.restore.report import load_report as load_report
from rehub.restore.report import set_load_report as set_load_report
from rehub.restore.request import LoadPolicy as LoadPolicy
from rehub.restore.request import LoadRequest as LoadRequest
from rehub.restore.request import get_load_request as get_load_request
from rehub.restore.retention import find_resources as find_resources
from rehub.restore.retention import find_variables as find_variables
from rehub.restore.retention import retain_for_trace as retain_for_trace
from rehub.restore.retention import retain_objects as retain_objects
from rehub.restore.signatures import SignatureDict as SignatureDict
from rehub.restore.signatures import describe_missing_signature as describe_missing_signature
from rehub.restore.signatures import get_signature as get_signature
from rehub.restore.signatures import list_signatures_in_errors as list_signatures_in_errors
from rehub.restore.signatures import signature_names as signature_names
from rehub.restore.tensorflow_errors import make_joint_error as make_joint_error
from rehub.restore.trust import check_trust as check_trust
from rehub.restore.v1_call import SignatureCall as SignatureCall
from rehub.restore.v1_call import add_v1_call as add_v1_call
from rehub.restore.v1_call import is_v1_model as is_v1_model
from rehub.restore.values import get_values as get_values
from rehub.restore.values import set_values as set_values
from rehub.restore.variable_names import name_in_model as name_in_model
from rehub.restore.variable_names import set_name_in_model as set_name_in_model
from rehub.restore.variable_names import use_name_in_model as use_name_in_model
