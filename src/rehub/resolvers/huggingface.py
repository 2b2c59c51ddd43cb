"""Resolve models on Hugging Face with huggingface_hub."""

from __future__ import annotations

import glob
import importlib
import inspect
import os
import shutil
import sys
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any, Callable

from rehub.cache import Fetched
from rehub.errors import DownloadError, PackageMissing
from rehub.escaping import escape
from rehub.file_formats import find_other_format, is_archive_name
from rehub.handles import Handle
from rehub.redaction import redact_secrets_of
from rehub.resolvers.fetching import fetch_into_cache, hardlink_or_copy
from rehub.resolvers.listing import select_model_files
from rehub.transfer.archives import unpack_archive

_MAX_QUOTED = 2000


def resolve(handle: Handle, *, refresh: bool = False) -> str:
    """Return the directory in the cache of a model on Hugging Face.

    Raises:
        PackageMissing: huggingface_hub is not installed, and the model is not in the cache.
        ModelNotFound: the repository has no SavedModel in this directory; lists those it has.
        DownloadError: the download failed.
    """
    return fetch_into_cache(handle, lambda directory: _download_snapshot(handle, directory), refresh=refresh)


def _download_snapshot(handle: Handle, directory: Path) -> Fetched:
    try:
        hub = importlib.import_module("huggingface_hub")
    except ImportError as error:
        raise PackageMissing(
            f'{handle.quoted} is on Hugging Face; to get it: pip install "rehub[huggingface]" ({error})'
        ) from error
    # huggingface_hub reads HF_ENDPOINT once, when it is imported, and Keras may have imported it long ago.
    endpoint = {"endpoint": os.environ["HF_ENDPOINT"]} if os.environ.get("HF_ENDPOINT") else {}
    api = hub.HfApi(library_name="rehub", **endpoint)
    if "endpoint" not in inspect.signature(hub.snapshot_download).parameters:
        endpoint = {}  # huggingface_hub 0.16, the last for Python 3.7
    # A branch moves, and all files must be of the same commit.
    commit = _call_hub(handle, lambda: api.model_info(handle.location, revision=handle.version).sha)
    names = _call_hub(handle, lambda: api.list_repo_files(handle.location, revision=commit))
    is_archive = is_archive_name(handle.directory) and handle.directory in names
    wanted = [handle.directory] if is_archive else _select_files(handle, names)
    store = directory.parent / "huggingface"  # huggingface_hub's cache for this download
    snapshot = _call_hub(
        handle,
        lambda: hub.snapshot_download(
            handle.location,
            revision=commit,
            cache_dir=str(store),
            allow_patterns=[glob.escape(name) for name in wanted],
            library_name="rehub",
            **endpoint,
        ),
    )
    page = f"{api.endpoint}/{handle.location}/tree/{commit}"
    fetched = Fetched(f"{page}/{handle.directory}" if handle.directory else page)
    if is_archive:
        return replace(fetched, files=unpack_archive(Path(snapshot, handle.directory), directory, name=handle.quoted))
    for name in wanted:
        hardlink_or_copy(Path(snapshot, name), directory / PurePosixPath(name).relative_to(handle.directory))
    shutil.rmtree(str(store))
    return fetched


# Weights of other frameworks, which many repositories have beside a SavedModel.
_FOREIGN_SUFFIXES = (".bin", ".gguf", ".msgpack")


def _select_files(handle: Handle, names: list[str]) -> list[str]:
    def format_handle(directory: str) -> str:
        at = "" if handle.version is None else f"@{handle.version}"
        return f"hf://{handle.location}{at}" + (f"/{directory}" if directory else "")

    files = select_model_files(names, handle.directory, handle=handle.quoted, format_handle=format_handle)
    return [name for name in files if not _is_foreign(str(PurePosixPath(name).relative_to(handle.directory)))]


def _is_foreign(name: str) -> bool:
    if name.startswith(("assets/", "variables/")):
        return False
    return name.endswith(_FOREIGN_SUFFIXES) or find_other_format(name) is not None


def _call_hub(handle: Handle, action: Callable[[], Any]) -> Any:
    """Call huggingface_hub; turn its errors, and those of its HTTP library, into a `DownloadError`."""
    try:
        return action()
    except _list_hub_errors() as error:
        if getattr(error, "errno", None) is not None and not isinstance(error, ConnectionError):
            raise  # An error of the disk, not of the server.
        cause = escape(redact_secrets_of(handle.text, str(error).strip() or repr(error)), _MAX_QUOTED)
    token = importlib.import_module("huggingface_hub.utils").get_token_to_send(None)
    # Not chained: an error of an HTTP library holds the request, with the token in its headers.
    raise DownloadError(
        f"{handle.quoted} cannot be downloaded from Hugging Face: {cause}\n"
        f"  login: {'a token was sent' if token else 'none; set HF_TOKEN, or run `hf auth login`'}\n"
        f"  page:  https://huggingface.co/{handle.location} (it shows whether the model is public or gated)"
    )


def _list_hub_errors() -> tuple[type[Exception], ...]:
    """Return the errors of huggingface_hub and of its HTTP library; those of `requests` are OSErrors."""
    modules = [sys.modules[name] for name in ("httpx", "httpx2") if name in sys.modules]
    return (OSError, ValueError, *(module.HTTPError for module in modules))
