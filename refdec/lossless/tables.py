# SPDX-License-Identifier: Apache-2.0
"""The normative tables of the lossless tool, ``spec/tables/lossless_cdf.json``."""

import json
from dataclasses import dataclass
from functools import cache

import numpy as np

from refdec.arrays import I64Map
from refdec.entropy.tables import FrequencyTables
from refdec.errors import ModelError
from refdec.resources import spec_path


@dataclass(frozen=True, kw_only=True)
class LosslessTables:
    """Frequency tables: first those of matches, then those of residuals, by level.

    Parameters
    ----------
    num_match : tables of matches; value 0 is a match, 1 a miss.
    start_means : (contexts), first mean of each residual context in 1/64.
    """

    tables: FrequencyTables
    num_match: int
    start_means: I64Map

    def match_tables(self, levels: I64Map) -> I64Map:
        """Tables of matches by the level of their misses."""
        return np.minimum(levels, self.num_match - 1)

    def residual_tables(self, levels: I64Map) -> I64Map:
        """Tables of residuals by the level of their mean magnitude."""
        return np.minimum(levels + self.num_match, len(self.tables.bounds) - 1)


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
        tables = FrequencyTables.from_rows(match + residual)
    except (OSError, ValueError, KeyError, TypeError, OverflowError) as error:
        message = f"cannot read {path}: {error}"
        raise ModelError(message) from error
    return LosslessTables(tables=tables, num_match=len(match), start_means=start_means)
