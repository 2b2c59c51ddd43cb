"""Legacy modules as objects of TF2 that can be trained.

TensorFlow's loader imports the graph of such a module as it is: its loops have no gradients then, its update ops and
regularization losses are lost, and reference variables are out of reach. Here the graph is read, and traced node by
node into functions of TF2.
"""

from __future__ import annotations

from rehub.retrain.loader import can_retrain, has_working_signature, restore_traced
from rehub.retrain.signature_functions import TRAIN
from rehub.retrain.signatures import TrainableSignature, find_trainable_signature

__all__ = [
    "TRAIN",
    "TrainableSignature",
    "can_retrain",
    "find_trainable_signature",
    "has_working_signature",
    "restore_traced",
]
