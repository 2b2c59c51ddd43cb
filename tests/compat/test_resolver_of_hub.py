"""The directory of the cache, and resolvers that derive from tensorflow_hub's classes."""

from __future__ import annotations

import os

import pytest

import rehub as hub
from rehub import config
from rehub.compat.submodules import HttpResolverBase, create_local_module_dir, tfhub_cache_dir


def test_cache_directory_comes_from_the_variable(cache_dir):
    assert tfhub_cache_dir() == tfhub_cache_dir("/default", use_temp=True) == str(cache_dir)


def test_without_a_variable_the_default_comes_first_then_rehubs_directory(monkeypatch):
    monkeypatch.delenv("TFHUB_CACHE_DIR")
    assert tfhub_cache_dir() is None
    assert tfhub_cache_dir("/default", use_temp=True) == "/default"
    assert tfhub_cache_dir(use_temp=True) == str(config.cache_dir())


@pytest.mark.tensorflow
def test_path_of_a_model_is_in_a_directory_that_exists(tmp_path):
    path = create_local_module_dir(str(tmp_path / "cache"), "module")
    assert path == str(tmp_path / "cache" / "module")
    assert os.listdir(tmp_path / "cache") == []


def test_a_resolver_of_urls_can_derive_from_the_base_class():
    class Mirror(HttpResolverBase):
        def is_supported(self, handle):
            return self.is_http_protocol(handle) and "mirrored.invalid" in handle

        def __call__(self, handle):
            return "/mnt/mirror"

    hub.register_resolver(Mirror())
    assert hub.resolve("https://mirrored.invalid/m/1") == "/mnt/mirror"
    assert not Mirror().is_supported("gs://mirrored.invalid/m")
