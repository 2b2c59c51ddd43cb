"""`hub.convert`: write a TF1 model as a TF2 SavedModel that can be trained without rehub.

`convert_for_tensorflow` writes any SavedModel for a TensorFlow that is older than its writer.
"""

from __future__ import annotations

from rehub.migrate.models.conversion import Conversion as Conversion
from rehub.migrate.models.conversion import convert as convert
from rehub.migrate.models.for_older import RewrittenModel as RewrittenModel
from rehub.migrate.models.for_older import convert_for_tensorflow as convert_for_tensorflow
