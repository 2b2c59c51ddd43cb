"""The lazy loader: restores a TF2 SavedModel without building the graphs of functions that nothing has used yet.

TensorFlow's loader builds a graph in Python for every function of a model, of which a call needs a few; in a model that
Keras 2 saved, that is most of the time that loading takes. Here TensorFlow's own code restores the objects, variables,
tables and the checkpoint. Its functions have no graph until one of their attributes is used, by a call, a trace, a
gradient or a save; then TensorFlow's steps are taken for that function and those it calls.

`loader_class`, `object_classes` and `function_classes` derive from TensorFlow's classes: they are imported when a model
is loaded.
"""

from __future__ import annotations

from rehub.restore.lazy.loader import LazyLoadUnsupported as LazyLoadUnsupported
from rehub.restore.lazy.loader import load_lazily as load_lazily
from rehub.restore.lazy.objects import set_untracked as set_untracked
