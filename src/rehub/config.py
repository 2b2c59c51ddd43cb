"""Every setting of rehub: an argument, else an environment variable, else the default; read when it is used."""

from __future__ import annotations

import functools
import math
import os
import re
import warnings
from dataclasses import dataclass
from pathlib import Path

from rehub.errors import InvalidSetting
from rehub.escaping import quote, quote_url
from rehub.formatting import parse_size
from rehub.strict_parsing import parse_count


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
        for name in self.variables:
            value = os.environ.get(name)
            if value:
                return value
        return None

    def variable(self) -> str:
        """The variable that holds now, for messages about it."""
        return next((name for name in self.variables if os.environ.get(name)), self.variables[0])


CACHE_DIR = Setting(
    ("REHUB_CACHE_DIR", "TFHUB_CACHE_DIR"),
    "The directory that keeps downloaded models, or the URL of one in an object store, such as gs://bucket/models. One "
    "that tensorflow_hub has filled is read as it stands. REHUB_CACHE_DIR may name several, separated as in PATH: all "
    "are read, the first that can be written is written.",
    "the user's cache directory, on Linux ~/.cache/rehub",
)
LOCK_TIMEOUT = Setting(
    ("REHUB_LOCK_TIMEOUT",),
    "Seconds without a sign of life from whoever is downloading a model, after which another process that waits for "
    "that model downloads it itself.",
    "60",
)
TIMEOUT = Setting(
    ("REHUB_TIMEOUT",),
    "Seconds to wait for a server to accept a connection, and for each next piece of its answer.",
    "60",
)
RETRIES = Setting(
    ("REHUB_RETRIES",),
    "How often a download that failed is tried again, without any progress between, when trying again may help.",
    "4",
)
MAX_SIZE = Setting(
    ("REHUB_MAX_SIZE",),
    'The most that one model may unpack to: bytes, or a number with kB, MB, GB or TB, such as "20GB".',
    "1TB",
)
TFHUB_ENDPOINT = Setting(
    ("REHUB_TFHUB_ENDPOINT",),
    "The URL of a mirror of tfhub.dev, which is asked in its place.",
    "https://tfhub.dev",
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
    "COMPRESSED and AUTO download a model's archive into the cache. UNCOMPRESSED asks the server for the model's place "
    "in an object store, where TensorFlow reads it.",
    "AUTO",
)
OFFLINE = Setting(
    ("REHUB_OFFLINE",),
    "1 forbids the network: a model that is not in the cache is an error.",
    "0",
)
REFRESH = Setting(
    ("REHUB_REFRESH",),
    "1 fetches a model again although it is in the cache, such as the latest version of a handle that names none.",
    "0",
)
ALIASES = Setting(
    ("REHUB_ALIASES",),
    'A TOML file that gives handles other handles: each line is "handle" = "handle to take in its place".',
    "none",
)
KERAS = Setting(
    ("REHUB_KERAS",),
    'The Keras that KerasLayer is built on: "keras" or "tf_keras".',
    "the Keras that the program uses",
)
LOADER = Setting(
    ("REHUB_LOADER",),
    'What restores models: "lazy" builds functions when they are used, "tensorflow" is TensorFlow\'s own loader, and '
    '"auto" the first where it can do it, else the other.',
    "auto",
)
PREPARE = Setting(
    ("REHUB_PREPARE",),
    'The prepared form of a model, whose weights are mapped instead of read: "use" it where it is there, "make" it '
    'when a model is loaded that has none, or leave it "off".',
    "use",
)
TRUST = Setting(
    ("REHUB_TRUST",),
    'What is done about a model that has ops which could do harm: "refuse" it before TensorFlow sees it, "warn" of it, '
    'or "allow" it without a look.',
    "allow",
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


def cache_dirs(argument: str | os.PathLike[str] | None = None) -> tuple[Path | str, ...]:
    """The directories of the cache, absolute, in the order in which they are read; none of them need exist.

    A string is the URL of one in an object store, without a last slash.

    Args:
        argument: one directory, in place of the setting.

    Raises:
        InvalidSetting: there is none, or a URL that names no place.
    """
    if argument is not None:
        return (_place(os.fspath(argument), "cache_dir"),)
    several = os.environ.get("REHUB_CACHE_DIR")
    chosen = several or os.environ.get("TFHUB_CACHE_DIR")
    if not chosen:
        return _default_cache_dirs(os.environ.get("XDG_CACHE_HOME"), os.environ.get("HOME"))
    plain = os.path.isabs(chosen) and os.pathsep not in chosen
    return _cache_dirs(
        chosen, bool(several), *((None, None) if plain else (_working_directory(), os.environ.get("HOME")))
    )


def cache_dir(argument: str | os.PathLike[str] | None = None) -> Path | str:
    """The first of the cache's directories; raises as `cache_dirs` does."""
    return cache_dirs(argument)[0]


# Remembered with all that they depend on: to make one `Path` takes longer than the rest of a cache hit.
@functools.lru_cache(maxsize=16)
def _cache_dirs(chosen: str, separated: bool, *_depends_on: str | None) -> tuple[Path | str, ...]:
    variable = "REHUB_CACHE_DIR" if separated else "TFHUB_CACHE_DIR"
    texts = split_places(chosen) if separated else [chosen]
    directories = tuple(_place(text, variable) for text in texts if text)
    if not directories:
        raise InvalidSetting(f"{variable} is {quote_url(chosen)}: it names no directory.")
    return directories


@functools.lru_cache(maxsize=16)
def _default_cache_dirs(*_depends_on: str | None) -> tuple[Path, ...]:
    import platformdirs

    return (Path(platformdirs.user_cache_dir("rehub", appauthor=False)),)


_SCHEME = "[A-Za-z][A-Za-z0-9+.-]+://"
# A URL has colons of its own: after its scheme, after a user's name, in [::1] and before a port; and fsspec's chains of
# URLs have them. In a URL's path a colon separates, as in any other path.
_URL_TO_ITS_PATH = rf"(?:\w+::)*{_SCHEME}(?:[^/:@]*(?::[^/@]*)?@)?(?:\[[^]/]*\]|[^/:]*)(?::[0-9]+(?=[/:]|$))?"
_BETWEEN_COLONS = re.compile(rf"(?:{_URL_TO_ITS_PATH})?[^:]*")


def split_places(text: str, separator: str = os.pathsep) -> list[str]:
    """The directories and URLs of a list as PATH has it.

    >>> split_places("/opt/models:gs://bucket/models:hdfs://namenode:8020/models", ":")
    ['/opt/models', 'gs://bucket/models', 'hdfs://namenode:8020/models']
    """
    places = _BETWEEN_COLONS.findall(text) if separator == ":" else text.split(separator)
    return [place for place in places if place]


def _place(text: str, origin: str) -> Path | str:
    if re.match("(file|local)://", text, re.IGNORECASE):
        return _path_of_url(text, origin)
    if re.match(_SCHEME, text):
        if not text.partition("://")[2].strip("/"):
            raise InvalidSetting(f"{origin} is {quote_url(text)}: it names no bucket or directory there.")
        return text.rstrip("/")
    if "://" in text:
        raise InvalidSetting(
            f"{origin} is {quote_url(text)}: it must be one directory, or one URL such as gs://bucket/models."
        )
    try:
        return Path(os.path.abspath(os.path.expanduser(text)))
    except OSError as error:
        raise InvalidSetting(
            f"{origin} is {quote_url(text)}, a path below the working directory, and that cannot be told "
            f"({error.strerror}): it may have been deleted. Give an absolute path."
        ) from error


def _working_directory() -> str | None:
    """Where this process works; None when that directory has been deleted."""
    try:
        return os.getcwd()
    except OSError:
        return None


def _path_of_url(text: str, origin: str) -> Path:
    from urllib.request import url2pathname

    host, _, path = text.partition("://")[2].partition("/")
    if host not in ("", "localhost") or not path:
        raise InvalidSetting(
            f"{origin} is {quote_url(text)}: of this machine's directories it must be file:///absolute/path."
        )
    return Path(os.path.abspath(url2pathname("/" + path)))


def lock_timeout(argument: float | None = None) -> float:
    """How long whoever downloads a model may show no sign of life until another process takes over, in seconds.

    Raises:
        InvalidSetting: it is no number above zero.
    """
    return _seconds(LOCK_TIMEOUT, argument, "lock_timeout")


def timeout(argument: float | None = None) -> float:
    """How long a server may be silent, in seconds.

    Raises:
        InvalidSetting: it is no number above zero.
    """
    return _seconds(TIMEOUT, argument, "timeout")


def _seconds(setting: Setting, argument: float | None, name: str) -> float:
    chosen = argument if argument is not None else setting.value() or setting.default
    try:
        seconds = float(chosen)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        origin = name if argument is not None else setting.variable()
        raise InvalidSetting(
            f"{origin} is {quote(chosen)}: it must be a number of seconds above 0, such as {setting.default}."
        )
    return seconds


def retries(argument: int | None = None) -> int:
    """How often a failed download is tried again.

    Raises:
        InvalidSetting: it is no whole number, or below zero.
    """
    chosen = str(argument) if argument is not None else RETRIES.value() or RETRIES.default
    times = parse_count(chosen)
    if times is None:
        origin = "retries" if argument is not None else RETRIES.variable()
        raise InvalidSetting(f"{origin} is {quote(chosen)}: it must be a number of times, 0 or more.")
    return times


def max_size(argument: int | str | None = None) -> int:
    """How many bytes one model may unpack to.

    >>> max_size("2.5 GB")
    2500000000

    Raises:
        InvalidSetting: it is no size.
    """
    chosen = str(argument) if argument is not None else MAX_SIZE.value() or MAX_SIZE.default
    try:
        return parse_size(chosen)
    except ValueError as error:
        origin = "max_size" if argument is not None else MAX_SIZE.variable()
        raise InvalidSetting(f"{origin} is {quote(chosen)}: {error}.") from None


def tfhub_endpoint(argument: str | None = None) -> str:
    """The URL that stands for https://tfhub.dev, without a last slash.

    Raises:
        InvalidSetting: it is no URL of http or https.
    """
    chosen = argument if argument is not None else TFHUB_ENDPOINT.value() or TFHUB_ENDPOINT.default
    if not re.match(r"https?://[^/]", chosen):
        origin = "tfhub_endpoint" if argument is not None else TFHUB_ENDPOINT.variable()
        raise InvalidSetting(f"{origin} is {quote_url(chosen)}: it must be a URL, such as {TFHUB_ENDPOINT.default}.")
    return chosen.rstrip("/")


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
    """How a model comes from a server: "COMPRESSED", which AUTO means too, or "UNCOMPRESSED" (P38).

    Raises:
        InvalidSetting: it is no load format.
    """
    chosen = argument if argument is not None else MODEL_LOAD_FORMAT.value() or MODEL_LOAD_FORMAT.default
    if chosen in ("COMPRESSED", "AUTO"):
        return "COMPRESSED"
    if chosen == "UNCOMPRESSED":
        return chosen
    origin = "load_format" if argument is not None else MODEL_LOAD_FORMAT.variable()
    raise InvalidSetting(f"{origin} is {quote(chosen)}: it must be COMPRESSED, UNCOMPRESSED or AUTO.")


def offline(argument: bool | None = None) -> bool:
    """Whether the network is forbidden.

    Raises:
        InvalidSetting: it is neither yes nor no.
    """
    return _is_on(OFFLINE) if argument is None else argument


def refresh(argument: bool | None = None) -> bool:
    """Whether models are fetched again although they are in the cache.

    Raises:
        InvalidSetting: it is neither yes nor no.
    """
    return _is_on(REFRESH) if argument is None else argument


def _is_on(switch: Setting) -> bool:
    chosen = (switch.value() or switch.default).lower()
    if chosen in ("1", "true", "yes", "on"):
        return True
    if chosen in ("0", "false", "no", "off"):
        return False
    raise InvalidSetting(f"{switch.variable()} is {switch.value()!r}: it must be 1 or 0.")


def aliases_file(argument: str | os.PathLike[str] | None = None) -> Path | None:
    """The file with the user's aliases, or None when there is none."""
    chosen = os.fspath(argument) if argument is not None else ALIASES.value()
    return None if chosen is None else Path(os.path.expanduser(chosen))


def keras_package(argument: str | None = None) -> str | None:
    """The Keras that the user asks for, "keras" or "tf_keras"; None leaves the choice to KerasLayer.

    Raises:
        InvalidSetting: it is another name.
    """
    chosen = argument if argument is not None else KERAS.value()
    if chosen not in (None, "keras", "tf_keras"):
        origin = "keras" if argument is not None else KERAS.variable()
        raise InvalidSetting(f"{origin} is {quote(chosen)}: it must be keras or tf_keras, or unset.")
    return chosen


def loader(argument: str | None = None) -> str:
    """What restores models: "auto", "lazy" or "tensorflow".

    Raises:
        InvalidSetting: it is another name.
    """
    chosen = argument if argument is not None else LOADER.value() or LOADER.default
    if chosen not in ("auto", "lazy", "tensorflow"):
        origin = "loader" if argument is not None else LOADER.variable()
        raise InvalidSetting(f"{origin} is {quote(chosen)}: it must be auto, lazy or tensorflow.")
    return chosen


def prepare(argument: str | None = None) -> str:
    """What is done about the prepared form of a model: "use", "make" or "off".

    Raises:
        InvalidSetting: it is another word.
    """
    chosen = argument if argument is not None else PREPARE.value() or PREPARE.default
    if chosen not in ("use", "make", "off"):
        origin = "prepare" if argument is not None else PREPARE.variable()
        raise InvalidSetting(f"{origin} is {quote(chosen)}: it must be use, make or off.")
    return chosen


def trust(argument: bool | None = None) -> str:
    """What is done about a model with ops that could do harm: "allow", "warn" or "refuse".

    Args:
        argument: whether the user trusts this very model, in place of the setting.

    Raises:
        InvalidSetting: the setting is another word, or the argument is neither True nor False.
    """
    if argument is not None:
        if not isinstance(argument, bool):
            raise InvalidSetting(f"trusted is {argument!r}: it must be True, False or None.")
        return "allow" if argument else "refuse"
    chosen = TRUST.value() or TRUST.default
    if chosen not in ("allow", "warn", "refuse"):
        raise InvalidSetting(f"{TRUST.variable()} is {quote(chosen)}: it must be allow, warn or refuse.")
    return chosen
