"""Resolves models on Kaggle: through kagglehub where it is installed, else by the hosting protocol."""

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
from rehub.redaction import redact_secrets_of
from rehub.resolvers import hosting
from rehub.resolvers.fetching import fetch_into_cache, find_in_cache, hardlink_or_copy, require_network

_SHOWN = 2000


def resolve(handle: Handle, *, refresh: bool = False) -> str:
    """The directory of a model on Kaggle.

    It is in the cache, wherever it came from. Only in Kaggle's and Colab's notebooks, which have models on a disk of
    their own, the answer is the directory that kagglehub gives.

    Raises:
        DownloadError: Kaggle did not give it; says which login was used.
    """
    found = None if refresh else find_in_cache(handle)
    if found is not None:
        return found
    if importlib.util.find_spec("kagglehub") is None or config.reads_remotely():
        return _hosted(handle, refresh=refresh)
    if _in_notebook_with_models():
        require_network(handle)
        return str(_ask_kagglehub(handle, {}))
    return fetch_into_cache(handle, lambda directory: _download(handle, directory), refresh=refresh)


def _hosted(handle: Handle, *, refresh: bool) -> str:
    page = handle.canonical
    hosted = replace(handle, scheme=Scheme.URL, location=f"{page}?tf-hub-format=compressed")
    try:
        return hosting.resolve(hosted, refresh=refresh)
    except LocationUnavailable:
        raise
    except DownloadError as error:
        refused = DownloadError(
            f'{error}\nTo log in to Kaggle: pip install "rehub[kaggle]".\n'
            f"The model's page tells whether it is public, or wants a consent: {page}"
        )
        refused.status = error.status
        raise refused from error


def _in_notebook_with_models() -> bool:
    """Where kagglehub mounts a model instead of downloading it; then the network may well be closed."""
    return "KAGGLE_KERNEL_RUN_TYPE" in os.environ or "TBE_RUNTIME_ADDR" in os.environ


def _download(handle: Handle, directory: Path) -> Fetched:
    kagglehub = importlib.import_module("kagglehub")
    if "output_dir" in inspect.signature(kagglehub.model_download).parameters:
        _ask_kagglehub(handle, {"output_dir": str(directory)})
        shutil.rmtree(str(directory / ".complete"))  # kagglehub's own mark
        version = _latest_version(handle)
    else:
        # An older kagglehub knows its own cache only, and takes what is there for whole even when half is deleted.
        downloaded = _ask_kagglehub(handle, {"force_download": True})
        for path in downloaded.rglob("*"):
            if path.is_file():
                hardlink_or_copy(path, directory / path.relative_to(downloaded))
        version = downloaded.name
    return Fetched(handle.canonical if handle.version is not None else f"{handle.canonical}/{version}")


def _latest_version(handle: Handle) -> str:
    """What kagglehub notes for a model that it was asked for without a version."""
    noted = importlib.import_module("kagglehub.tracker").get_accessed_datasources()
    return next((str(version) for asked, version in noted.items() if str(asked) == handle.location), "latest")


def _ask_kagglehub(handle: Handle, options: dict[str, Any]) -> Path:
    import requests

    kagglehub = importlib.import_module("kagglehub")
    own = vars(importlib.import_module("kagglehub.exceptions")).values()
    errors: tuple[type[Exception], ...] = (requests.RequestException, ValueError)
    errors += tuple(error for error in own if isinstance(error, type) and issubclass(error, Exception))
    name = handle.location if handle.version is None else f"{handle.location}/{handle.version}"
    try:
        return Path(kagglehub.model_download(name, **options))
    except errors as error:
        said = escape(redact_secrets_of(handle.text, str(error).strip()), _SHOWN)
    # Not chained: an error of `requests` holds the request, with the login in its headers.
    raise DownloadError(
        f"{handle.quoted} cannot be downloaded from Kaggle: {said}\n"
        f"  login: {_login()}\n"
        f"  page:  {handle.canonical} (it tells whether the model is public, or wants a consent)"
    )


def _login() -> str:
    """Where kagglehub finds a login, in its order; never the login itself."""
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
