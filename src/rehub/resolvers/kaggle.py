"""Resolve models on Kaggle with kagglehub if it is installed, else by the hosting protocol."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

from rehub import config
from rehub.cache import Fetched
from rehub.errors import DownloadError, LocationUnavailable
from rehub.escaping import escape
from rehub.handles import Handle, Scheme
from rehub.hosting_protocol import COMPRESSED
from rehub.redaction import redact_secrets_of
from rehub.resolvers import hosting
from rehub.resolvers.fetching import fetch_into_cache, find_in_cache, hardlink_or_copy, require_network

_MAX_QUOTED = 2000


def resolve(handle: Handle, *, refresh: bool = False) -> str:
    """Return the directory of a model on Kaggle.

    It is in the cache, except in notebooks of Kaggle and Colab, which mount models: there it is the directory that
    kagglehub returns.

    Raises:
        DownloadError: the download failed; says which login was used.
    """
    found = None if refresh else find_in_cache(handle)
    if found is not None:
        return found
    if importlib.util.find_spec("kagglehub") is None or config.reads_remotely():
        return _resolve_by_protocol(handle, refresh=refresh)
    if _is_notebook_with_models():
        require_network(handle)
        return str(_call_kagglehub(handle, {}))
    return fetch_into_cache(handle, lambda directory: _download_files(handle, directory), refresh=refresh)


def _resolve_by_protocol(handle: Handle, *, refresh: bool) -> str:
    page = handle.canonical
    hosted = replace(handle, scheme=Scheme.URL, location=f"{page}?{COMPRESSED}")
    try:
        return hosting.resolve(hosted, refresh=refresh)
    except LocationUnavailable:
        raise
    except DownloadError as error:
        refused = DownloadError(
            f'{error}\nTo log in to Kaggle: pip install "rehub[kaggle]".\n'
            f"The model's page shows whether it is public, or requires a consent: {page}"
        )
        refused.status = error.status
        raise refused from error


def _is_notebook_with_models() -> bool:
    """Return whether kagglehub mounts models instead of downloading them; the network may be closed there."""
    return "KAGGLE_KERNEL_RUN_TYPE" in os.environ or "TBE_RUNTIME_ADDR" in os.environ


def _download_files(handle: Handle, directory: Path) -> Fetched:
    kagglehub = importlib.import_module("kagglehub")
    if "output_dir" in inspect.signature(kagglehub.model_download).parameters:
        _call_kagglehub(handle, {"output_dir": str(directory)})
        shutil.rmtree(str(directory / ".complete"))  # kagglehub's marker
        version = _find_downloaded_version(handle)
    else:
        # An older kagglehub uses its own cache only, and takes an incomplete model there for complete.
        downloaded = _call_kagglehub(handle, {"force_download": True})
        for path in downloaded.rglob("*"):
            if path.is_file():
                hardlink_or_copy(path, directory / path.relative_to(downloaded))
        version = downloaded.name
    return Fetched(handle.canonical if handle.version is not None else f"{handle.canonical}/{version}")


def _find_downloaded_version(handle: Handle) -> str:
    """Return the version that kagglehub has recorded for a handle without one."""
    recorded = importlib.import_module("kagglehub.tracker").get_accessed_datasources()
    return next((str(version) for handle_, version in recorded.items() if str(handle_) == handle.location), "latest")


def _call_kagglehub(handle: Handle, options: dict[str, Any]) -> Path:
    import requests

    kagglehub = importlib.import_module("kagglehub")
    own = vars(importlib.import_module("kagglehub.exceptions")).values()
    errors: tuple[type[Exception], ...] = (requests.RequestException, ValueError)
    errors += tuple(error for error in own if isinstance(error, type) and issubclass(error, Exception))
    name = handle.location if handle.version is None else f"{handle.location}/{handle.version}"
    try:
        return Path(kagglehub.model_download(name, **options))
    except errors as error:
        cause = escape(redact_secrets_of(handle.text, str(error).strip()), _MAX_QUOTED)
    # Not chained: an error of `requests` holds the request, with the login in its headers.
    raise DownloadError(
        f"{handle.quoted} cannot be downloaded from Kaggle: {cause}\n"
        f"  login: {_describe_login()}\n"
        f"  page:  {handle.canonical} (it shows whether the model is public, or requires a consent)"
    )


def _describe_login() -> str:
    """Return where kagglehub finds a login, in its order; never the login itself."""
    folder = Path(os.environ.get("KAGGLE_CONFIG_DIR") or "~/.kaggle").expanduser()
    if os.environ.get("KAGGLE_API_TOKEN"):
        return "the token in KAGGLE_API_TOKEN"
    for name in ("access_token", "access_token.txt"):
        if Path("~/.kaggle", name).expanduser().is_file():
            return f"the token in ~/.kaggle/{name}"
    if os.environ.get("KAGGLE_USERNAME") and os.environ.get("KAGGLE_KEY"):
        return "KAGGLE_USERNAME and KAGGLE_KEY"
    if (folder / "kaggle.json").is_file():
        return str(folder / "kaggle.json")
    return "none was found; set KAGGLE_API_TOKEN, or KAGGLE_USERNAME and KAGGLE_KEY, or call kagglehub.login()"
