"""What a handle alone says of its model."""

from __future__ import annotations

import pytest

from rehub.migrate.code.handle_formats import HandleFormat, look_up_format

LEGACY, TF2 = "legacy module", "TF2 SavedModel"


@pytest.mark.parametrize(
    ("handle", "known"),
    [
        (
            "https://tfhub.dev/google/universal-sentence-encoder/2",
            HandleFormat(LEGACY, "https://tfhub.dev/google/universal-sentence-encoder/4"),
        ),
        ("https://tfhub.dev/google/universal-sentence-encoder/4", HandleFormat(TF2)),
        ("https://tfhub.dev/google/universal-sentence-encoder/3?tf-hub-format=compressed", HandleFormat(TF2)),
        ("http://tfhub.dev/google/elmo/2/", HandleFormat(LEGACY)),
        ("https://tfhub.dev/google/elmo", HandleFormat(LEGACY)),
        ("https://tfhub.dev/google/imagenet/mobilenet_v2_035_128/feature_vector/2", HandleFormat(LEGACY, "https://tfhub.dev/google/imagenet/mobilenet_v2_035_128/feature_vector/5")),
        ("https://tfhub.dev/google/elmo/99", HandleFormat("")),
        ("https://tfhub.dev/nobody/nothing/1", HandleFormat("")),
        ("https://www.kaggle.com/models/google/nnlm/frameworks/TensorFlow2/variations/a/versions/1", HandleFormat(TF2)),
        ("kaggle://google/nnlm/tensorFlow2/en-dim50/1", HandleFormat(TF2)),
        ("https://models.example.com/a/1", HandleFormat("")),
        ("modules/sentences", HandleFormat("")),
    ],
)  # fmt: skip
def test_a_handle_says_its_format(handle, known):
    assert look_up_format(handle) == known
