from __future__ import annotations

import pytest

from rehub.savedmodel.ops import PROVIDERS, find_provider


@pytest.mark.parametrize(
    ("op", "module"),
    [
        ("CaseFoldUTF8", "tensorflow_text"),
        ("SentencepieceOp", "tensorflow_text"),
        ("TFText>RoundRobinTrim", "tensorflow_text"),
        ("SimpleMLInferenceOpWithHandle", "tensorflow_decision_forests"),
        ("Addons>Resampler", "tensorflow_addons"),
        ("IO>AudioDecodeMP3", "tensorflow_io"),
        ("DecodeProtoSparseV4", "struct2tensor"),
        ("EntropyEncodeChannel", "tensorflow_compression"),
        ("TfqSimulateState", "tensorflow_quantum"),
        ("TFRA>RedisTableFind", "tensorflow_recommenders_addons"),
        ("SentencepieceEncodeDense", "tf_sentencepiece"),
        ("ImageProjectiveTransform", "tensorflow.contrib.image"),
    ],
)
def test_the_package_of_an_op_is_known(op, module):
    assert find_provider(op).module == module


def test_an_op_of_tensorflow_itself_has_no_provider():
    assert find_provider("MatMul") is None


@pytest.mark.parametrize("version", ["1.15.5", "2.15.1", "2.21.0"])
def test_the_pip_line_fits_the_installed_tensorflow(version):
    minor = version.rpartition(".")[0]
    assert find_provider("CaseFoldUTF8").pip_line(version) == f'pip install "tensorflow-text=={minor}.*"'
    assert f'"tensorflow=={minor}.*"' in find_provider("SimpleMLInferenceOp").pip_line(version)
    assert find_provider("ImageProjectiveTransform").pip_line(version) == ""


def test_no_two_packages_claim_the_same_op():
    for provider in PROVIDERS:
        for op in provider.ops:
            assert [other.module for other in PROVIDERS if other.provides(op)] == [provider.module]
