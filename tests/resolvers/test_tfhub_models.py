"""The table of tfhub.dev's models, and the hints from it in errors."""

from __future__ import annotations

import pytest

from rehub.errors import DownloadError, ModelNotFound
from rehub.resolvers import resolve
from rehub.resolvers.make_tfhub_models import format_table


def test_the_table_has_a_line_for_each_model():
    formats = {"b/c": {"2": "saved_model_2", "1": "hub"}, "a/b": {"10": "saved_model"}}
    assert format_table(formats) == "a/b s10\nb/c h1 t2\n"


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("gogle/nnlm-en-dim50/2", "Did you mean https://tfhub.dev/google/nnlm-en-dim50/2?"),
        ("google/nnlm-en-dim-50", "Did you mean https://tfhub.dev/google/nnlm-en-dim50?"),
        ("google/nnlm-en-dim50/3", "google/nnlm-en-dim50 had the versions 1 and 2."),
        ("captain-pool/esrgan-tf2/2", "captain-pool/esrgan-tf2 had the version 1."),
    ],
)
def test_mistyped_model_of_tfhub_is_answered_with_the_one_that_was_meant(path, hint, server, monkeypatch, cache_dir):
    monkeypatch.setenv("REHUB_TFHUB_ENDPOINT", server.url)
    with pytest.raises(DownloadError, match="404") as error:
        resolve(f"https://tfhub.dev/{path}")
    assert str(error.value).endswith(hint)
    assert error.value.status == 404


def test_known_model_that_is_missing_has_no_hint(server, monkeypatch, cache_dir):
    monkeypatch.setenv("REHUB_TFHUB_ENDPOINT", server.url)
    with pytest.raises(DownloadError) as error:
        resolve("https://tfhub.dev/google/nnlm-en-dim50/2")
    assert "Did you mean" not in str(error.value)


def test_mistyped_model_without_a_site_is_answered_with_the_one_that_was_meant():
    with pytest.raises(ModelNotFound, match=r"Did you mean https://tfhub.dev/google/elmo/3\?"):
        resolve("gogle/elmo/3")
