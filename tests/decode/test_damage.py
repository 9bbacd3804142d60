# SPDX-License-Identifier: Apache-2.0
"""Whatever the bytes are, decoding ends in a picture or in one of the decoder's own errors."""

import time
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.strategies import codestreams
from refdec import Codestream, LimitExceeded, Limits, Picture, RefdecError, TruncatedStream, decode
from refdec.syntax.parser import parse_codestream
from refdec.syntax.segment import HyperLatentSegment, ResidualSegment
from refenc.codestream import write_codestream
from refenc.encode import Structure, picture_header
from tests.decode.streams import NAMES, outcome, stream
from tests.pictures import picture_of

EVERY_BIT = ("grey",)
SAMPLED_BITS = 50


@pytest.mark.parametrize("name", NAMES)
def test_every_proper_prefix_is_truncated(name: str) -> None:
    data = stream(name)
    for size in range(len(data)):
        error = outcome(data[:size])
        assert isinstance(error, TruncatedStream), (size, error)


@pytest.mark.parametrize("name", ["layers", "crc", "map"])
def test_every_prefix_decodes_as_far_as_it_goes_when_cuts_are_tolerated(name: str) -> None:
    data = stream(name)
    shape = decode(data).samples.shape
    results = [outcome(data[:size], tolerant=True) for size in range(0, len(data) + 1, 5)]
    kinds = [isinstance(result, Picture) for result in results]
    assert kinds == sorted(kinds)  # from some length on there is always a picture
    assert any(kinds)
    assert all(result.samples.shape == shape for result in results if isinstance(result, Picture))


@pytest.mark.parametrize("name", NAMES)
def test_every_bit_flip_is_a_picture_or_an_error(name: str) -> None:
    data = stream(name)
    bits = range(8 * len(data))
    if name not in EVERY_BIT:
        # All bits of the headers, then every nth.
        bits = [*bits[:144], *bits[144 :: max(1, len(bits) // SAMPLED_BITS)]]
    for bit in bits:
        damaged = bytearray(data)
        damaged[bit // 8] ^= 128 >> bit % 8
        result = outcome(bytes(damaged))
        if bit < 8 * 6:  # marker and signature
            assert isinstance(result, RefdecError)


@given(st.binary(max_size=300))
def test_random_bytes_are_no_codestream(data: bytes) -> None:
    assert isinstance(outcome(data), RefdecError)


@settings(max_examples=70)
@given(data=st.data())
def test_splices_of_streams(data: st.DataObject) -> None:
    """A part of one stream is replaced by a part of another, or by anything."""
    first = stream(data.draw(st.sampled_from(NAMES)))
    second = data.draw(st.one_of(st.sampled_from(NAMES).map(stream), st.binary(max_size=40)))
    begin, end = sorted(data.draw(st.tuples(*[st.integers(0, len(first))] * 2)))
    start, stop = sorted(data.draw(st.tuples(*[st.integers(0, len(second))] * 2)))
    outcome(first[:begin] + second[start:stop] + first[end:])


@settings(max_examples=70)
@given(data=st.data())
def test_damaged_payloads_in_a_sound_frame(data: st.DataObject) -> None:
    """Framing, lengths and CRC are right, so that the damage reaches the entropy decoder."""
    parsed = parse_codestream(stream(data.draw(st.sampled_from(NAMES))))
    index = data.draw(st.integers(-1, len(parsed.residual) - 1))
    segment = parsed.hyper_latent if index < 0 else parsed.residual[index]
    payload = bytearray(segment.payload)
    for _ in range(data.draw(st.integers(1, 3))):
        begin = data.draw(st.integers(0, len(payload)))
        end = min(len(payload), begin + data.draw(st.integers(0, 4)))
        payload[begin:end] = data.draw(st.binary(max_size=4))
    segment = replace(segment, payload=bytes(payload))
    if index < 0:
        damaged = replace(parsed, hyper_latent=segment)
    else:
        residual = (*parsed.residual[:index], segment, *parsed.residual[index + 1 :])
        damaged = replace(parsed, residual=residual)
    outcome(write_codestream(damaged))


@pytest.mark.parametrize("name", ["grey", "layers", "map"])
def test_every_payload_cut_short_in_a_sound_frame_is_an_error(name: str) -> None:
    parsed = parse_codestream(stream(name))
    for index, segment in enumerate(parsed.residual):
        for size in range(0, len(segment.payload), 3):
            cut = replace(segment, payload=segment.payload[:size])
            residual = (*parsed.residual[:index], cut, *parsed.residual[index + 1 :])
            result = outcome(write_codestream(replace(parsed, residual=residual)))
            assert isinstance(result, TruncatedStream)


@settings(max_examples=70)
@given(value=codestreams())
def test_any_codestream_that_parses_decodes_or_is_refused(value: Codestream) -> None:
    outcome(write_codestream(value), limits=Limits(max_pixels=1 << 16))


# -- sizes ----------------------------------------------------------------------------------------


def huge(structure: Structure, payload: bytes = b"") -> bytes:
    """Declare the largest picture that there is, and say next to nothing about it."""
    picture = picture_of(np.broadcast_to(np.uint8(0), (3, 4096, 16384)))
    header = picture_header(picture, quality=10, structure=structure)
    header = replace(header, level_idc=6)
    return write_codestream(
        Codestream(
            picture_header=header,
            hyper_latent=HyperLatentSegment(payload=payload),
            residual=tuple(
                ResidualSegment(layer_idx=layer, tile_idx=tile, payload=b"")
                for layer in range(header.num_layers)
                for tile in range(header.num_tiles)
            ),
        )
    )


LONGEST = bytes([0x00, 0x00]) + bytes([0xFF] * 4)
"""A sub-stream of one lane that decodes as many symbols as a state can hold, and no more."""


@pytest.mark.parametrize(
    ("structure", "payload"),
    [
        (Structure(), b""),
        (Structure(log2_lanes=0), LONGEST),
        (Structure(tile_size=1024), b""),
        (Structure(tile_size=1024, log2_lanes=0), LONGEST),
    ],
    ids=["empty", "one state", "tiles empty", "tiles one state"],
)
def test_a_huge_picture_of_a_few_bytes_is_refused_at_once(
    structure: Structure, payload: bytes
) -> None:
    data = huge(structure, payload)
    parse_codestream(data)
    decode(stream("grey"))  # tables and networks are at hand
    tracemalloc.start()
    begin = time.process_time()
    try:
        result = outcome(data)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert isinstance(result, TruncatedStream)
    assert time.process_time() - begin < 5 + len(data) / 1e4
    assert peak < (64 << 20) + 100 * len(data)


@pytest.mark.parametrize(
    ("limits", "element"),
    [
        (Limits(max_pixels=16 * 16 - 1), "width_minus1"),
        (Limits(max_level=0), "level_idc"),
    ],
)
def test_the_callers_budget_is_kept(limits: Limits, element: str) -> None:
    with pytest.raises(LimitExceeded) as caught:
        decode(stream("grey"), limits=limits)
    assert caught.value.element == element
    decode(stream("grey"), limits=Limits(max_pixels=16 * 16, max_level=1))
