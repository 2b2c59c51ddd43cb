"""Every setting of rehub: an argument, else an environment variable, else the default. Read at each use."""

from __future__ import annotations

import math
import os
import re
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Generic, TypeVar

from rehub.cache_dirs import cache_dir as cache_dir  # noqa: PLC0414 - part of this module's face
from rehub.cache_dirs import cache_dirs as cache_dirs  # noqa: PLC0414
from rehub.errors import InvalidSetting
from rehub.escaping import quote
from rehub.formatting import parse_size
from rehub.strict_parsing import parse_count

T = TypeVar("T")


@dataclass(frozen=True)
class Setting:
    """One setting, as a line of the documentation's table.

    Attributes:
        variables: the environment variables that set it; the first one that is set and not empty counts.
        meaning: what it does, in a sentence.
        default: the value when none of them is set.
    """

    variables: tuple[str, ...]
    meaning: str
    default: str

    def read_environment(self) -> str | None:
        """Return the value of the environment variable; None if none is set."""
        for name in self.variables:
            value = os.environ.get(name)
            if value:
                return value
        return None

    @property
    def variable_in_use(self) -> str:
        """The variable that is set, or the first one: for messages."""
        return next((name for name in self.variables if os.environ.get(name)), self.variables[0])


@dataclass(frozen=True)
class ParsedSetting(Setting, Generic[T]):
    """A setting whose value is parsed from text.

    Attributes:
        parse: returns the value of a text, or raises `ValueError` with what the text must be.
    """

    parse: Callable[[str], T]

    def get(self, argument: object = None) -> T:
        """Return the value: of the argument if it is not None, else of the environment, else the default.

        Raises:
            InvalidSetting: names the variable and the values that it takes.
        """
        text = (self.read_environment() or self.default) if argument is None else str(argument)
        try:
            return self.parse(text)
        except ValueError as error:
            origin = self.variable_in_use if argument is None else self.variables[0].partition("_")[2].lower()
            raise InvalidSetting(f"{origin} is {quote(text)}: it must be {error}.") from None


def _parse_seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise ValueError("a number of seconds above 0, such as 60")
    return seconds


def _parse_times(text: str) -> int:
    times = parse_count(text)
    if times is None:
        raise ValueError("a number of times, 0 or more")
    return times


def _parse_max_size(text: str) -> int:
    try:
        return parse_size(text)
    except ValueError:
        raise ValueError("a number of bytes, or one with kB, MB, GB or TB") from None


def _parse_http_url(text: str) -> str:
    if not re.match(r"https?://[^/]", text):
        raise ValueError("a URL, such as https://tfhub.dev")
    return text.rstrip("/")


def _parse_switch(text: str) -> bool:
    if text.lower() not in _SWITCH:
        raise ValueError("1 or 0")
    return _SWITCH[text.lower()]


_SWITCH = {**dict.fromkeys(("1", "true", "yes", "on"), True), **dict.fromkeys(("0", "false", "no", "off"), False)}


def _parse_choice(*choices: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in choices:
            raise ValueError(f"{', '.join(choices[:-1])} or {choices[-1]}")
        return text

    return parse


CACHE_DIR = Setting(
    ("REHUB_CACHE_DIR", "TFHUB_CACHE_DIR"),
    "The directory for downloaded models, or its URL in an object store, such as gs://bucket/models. A cache of "
    "tensorflow_hub works unchanged. REHUB_CACHE_DIR may name several, separated as in PATH: rehub reads from all of "
    "them, and writes to the first writable one.",
    "the user's cache directory, on Linux ~/.cache/rehub",
)
LOCK_TIMEOUT = ParsedSetting(
    ("REHUB_LOCK_TIMEOUT",),
    "If the process that downloads a model gives no heartbeat for this many seconds, a waiting process downloads the "
    "model itself.",
    "60",
    _parse_seconds,
)
TIMEOUT = ParsedSetting(
    ("REHUB_TIMEOUT",),
    "Seconds to wait for a server to accept a connection, and for each next piece of its answer.",
    "60",
    _parse_seconds,
)
RETRIES = ParsedSetting(
    ("REHUB_RETRIES",),
    "How many times in a row, without progress, rehub retries a download after an error that may be transient.",
    "4",
    _parse_times,
)
MAX_SIZE = ParsedSetting(
    ("REHUB_MAX_SIZE",),
    'The largest size that a model may unpack to: bytes, or a number with kB, MB, GB or TB, such as "20GB".',
    "1TB",
    _parse_max_size,
)
TFHUB_ENDPOINT = ParsedSetting(
    ("REHUB_TFHUB_ENDPOINT",),
    "The URL of a mirror to use instead of tfhub.dev.",
    "https://tfhub.dev",
    _parse_http_url,
)
DOWNLOAD_PROGRESS = Setting(
    ("TFHUB_DOWNLOAD_PROGRESS",),
    "Any value shows the progress of downloads even if stderr is not a terminal.",
    "progress is shown on a terminal if tqdm is installed",
)
DISABLE_CERT_VALIDATION = Setting(
    ("TFHUB_DISABLE_CERT_VALIDATION",),
    '"true" downloads without checking the server\'s certificate, and warns each time.',
    "certificates are checked",
)
MODEL_LOAD_FORMAT = ParsedSetting(
    ("TFHUB_MODEL_LOAD_FORMAT",),
    "COMPRESSED and AUTO download a model's archive into the cache. UNCOMPRESSED asks the server for the model's "
    "location in an object store, where TensorFlow reads it.",
    "AUTO",
    _parse_choice("COMPRESSED", "UNCOMPRESSED", "AUTO"),
)
OFFLINE = ParsedSetting(
    ("REHUB_OFFLINE",),
    "1 forbids the network: a model that is not in the cache is an error.",
    "0",
    _parse_switch,
)
REFRESH = ParsedSetting(
    ("REHUB_REFRESH",),
    "1 fetches a model again even if it is cached: for example, the latest version for a handle without a version.",
    "0",
    _parse_switch,
)
ALIASES = Setting(
    ("REHUB_ALIASES",),
    'A TOML file that replaces handles: each line is "handle" = "handle to resolve instead".',
    "none",
)
KERAS = Setting(
    ("REHUB_KERAS",),
    'The Keras that KerasLayer is built on: "keras" or "tf_keras".',
    "the Keras that the program uses",
)
LOADER = ParsedSetting(
    ("REHUB_LOADER",),
    'What restores models: "lazy" builds functions when they are used, "tensorflow" is TensorFlow\'s own loader, and '
    '"auto" uses the lazy loader if it can restore the model, else TensorFlow\'s.',
    "auto",
    _parse_choice("auto", "lazy", "tensorflow"),
)
PREPARE = ParsedSetting(
    ("REHUB_PREPARE",),
    'What to do with the prepared form of a model, whose weights are mapped instead of read: "use" it if it exists, '
    '"make" it if it does not exist, or "off".',
    "use",
    _parse_choice("use", "make", "off"),
)
TRUST = ParsedSetting(
    ("REHUB_TRUST",),
    'What to do about a model with ops that could do harm: "refuse" it before TensorFlow reads it, "warn", or "allow" '
    "it without a scan.",
    "allow",
    _parse_choice("allow", "warn", "refuse"),
)

SETTINGS = (
    CACHE_DIR,
    LOCK_TIMEOUT,
    OFFLINE,
    REFRESH,
    ALIASES,
    TIMEOUT,
    RETRIES,
    MAX_SIZE,
    TFHUB_ENDPOINT,
    DOWNLOAD_PROGRESS,
    DISABLE_CERT_VALIDATION,
    MODEL_LOAD_FORMAT,
    KERAS,
    LOADER,
    PREPARE,
    TRUST,
)


def is_progress_requested() -> bool:
    """Return whether the user wants to see progress even where stderr is not a terminal."""
    return DOWNLOAD_PROGRESS.read_environment() is not None


def verify_certificates() -> bool:
    """Return whether servers must present a valid certificate; warn if the user has disabled that."""
    if DISABLE_CERT_VALIDATION.read_environment() != "true":
        return True
    warnings.warn(
        "TFHUB_DISABLE_CERT_VALIDATION=true: the server's certificate is not checked, so anyone on the way can replace "
        "the model, and a model is a program. Set REQUESTS_CA_BUNDLE to your authority's certificates instead.",
        RuntimeWarning,
        stacklevel=2,
    )
    return False


def reads_remotely() -> bool:
    """Return whether TensorFlow reads models in their object store: the load format is UNCOMPRESSED."""
    return MODEL_LOAD_FORMAT.get() == "UNCOMPRESSED"


def aliases_file() -> Path | None:
    """Return the file with the user's aliases; None if there is none."""
    chosen = ALIASES.read_environment()
    return None if chosen is None else Path(os.path.expanduser(chosen))


def keras_package() -> str | None:
    """Return the Keras that the user asks for, "keras" or "tf_keras"; None leaves the choice to KerasLayer."""
    chosen = KERAS.read_environment()
    if chosen not in (None, "keras", "tf_keras"):
        raise InvalidSetting(f"{KERAS.variable_in_use} is {quote(chosen)}: it must be keras or tf_keras, or unset.")
    return chosen


def trust_policy(trusted: bool | None = None) -> str:
    """Return what to do about a model with dangerous ops: "allow", "warn" or "refuse".

    Args:
        trusted: whether the user trusts this model; None takes the setting.
    """
    if trusted is None:
        return TRUST.get()
    if not isinstance(trusted, bool):
        raise InvalidSetting(f"trusted is {trusted!r}: it must be True, False or None.")
    return "allow" if trusted else "refuse"
