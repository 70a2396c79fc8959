"""The rows of each country in each block of neighbouring rows, as a sample of each."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.types import Ints, Singles

FEWEST = 8  # rows below which a group excludes nothing: an eighth must be able to stand out from the quartiles
ANYWHERE = 32  # of rows without a country: they lie in many, where the same hour is another time of the day
BLOCK = 32_768  # rows of a block, whatever is scored at a time
SAMPLED = 96  # rows of a group that are looked at: their quartiles are in error by an eighth of the spread


class Groups:
    """The rows of each group (country code, 0: none, of a block) of a chunk, as a sample, and the group of each row."""

    def __init__(self, group: Ints) -> None:
        self.group = group.copy()
        self.blocks = [slice(first, first + BLOCK) for first in range(0, len(group), BLOCK)]
        countries = int(group.max(initial=0)) + 1
        keys, self.line = np.unique(np.arange(len(group)) // BLOCK * countries + group, return_inverse=True)
        self.block_of, codes = np.divmod(keys, countries)
        order = np.argsort(self.line, kind="stable")
        counts = np.bincount(self.line, minlength=len(codes))
        self.named = codes != 0
        self.least = np.where(codes == 0, ANYWHERE, FEWEST)
        self.large = counts >= self.least
        taken = np.minimum(counts, SAMPLED)
        column = np.arange(int(taken.max(initial=0)))
        first = np.cumsum(counts) - counts
        at = first[:, None] + column * counts[:, None] // np.maximum(taken, 1)[:, None]
        self.sampled = column < taken[:, None]
        self.rows: NDArray[np.intp] = order[np.where(self.sampled, at, first[:, None])]

    def of_rows(self, column: Singles) -> Singles:
        """Return the number of its group for each row, given one for each group."""
        if len(column) > len(self.blocks):
            return np.asarray(column[self.line])
        every: Singles = np.empty(len(self.line), column.dtype)
        for block, number in zip(self.blocks, column, strict=True):
            every[block] = number
        return every

    def of_blocks(self, column: Ints) -> Ints:
        """Return the sum of its block for each group, given one for each group."""
        return np.bincount(self.block_of, column).astype(np.int64)[self.block_of]

    def fits(self, group: Ints) -> bool:
        """Return whether these are the groups of the rows still."""
        return np.array_equal(self.group, group)
