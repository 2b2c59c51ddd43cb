"""`KerasLayer`: a loaded model as a layer of the Keras in use.

`spec` has a layer's arguments, `computation` what it computes, and `parts` both with its weights and losses: none of
them knows a Keras. `adapters` has the layer itself for each Keras, and `layer` the class that users name.
"""

from __future__ import annotations

from rehub.keras.layer import KerasLayer as KerasLayer
