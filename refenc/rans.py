# SPDX-License-Identifier: Apache-2.0
"""Encoder of entropy-coded sub-streams: the inverse of `refdec.entropy.rans`.

Range ANS is last in, first out: the symbols are coded from the last round to the first, and the
words come out in reverse. A lane gives its low word away before a symbol exactly when the decoder,
having removed that symbol, will find its state below 2**16.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from refdec.arrays import I64Map
from refdec.bits import BitWriter
from refdec.entropy.bits import MAX_ESCAPE_PREFIX
from refdec.entropy.rans import STATE_LOW, WORD_BITS
from refdec.entropy.tables import PRECISION_BITS, FrequencyTables

Call = tuple[NDArray[Any], NDArray[Any]]
"""Table index and value of each symbol of one call; (n) and (n)."""


def encode_substream(calls: Iterable[Call], *, lanes: int, tables: FrequencyTables) -> bytes:
    """Encode the calls of one sub-stream.

    Parameters
    ----------
    calls : in the decoder's order.
    lanes : number of lanes, 1 to 1024.
    tables : the frequency tables that the calls refer to.

    Returns
    -------
    The sub-stream; empty when there is no symbol.

    Raises
    ------
    ValueError
        A table index or a value out of range, or more than 2**28 - 1 words.
    """
    symbols = [_symbols(index, values, tables) for index, values in calls]
    if not sum(frequency.size for frequency, _, _ in symbols):
        return b""
    state = np.full(lanes, STATE_LOW, np.int64)
    chunks: list[I64Map] = []
    for frequency, cumulative, _ in reversed(symbols):
        for begin in reversed(range(0, frequency.size, lanes)):
            part = slice(begin, begin + lanes)
            _encode_round(state, frequency[part], cumulative[part], chunks)
    words = np.concatenate([*reversed(chunks), np.zeros(0, np.int64)])
    escapes = _escape_bytes(np.concatenate([escaped for _, _, escaped in symbols]))
    return b"".join(
        [
            write_varint(words.size),
            state.astype(">u4").tobytes(),
            words.astype(">u2").tobytes(),
            escapes,
        ]
    )


def write_varint(value: int) -> bytes:
    """Write a length of at most 28 bits: groups of 7 bits, the high bit says "more"."""
    writer = BitWriter()
    writer.write_varint(value)
    return writer.getvalue()


def _symbols(
    table_index: NDArray[Any], values: NDArray[Any], tables: FrequencyTables
) -> tuple[I64Map, I64Map, I64Map]:
    """Return (n) frequencies and (n) cumulative frequencies of a call, and its (m, 2) escapes."""
    table_index = tables.check_index(table_index)
    values = np.asarray(values, np.int64)
    bound = tables.bounds[table_index]
    escaped = np.abs(values) > bound
    symbol = np.where(escaped, 2 * bound + 1, values + bound)
    excess = values[escaped], np.abs(values[escaped]) - bound[escaped]
    frequency = tables.frequencies[table_index, symbol].astype(np.int64)
    cumulative = tables.cumulative[table_index, symbol].astype(np.int64)
    return frequency, cumulative, np.stack(excess, axis=1)


def _encode_round(
    state: I64Map, frequency: I64Map, cumulative: I64Map, chunks: list[I64Map]
) -> None:
    """Put one symbol into each of the first lanes; the words given away are appended."""
    active = state[: frequency.size]
    (full,) = (active >= frequency << (32 - PRECISION_BITS)).nonzero()
    if full.size:
        words = active[full]
        chunks.append(words & 0xFFFF)
        active[full] = words >> WORD_BITS
    # quotient << PRECISION_BITS plus remainder plus cumulative
    active += active // frequency * ((1 << PRECISION_BITS) - frequency) + cumulative


def _escape_bytes(escapes: I64Map) -> bytes:
    """Code (m, 2) pairs of value and magnitude minus bound: a sign bit, then Exp-Golomb bits."""
    value, code = escapes.T
    if (code >> MAX_ESCAPE_PREFIX + 1).any():
        message = "a value is too large to be escaped"
        raise ValueError(message)
    prefix = np.frexp(code.astype(np.float64))[1] - 1
    # The sign, `prefix` zeros and the code's prefix + 1 bits, from bit 31 downwards.
    bits = (value < 0) << 31 | code << (30 - 2 * prefix)
    used = np.arange(32) < 2 * prefix[:, None] + 2
    flat = np.unpackbits(bits.astype(">u4").view(np.uint8).reshape(-1, 4), axis=1)
    return np.packbits(flat[used]).tobytes()
