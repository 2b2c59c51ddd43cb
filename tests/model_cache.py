"""Models that plain TensorFlow writes once, for all tests and all sessions with the same TensorFlow and Keras."""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import inspect
import os
import shutil
import tempfile
from pathlib import Path

import tensorflow as tf
from effort import EFFORT

DIRECTORY = Path(__file__).parent.parent / ".saved_models_cache"


def saved_once(save):
    """Make `save(directory, *arguments)` write a model when it is first called, and later copy what it wrote.

    Use it for writers that call nothing of rehub: a change of rehub makes no new copy.
    """

    @functools.wraps(save)
    def save_or_copy(directory, *arguments, **options):
        cached = DIRECTORY / key_of(save, arguments, options)
        if not cached.is_dir():
            DIRECTORY.mkdir(exist_ok=True)
            staging = Path(tempfile.mkdtemp(dir=str(DIRECTORY)))
            try:
                save(str(staging / "model"), *arguments, **options)
                (staging / "model").rename(cached)
            except OSError:
                if not cached.is_dir():  # Another process may have been first.
                    raise
            finally:
                shutil.rmtree(str(staging))
        for file in cached.rglob("*"):
            target = Path(directory, file.relative_to(cached))
            if file.is_dir():
                target.mkdir(parents=True, exist_ok=True)
            else:
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(str(file), str(target))
        return str(directory)

    return save_or_copy


def key_of(save, arguments, options):
    """A name made of the writer, the source of its file, the arguments, TensorFlow, the Keras in use and the effort."""
    keras = [name for name in ("keras", "tf_keras") if importlib.util.find_spec(name) is not None]
    parts = (
        tf.__version__,
        keras,
        os.environ.get("TF_USE_LEGACY_KERAS"),
        EFFORT,
        save.__name__,
        Path(inspect.getsourcefile(save)).read_text(encoding="utf-8"),
        Path(__file__).with_name("saved_models.py").read_text(encoding="utf-8"),
        arguments,
        options,
    )
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]
