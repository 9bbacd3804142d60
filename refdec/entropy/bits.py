# SPDX-License-Identifier: Apache-2.0
"""The two variable-length codes inside an entropy-coded sub-stream: lengths and escapes."""

from refdec.clause import clause
from refdec.errors import CodestreamError, ConstraintViolation, MalformedStream, TruncatedStream

MAX_VARINT_BYTES = 4
MAX_ESCAPE_PREFIX = 15
"""Most leading zeros of an escape's Exp-Golomb code, so that it is below 2**16 - 1."""


def read_varint(data: bytes, position: int, *, element: str, offset: int) -> tuple[int, int]:
    """Read a length: groups of 7 bits, most significant first; the high bit says "more".

    Parameters
    ----------
    data : the sub-stream.
    position : index of the first byte of the length.
    element, offset : name of the length and stream offset of ``data[0]``, for errors.

    Returns
    -------
    The length, below 2**28, and the position after it.

    Raises
    ------
    TruncatedStream
        ENT-003: `data` ends inside the length.
    MalformedStream
        ENT-002: longer than 4 bytes, or not minimal (a leading group of zeros).
    """
    value = 0
    for end in range(position + 1, position + 1 + MAX_VARINT_BYTES):
        if end > len(data):
            message = "the sub-stream ends inside a length"
            raise TruncatedStream(
                message, requirement="ENT-003", element=element, offset=offset + len(data)
            )
        byte = data[end - 1]
        value = value << 7 | byte & 0x7F
        if value == 0 and byte & 0x80:
            break
        if not byte & 0x80:
            return value, end
    message = f"a length shall be minimal and at most {MAX_VARINT_BYTES} bytes"
    raise MalformedStream(message, requirement="ENT-002", element=element, offset=offset + position)


class EscapeReader:
    """Read escaped values: a sign bit, then Exp-Golomb of order 0, most significant bit first.

    Parameters
    ----------
    data : the escape bytes.
    offset : stream offset of ``data[0]``.
    """

    def __init__(self, data: bytes, *, offset: int) -> None:
        self._data, self._position, self._offset = data, 0, offset

    @clause("8.2.5")
    def read(self, bound: int) -> int:
        """Read one value; its magnitude is from bound + 1 to bound + 2**16 - 1.

        Raises
        ------
        TruncatedStream
            ENT-010: the escape bits end inside the value.
        ConstraintViolation
            ENT-011: more than 15 leading zeros.
        """
        left = 8 * len(self._data) - self._position
        # A value has at most 32 bits and starts at any bit of a byte: 5 bytes hold it.
        first = self._position // 8
        window = int.from_bytes(self._data[first : first + 5].ljust(5, b"\0"), "big")
        bits = f"{window:040b}"[self._position % 8 :]
        first_one = bits.find("1", 1, MAX_ESCAPE_PREFIX + 2)
        if first_one < 0 and left > MAX_ESCAPE_PREFIX + 1:
            message = f"an escaped value shall have at most {MAX_ESCAPE_PREFIX} leading zeros"
            raise self._error(ConstraintViolation, message, "ENT-011")
        if first_one < 0 or 2 * first_one > left:
            raise self._error(TruncatedStream, "the escape bits end inside a value", "ENT-010")
        self._position += 2 * first_one
        magnitude = bound + int(bits[first_one : 2 * first_one], 2)
        return -magnitude if bits[0] == "1" else magnitude

    def finish(self) -> None:
        """Check that nothing but the zero padding of the last byte is left.

        Raises
        ------
        MalformedStream
            ENT-012: a whole byte is left; ENT-013: the padding is not zero.
        """
        left = 8 * len(self._data) - self._position
        if left >= 8:  # noqa: PLR2004
            raise self._error(MalformedStream, "escape bytes are left over", "ENT-012")
        if self._data and self._data[-1] & (1 << left) - 1:
            message = "the escape padding bits shall be zero"
            raise self._error(MalformedStream, message, "ENT-013")

    def _error(self, kind: type[CodestreamError], message: str, requirement: str) -> Exception:
        offset = self._offset + self._position // 8
        return kind(message, requirement=requirement, element="escape_byte", offset=offset)
