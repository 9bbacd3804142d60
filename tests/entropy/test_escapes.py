# SPDX-License-Identifier: Apache-2.0
"""Lengths and escapes: known answers, and every way they can be wrong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refdec.bits import BitReader
from refdec.entropy.bits import finish_escapes, read_escape, read_length
from refdec.errors import ConstraintViolation, MalformedStream, TruncatedStream
from refenc.rans import write_varint


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"\x00", 0),
        (b"\x7f", 127),
        (b"\x81\x00", 128),  # groups 1, 0
        (b"\xff\x7f", (1 << 14) - 1),
        (b"\x81\x80\x00", 1 << 14),
        (b"\xff\xff\xff\x7f", (1 << 28) - 1),
    ],
)
def test_varint_known_answers(data: bytes, value: int) -> None:
    reader = BitReader(b"??" + data + b"?", 2)
    assert (read_length(reader, "x"), reader.offset) == (value, 2 + len(data))
    assert write_varint(value) == data


@given(st.integers(0, (1 << 28) - 1))
def test_varint_round_trip(value: int) -> None:
    data = write_varint(value)
    reader = BitReader(data)
    assert (read_length(reader, "x"), reader.offset) == (value, len(data))


@pytest.mark.parametrize("data", [b"", b"\x81", b"\xff\xff\xff"])
def test_varint_truncated(data: bytes) -> None:
    with pytest.raises(TruncatedStream) as caught:
        read_length(BitReader(data, origin=100), "num_words")
    assert caught.value.requirement == "ENT-003"
    assert caught.value.element == "num_words"
    assert caught.value.offset == 100 + len(data)


@pytest.mark.parametrize("data", [b"\x80", b"\x80\x01", b"\xff\xff\xff\xff\x7f"])
def test_varint_not_minimal_or_too_long(data: bytes) -> None:
    with pytest.raises(MalformedStream) as caught:
        read_length(BitReader(b"?" + data, 1, origin=100), "num_words")
    assert caught.value.requirement == "ENT-002"
    assert caught.value.offset == 101


def test_varint_too_large_to_write() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        write_varint(1 << 28)


def test_escape_known_answers() -> None:
    # 0 1 | 1 010 | 0 00100 | padding 0000: +(2 + 1), -(0 + 2), +(4 + 4)
    reader = BitReader(bytes([0b01101000, 0b01000000]))
    assert [read_escape(reader, 2), read_escape(reader, 0), read_escape(reader, 4)] == [3, -2, 8]
    finish_escapes(reader)


def test_escape_largest() -> None:
    # sign 1, fifteen zeros, sixteen ones
    reader = BitReader(bytes([0x80, 0x00, 0xFF, 0xFF]))
    assert read_escape(reader, 255) == -(255 + 65535)
    finish_escapes(reader)


@pytest.mark.parametrize("data", [b"", b"\x80", b"\x01", b"\x80\x00", b"\x80\x00\xff"])
def test_escape_truncated(data: bytes) -> None:
    with pytest.raises(TruncatedStream) as caught:
        read_escape(BitReader(data, origin=9), 0)
    assert (caught.value.requirement, caught.value.offset) == ("ENT-010", 9)


def test_escape_prefix_too_long() -> None:
    reader = BitReader(bytes([0b01000000, 0, 0b00010000, 0, 0]), origin=9)
    assert read_escape(reader, 0) == 1
    with pytest.raises(ConstraintViolation) as caught:
        read_escape(reader, 0)
    assert (caught.value.requirement, caught.value.offset) == ("ENT-011", 9)


@pytest.mark.parametrize(
    ("data", "requirement", "offset"),
    [(b"\x40\x00", "ENT-012", 9), (b"\x60", "ENT-013", 9), (b"\x41", "ENT-013", 9)],
)
def test_escape_left_over(data: bytes, requirement: str, offset: int) -> None:
    reader = BitReader(data, origin=9)
    assert read_escape(reader, 0) == 1
    with pytest.raises(MalformedStream) as caught:
        finish_escapes(reader)
    assert (caught.value.requirement, caught.value.offset) == (requirement, offset)
