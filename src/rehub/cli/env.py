"""`rehub env`: what is installed, set and found here, for a report of a fault."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rehub import config
from rehub.cache import list_entries
from rehub.cli import output
from rehub.cli.exit_codes import DONE
from rehub.errors import HubError
from rehub.formatting import format_size
from rehub.redaction import redact_text
from rehub.version import __version__

if TYPE_CHECKING:
    from argparse import Namespace

    from rehub.cli.parser import Parser

_PACKAGES = (
    "tensorflow", "tensorflow-cpu", "tensorflow-gpu", "tf-nightly", "tensorflow-text", "keras", "tf-keras",
    "tensorflow-hub", "numpy", "protobuf", "requests", "urllib3", "kagglehub", "huggingface-hub", "fsspec", "gcsfs",
    "s3fs", "isal", "google-crc32c", "zstandard", "tqdm",
)  # fmt: skip

# Settings of others that rehub, or what it stands on, follows.
_OTHERS = (
    "TF_USE_LEGACY_KERAS", "KERAS_BACKEND", "TF_CPP_MIN_LOG_LEVEL", "CUDA_VISIBLE_DEVICES", "HTTPS_PROXY", "HTTP_PROXY",
    "NO_PROXY", "REQUESTS_CA_BUNDLE", "HF_ENDPOINT", "HF_HOME", "AWS_ENDPOINT_URL", "TMPDIR", "NO_COLOR",
)  # fmt: skip

# Where a login may come from: environment variables that must all be set, or a file.
_LOGINS: dict[str, tuple[tuple[tuple[str, ...], str], ...]] = {
    "Kaggle": (
        (("KAGGLE_API_TOKEN",), ""),
        (("KAGGLE_USERNAME", "KAGGLE_KEY"), ""),
        ((), "~/.kaggle/access_token"),
        ((), "~/.kaggle/kaggle.json"),
    ),
    "Hugging Face": ((("HF_TOKEN",), ""), ((), "~/.cache/huggingface/token")),
    "Google Cloud": (
        (("GOOGLE_APPLICATION_CREDENTIALS",), ""),
        ((), "~/.config/gcloud/application_default_credentials.json"),
    ),
    "AWS": ((("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), ""), ((), "~/.aws/credentials")),
    "other servers": (((), "~/.netrc"),),
}


def configure(parser: Parser) -> None:
    """Describes the arguments."""
    parser.description = (
        "Prints the versions of rehub, Python and packages, the settings, the caches, and whether logins are there.\n"
        "Paste it into a report of a fault. It prints no password and no token. TensorFlow is not started for it."
    )
    parser.add_json("it")


def run(arguments: Namespace) -> int:
    """Collects, and prints."""
    found = {
        "rehub": __version__,
        "python": f"{platform.python_version()} ({sys.executable})",
        "system": platform.platform(),
        "packages": _packages(),
        "settings": _settings(),
        "caches": [_cache(root) for root in _roots()],
        "logins": {name: _login(ways) for name, ways in _LOGINS.items()},
    }
    if arguments.json:
        output.as_json(found)
    else:
        _print(found)
    return DONE


def _print(found: dict[str, Any]) -> None:
    for name in ("rehub", "python", "system"):
        output.line(f"{name:7} {found[name]}")
    for name in ("packages", "settings", "logins"):
        output.line(f"{name}:")
        for key, value in found[name].items():
            output.line(f"  {key} {value}" if name == "packages" else f"  {key}: {value}")
        if not found[name]:
            output.line("  none")
    output.line("caches:")
    for cache in found["caches"]:
        output.line(f"  {cache['place']}: {cache['state']}")


def _packages() -> dict[str, str]:
    """The version of each package that is installed."""
    versions = {name: _version(name) for name in _PACKAGES}
    return {name: version for name, version in versions.items() if version is not None}


def _version(package: str) -> str | None:
    if sys.version_info >= (3, 8):
        from importlib import metadata

        try:
            return metadata.version(package)
        except metadata.PackageNotFoundError:
            return None
    # Python 3.7 has no importlib.metadata.
    name = package.replace("-", "_")
    places = (Path(place).glob(f"{name}-*.dist-info") for place in sys.path if place)
    return next((path.name[len(name) + 1 : -len(".dist-info")] for found in places for path in found), None)


def _settings() -> dict[str, str]:
    names = [variable for setting in config.SETTINGS for variable in setting.variables]
    return {name: redact_text(os.environ[name]) for name in (*names, *_OTHERS) if os.environ.get(name)}


def _roots() -> tuple[Path | str, ...]:
    try:
        return config.cache_dirs()
    except HubError as error:
        output.complain(error)
        return ()


def _cache(root: Path | str) -> dict[str, Any]:
    place = redact_text(str(root))
    if isinstance(root, str):
        return {"place": place, "state": "in an object store, not looked at"}
    if not root.is_dir():
        return {"place": place, "state": "not made yet"}
    try:
        models = list_entries(root)
    except (HubError, OSError) as error:
        return {"place": place, "state": f"cannot be read: {error}"}
    size = format_size(sum(model.size for model in models))
    may = "can be written" if os.access(str(root), os.W_OK) else "cannot be written"
    count = "1 model" if len(models) == 1 else f"{len(models)} models"
    return {"place": place, "state": f"{count}, {size}; {may}"}


def _login(ways: tuple[tuple[tuple[str, ...], str], ...]) -> str:
    """Where a login is found. Whether it is right only its server knows."""
    for variables, file in ways:
        if variables and all(os.environ.get(name) for name in variables):
            return f"found in {' and '.join(variables)}"
        if file and os.path.isfile(os.path.expanduser(file)):
            return f"found in {file}"
    return "none"
