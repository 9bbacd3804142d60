# SPDX-License-Identifier: Apache-2.0
"""The two variable-length codes inside an entropy-coded sub-stream: lengths and escapes."""

from refdec.bits import BitReader
from refdec.clause import clause
from refdec.errors import CodestreamError, ConstraintViolation, MalformedStream, TruncatedStream

MAX_ESCAPE_PREFIX = 15
"""Most leading zeros of an escape's Exp-Golomb code, so that it is below 2**16 - 1."""


def read_length(reader: BitReader, element: str) -> int:
    """Read a length, a `varint`; `element` is its name.

    Raises
    ------
    TruncatedStream
        ENT-003: the sub-stream ends inside the length.
    MalformedStream
        ENT-002: longer than 4 bytes, or not minimal (a leading group of zeros).
    """
    try:
        return reader.read_varint()
    except TruncatedStream as error:
        error.requirement = "ENT-003"
        error.element = element
        raise
    except MalformedStream as error:
        error.requirement = "ENT-002"
        error.element = element
        raise


@clause("8.2.5")
def read_escape(reader: BitReader, bound: int) -> int:
    """Read an escaped value: a sign bit, then `ue(v)`; magnitude bound + 1 to bound + 2**16 - 1.

    Raises
    ------
    TruncatedStream
        ENT-010: the escape bits end inside the value.
    ConstraintViolation
        ENT-011: more than 15 leading zeros.
    """
    offset = reader.offset
    try:
        is_negative = reader.read_bits(1)
        magnitude = bound + 1 + reader.read_ue(MAX_ESCAPE_PREFIX)
    except TruncatedStream as error:
        raise _error(TruncatedStream, error.message, "ENT-010", offset) from error
    except MalformedStream as error:
        raise _error(ConstraintViolation, error.message, "ENT-011", offset) from error
    return -magnitude if is_negative else magnitude


def finish_escapes(reader: BitReader) -> None:
    """Check that nothing but the zero padding of the last byte is left.

    Raises
    ------
    MalformedStream
        ENT-012: a whole byte is left; ENT-013: the padding is not zero.
    """
    offset, left = reader.offset, reader.end - reader.position
    if left >= 8:  # noqa: PLR2004
        raise _error(MalformedStream, "escape bytes are left over", "ENT-012", offset)
    if reader.read_bits(left):
        message = "the escape padding bits shall be zero"
        raise _error(MalformedStream, message, "ENT-013", offset)


def _error(
    kind: type[CodestreamError], message: str, requirement: str, offset: int
) -> CodestreamError:
    return kind(message, requirement=requirement, element="escape_byte", offset=offset)
