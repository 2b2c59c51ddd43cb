"""For every test: markers of what it needs, a quiet TensorFlow and a cache of its own. For some: object stores."""

from __future__ import annotations

import gc
import os
import sys
import warnings

import pytest
import session_record
from effort import scaled
from hypothesis import settings
from needs import HAS_TENSORFLOW, TESTS, needs_tensorflow

# Read by TensorFlow's C++ side when it is first imported, so it cannot wait for a fixture. 2 keeps the errors.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

if HAS_TENSORFLOW and sys.version_info < (3, 8):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # What TensorFlow 1.15 imports is deprecated in Python 3.7.
        import tensorflow as tf  # noqa: F401  before a test does, whichever is the first

# Each example may take ten times as long as hypothesis allows by default: several sessions run at the same time.
settings.register_profile("rehub", max_examples=scaled(100), deadline=2000)
settings.load_profile("rehub")


def pytest_configure(config):
    session_record.start(config)


def pytest_ignore_collect(collection_path):
    """Without TensorFlow, leaves out each file that needs it, and each directory with no other tests."""
    if HAS_TENSORFLOW or TESTS not in collection_path.parents:
        return None
    files = list(collection_path.rglob("test_*.py")) if collection_path.is_dir() else [collection_path]
    return True if all(file.suffix == ".py" and needs_tensorflow(file) for file in files) else None


def pytest_itemcollected(item):
    """Marks what a test needs by the file that it is in."""
    if needs_tensorflow(item.path):
        item.add_marker("tensorflow")
    if TESTS / "keras" in item.path.parents:
        item.add_marker("keras")


def pytest_collection_finish():
    """Exempts what was imported from garbage collections: with TensorFlow each takes a second of a processor."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def cache_dir(tmp_path_factory, monkeypatch):
    """An empty cache for this test, so that none touches the user's; settings of the user's do not reach it either."""
    for name in [name for name in os.environ if name.startswith(("REHUB_", "TFHUB_"))]:
        monkeypatch.delenv(name)
    directory = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(directory))
    return directory


@pytest.fixture(scope="module")
def few_measurements():
    """Optimization measures each function in five rounds, instead of for two seconds."""
    from rehub.optimize import comparison

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(comparison, "SECONDS", 0.0)
        yield


@pytest.fixture
def memory():
    """fsspec's storage in this process's memory: `memory://`."""
    storage = pytest.importorskip("fsspec", reason="fsspec is not installed here").filesystem("memory")
    yield storage
    storage.store.clear()
    storage.pseudo_dirs[:] = [""]


@pytest.fixture(scope="session")
def s3_server():
    """The URL of an S3 on this machine."""
    moto = pytest.importorskip("moto.server", reason="moto, a server that speaks S3, is not installed here")
    pytest.importorskip("s3fs", reason="s3fs is not installed here")
    server = moto.ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3(s3_server, monkeypatch):
    """The storage `s3://`, with a bucket of that name."""
    import s3fs

    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_server)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "me")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    s3fs.S3FileSystem.clear_instance_cache()
    storage = s3fs.S3FileSystem()
    storage.mkdir("bucket")
    yield storage
    storage.rm("bucket", recursive=True)
    s3fs.S3FileSystem.clear_instance_cache()


@pytest.fixture(scope="session")
def inspected(tmp_path_factory):
    """The directories of models of every kind, by name; built once, as that takes a while."""
    import inspected_models

    return inspected_models.build(tmp_path_factory.mktemp("inspected"))


@pytest.fixture(scope="session")
def shift(tmp_path_factory):
    """The directory of a TF2 SavedModel without tables."""
    import saved_models

    return saved_models.save_shift(tmp_path_factory.mktemp("models") / "shift")


@pytest.fixture(scope="session")
def lookup(tmp_path_factory):
    """The directory of a TF2 SavedModel with a table and an asset."""
    import saved_models

    return saved_models.save_lookup(tmp_path_factory.mktemp("models") / "lookup")


@pytest.fixture(scope="session")
def v1(tmp_path_factory):
    """The directory of a TF1 SavedModel."""
    import saved_models

    return saved_models.save_v1(tmp_path_factory.mktemp("models") / "v1")
