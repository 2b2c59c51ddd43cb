"""A Gaussian random projection: fewer dimensions, with distances that are about the same.

The lemma of Johnson and Lindenstrauss: https://en.wikipedia.org/wiki/Random_projection
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Projection:
    """A projection, which its numbers determine.

    Attributes:
        dimensions: how many dimensions the projected vectors have.
        seed: of the random numbers.
    """

    dimensions: int
    seed: int

    def make_matrix(self, dimensions: int) -> Any:
        """Return float64[dimensions, self.dimensions], whose elements have the variance 1 / self.dimensions.

        NumPy promises that RandomState gives the same numbers in all versions
        (https://numpy.org/neps/nep-0019-rng-policy.html), up to the rounding of the machine's `log` and `sqrt`.
        """
        import numpy as np

        numbers = np.random.RandomState(self.seed).standard_normal((dimensions, self.dimensions))
        return numbers / np.sqrt(self.dimensions)
