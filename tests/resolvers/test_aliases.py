"""The user's table of aliases."""

from __future__ import annotations

import os

import pytest

from rehub.errors import InvalidSetting, ModelNotFound
from rehub.resolvers import register_resolver, resolve


@pytest.fixture
def aliases(tmp_path, monkeypatch):
    """Write a table of aliases and use it."""
    file = tmp_path / "aliases.toml"
    monkeypatch.setenv("REHUB_ALIASES", str(file))

    def write(text):
        file.write_text(text, encoding="utf-8")

    return write


@pytest.fixture
def model(tmp_path):
    directory = tmp_path / "größe"
    directory.mkdir()
    return str(directory)


def test_alias_applies_to_every_spelling_of_its_handle(aliases, model):
    aliases(f'# moved\n"https://tfhub.dev/google/nnlm/2" = "{model}"\n"kaggle://o/m/TensorFlow2/v" = "{model}"\n')
    for handle in ("https://tfhub.dev/google/nnlm/2", "http://tfhub.dev/google/nnlm/2/", "kaggle://o/m/tensorFlow2/v"):
        assert resolve(handle) == model


def test_handle_without_an_alias_is_unchanged(aliases, model):
    aliases(f'"https://tfhub.dev/google/nnlm/2" = "{model}/no/such"\n')
    assert resolve(model) == model
    with pytest.raises(ModelNotFound, match="no/such"):
        resolve("https://tfhub.dev/google/nnlm/2")


def test_alias_may_be_a_handle_of_a_registered_resolver(aliases):
    class Shelf:
        def is_supported(self, handle):
            return handle.startswith("shelf-alias://")

        def __call__(self, handle):
            return "/mnt/" + handle[len("shelf-alias://") :]

    register_resolver(Shelf())
    aliases('"https://tfhub.dev/google/nnlm/2" = "shelf-alias://nnlm"\n"shelf-alias://a" = "shelf-alias://b"')
    assert resolve("https://tfhub.dev/google/nnlm/2") == "/mnt/nnlm"
    assert resolve("shelf-alias://a") == "/mnt/a"  # A registered resolver comes first.


def test_changed_table_is_read_again(aliases, model, tmp_path):
    aliases('"https://h/m" = "/no/such"')
    with pytest.raises(ModelNotFound):
        resolve("https://h/m")
    aliases(f'"https://h/m" = "{model}"')
    os.utime(str(tmp_path / "aliases.toml"), (1, 1))
    assert resolve("https://h/m") == model


@pytest.mark.parametrize(
    "text",
    ['"https://h/m" = ', '"https://h/m" = 3', '"https://h/m" = "kaggle://o/m"', '"hf://gpt2" = "hf://o/gpt2"'],
    ids=["no TOML", "no string", "to no handle", "from no handle"],
)
def test_malformed_table_is_refused_with_an_example(aliases, model, tmp_path, text):
    aliases(text)
    with pytest.raises(InvalidSetting, match="REHUB_ALIASES is") as error:
        resolve(model)
    assert str(tmp_path / "aliases.toml") in str(error.value)
    assert "kaggle://google/nnlm/tensorFlow2/en-dim128/1" in str(error.value)


def test_missing_table_is_an_error(monkeypatch, tmp_path):
    monkeypatch.setenv("REHUB_ALIASES", str(tmp_path / "none.toml"))
    with pytest.raises(InvalidSetting, match=r"none\.toml"):
        resolve(str(tmp_path))
