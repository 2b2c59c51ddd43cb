"""The prepared form of a model: its weights as they are laid out in memory, to be mapped instead of read.

Mapping costs nothing until a page is touched, and processes that map the same file share its pages. It is copied on
write: a variable that is trained gets pages of its own, and the file is never written to.

A prepared form is a directory in the cache, named by the digest of the model it was made from, so a changed model has
none. It holds `weights`, and `index.json`, which says which value is where. A form made by another version of
TensorFlow is stale; a form that another user could have written is ignored. If the file of the weights is not as it was
left when it was written, its content is compared with the recorded digest before it is used.

A form can be deleted at any time; processes that have it mapped keep their mapping.
"""

from __future__ import annotations

from rehub.restore.prepared.form import PreparedForm as PreparedForm
from rehub.restore.prepared.form import find_form_directory as find_form_directory
from rehub.restore.prepared.form import form_directory as form_directory
from rehub.restore.prepared.form import list_forms as list_forms
from rehub.restore.prepared.form import open_form as open_form
from rehub.restore.prepared.form import remove_form as remove_form
from rehub.restore.prepared.form import warn_ignored as warn_ignored
from rehub.restore.prepared.verification import find_problem as find_problem
from rehub.restore.prepared.writing import write_form as write_form
