# SPDX-License-Identifier: Apache-2.0
"""Interleaved-lane range ANS: an entropy-coded sub-stream to integer values.

::

    sub-stream = num_words | lane states u(32) | words u(16) | escape bytes up to the end

    call:   symbol  0 1 2 .. L-1 | L .. 2L-1 | ..      lane = symbol mod L
            round        0       |     1     | ..      words are read in lane order

The symbols come in calls; every call starts at lane 0, the lane states go on. A lane's state x
stays in [2**16, 2**32): its low 12 bits are the slot, which names the symbol.
`ScalarSubstreamDecoder` is the process symbol by symbol, and the faster one for few lanes;
`VectorSubstreamDecoder` does all lanes of a round at once. Both give the same values and errors.
"""

from abc import ABC, abstractmethod
from itertools import cycle
from typing import Any

import numpy as np
from numpy.typing import NDArray

from refdec.arrays import I32Map, I64Map
from refdec.bits import BitReader
from refdec.clause import clause
from refdec.entropy.bits import finish_escapes, read_escape, read_length
from refdec.entropy.tables import PRECISION_BITS, TOTAL, FrequencyTables
from refdec.errors import CodestreamError, ConstraintViolation, MalformedStream, TruncatedStream

STATE_LOW = 1 << 16
"""Least lane state, and the state in which every lane ends."""
STATE_BYTES = 4
WORD_BITS = 16
WORD_BYTES = 2
MIN_VECTOR_LANES = 16
"""From here on the vector decoder is the faster one."""
_ROUND_OPERANDS = tuple(map(np.array, (TOTAL - 1, PRECISION_BITS, STATE_LOW, WORD_BITS)))
"""What every round masks, shifts and compares with."""


def make_decoder(
    payload: bytes, *, lanes: int, tables: FrequencyTables, offset: int
) -> "SubstreamDecoder":
    """Open a sub-stream with the decoder that suits the lane count; see `SubstreamDecoder`."""
    kind = VectorSubstreamDecoder if lanes >= MIN_VECTOR_LANES else ScalarSubstreamDecoder
    return kind(payload, lanes=lanes, tables=tables, offset=offset)


class SubstreamDecoder(ABC):
    """What both decoders share: the layout of a sub-stream, the escapes, the final checks.

    Parameters
    ----------
    payload : the sub-stream; empty when it holds no symbol.
    lanes : number of lanes, 1 to 1024.
    tables : the frequency tables that `decode` refers to.
    offset : stream offset of ``payload[0]``, for errors.

    Raises
    ------
    TruncatedStream
        ENT-003: the payload is shorter than num_words says.
    MalformedStream
        ENT-002: num_words is badly written.
    ConstraintViolation
        ENT-005: a lane state below 2**16.
    """

    @clause("8.2.2")
    def __init__(self, payload: bytes, *, lanes: int, tables: FrequencyTables, offset: int) -> None:
        self._lanes, self._tables, self._offset = lanes, tables, offset
        self._empty, self._used, self._position = not payload, False, 0
        if not payload:
            payload = bytes(1) + STATE_LOW.to_bytes(STATE_BYTES, "big") * lanes
        reader = BitReader(payload, origin=offset)
        num_words = read_length(reader, "num_words")
        self._states_begin = reader.offset - offset
        self._words_begin = self._states_begin + STATE_BYTES * lanes
        escapes_begin = self._words_begin + WORD_BYTES * num_words
        if escapes_begin > len(payload):
            message = f"the sub-stream needs {escapes_begin} bytes but has {len(payload)}"
            raise self._error(TruncatedStream, message, "ENT-003", "num_words", 0)
        self._state: I64Map = np.frombuffer(payload, ">u4", lanes, self._states_begin).astype(
            np.int64
        )
        self._words: I64Map = np.frombuffer(payload, ">u2", num_words, self._words_begin).astype(
            np.int64
        )
        self._escapes = BitReader(payload, escapes_begin, origin=offset)
        self._check_states(self._state >= STATE_LOW, "initially at least", "ENT-005")

    @clause("8.2.3")
    def decode(self, table_index: NDArray[Any]) -> I32Map:
        """Decode one call.

        Parameters
        ----------
        table_index : (n) integers in 0 .. T-1, the table of each symbol; n may be 0.

        Returns
        -------
        (n), magnitudes below 2**17.

        Raises
        ------
        TruncatedStream
            ENT-006: symbols in an empty sub-stream; ENT-008: the words end;
            ENT-010: the escape bits end.
        ConstraintViolation
            ENT-011: an escaped value out of range.
        ValueError
            A table index out of range (a caller's bug, no stream causes it).
        """
        table_index = self._tables.check_index(table_index)
        if not table_index.size:
            return np.zeros(0, np.int32)
        if self._empty:
            message = "an empty sub-stream has no symbols, but some are coded"
            raise self._error(TruncatedStream, message, "ENT-006", "num_words", 0)
        self._used = True
        bounds = self._tables.bounds[table_index]
        values = self._decode_symbols(table_index) - bounds
        for index in np.flatnonzero(values > bounds).tolist():
            values[index] = read_escape(self._escapes, int(bounds[index]))
        return values

    @clause("8.2.6")
    def finish(self) -> None:
        """Check, after the last call, that the sub-stream has been used up.

        Raises
        ------
        MalformedStream
            ENT-007: no symbol was coded, but the sub-stream is not empty;
            ENT-008: words are left over; ENT-012, ENT-013: escape bits are left over.
        ConstraintViolation
            ENT-009: a lane does not end in the state 2**16.
        """
        if not self._empty and not self._used:
            message = "a sub-stream without symbols shall be empty"
            raise self._error(MalformedStream, message, "ENT-007", "num_words", 0)
        if self._position < len(self._words):
            where = self._words_begin + WORD_BYTES * self._position
            raise self._error(MalformedStream, "words are left over", "ENT-008", "word", where)
        self._check_states(self._state == STATE_LOW, "finally", "ENT-009")
        finish_escapes(self._escapes)

    @abstractmethod
    def _decode_symbols(self, table_index: I64Map) -> I32Map:
        """Decode the symbols of one call; (n) to (n)."""

    def _check_states(self, good: NDArray[np.bool_], need: str, requirement: str) -> None:
        if not good.all():
            lane = int(good.argmin())
            message = f"the state of lane {lane} shall be {need} 2**16"
            where = self._states_begin + STATE_BYTES * lane
            raise self._error(ConstraintViolation, message, requirement, "lane_state", where)

    def _next_words(self, count: int) -> I64Map:
        """Return the words that the next `count` symbols may read; at most one each."""
        return self._words[self._position : self._position + count]

    def _words_end(self) -> CodestreamError:
        where = self._words_begin + WORD_BYTES * len(self._words)
        message = "the words end before the symbols"
        return self._error(TruncatedStream, message, "ENT-008", "word", where)

    def _error(
        self, kind: type[CodestreamError], message: str, requirement: str, element: str, where: int
    ) -> CodestreamError:
        offset = self._offset + where
        return kind(message, requirement=requirement, element=element, offset=offset)


class ScalarSubstreamDecoder(SubstreamDecoder):
    """The decoding process symbol by symbol."""

    @clause("8.2.4")
    def _decode_symbols(self, table_index: I64Map) -> I32Map:
        rows = self._tables.rows
        state = self._state.tolist()
        words, position = self._next_words(table_index.size).tolist(), 0
        symbols = []
        for lane, table in zip(cycle(range(self._lanes)), table_index.tolist(), strict=False):
            slot_symbols, frequency, cumulative = rows[table]
            x = state[lane]
            slot = x & (TOTAL - 1)
            symbol = slot_symbols[slot]
            symbols.append(symbol)
            x = frequency[symbol] * (x >> PRECISION_BITS) + slot - cumulative[symbol]
            if x < STATE_LOW:
                if position == len(words):
                    raise self._words_end()
                x = x << WORD_BITS | words[position]
                position += 1
            state[lane] = x
        self._state[:] = state
        self._position += position
        return np.array(symbols, np.int32)


class VectorSubstreamDecoder(SubstreamDecoder):
    """The same process, all lanes of a round at once."""

    def _decode_symbols(self, table_index: I64Map) -> I32Map:
        # A table's first slot, replaced round by round by the slot of the symbol.
        slots = table_index << PRECISION_BITS
        whole = slots.size - slots.size % self._lanes
        if whole:
            self._decode_rounds(slots[:whole].reshape(-1, self._lanes))
        if whole < slots.size:
            self._decode_rounds(slots[None, whole:])
        symbols: I32Map = self._tables.slot_symbols.ravel()[slots].astype(np.int32)
        return symbols

    def _decode_rounds(self, rounds: I64Map) -> None:
        """Decode (R, m) symbols in the first m lanes.

        Every array operation of a round costs its start-up: hence outputs in place, and
        operands that are arrays.
        """
        entries = self._tables.slot_entries
        words, position = self._next_words(rounds.size), 0
        state = self._state[: rounds.shape[1]]
        slot, low = np.empty_like(state), np.empty(state.shape, np.bool_)
        entry = np.empty(state.shape, entries.dtype)
        frequency, bias = entry["frequency"], entry["bias"]
        slot_mask, slot_bits, state_low, word_bits = _ROUND_OPERANDS
        for slots in rounds:
            np.bitwise_and(state, slot_mask, slot)
            np.add(slots, slot, slots)
            entries.take(slots, None, entry, "clip")
            np.right_shift(state, slot_bits, state)
            np.multiply(state, frequency, state)
            np.add(state, bias, state)
            (lanes,) = np.less(state, state_low, low).nonzero()
            if lanes.size:
                end = position + lanes.size
                if end > words.size:
                    raise self._words_end()
                state[lanes] = state[lanes] << word_bits | words[position:end]
                position = end
        self._position += position
