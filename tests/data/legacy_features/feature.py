"""A feature of TF1's graphs: a small module that has it, and what the module is fed."""

from __future__ import annotations

import numpy as np

FEATURES = {}


class Feature:
    """A module to make.

    Attributes:
        module_fn: makes its graph.
        draws: for each input a function that draws an array, given a random generator.
        has_train_variant: whether `module_fn` takes `is_training`, and there is a graph variant for that.
        is_trained: whether TF 1.15 can train it.
        drop_collections: what the graph has only to be made.
    """

    def __init__(self, module_fn, draws, has_train_variant, is_trained, drop_collections):
        self.module_fn = module_fn
        self.draws = draws
        self.has_train_variant = has_train_variant
        self.is_trained = is_trained
        self.drop_collections = drop_collections


def feature(has_train_variant=False, is_trained=True, drop_collections=(), **draws):
    """Makes a module of a function, under its name."""

    def register(module_fn):
        FEATURES[module_fn.__name__] = Feature(module_fn, draws, has_train_variant, is_trained, drop_collections)
        return module_fn

    return register


def floats(*shape):
    """Standard normal numbers."""
    return lambda rng: rng.randn(*shape).astype(np.float32)


def integers(below, *shape, **options):
    """Integers from `low` (0) on."""
    return lambda rng: rng.randint(options.get("low", 0), below, shape).astype(options.get("dtype", np.int32))


def words(*shape):
    """Words, some of which are in no vocabulary."""
    return lambda rng: rng.choice(np.array([b"cat", b"dog", b"fish", b"owl", b"unicorn"], object), shape)


def always(value, dtype):
    """The same value in each step."""
    return lambda rng: np.array(value, dtype)
