"""What is known about ops by their names.

Handed out here is which package brings an op that plain TensorFlow lacks. What an op can do to a machine is told by
`op_classes`, with long lists of names that `hub.load` does not need; through which no gradient flows, by
`gradient_barriers`.
"""

from __future__ import annotations

from rehub.savedmodel.ops.providers import PROVIDERS, Provider, provider_of

__all__ = ["PROVIDERS", "Provider", "provider_of"]
