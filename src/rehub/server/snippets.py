"""The lines to copy from a model's page: in Python, as a Keras layer, and on the command line."""

from __future__ import annotations

from dataclasses import dataclass

from rehub.server.facts import ModelFacts


@dataclass(frozen=True)
class Snippet:
    """Lines to copy, and what they are for."""

    label: str
    code: str


def snippets_for(facts: ModelFacts, url: str) -> list[Snippet]:
    """Return what to copy for a model that is served at this URL."""
    if facts.format in ("TFLite", "TensorFlow.js"):
        query = "lite-format=tflite" if facts.format == "TFLite" else "tfjs-format=compressed"
        return [Snippet("Download", f"curl -LO '{url}?{query}'")]
    found = []
    if not facts.problem:
        lines = ["import rehub as hub, tensorflow as tf", "", f"model = hub.load({url!r})", *facts.usage]
        found.append(Snippet("Load it", "\n".join(lines)))
    if facts.keras is not None:
        lines = [
            "import keras, rehub as hub",
            "",
            f"inputs = keras.Input(shape={facts.keras.shape}, dtype={facts.keras.dtype!r})",
            f"outputs = hub.KerasLayer({url!r}{facts.keras.arguments})(inputs)",
            "model = keras.Model(inputs, outputs)",
        ]
        found.append(Snippet("In Keras", "\n".join(lines)))
    found.append(Snippet("On the command line", f"rehub pull {url}\nrehub show {url}"))
    return found
