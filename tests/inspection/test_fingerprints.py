from __future__ import annotations

import dataclasses

import pytest
import saved_models
from saved_models import tf

import rehub as hub
from rehub.errors import CorruptModel


@pytest.mark.skipif(saved_models.IS_TF1, reason="TensorFlow 1.15 writes no fingerprints")
def test_the_fingerprint_equals_tensorflows(tmp_path):
    directory = saved_models.save_lookup(tmp_path / "model")
    expected = tf.saved_model.experimental.read_fingerprint(directory)
    found = dataclasses.asdict(hub.inspect(directory).fingerprint)
    assert found.pop("version") == expected.version.producer
    assert found == {name: getattr(expected, name) for name in found}
    assert 0 not in found.values()


def test_a_model_may_lack_a_fingerprint():
    assert hub.inspect(saved_models.LEGACY / "text_embed").fingerprint is None


def test_a_damaged_fingerprint_is_corrupt(tmp_path):
    directory = saved_models.save_lookup(tmp_path / "model")
    (tmp_path / "model" / "fingerprint.pb").write_bytes(b"\x08")
    with pytest.raises(CorruptModel, match=r"fingerprint\.pb' cannot be read as a fingerprint"):
        hub.inspect(directory)
