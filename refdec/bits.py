# SPDX-License-Identifier: Apache-2.0
"""Bit cursor: the descriptors of the syntax tables, read from and written to bytes, MSB first.

Positions are absolute: bit 0 is the most significant bit of the first byte of the codestream.
"""

from refdec.errors import MalformedStream, TruncatedStream

MAX_UE_PREFIX = 31
"""Most leading zero bits of a `ue(v)` code word in a segment header."""
MAX_VARINT_BYTES = 4
"""Most bytes of a `varint` code word: 28 bits of value."""
_MORE = 0x80
"""High bit of a `varint` byte: another byte follows."""


class BitReader:
    """Read descriptors from part of a byte string.

    Parameters
    ----------
    data : the whole codestream, or any byte string.
    start, end : byte range to read; `end` defaults to the end of `data`.
    origin : codestream offset of ``data[0]``, for errors.
    """

    def __init__(
        self, data: bytes, start: int = 0, end: int | None = None, *, origin: int = 0
    ) -> None:
        self.data = data
        self.position = 8 * start
        self.end = 8 * (len(data) if end is None else end)
        self.origin = origin

    @property
    def offset(self) -> int:
        """Codestream offset of the byte with the next bit."""
        return self.origin + (self.position >> 3)

    def read_bits(self, count: int) -> int:
        """Read `u(count)`. Raises TruncatedStream (BIT-001) beyond the end."""
        if self.position + count > self.end:
            message = f"{count} bits needed, {self.end - self.position} left"
            raise TruncatedStream(message, requirement="BIT-001", offset=self.offset)
        value = self.peek_bits(count)
        self.position += count
        return value

    def peek_bits(self, count: int) -> int:
        """Return the next `count` bits, all within the range, and stay before them."""
        stop = self.position + count
        last = (stop + 7) >> 3
        word = int.from_bytes(self.data[self.position >> 3 : last], "big")
        return (word >> (8 * last - stop)) & ((1 << count) - 1)

    def read_ue(self, max_prefix: int = MAX_UE_PREFIX) -> int:
        """Read `ue(v)`, Exp-Golomb of order 0. Raises MalformedStream (BIT-002): long prefix."""
        # The prefix is found in one step: a sub-stream may hold millions of such codes.
        window = min(max_prefix + 1, self.end - self.position)
        prefix = window - self.peek_bits(window).bit_length()
        if prefix > max_prefix:
            message = f"Exp-Golomb prefix of more than {max_prefix} zero bits"
            raise MalformedStream(message, requirement="BIT-002", offset=self.offset)
        self.position += prefix
        self.read_bits(1)
        return (1 << prefix) - 1 + self.read_bits(prefix)

    def read_varint(self) -> int:
        """Read `varint`: 7 bits per byte, most significant group first, high bit = more follow.

        Raises MalformedStream when longer than four bytes (BIT-003) or not minimal (BIT-004).
        """
        offset, value = self.offset, 0
        for index in range(MAX_VARINT_BYTES):
            byte = self.read_bits(8)
            if index == 0 and byte == _MORE:
                message = "varint starts with an empty group"
                raise MalformedStream(message, requirement="BIT-004", offset=offset)
            value = (value << 7) | (byte & 0x7F)
            if byte < _MORE:
                return value
        message = f"varint of more than {MAX_VARINT_BYTES} bytes"
        raise MalformedStream(message, requirement="BIT-003", offset=offset)

    def read_bytes(self, count: int) -> bytes:
        """Read `b(8 * count)`; the position shall be a byte boundary."""
        if self.position % 8:
            message = f"bytes read at bit {self.position % 8} of a byte"
            raise ValueError(message)
        if self.position + 8 * count > self.end:
            message = f"{count} bytes needed, {(self.end - self.position) // 8} left"
            raise TruncatedStream(message, requirement="BIT-001", offset=self.offset)
        start = self.position >> 3
        self.position += 8 * count
        return self.data[start : start + count]

    def align(self) -> None:
        """Skip to a byte boundary. Raises MalformedStream (BIT-005) on a non-zero padding bit."""
        offset = self.offset
        if self.read_bits(-self.position % 8):
            message = "padding bits shall be zero"
            raise MalformedStream(message, requirement="BIT-005", offset=offset)


class BitWriter:
    """Write descriptors to a growing byte string."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._pending = 0
        self._num_pending = 0

    @property
    def position(self) -> int:
        """Number of bits written."""
        return 8 * len(self._bytes) + self._num_pending

    def write_bits(self, value: int, count: int) -> None:
        """Write `u(count)`. Raises ValueError when `value` does not fit."""
        if not 0 <= value < 1 << count:
            message = f"{value} does not fit in {count} bits"
            raise ValueError(message)
        self._pending = (self._pending << count) | value
        self._num_pending += count
        whole, self._num_pending = divmod(self._num_pending, 8)
        self._bytes += (self._pending >> self._num_pending).to_bytes(whole, "big")
        self._pending &= (1 << self._num_pending) - 1

    def write_ue(self, value: int) -> None:
        """Write `ue(v)`, Exp-Golomb of order 0; `value` at least 0."""
        prefix = (value + 1).bit_length() - 1
        self.write_bits(value + 1, 2 * prefix + 1)

    def write_varint(self, value: int) -> None:
        """Write `varint` in its minimal form; `value` in [0, 2**28 - 1]."""
        if not 0 <= value < 1 << (7 * MAX_VARINT_BYTES):
            message = f"{value} does not fit in a varint"
            raise ValueError(message)
        groups = max(1, -(-value.bit_length() // 7))
        for index in reversed(range(groups)):
            self.write_bits((_MORE if index else 0) | (value >> (7 * index) & 0x7F), 8)

    def write_bytes(self, data: bytes) -> None:
        """Write `b(8 * len(data))`; the position shall be a byte boundary."""
        if self._num_pending:
            message = f"bytes written at bit {self._num_pending} of a byte"
            raise ValueError(message)
        self._bytes += data

    def align(self) -> None:
        """Write zero bits up to a byte boundary."""
        self.write_bits(0, -self._num_pending % 8)

    def getvalue(self) -> bytes:
        """Return the bytes; the position shall be a byte boundary."""
        if self._num_pending:
            message = "the last byte is incomplete"
            raise ValueError(message)
        return bytes(self._bytes)
