"""Legacy modules as objects of TF2 that can be trained.

TensorFlow's loader imports the graph of such a module as it stands: its loops have no gradients then, its update ops
and regularization losses are lost, and reference variables are out of reach. Here the graph is read, and traced again
into functions of TF2, node by node.
"""

from __future__ import annotations

from rehub.retrain.computations import TRAIN
from rehub.retrain.converted import find_signature_function
from rehub.retrain.restoring import can_retrain, restore_legacy_module
from rehub.retrain.signature_function import SignatureFunction

__all__ = [
    "TRAIN",
    "SignatureFunction",
    "can_retrain",
    "find_signature_function",
    "restore_legacy_module",
]
