"""A loaded model as a layer of the Keras in use: one meaning, and an adapter for each Keras.

`computation` tells what a layer computes and `behaviour` what it does, without any Keras; `keras2` and `keras3` tell it
to their Keras, and `layer` has the class that users name.
"""

from __future__ import annotations

from rehub.keras.layer import KerasLayer as KerasLayer

__all__ = ["KerasLayer"]
