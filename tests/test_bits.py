# SPDX-License-Identifier: Apache-2.0

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refdec.bits import BitReader, BitWriter
from refdec.errors import MalformedStream, RefdecError, TruncatedStream


def test_unsigned_is_read_most_significant_bit_first() -> None:
    # 1010 0101 1100 0011: u(3) = 101, u(7) = 0010111, u(6) = 000011
    reader = BitReader(b"\xa5\xc3")
    assert [reader.read_bits(3), reader.read_bits(7), reader.read_bits(6)] == [5, 23, 3]
    assert reader.position == 16


@pytest.mark.parametrize(
    ("code", "value"),
    [("1", 0), ("010", 1), ("011", 2), ("00100", 3), ("00111", 6), ("0001000", 7)],
)
def test_exp_golomb_code_words(code: str, value: int) -> None:
    data = int(code.ljust(8, "0"), 2).to_bytes(1, "big")
    reader = BitReader(data)
    assert reader.read_ue() == value
    assert reader.position == len(code)
    writer = BitWriter()
    writer.write_ue(value)
    writer.align()
    assert writer.getvalue() == data


@pytest.mark.parametrize(
    ("code", "value"),
    [
        ("00", 0),
        ("7f", 127),
        ("8100", 128),
        ("ff7f", 16383),
        ("818000", 16384),
        ("ffffff7f", (1 << 28) - 1),
    ],
)
def test_varint_code_words(code: str, value: int) -> None:
    assert BitReader(bytes.fromhex(code)).read_varint() == value
    writer = BitWriter()
    writer.write_varint(value)
    assert writer.getvalue().hex() == code


@given(st.lists(st.tuples(st.sampled_from(["u", "ue", "varint"]), st.integers(0, (1 << 28) - 1))))
def test_what_is_written_is_read(items: list[tuple[str, int]]) -> None:
    writer = BitWriter()
    for kind, value in items:
        match kind:
            case "u":
                writer.write_bits(value, 28)
            case "ue":
                writer.write_ue(value)
            case _:
                writer.write_varint(value)
    size = writer.position
    writer.align()
    reader = BitReader(writer.getvalue())
    read = {
        "u": lambda: reader.read_bits(28),
        "ue": reader.read_ue,
        "varint": reader.read_varint,
    }
    assert [read[kind]() for kind, _ in items] == [value for _, value in items]
    assert reader.position == size


@given(st.binary(max_size=8))
def test_any_bytes_are_a_varint_or_an_error(data: bytes) -> None:
    reader = BitReader(data)
    try:
        value = reader.read_varint()
    except RefdecError:
        return
    writer = BitWriter()
    writer.write_varint(value)
    assert writer.getvalue() == data[: reader.offset]


def test_reading_beyond_the_end_says_where() -> None:
    reader = BitReader(b"\xff\xff", 0, 1)
    reader.read_bits(6)
    with pytest.raises(TruncatedStream) as caught:
        reader.read_bits(3)
    assert (caught.value.requirement, caught.value.offset) == ("BIT-001", 0)


def test_long_exp_golomb_prefix_is_an_error() -> None:
    # 31 zero bits are the most, and give values up to 2**32 - 2.
    writer = BitWriter()
    writer.write_ue((1 << 32) - 2)
    writer.align()
    assert BitReader(writer.getvalue()).read_ue() == (1 << 32) - 2
    with pytest.raises(MalformedStream, match="BIT-002"):
        BitReader(bytes(9)).read_ue()


def test_non_zero_padding_is_an_error() -> None:
    reader = BitReader(b"\x80\x01")
    reader.read_bits(1)
    reader.align()
    assert reader.position == 8
    reader.read_bits(7)
    with pytest.raises(MalformedStream, match="BIT-005"):
        reader.align()


def test_values_that_do_not_fit_are_refused() -> None:
    for write in (
        lambda writer: writer.write_bits(8, 3),
        lambda writer: writer.write_bits(-1, 3),
        lambda writer: writer.write_varint(1 << 28),
    ):
        with pytest.raises(ValueError, match="fit"):
            write(BitWriter())
    with pytest.raises(ValueError, match="negative"):
        BitWriter().write_ue(-1)


def test_bytes_need_a_byte_boundary() -> None:
    writer = BitWriter()
    writer.write_bits(1, 1)
    with pytest.raises(ValueError, match="bit 1"):
        writer.write_bytes(b"a")
    with pytest.raises(ValueError, match="incomplete"):
        writer.getvalue()
    reader = BitReader(b"ab")
    reader.read_bits(1)
    with pytest.raises(ValueError, match="bit 1"):
        reader.read_bytes(1)
    with pytest.raises(TruncatedStream, match="BIT-001"):
        BitReader(b"ab").read_bytes(3)
