"""Resolves models on Hugging Face, through huggingface_hub."""

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
from rehub.resolvers.listing import model_files
from rehub.transfer import unpack_archive

_SHOWN = 2000


def resolve(handle: Handle, *, refresh: bool = False) -> str:
    """The directory in the cache of a model on Hugging Face.

    Raises:
        PackageMissing: huggingface_hub is not installed, and the model not in the cache.
        ModelNotFound: the repository has no SavedModel there; says where it has some.
        DownloadError: Hugging Face did not give it.
    """
    return fetch_into_cache(handle, lambda directory: _download(handle, directory), refresh=refresh)


def _download(handle: Handle, directory: Path) -> Fetched:
    try:
        hub = importlib.import_module("huggingface_hub")
    except ImportError as error:
        raise PackageMissing(
            f'{handle.quoted} is on Hugging Face; to get it: pip install "rehub[huggingface]" ({error})'
        ) from error
    # huggingface_hub itself reads HF_ENDPOINT only once, when it is imported, which Keras may have done long ago.
    endpoint = {"endpoint": os.environ["HF_ENDPOINT"]} if os.environ.get("HF_ENDPOINT") else {}
    api = hub.HfApi(library_name="rehub", **endpoint)
    if "endpoint" not in inspect.signature(hub.snapshot_download).parameters:
        endpoint = {}  # huggingface_hub 0.16, the last for Python 3.7
    # A branch moves; all files are to be of the one commit that it points to now.
    commit = _ask(handle, lambda: api.model_info(handle.location, revision=handle.version).sha)
    names = _ask(handle, lambda: api.list_repo_files(handle.location, revision=commit))
    is_archive = is_archive_name(handle.directory) and handle.directory in names
    wanted = [handle.directory] if is_archive else _wanted(handle, names)
    store = directory.parent / "huggingface"  # huggingface_hub's cache for this one download
    snapshot = _ask(
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
    delivery = Fetched(f"{page}/{handle.directory}" if handle.directory else page)
    if is_archive:
        return replace(delivery, files=unpack_archive(Path(snapshot, handle.directory), directory, name=handle.quoted))
    for name in wanted:
        hardlink_or_copy(Path(snapshot, name), directory / PurePosixPath(name).relative_to(handle.directory))
    shutil.rmtree(str(store))
    return delivery


# Weights of other frameworks, which many repositories have beside a SavedModel.
_FOREIGN_ENDINGS = (".bin", ".gguf", ".msgpack")


def _wanted(handle: Handle, names: list[str]) -> list[str]:
    def spell(directory: str) -> str:
        at = "" if handle.version is None else f"@{handle.version}"
        return f"hf://{handle.location}{at}" + (f"/{directory}" if directory else "")

    files = model_files(names, handle.directory, handle=handle.quoted, spell=spell)
    return [name for name in files if not _is_foreign(str(PurePosixPath(name).relative_to(handle.directory)))]


def _is_foreign(name: str) -> bool:
    if name.startswith(("assets/", "variables/")):
        return False
    return name.endswith(_FOREIGN_ENDINGS) or find_other_format(name) is not None


def _ask(handle: Handle, question: Callable[[], Any]) -> Any:
    """Asks huggingface_hub something; its errors, and those of the HTTP library below it, become a `DownloadError`."""
    try:
        return question()
    except _errors() as error:
        if getattr(error, "errno", None) is not None and not isinstance(error, ConnectionError):
            raise  # The disk's error, not the server's.
        said = escape(redact_secrets_of(handle.text, str(error).strip() or repr(error)), _SHOWN)
    token = importlib.import_module("huggingface_hub.utils").get_token_to_send(None)
    # Not chained: an error of an HTTP library holds the request, with the token in its headers.
    raise DownloadError(
        f"{handle.quoted} cannot be downloaded from Hugging Face: {said}\n"
        f"  login: {'a token was sent' if token else 'none; set HF_TOKEN, or run `hf auth login`'}\n"
        f"  page:  https://huggingface.co/{handle.location} (it tells whether the model is public, or gated)"
    )


def _errors() -> tuple[type[Exception], ...]:
    """What huggingface_hub raises, and the HTTP library that its version uses; `requests`' errors are OSErrors."""
    modules = [sys.modules[name] for name in ("httpx", "httpx2") if name in sys.modules]
    return (OSError, ValueError, *(module.HTTPError for module in modules))
