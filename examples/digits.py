"""The digits of scikit-learn: 1797 handwritten digits of 8 by 8 pixels, to train and to test with."""

from __future__ import annotations

from typing import NamedTuple, Sequence

import numpy as np
from sklearn.datasets import load_digits


class Digits(NamedTuple):
    """Images of some digits, and the digit in each.

    Attributes:
        images: [count, 8, 8, 1] float32 in [0, 1].
        labels: [count] int64, positions in the sequence of digits given to `load`.
    """

    images: np.ndarray
    labels: np.ndarray


def load(digits: Sequence[int], training_images: int | None = None) -> tuple[Digits, Digits]:
    """Return the images of these digits: three quarters to train with, a quarter to test with.

    Args:
        digits: the digits to load, e.g. `(5, 6, 7, 8, 9)`. The first gets label 0.
        training_images: how many of the training images to keep; None keeps all.
    """
    data = load_digits()
    chosen = np.flatnonzero(np.isin(data.target, digits))
    np.random.default_rng(seed=7).shuffle(chosen)
    images = (data.images[chosen, :, :, np.newaxis] / 16).astype("float32")
    labels = np.array([list(digits).index(digit) for digit in data.target[chosen]])
    border = len(chosen) * 3 // 4
    training, testing = Digits(images[:border], labels[:border]), Digits(images[border:], labels[border:])
    return Digits(training.images[:training_images], training.labels[:training_images]), testing
