# SPDX-License-Identifier: Apache-2.0
"""The range coder: known answers, a literal oracle, round trips, and every kind of damage."""

import bisect
import struct
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refdec.entropy.rans import (
    ScalarSubstreamDecoder,
    SubstreamDecoder,
    VectorSubstreamDecoder,
    make_decoder,
)
from refdec.entropy.tables import FrequencyTables, load_residual_tables
from refdec.errors import ConstraintViolation, MalformedStream, RefdecError, TruncatedStream
from refenc.rans import Call, encode_substream, write_varint

KINDS: list[Any] = [ScalarSubstreamDecoder, VectorSubstreamDecoder]
OFFSET = 1000
SMALL = FrequencyTables.from_rows([[1024, 2048, 512, 512], [4095, 1], [1, 4095], [1, 1, 4093, 1]])
RESIDUAL = load_residual_tables().tables
LANES = [1, 2, 3, 4, 8, 15, 16, 17, 32, 64, 256, 1024]


def draw_call(tables: FrequencyTables, count: int, seed: int, *, uniform: bool = False) -> Call:
    """Symbols drawn from the tables, or with all symbols alike; escapes of every length."""
    random = np.random.default_rng(seed)
    index = random.integers(0, len(tables.bounds), count)
    bounds = tables.bounds[index]
    if uniform:
        symbols = random.integers(0, 2 * bounds + 2)
    else:
        symbols = tables.slot_symbols[index, random.integers(0, 4096, count)].astype(int)
    excess = (1 << random.integers(0, 17, count)) - random.integers(0, 2, count)
    escape = random.choice([-1, 1], count) * (bounds + np.clip(excess, 1, 65535))
    return index, np.where(symbols > 2 * bounds, escape, symbols - bounds)


def decode_all(
    kind: type[SubstreamDecoder],
    payload: bytes,
    calls: list[Call],
    lanes: int,
    tables: FrequencyTables,
) -> list[list[int]]:
    decoder = kind(payload, lanes=lanes, tables=tables, offset=OFFSET)
    values = [decoder.decode(index) for index, _ in calls]
    decoder.finish()
    assert all(array.dtype == np.int32 for array in values)
    return [array.tolist() for array in values]


def outcome(
    kind: type[SubstreamDecoder],
    payload: bytes,
    calls: list[Call],
    lanes: int,
    tables: FrequencyTables,
) -> object:
    """Return decoded values, or what the error says; anything but `RefdecError` escapes."""
    try:
        return decode_all(kind, payload, calls, lanes, tables)
    except RefdecError as caught:
        error = caught
    assert error.offset is not None
    assert OFFSET <= error.offset <= OFFSET + len(payload)
    assert error.requirement is not None
    assert error.requirement.startswith("ENT-")
    return type(error), error.requirement, error.element, error.offset, error.message


def parse(payload: bytes, lanes: int) -> tuple[list[int], list[int], bytes]:
    """Lane states, words and escape bytes."""
    size, position, more = 0, 0, True
    while more:
        byte = payload[position]
        position += 1
        size, more = size * 128 + byte % 128, byte >= 128
    states = struct.unpack_from(f">{lanes}I", payload, position)
    words = struct.unpack_from(f">{size}H", payload, position + 4 * lanes)
    escapes = payload[position + 4 * lanes + 2 * size :]
    return list(states), list(words), escapes


def compose(states: list[int], words: list[int], escapes: bytes) -> bytes:
    return (
        write_varint(len(words))
        + struct.pack(f">{len(states)}I{len(words)}H", *states, *words)
        + escapes
    )


def literal_decode(
    payload: bytes, calls: list[Call], lanes: int, tables: FrequencyTables
) -> list[list[int]]:
    """Decode word for word as the text says: cumulative search, renormalisation after the round."""
    states, words, escapes = parse(payload, lanes)
    bits = "".join(f"{byte:08b}" for byte in escapes)
    result = []
    for index, _ in calls:
        symbols = []
        for begin in range(0, len(index), lanes):
            for lane, table in enumerate(index[begin : begin + lanes]):
                bound = int(tables.bounds[table])
                frequency = tables.frequencies[table, : 2 * bound + 2].tolist()
                cumulative = [sum(frequency[:symbol]) for symbol in range(2 * bound + 2)]
                slot = states[lane] & 4095
                symbol = bisect.bisect_right(cumulative, slot) - 1
                states[lane] = frequency[symbol] * (states[lane] >> 12) + slot - cumulative[symbol]
                symbols.append((symbol, bound))
            for lane in range(lanes):
                if states[lane] < 1 << 16:
                    states[lane] = states[lane] << 16 | words.pop(0)
        values = []
        for symbol, bound in symbols:
            values.append(symbol - bound)
            if symbol == 2 * bound + 1:
                zeros = bits.index("1", 1) - 1
                magnitude = bound + int(bits[1 + zeros : 2 + 2 * zeros], 2)
                values[-1] = -magnitude if bits[0] == "1" else magnitude
                bits = bits[2 + 2 * zeros :]
        result.append(values)
    assert set(states) == {1 << 16}
    assert not words
    assert len(bits) < 8
    assert "1" not in bits
    return result


def one_call(*pairs: tuple[int, int]) -> list[Call]:
    table, value = zip(*pairs, strict=True)
    return [(np.array(table), np.array(value))]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("calls", "payload"),
    [
        # 65536 = 32 * 2048: slot 1024 of quotient 32 is 32 * 4096 + 1024
        (one_call((0, 0)), "00  00020400"),
        # ESCAPE: 65536 = 128 * 512, 128 * 4096 + 3584; escape bits 0 00100 00: +(1 + 4)
        (one_call((0, 5)), "00  00080e00  10"),
        # a second lane that is never used keeps 65536
        (one_call((0, 0)), "00  00020400 00010000"),
        # twice ESCAPE of frequency 1, the last first: 65536 * 4096 + 4095 is not below 1 << 20, so
        # the word 0fff is given away: 4096 * 4096 + 4095; escape bits 1 1 | 0 1 | 0000
        (one_call((1, -1), (1, 1)), "01  01000fff  0fff  d0"),
    ],
)
def test_known_answers(kind: type[SubstreamDecoder], calls: list[Call], payload: str) -> None:
    data = bytes.fromhex(payload)
    lanes = 2 if payload.endswith("00010000") else 1
    assert encode_substream(calls, lanes=lanes, tables=SMALL) == data
    assert decode_all(kind, data, calls, lanes, SMALL) == [calls[0][1].tolist()]


@pytest.mark.parametrize("lanes", [1, 2, 5, 16, 64])
def test_decoders_follow_the_literal_process(lanes: int) -> None:
    sizes = [0, 1, lanes - 1, lanes, lanes + 1, 3 * lanes + 2, 0, 40]
    calls = [draw_call(SMALL, size, seed, uniform=True) for seed, size in enumerate(sizes)]
    calls += [draw_call(RESIDUAL, 300, 9)]
    calls = [(index % 4, np.clip(values, -3, 3)) for index, values in calls]
    payload = encode_substream(calls, lanes=lanes, tables=SMALL)
    expected = literal_decode(payload, calls, lanes, SMALL)
    assert expected == [values.tolist() for _, values in calls]
    for kind in KINDS:
        assert decode_all(kind, payload, calls, lanes, SMALL) == expected


@pytest.mark.parametrize("lanes", LANES)
@pytest.mark.parametrize("uniform", [False, True])
def test_scalar_equals_vector(lanes: int, uniform: bool) -> None:
    sizes = [0, 1, 2 * lanes + 1, 1, 0, lanes, 2000, lanes - 1]
    calls = [
        draw_call(RESIDUAL, size, 100 * lanes + number, uniform=uniform)
        for number, size in enumerate(sizes)
    ]
    payload = encode_substream(calls, lanes=lanes, tables=RESIDUAL)
    expected = [values.tolist() for _, values in calls]
    for kind in KINDS:
        assert decode_all(kind, payload, calls, lanes, RESIDUAL) == expected


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("lanes", [1, 16])
def test_every_symbol_of_every_table(kind: type[SubstreamDecoder], lanes: int) -> None:
    calls = []
    for table, bound in enumerate(RESIDUAL.bounds.tolist()):
        values = np.arange(-bound - 1, bound + 2)
        calls.append((np.full(values.size, table), values))
    payload = encode_substream(calls, lanes=lanes, tables=RESIDUAL)
    expected = [values.tolist() for _, values in calls]
    assert decode_all(kind, payload, calls, lanes, RESIDUAL) == expected


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("lanes", [1, 4, 64])
@pytest.mark.parametrize("pair", [(1, 0), (2, 1), (3, -1), (3, 2)])
def test_extreme_symbols(kind: type[SubstreamDecoder], lanes: int, pair: tuple[int, int]) -> None:
    """Only the most probable symbol, only the least probable, only escapes."""
    calls = [(np.full(999, pair[0]), np.full(999, pair[1]))]
    payload = encode_substream(calls, lanes=lanes, tables=SMALL)
    assert decode_all(kind, payload, calls, lanes, SMALL) == [[pair[1]] * 999]


@pytest.mark.parametrize("kind", KINDS)
def test_escapes_of_every_length(kind: type[SubstreamDecoder]) -> None:
    powers = [1 << exponent for exponent in range(17)]
    excess = sorted({clipped for power in powers for clipped in (power - 1, power, power + 1)})
    values = np.array([sign * (1 + step) for step in excess[1:-2] for sign in (1, -1)])
    assert np.abs(values).max() == 1 + 65535
    calls = [(np.zeros(values.size, int), values)]
    payload = encode_substream(calls, lanes=4, tables=SMALL)
    assert decode_all(kind, payload, calls, 4, SMALL) == [values.tolist()]


@settings(deadline=None, max_examples=60)
@given(
    lanes=st.sampled_from(LANES),
    calls=st.lists(
        st.lists(st.tuples(st.integers(0, 3), st.integers(-65536, 65535)), max_size=70), max_size=5
    ),
    small=st.booleans(),
)
def test_round_trip(lanes: int, calls: list[list[tuple[int, int]]], small: bool) -> None:
    arrays = [
        (pairs[:, 0], pairs[:, 1] % 5 - 2 if small else np.clip(pairs[:, 1], -65535, 65535))
        for pairs in (np.array(call, int).reshape(-1, 2) for call in calls)
    ]
    payload = encode_substream(arrays, lanes=lanes, tables=SMALL)
    assert (payload == b"") == (not any(calls))
    expected = [values.tolist() for _, values in arrays]
    for kind in KINDS:
        assert decode_all(kind, payload, arrays, lanes, SMALL) == expected


@pytest.mark.parametrize("bad", [(0, 65537), (0, -70000), (4, 0), (-1, 0)])
def test_encoder_refuses(bad: tuple[int, int]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        encode_substream(one_call(bad), lanes=1, tables=SMALL)


@pytest.mark.parametrize(("lanes", "kind"), [(1, KINDS[0]), (8, KINDS[0]), (256, KINDS[1])])
def test_make_decoder_picks(lanes: int, kind: type[SubstreamDecoder]) -> None:
    assert type(make_decoder(b"", lanes=lanes, tables=SMALL, offset=0)) is kind


@pytest.mark.parametrize("kind", KINDS)
def test_empty_substream_has_no_symbols(kind: type[SubstreamDecoder]) -> None:
    assert decode_all(kind, b"", [(np.zeros(0, int), np.zeros(0, int))] * 2, 4, SMALL) == [[], []]


@cache
def damaged(name: str) -> tuple[bytes, list[Call]]:
    """Return a two-lane sub-stream with one thing wrong, and its calls."""
    calls = [draw_call(SMALL, 41, 1, uniform=True), draw_call(SMALL, 1, 2)]
    none: list[Call] = [(np.zeros(0, int), np.zeros(0, int))]
    good = encode_substream(calls, lanes=2, tables=SMALL)
    states, words, escapes = parse(good, 2)
    assert len(words) < 128
    assert len(escapes) < 128
    flipped = bytes([*escapes[:-1], escapes[-1] ^ 1])
    if escapes[-1] & 1:
        pytest.fail("the last escape byte should have padding")
    return {
        "long length": (b"\x80" + good, calls),
        "no length": (b"\x81", calls),
        "cut": (good[:10], calls),
        "low state": (compose([states[0], 65535], words, escapes), calls),
        "empty": (b"", calls),
        "no symbols": (compose([1 << 16, 1 << 16], [], b""), none),
        "word missing": (compose(states, words[:-1], escapes), calls),
        "word left over": (compose(states, [*words, 7], escapes), calls),
        "state": (compose([states[0] + 4096, states[1]], words, escapes), calls),
        "escape missing": (compose(states, words, escapes[:-1]), calls),
        "escape range": (compose(states, words, bytes(len(escapes))), calls),
        "escape left over": (compose(states, words, escapes + b"\0"), calls),
        "escape padding": (compose(states, words, flipped), calls),
    }[name]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("name", "error", "requirement"),
    [
        ("long length", MalformedStream, "ENT-002"),
        ("no length", TruncatedStream, "ENT-003"),
        ("cut", TruncatedStream, "ENT-003"),
        ("low state", ConstraintViolation, "ENT-005"),
        ("empty", TruncatedStream, "ENT-006"),
        ("no symbols", MalformedStream, "ENT-007"),
        ("word missing", TruncatedStream, "ENT-008"),
        ("word left over", MalformedStream, "ENT-008"),
        ("escape missing", TruncatedStream, "ENT-010"),
        ("escape range", ConstraintViolation, "ENT-011"),
        ("escape left over", MalformedStream, "ENT-012"),
        ("escape padding", MalformedStream, "ENT-013"),
    ],
)
def test_each_requirement(
    kind: type[SubstreamDecoder], name: str, error: type[RefdecError], requirement: str
) -> None:
    payload, calls = damaged(name)
    with pytest.raises(error) as caught:
        decode_all(kind, payload, calls, 2, SMALL)
    assert caught.value.requirement == requirement


@pytest.mark.parametrize("kind", KINDS)
def test_final_state(kind: type[SubstreamDecoder]) -> None:
    # x = 0x00020401 decodes the same symbol as 0x00020400, but leaves 65537.
    payload = compose([0x00020401, 0x00010000], [], b"")
    decoder = kind(payload, lanes=2, tables=SMALL, offset=OFFSET)
    assert decoder.decode(np.array([0])).tolist() == [0]
    with pytest.raises(ConstraintViolation) as caught:
        decoder.finish()
    assert caught.value.requirement == "ENT-009"
    assert caught.value.offset == OFFSET + 1


@pytest.mark.parametrize("lanes", [1, 4, 16])
def test_every_truncation_is_an_error(lanes: int) -> None:
    calls = [draw_call(SMALL, 150, 3, uniform=True), draw_call(SMALL, 30, 4)]
    payload = encode_substream(calls, lanes=lanes, tables=SMALL)
    for end in range(len(payload)):
        results = [outcome(kind, payload[:end], calls, lanes, SMALL) for kind in KINDS]
        assert results[0] == results[1]
        assert isinstance(results[0], tuple)
        assert results[0][0] is TruncatedStream


@pytest.mark.parametrize("lanes", [1, 4, 16])
def test_every_bit_flip_is_values_or_an_error(lanes: int) -> None:
    calls = [draw_call(SMALL, 60, 5, uniform=True), draw_call(SMALL, 7, 6)]
    payload = encode_substream(calls, lanes=lanes, tables=SMALL)
    for bit in range(8 * len(payload)):
        damage = bytearray(payload)
        damage[bit // 8] ^= 128 >> bit % 8
        results = [outcome(kind, bytes(damage), calls, lanes, SMALL) for kind in KINDS]
        assert results[0] == results[1]


@settings(deadline=None, max_examples=150)
@given(data=st.data(), lanes=st.sampled_from([1, 2, 16, 64]))
def test_random_payload_is_values_or_an_error(data: st.DataObject, lanes: int) -> None:
    states = data.draw(st.lists(st.integers(0, 2**32 - 1), min_size=lanes, max_size=lanes))
    words = data.draw(st.lists(st.integers(0, 65535), max_size=40))
    payload = data.draw(
        st.one_of(
            st.binary(max_size=200),
            st.just(
                compose([x | 1 << 16 for x in states], words, data.draw(st.binary(max_size=9)))
            ),
        )
    )
    calls = [draw_call(SMALL, count, 7) for count in data.draw(st.lists(st.integers(0, 90)))]
    results = [outcome(kind, payload, calls, lanes, SMALL) for kind in KINDS]
    assert results[0] == results[1]
