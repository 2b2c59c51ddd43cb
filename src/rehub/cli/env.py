"""`rehub env`: print versions, settings, caches and logins, for a bug report."""

from __future__ import annotations

import os
import platform
import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

from rehub import config
from rehub.cache import list_entries
from rehub.cli import output
from rehub.cli.exit_codes import OK
from rehub.cli.parser import Parser
from rehub.errors import HubError
from rehub.formatting import format_count, format_size
from rehub.redaction import redact_text
from rehub.version import __version__

_PACKAGES = (
    "tensorflow", "tensorflow-cpu", "tensorflow-gpu", "tf-nightly", "tensorflow-text", "keras", "tf-keras",
    "tensorflow-hub", "numpy", "protobuf", "requests", "urllib3", "kagglehub", "huggingface-hub", "fsspec", "gcsfs",
    "s3fs", "isal", "google-crc32c", "zstandard", "tqdm",
)  # fmt: skip

# Environment variables of other programs that rehub or its dependencies read.
_OTHERS = (
    "TF_USE_LEGACY_KERAS", "KERAS_BACKEND", "TF_CPP_MIN_LOG_LEVEL", "CUDA_VISIBLE_DEVICES", "HTTPS_PROXY", "HTTP_PROXY",
    "NO_PROXY", "REQUESTS_CA_BUNDLE", "HF_ENDPOINT", "HF_HOME", "AWS_ENDPOINT_URL", "TMPDIR", "NO_COLOR",
)  # fmt: skip

# The sources of a login: environment variables that must all be set, or a file.
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


def add_arguments(parser: Parser) -> None:
    parser.description = (
        "Prints the versions of rehub, Python and packages, the settings, the caches, and which logins were found.\n"
        "Paste the output into a bug report. It contains no password and no token. TensorFlow is not imported."
    )
    parser.add_json_option("everything")
    parser.add_examples("env", "env --json")


def run_command(arguments: Namespace) -> int:
    found = {
        "rehub": __version__,
        "python": f"{platform.python_version()} ({sys.executable})",
        "system": platform.platform(),
        "packages": _list_packages(),
        "settings": _list_settings(),
        "caches": [_describe_cache(root) for root in _list_cache_roots()],
        "logins": {name: _find_login(ways) for name, ways in _LOGINS.items()},
    }
    if arguments.json:
        output.print_json(found)
    else:
        _print_facts(found)
    return OK


def _print_facts(found: dict[str, Any]) -> None:
    for name in ("rehub", "python", "system"):
        output.print_line(f"{name:7} {found[name]}")
    for name in ("packages", "settings", "logins"):
        output.print_line(f"{name}:")
        for key, value in found[name].items():
            output.print_line(f"  {key} {value}" if name == "packages" else f"  {key}: {value}")
        if not found[name]:
            output.print_line("  none")
    output.print_line("caches:")
    for cache in found["caches"]:
        output.print_line(f"  {cache['place']}: {cache['state']}")


def _list_packages() -> dict[str, str]:
    """Return the version of each package that is installed."""
    versions = {name: _find_version(name) for name in _PACKAGES}
    return {name: version for name, version in versions.items() if version is not None}


def _find_version(package: str) -> str | None:
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


def _list_settings() -> dict[str, str]:
    names = [variable for setting in config.SETTINGS for variable in setting.variables]
    return {name: redact_text(os.environ[name]) for name in (*names, *_OTHERS) if os.environ.get(name)}


def _list_cache_roots() -> tuple[Path | str, ...]:
    try:
        return config.cache_dirs()
    except HubError as error:
        output.print_error(error)
        return ()


def _describe_cache(root: Path | str) -> dict[str, Any]:
    place = redact_text(str(root))
    if isinstance(root, str):
        return {"place": place, "state": "in an object store, not read"}
    if not root.is_dir():
        return {"place": place, "state": "does not exist yet"}
    try:
        models = list_entries(root)
    except (HubError, OSError) as error:
        return {"place": place, "state": f"cannot be read: {error}"}
    size = format_size(sum(model.size for model in models))
    access = "can be written" if os.access(str(root), os.W_OK) else "cannot be written"
    return {"place": place, "state": f"{format_count(len(models), 'model')}, {size}; {access}"}


def _find_login(ways: tuple[tuple[tuple[str, ...], str], ...]) -> str:
    """Return where a login was found. It is not tried."""
    for variables, file in ways:
        if variables and all(os.environ.get(name) for name in variables):
            return f"found in {' and '.join(variables)}"
        if file and os.path.isfile(os.path.expanduser(file)):
            return f"found in {file}"
    return "none"
