"""Where the cache is, and resolvers that derive from tensorflow_hub's classes."""

from __future__ import annotations

import os

import pytest

import rehub as hub
from rehub import config
from rehub.compat.submodules.resolver import HttpResolverBase, create_local_module_dir, tfhub_cache_dir


def test_the_cache_is_where_the_variable_says(cache_dir):
    assert tfhub_cache_dir() == tfhub_cache_dir("/default", use_temp=True) == str(cache_dir)


def test_without_a_variable_the_default_counts_then_rehubs_own_place(monkeypatch):
    monkeypatch.delenv("TFHUB_CACHE_DIR")
    assert tfhub_cache_dir() is None
    assert tfhub_cache_dir("/default", use_temp=True) == "/default"
    assert tfhub_cache_dir(use_temp=True) == str(config.cache_dir())


@pytest.mark.tensorflow
def test_a_models_place_is_in_a_directory_that_is_there(tmp_path):
    place = create_local_module_dir(str(tmp_path / "cache"), "module")
    assert place == str(tmp_path / "cache" / "module")
    assert os.listdir(tmp_path / "cache") == []


def test_a_resolver_of_urls_can_derive_from_it():
    class Mirror(HttpResolverBase):
        def is_supported(self, handle):
            return self.is_http_protocol(handle) and "mirrored.invalid" in handle

        def __call__(self, handle):
            return "/mnt/mirror"

    hub.register_resolver(Mirror())
    assert hub.resolve("https://mirrored.invalid/m/1") == "/mnt/mirror"
    assert not Mirror().is_supported("gs://mirrored.invalid/m")
