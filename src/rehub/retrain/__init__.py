"""Legacy modules as objects of TF2 that can be trained.

TensorFlow's loader imports the graph of such a module as it is: its loops have no gradients then, its update ops and
regularization losses are lost, and reference variables are out of reach. Here the graph is read, and traced node by
node into functions of TF2.
"""

from __future__ import annotations

from rehub.retrain.converters.dropped_ops import find_dropped_ops as find_dropped_ops
from rehub.retrain.loader import can_retrain as can_retrain
from rehub.retrain.loader import has_working_signature as has_working_signature
from rehub.retrain.loader import restore_traced as restore_traced
from rehub.retrain.signature_functions import TRAIN as TRAIN
from rehub.retrain.signatures import TrainableSignature as TrainableSignature
from rehub.retrain.signatures import find_trainable_signature as find_trainable_signature
