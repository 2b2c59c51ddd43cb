"""Every setting of rehub: an argument, else an environment variable, else the default; read when it is used."""

from __future__ import annotations

import math
import os
import warnings
from dataclasses import dataclass
from pathlib import Path

from rehub.errors import InvalidSetting


@dataclass(frozen=True)
class Setting:
    """One setting, as a line of the documentation's table.

    Attributes:
        variables: the environment variables that set it; the first that is set and not empty counts.
        meaning: what it does, in a sentence.
        default: what holds when none of them is set.
    """

    variables: tuple[str, ...]
    meaning: str
    default: str

    def value(self) -> str | None:
        """What the environment says now, or None."""
        return next((os.environ[name] for name in self.variables if os.environ.get(name)), None)

    def variable(self) -> str:
        """The variable that holds now, for messages about it."""
        return next((name for name in self.variables if os.environ.get(name)), self.variables[0])


CACHE_DIR = Setting(
    ("REHUB_CACHE_DIR", "TFHUB_CACHE_DIR"),
    "The directory that keeps downloaded models. One that tensorflow_hub has filled is read as it stands.",
    "the user's cache directory, on Linux ~/.cache/rehub",
)
TIMEOUT = Setting(
    ("REHUB_TIMEOUT",),
    "Seconds to wait for a server to accept a connection, and for each next piece of its answer.",
    "60",
)
DOWNLOAD_PROGRESS = Setting(
    ("TFHUB_DOWNLOAD_PROGRESS",),
    "Any value shows a download's progress even where stderr is no terminal.",
    "progress is shown on a terminal, where tqdm is installed",
)
DISABLE_CERT_VALIDATION = Setting(
    ("TFHUB_DISABLE_CERT_VALIDATION",),
    '"true" downloads without checking the server\'s certificate, and warns each time.',
    "certificates are checked",
)
MODEL_LOAD_FORMAT = Setting(
    ("TFHUB_MODEL_LOAD_FORMAT",),
    "COMPRESSED and AUTO download a model's archive into the cache. UNCOMPRESSED is not there yet.",
    "AUTO",
)
KERAS = Setting(
    ("REHUB_KERAS",),
    'The Keras that KerasLayer is built on: "keras" or "tf_keras".',
    "the Keras that the program uses",
)

SETTINGS = (CACHE_DIR, TIMEOUT, DOWNLOAD_PROGRESS, DISABLE_CERT_VALIDATION, MODEL_LOAD_FORMAT, KERAS)


def cache_dir(argument: str | os.PathLike[str] | None = None) -> Path:
    """The directory of the cache, absolute; it need not exist.

    Raises:
        InvalidSetting: it is a URL; the cache is a local directory.
    """
    chosen = os.fspath(argument) if argument is not None else CACHE_DIR.value()
    if chosen is None:
        import platformdirs

        return Path(platformdirs.user_cache_dir("rehub", appauthor=False))
    if "://" in chosen:
        origin = "cache_dir" if argument is not None else CACHE_DIR.variable()
        raise InvalidSetting(f"{origin} is {chosen!r}: the cache can only be a local directory yet.")
    return Path(os.path.abspath(os.path.expanduser(chosen)))


def timeout(argument: float | None = None) -> float:
    """How long a server may be silent, in seconds.

    Raises:
        InvalidSetting: it is no number above zero.
    """
    chosen = argument if argument is not None else TIMEOUT.value() or TIMEOUT.default
    try:
        seconds = float(chosen)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        origin = "timeout" if argument is not None else TIMEOUT.variable()
        raise InvalidSetting(
            f"{origin} is {chosen!r}: it must be a number of seconds above 0, such as {TIMEOUT.default}."
        )
    return seconds


def download_progress() -> bool:
    """Whether the user wants to see progress even where stderr is no terminal (P44)."""
    return DOWNLOAD_PROGRESS.value() is not None


def verify_certificates() -> bool:
    """Whether servers must show a valid certificate; warns when the user has switched that off."""
    if DISABLE_CERT_VALIDATION.value() != "true":
        return True
    warnings.warn(
        "TFHUB_DISABLE_CERT_VALIDATION=true: the server's certificate is not checked, so anyone on the way can replace "
        "the model, and a model is a program. Set REQUESTS_CA_BUNDLE to your authority's certificates instead.",
        RuntimeWarning,
        stacklevel=2,
    )
    return False


def model_load_format(argument: str | None = None) -> str:
    """How a model comes from a server: "COMPRESSED", the only way yet, which AUTO means too (P38).

    Raises:
        InvalidSetting: it is UNCOMPRESSED, or no load format.
    """
    chosen = argument if argument is not None else MODEL_LOAD_FORMAT.value() or MODEL_LOAD_FORMAT.default
    if chosen in ("COMPRESSED", "AUTO"):
        return "COMPRESSED"
    origin = "load_format" if argument is not None else MODEL_LOAD_FORMAT.variable()
    if chosen == "UNCOMPRESSED":
        raise InvalidSetting(
            f"{origin} is 'UNCOMPRESSED': rehub cannot read a model from remote storage yet. "
            "Unset it, or set it to COMPRESSED, to download the model into the cache."
        )
    raise InvalidSetting(f"{origin} is {chosen!r}: it must be COMPRESSED, UNCOMPRESSED or AUTO.")


def keras_package(argument: str | None = None) -> str | None:
    """The Keras that the user asks for, "keras" or "tf_keras"; None leaves the choice to KerasLayer.

    Raises:
        InvalidSetting: it is another name.
    """
    chosen = argument if argument is not None else KERAS.value()
    if chosen not in (None, "keras", "tf_keras"):
        origin = "keras" if argument is not None else KERAS.variable()
        raise InvalidSetting(f"{origin} is {chosen!r}: it must be keras or tf_keras, or unset.")
    return chosen
