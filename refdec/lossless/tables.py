# SPDX-License-Identifier: Apache-2.0
"""The normative tables of the lossless tool, ``spec/tables/lossless_cdf.json``."""

import json
from dataclasses import dataclass
from functools import cache

import numpy as np

from refdec.arrays import I64Map
from refdec.entropy.tables import TOTAL, FrequencyTables
from refdec.errors import ModelError
from refdec.resources import spec_path

MAX_LOW_BITS = 8
"""Low bits of a residual that are coded apart, at most."""


@dataclass(frozen=True, kw_only=True)
class LosslessTables:
    """Frequency tables: those of matches and of residuals, by level; those of low bits.

    Parameters
    ----------
    num_match : tables of matches; value 0 is a match, 1 a miss.
    num_residual : tables of residuals.
    start_means : (contexts), first mean of each residual context in 1/64.
    """

    tables: FrequencyTables
    num_match: int
    num_residual: int
    start_means: I64Map

    def match_tables(self, levels: I64Map) -> I64Map:
        """Tables of matches by the level of their misses."""
        return np.minimum(levels, self.num_match - 1)

    def residual_tables(self, levels: I64Map) -> I64Map:
        """Tables of residuals by the level of their mean magnitude."""
        return np.minimum(levels, self.num_residual - 1) + self.num_match

    def low_tables(self, low_bits: I64Map) -> I64Map:
        """Tables of so many low bits of residuals, from 1."""
        return low_bits + self.num_match + self.num_residual - 1


def uniform_frequencies(bits: int) -> list[int]:
    """Frequencies of the values -2**(bits - 1) to 2**(bits - 1) - 1, which are equally likely."""
    each, rest = divmod(TOTAL - 2, 1 << bits)
    return [each + (value < rest) for value in range(1 << bits)] + [1, 1]


@cache
def load_lossless_tables() -> LosslessTables:
    """Read the file.

    Raises
    ------
    ModelError
        It is missing or malformed.
    """
    path = spec_path("tables", "lossless_cdf.json")
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        match, residual = data["match"], data["residual"]
        start_means = np.array(data["start_means"], np.int64)
        tables = FrequencyTables.from_rows(
            match + residual + [uniform_frequencies(k + 1) for k in range(MAX_LOW_BITS)]
        )
    except (OSError, ValueError, KeyError, TypeError, OverflowError) as error:
        message = f"cannot read {path}: {error}"
        raise ModelError(message) from error
    return LosslessTables(
        tables=tables, num_match=len(match), num_residual=len(residual), start_means=start_means
    )
