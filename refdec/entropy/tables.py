# SPDX-License-Identifier: Apache-2.0
"""Static 12-bit frequency tables: what the range coder knows about the symbols.

Table t has the symbols 0 .. 2*bound+1. Symbol v up to 2*bound stands for the value v - bound;
the last symbol is ESCAPE: the value lies outside and follows in the escape bits.
The frequencies of a table are at least 1 and sum to 4096, so none exceeds 4095.
"""

import json
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from refdec.arrays import I32Map, I64Map, U16Map
from refdec.errors import ModelError
from refdec.resources import spec_path

PRECISION_BITS = 12
TOTAL = 1 << PRECISION_BITS
NUM_SCALES = 80
"""Tables of the residual; those of the block transforms follow them in a residual segment."""
SLOT_ENTRY = np.dtype([("frequency", np.int64), ("bias", np.int64)])
"""What a decoder needs at slot s of symbol v: frequency[v], and bias = s - cumulative[v]."""


@dataclass(frozen=True, eq=False)
class FrequencyTables:
    """T frequency tables, checked on construction.

    Parameters
    ----------
    bounds : (T), from 0 to 2047.
    frequencies : (T, S); row t holds the 2*bounds[t]+2 frequencies of table t, then zeros.

    Raises
    ------
    ModelError
        ENT-001: an array's shape, a bound, a frequency or a sum is not as stated.
    """

    bounds: I32Map
    frequencies: I32Map

    def __post_init__(self) -> None:
        """Check what the class promises."""
        bounds, frequencies = self.bounds, self.frequencies
        if frequencies.ndim != 2 or bounds.shape != frequencies.shape[:1] or not bounds.size:  # noqa: PLR2004
            _refuse("bounds (T) and frequencies (T, S) are needed, T at least 1")
        if bounds.min() < 0 or 2 * int(bounds.max()) + 2 > min(TOTAL, frequencies.shape[1]):
            _refuse("a bound is out of range")
        used = np.arange(frequencies.shape[1]) < 2 * bounds[:, None] + 2
        if (frequencies[used] < 1).any() or frequencies[~used].any():
            _refuse("frequencies shall be at least 1, and 0 beyond a table's end")
        if (frequencies.sum(axis=1, dtype=np.int64) != TOTAL).any():
            _refuse(f"the frequencies of a table shall sum to {TOTAL}")

    @classmethod
    def from_padded(cls, bounds: NDArray[Any], frequencies: NDArray[Any]) -> "FrequencyTables":
        """Take integer arrays of any width, such as a model set's int16, as a copy."""
        if bounds.dtype.kind not in "iu" or frequencies.dtype.kind not in "iu":
            _refuse("bounds and frequencies shall be integers")
        return cls(bounds.astype(np.int32), frequencies.astype(np.int32))

    @classmethod
    def from_rows(cls, rows: list[list[int]]) -> "FrequencyTables":
        """Take one list of 2*bound+2 frequencies per table."""
        if any(len(row) % 2 or not row for row in rows):
            _refuse("a table shall have an even number of symbols")
        frequencies = np.zeros((len(rows), max(map(len, rows), default=0)), np.int32)
        for padded, row in zip(frequencies, rows, strict=True):
            padded[: len(row)] = row
        return cls(np.array([len(row) // 2 - 1 for row in rows], np.int32), frequencies)

    def joined(self, other: "FrequencyTables") -> "FrequencyTables":
        """Return these tables, then those of `other`."""
        width = max(self.frequencies.shape[1], other.frequencies.shape[1])
        padded = [
            np.pad(f, ((0, 0), (0, width - f.shape[1])))
            for f in (self.frequencies, other.frequencies)
        ]
        bounds = np.concatenate([self.bounds, other.bounds])
        return FrequencyTables(bounds, np.concatenate(padded))

    @cached_property
    def cumulative(self) -> I32Map:
        """(T, S): sum of the frequencies before each symbol."""
        return np.cumsum(self.frequencies, axis=1, dtype=np.int32) - self.frequencies

    @cached_property
    def slot_symbols(self) -> U16Map:
        """(T, 4096): the symbol v with cumulative[v] <= slot < cumulative[v + 1]."""
        symbols = np.arange(self.frequencies.size) % self.frequencies.shape[1]
        slots = np.repeat(symbols.astype(np.uint16), self.frequencies.ravel())
        return slots.reshape(-1, TOTAL)

    @cached_property
    def slot_entries(self) -> NDArray[np.void]:
        """(T*4096) of `SLOT_ENTRY`: slot after slot, table after table."""
        frequencies = self.frequencies.ravel()
        entries = np.empty(self.slot_symbols.size, SLOT_ENTRY)
        entries["frequency"] = np.repeat(frequencies, frequencies)
        entries["bias"] = np.arange(entries.size) % TOTAL
        entries["bias"] -= np.repeat(self.cumulative.ravel(), frequencies)
        return entries

    @cached_property
    def rows(self) -> list[tuple[memoryview, list[int], list[int]]]:
        """Per table: symbol of each slot, frequency and cumulative frequency of each symbol."""
        slot_symbols = [row.data for row in self.slot_symbols]
        lists = self.frequencies.tolist(), self.cumulative.tolist()
        return list(zip(slot_symbols, *lists, strict=True))

    def check_index(self, table_index: NDArray[Any]) -> I64Map:
        """Return the table of each of n symbols as int64; (n).

        Raises
        ------
        ValueError
            Not (n), or a table index outside 0 .. T-1.
        """
        index = np.asarray(table_index, np.int64)
        count = len(self.bounds)
        if index.ndim != 1 or (index.size and not 0 <= index.min() <= index.max() < count):
            message = f"table_index shall be (n) in 0..{count - 1}"
            raise ValueError(message)
        return index


@dataclass(frozen=True, kw_only=True)
class ResidualTables:
    """What is normative about residual symbols; the first axis is the scale index.

    Parameters
    ----------
    tables : one frequency table per scale index.
    skip_threshold : positions whose scale index is below are not coded; their residual is 0.
    offsets : (T, 2), in 1/32 of a step: reconstruction offset for |r| = 1, and for |r| >= 2.
    """

    tables: FrequencyTables
    skip_threshold: int
    offsets: I32Map


@cache
def load_residual_tables() -> ResidualTables:
    """Read ``spec/tables/residual_cdf.json``.

    Raises
    ------
    ModelError
        The file is missing or malformed.
    """
    path = spec_path("tables", "residual_cdf.json")
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        offsets = np.array(data["offsets"], np.int32)
        tables = FrequencyTables.from_rows(data["frequencies"])
        skip_threshold = int(data["skip_threshold"])
    except (OSError, ValueError, KeyError, TypeError, OverflowError) as error:
        message = f"cannot read {path}: {error}"
        raise ModelError(message) from error
    if offsets.shape != (len(tables.bounds), 2):
        _refuse("there shall be two reconstruction offsets per table")
    return ResidualTables(tables=tables, skip_threshold=skip_threshold, offsets=offsets)


def _refuse(message: str) -> None:
    raise ModelError(message, requirement="ENT-001", element="frequencies")
