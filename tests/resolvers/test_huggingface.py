"""Models on Hugging Face, with the real huggingface_hub and a local server."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import pathlib
import subprocess
import sys

import pytest
from hosting import MODEL, archive_of
from hugging_face_server import HuggingFaceServer

from rehub.errors import HubError
from rehub.resolvers import resolve
from rehub.resolvers.pinning import pin_handle

OLD, NEW, BRANCH = "1" * 40, "2" * 40, "3" * 40
REPOSITORY = {
    **MODEL,
    "README.md": b"# A model",
    "fingerprint.pb": b"a fingerprint",
    "assets/weights.bin": b"an asset of the model",
    "assets/again.txt": MODEL["saved_model.pb"],  # Hugging Face keeps one blob for both.
    "model.safetensors": b"weights of another framework",
    "onnx/model.onnx": b"a model of another framework",
    "pytorch_model.bin": b"weights of another framework",
}
OTHERS = {"model.safetensors", "onnx/model.onnx", "pytorch_model.bin"}

needs_huggingface_hub = pytest.mark.skipif(
    importlib.util.find_spec("huggingface_hub") is None, reason="huggingface_hub is not installed here"
)


def contents(directory):
    root = pathlib.Path(directory)
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def names_in(directory):
    return sorted(path.name for path in directory.iterdir())


def manifest_of(cache_dir, canonical):
    return (cache_dir / (hashlib.sha1(canonical.encode()).hexdigest() + ".manifest.json")).read_text()


@pytest.fixture
def hub():
    commits = {
        OLD: {"saved_model.pb": b"the old one"},
        NEW: REPOSITORY,
        BRANCH: {
            "README.md": b"# Two models",
            "one/saved_model.pb": b"one",
            "two 2/saved_model.pb": b"two",
            "two 2/variables/variables.index": b"an index",
            "packed.tar.gz": archive_of(MODEL),
        },
    }
    revisions = {"main": NEW, "v1": OLD, "refs/pr/1": BRANCH}
    with HuggingFaceServer("owner/repo", revisions, commits) as server:
        yield server


@pytest.fixture
def resolves_in_a_new_process(hub, tmp_path):
    """Like `resolves`, for settings that huggingface_hub reads when it is imported."""

    def in_another_process(handle, **settings):
        code = """import sys, rehub
try:
    print(rehub.resolve(sys.argv[1]))
except rehub.HubError as error:
    print(f"{type(error).__name__}: {error}")
    sys.exit(1)
"""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
        environment.update(HF_ENDPOINT=hub.url, HF_HOME=str(tmp_path / "hf"), HF_HUB_DISABLE_TELEMETRY="1", **settings)
        command = [sys.executable, "-c", code, handle]
        run = subprocess.run(command, env=environment, capture_output=True, check=False, timeout=120)
        assert run.stdout, run.stderr.decode()
        return run.returncode, run.stdout.decode().strip()

    return in_another_process


@pytest.fixture
def resolves(hub, resolves_in_a_new_process, monkeypatch):
    """Resolve a handle; return 0 and the directory, or 1 and the error as text."""
    if sys.version_info < (3, 8):
        return resolves_in_a_new_process  # huggingface_hub of that time takes the endpoint from its import only.

    def in_this_process(handle, **settings):
        for name, value in {"HF_ENDPOINT": hub.url, **settings}.items():
            monkeypatch.setenv(name, value)
        try:
            return 0, resolve(handle)
        except HubError as error:
            return 1, f"{type(error).__name__}: {error}"

    return in_this_process


@needs_huggingface_hub
def test_repository_is_cached_without_weights_of_other_frameworks(hub, resolves, cache_dir):
    status, directory = resolves("hf://owner/repo")
    assert status == 0, directory
    assert contents(directory) == {name: content for name, content in REPOSITORY.items() if name not in OTHERS}
    assert not any(path.is_symlink() for path in pathlib.Path(directory).rglob("*"))
    fetched = list(hub.fetched)
    assert resolves("https://huggingface.co/owner/repo/tree/main") == (0, directory)
    assert hub.fetched == fetched
    assert OTHERS.isdisjoint(fetched)
    name = hashlib.sha1(b"hf://owner/repo").hexdigest()
    assert names_in(cache_dir) == [name, name + ".descriptor.txt", name + ".manifest.json"]


@needs_huggingface_hub
def test_manifest_records_the_commit_of_the_branch(hub, resolves, cache_dir):
    resolves("hf://owner/repo")
    assert f'"url": "{hub.url}/owner/repo/tree/{NEW}"' in manifest_of(cache_dir, "hf://owner/repo")


@needs_huggingface_hub
@pytest.mark.skipif(sys.version_info < (3, 8), reason="huggingface_hub of that time takes the endpoint from its import")
def test_pinned_handle_has_the_commit_of_the_branch(hub, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    assert pin_handle("hf://owner/repo") == f"hf://owner/repo@{NEW}"
    assert pin_handle("https://huggingface.co/owner/repo@v1") == f"hf://owner/repo@{OLD}"
    assert pin_handle("hf://owner/repo@refs/pr/1/one") == f"hf://owner/repo@{BRANCH}/one"
    assert pin_handle(f"hf://owner/repo@{NEW}") == f"hf://owner/repo@{NEW}"
    monkeypatch.setenv("REHUB_OFFLINE", "1")
    assert contents(resolve(f"hf://owner/repo@{OLD}")) == {"saved_model.pb": b"the old one"}


@needs_huggingface_hub
def test_revision_is_a_tag_a_commit_or_a_pull_request(resolves):
    for handle in ("hf://owner/repo@v1", f"hf://owner/repo@{OLD}", "https://huggingface.co/owner/repo@v1"):
        status, directory = resolves(handle)
        assert status == 0, directory
        assert contents(directory) == {"saved_model.pb": b"the old one"}


@needs_huggingface_hub
def test_directory_of_a_repository_is_a_model(hub, resolves, cache_dir):
    status, directory = resolves("hf://owner/repo@refs/pr/1/two 2")
    assert status == 0, directory
    assert contents(directory) == {"saved_model.pb": b"two", "variables/variables.index": b"an index"}
    assert sorted(hub.fetched) == ["two 2/saved_model.pb", "two 2/variables/variables.index"]
    page = "https://huggingface.co/owner/repo/tree/refs%2Fpr%2F1/two%202"
    assert resolves(page) == (0, directory)


@needs_huggingface_hub
def test_archive_in_a_repository_is_unpacked(resolves):
    status, directory = resolves("hf://owner/repo@refs/pr/1/packed.tar.gz")
    assert status == 0, directory
    assert contents(directory) == MODEL


@needs_huggingface_hub
def test_repository_without_a_model_at_its_root_lists_its_models(resolves, cache_dir):
    status, error = resolves("hf://owner/repo@refs/pr/1")
    assert status == 1
    assert error.startswith("ModelNotFound: 'hf://owner/repo@refs/pr/1' has no saved_model.pb")
    assert "README.md" in error
    assert "\n  hf://owner/repo@refs/pr/1/one\n" in error
    assert names_in(cache_dir) == []
    status, error = resolves("hf://owner/repo@refs/pr/1/three")
    assert "is empty, or does not exist" in error
    assert "hf://owner/repo@refs/pr/1/one" in error


@needs_huggingface_hub
@pytest.mark.parametrize(
    ("handle", "words"),
    [("hf://owner/other", "Repository"), ("hf://owner/repo@v9", "v9")],
    ids=["repository", "revision"],
)
def test_missing_repository_is_reported_with_the_error_of_huggingface_hub(resolves, cache_dir, handle, words):
    status, error = resolves(handle)
    assert status == 1
    assert error.startswith(f"DownloadError: '{handle}' cannot be downloaded from Hugging Face")
    assert words in error
    assert "set HF_TOKEN" in error
    assert names_in(cache_dir) == []


@needs_huggingface_hub
def test_gated_model_says_whether_a_token_was_sent_and_not_which(hub, resolves, cache_dir):
    hub.is_gated = True
    token = "hf_0123456789"
    status, error = resolves("hf://owner/repo", HF_TOKEN=token, HUGGING_FACE_HUB_TOKEN=token)  # today's name, the first
    assert status == 1
    assert error.startswith("DownloadError: 'hf://owner/repo' cannot be downloaded")
    assert "a token was sent" in error
    assert "https://huggingface.co/owner/repo" in error
    assert token not in error
    assert f"Bearer {token}" in hub.tokens
    assert names_in(cache_dir) == []


@needs_huggingface_hub
def test_unreachable_hugging_face_is_an_error(resolves_in_a_new_process, cache_dir):
    status, error = resolves_in_a_new_process("hf://owner/repo", HTTP_PROXY="http://127.0.0.1:9", NO_PROXY="")
    assert status == 1
    assert error.startswith("DownloadError: 'hf://owner/repo' cannot be downloaded from Hugging Face")
    assert names_in(cache_dir) == []


@needs_huggingface_hub
def test_offline_uses_the_cache_only(hub, resolves):
    status, directory = resolves("hf://owner/repo")
    assert status == 0, directory
    asked = len(hub.tokens)
    assert resolves("hf://owner/repo", REHUB_OFFLINE="1") == (0, directory)
    status, error = resolves("hf://owner/repo@v1", REHUB_OFFLINE="1")
    assert status == 1
    assert error.startswith("NotInCache: 'hf://owner/repo@v1' is not in the cache")
    assert len(hub.tokens) == asked


@needs_huggingface_hub
@pytest.mark.skipif(sys.version_info < (3, 8), reason="huggingface_hub of that time asks for the commit all the same")
def test_offline_setting_of_huggingface_hub_is_obeyed(hub, resolves_in_a_new_process):
    status, error = resolves_in_a_new_process("hf://owner/repo", HF_HUB_OFFLINE="1")
    assert status == 1
    assert error.startswith("DownloadError: 'hf://owner/repo'")
    assert hub.tokens == []


def test_missing_huggingface_hub_is_an_error_with_the_pip_line(monkeypatch, cache_dir):
    # An environment without huggingface_hub: importing it fails.
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(ImportError, match=r'pip install "rehub\[huggingface\]"') as error:
        resolve("hf://owner/repo")
    assert "hf://owner/repo" in str(error.value)
    assert names_in(cache_dir) == []
