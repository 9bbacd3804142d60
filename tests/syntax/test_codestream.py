# SPDX-License-Identifier: Apache-2.0

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.strategies import codestreams
from refdec.errors import MalformedStream, RefdecError, TruncatedStream
from refdec.syntax.codestream import Codestream
from refdec.syntax.parser import inspect_codestream, parse_codestream
from refdec.syntax.segment import (
    DEFAULT_TOOL_HEADER,
    HyperLatentSegment,
    Marker,
    Metadata,
    ResidualSegment,
)
from refenc.codestream import write_codestream, write_segment
from tests.syntax.streams import (
    END,
    MTD,
    SOR,
    SOZ,
    START,
    full_stream,
    header_segment,
    picture_header,
)

MINIMAL = Codestream(
    picture_header=picture_header(),
    hyper_latent=HyperLatentSegment(payload=b"z"),
    residual=(ResidualSegment(payload=b"abc"),),
)


def test_minimal_stream_byte_by_byte() -> None:
    data = bytes.fromhex(
        "ff80 4a0d0a1a"  # SOC
        "ff82 06 2135fef4a080"  # PIH
        "ff88 01 7a"  # SOZ
        "ff90 03 616263"  # SOR
        "ff81"  # EOC
    )
    assert write_codestream(MINIMAL) == data
    parsed = parse_codestream(data)
    assert parsed == MINIMAL
    assert parsed.tools is DEFAULT_TOOL_HEADER
    assert [segment.name for segment in parsed.segments] == ["SOC", "PIH", "SOZ", "SOR", "EOC"]
    assert (parsed.hyper_latent.offset, parsed.residual[0].offset) == (18, 22)


def test_residual_of_one_of_several_tiles_byte_by_byte() -> None:
    data = write_codestream(full_stream())
    segment = parse_codestream(data).segments[-4]
    # marker, length 3, layer_idx 1 = 010, tile_idx 1 = 010, padding 00, payload 01 01, CRC
    assert data[segment.offset : segment.payload_end].hex() == "ff90034801" + "01"
    assert segment.end - segment.payload_end == 4


@given(codestreams())
def test_round_trip(codestream: Codestream) -> None:
    data = write_codestream(codestream)
    parsed = parse_codestream(data)
    assert parsed == codestream
    assert write_codestream(parsed) == data
    for residual in parsed.residual:
        assert data[residual.offset :].startswith(residual.payload)
    ends = [segment.end for segment in parsed.segments]
    assert [segment.offset for segment in parsed.segments] == [0, *ends[:-1]]
    assert ends[-1] == len(data)


def test_every_proper_prefix_is_truncated() -> None:
    data = write_codestream(full_stream())
    for size in range(len(data)):
        with pytest.raises(TruncatedStream) as caught:
            parse_codestream(data[:size])
        assert caught.value.requirement in {"SEG-003", "EOC-001"}
        assert caught.value.offset is not None


def test_tolerant_parsing_keeps_the_whole_segments_of_a_cut_stream() -> None:
    whole = full_stream()
    data = write_codestream(whole)
    segments = parse_codestream(data).segments
    soz_end = next(segment.end for segment in segments if segment.marker == Marker.SOZ)
    residual_ends = [segment.end for segment in segments if segment.marker == Marker.SOR]
    for size in range(len(data)):
        if size < soz_end:
            with pytest.raises(TruncatedStream):
                parse_codestream(data[:size], tolerant=True)
            continue
        cut = parse_codestream(data[:size], tolerant=True)
        assert not cut.is_complete
        assert cut.residual == whole.residual[: sum(end <= size for end in residual_ends)]
    assert parse_codestream(data, tolerant=True) == whole


def test_every_bit_flip_is_a_result_or_our_error() -> None:
    data = write_codestream(full_stream())
    rows, _ = inspect_codestream(data)
    bits = [
        row.bit_offset + bit
        for row in rows
        if not row.element.endswith(("digest", "segment_crc"))
        for bit in range(row.width)
    ]
    for bit in bits:
        flipped = bytearray(data)
        flipped[bit // 8] ^= 0x80 >> bit % 8
        for tolerant in (False, True):
            try:
                parse_codestream(bytes(flipped), tolerant=tolerant)
            except RefdecError as error:
                assert error.requirement is not None


@given(st.binary(max_size=60), st.booleans())
def test_random_bytes_are_our_error(tail: bytes, tolerant: bool) -> None:
    for data in (tail, START + tail, START + header_segment() + tail):
        with pytest.raises(RefdecError):
            parse_codestream(data, tolerant=tolerant)


@given(st.lists(st.sampled_from([header_segment(), SOZ, SOR, MTD, END]), max_size=6))
def test_any_order_of_segments_is_a_result_or_our_error(segments: list[bytes]) -> None:
    try:
        parsed = parse_codestream(START + b"".join(segments))
    except RefdecError as error:
        assert error.requirement is not None
        return
    assert segments[0] == header_segment()
    assert parsed.residual == MINIMAL.residual


def test_reserved_segments_are_skipped() -> None:
    reserved = write_segment(0xFFA7, b"future")
    data = b"".join(
        [START, header_segment(), reserved, SOZ, reserved, SOR, reserved, MTD, reserved, END]
    )
    parsed = parse_codestream(data)
    assert parsed == replace(
        MINIMAL, trailing_metadata=(Metadata(metadata_type=5, payload=b"user"),)
    )
    assert [segment.name for segment in parsed.segments].count("FFA7") == 4


def test_crc_covers_reserved_segments() -> None:
    header = header_segment(default_structure_flag=0, segment_crc_flag=1)
    with_crc = [write_segment(marker, b"", has_crc=True) for marker in (0xFFA0, 0xFF88, 0xFF90)]
    parse_codestream(START + header + b"".join(with_crc) + END)
    broken = with_crc[0][:-1] + bytes([with_crc[0][-1] ^ 1])
    with pytest.raises(MalformedStream, match="SEG-008"):
        parse_codestream(START + header + broken + b"".join(with_crc[1:]) + END)


def test_large_length_is_refused_before_anything_is_read() -> None:
    data = START + header_segment() + bytes.fromhex("ff88 ffffff7f") + b"few bytes"
    with pytest.raises(TruncatedStream, match="more bytes"):
        parse_codestream(data)


def test_inspection_lists_every_element_in_order() -> None:
    data = write_codestream(full_stream())
    rows, error = inspect_codestream(data)
    assert error is None
    assert [row.bit_offset for row in rows] == sorted(row.bit_offset for row in rows)
    assert rows[-1].bit_offset + rows[-1].width == 8 * len(data)
    by_name = {(row.segment, row.element): row for row in rows}
    assert by_name["PIH", "width_minus1"].value == 99
    assert by_name["PIH", "layer_last_group[0]"].value == 2
    assert by_name["DPH", "hashes[1].digest"].width == 256
    assert by_name["TOH", "synthesis_transform_idc[1]"].requirements == ("TOH-003", "TOH-004")
    assert by_name["SOZ", "segment_crc"].width == 32


def test_inspection_stops_at_the_first_error() -> None:
    data = START + header_segment(log2_lanes=11)
    rows, error = inspect_codestream(data)
    assert rows[-1].element == "log2_lanes"
    assert error is not None
    # 6 bytes of SOC, 3 of framing, 36 bits of header.
    assert str(error) == "value 11 shall be in 0..10 [element=log2_lanes, byte 13, PIH-009]"


def test_writer_refuses_what_it_cannot_say() -> None:
    absent = replace(MINIMAL, residual=(ResidualSegment(tile_idx=1, payload=b"abc"),))
    with pytest.raises(ValueError, match="inferred"):
        write_codestream(absent)
    with pytest.raises(RefdecError, match="SOR-004"):
        write_codestream(replace(MINIMAL, residual=()))
    assert write_codestream(replace(MINIMAL, residual=()), check=False).endswith(SOZ + END)
