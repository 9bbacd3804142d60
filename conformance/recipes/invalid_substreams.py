# SPDX-License-Identifier: Apache-2.0
"""Invalid streams at the edges of what a decoder checks: ends of sub-streams, of codes, of ranges.

Each was written because a fault in the reference decoder survived all other streams.
"""

from dataclasses import replace
from functools import cache

import numpy as np

from conformance import build
from conformance.build import Content, Draw
from conformance.recipes.faults import invalid, with_payload
from conformance.recipes.invalid_codestream import hashed
from conformance.recipes.invalid_elements import full
from conformance.recipes.invalid_entropy import (
    Substream,
    changed_hyper,
    extreme_once,
    resized,
    sound,
)
from conformance.recipes.invalid_lossless import written
from conformance.recipes.recipe import Recipe
from conformance.recipes.structure import nothing
from refdec.arrays import U8Map
from refdec.entropy.quality_map import MAP_LANES
from refdec.lossless.samples import SampleFormat
from refdec.lossless.tables import load_lossless_tables
from refdec.syntax.codestream import Codestream
from refdec.syntax.parser import parse_codestream
from refdec.syntax.segment import Marker
from refenc.alpha import Alpha, add_alpha
from refenc.codestream import write_codestream
from refenc.exact import encode_exact
from refenc.lossless import encode_tile_samples
from refenc.rans import encode_substream

_WHOLE_BYTES = 3000
"""A residual whose escape ends with its third byte, as tables of small bounds have it."""
_SAMPLE = np.full((1, 1, 1), 200, np.uint8)
_LANES = 1


def _one_word_more(payload: bytes, lanes: int = _LANES) -> bytes:
    part = Substream.split(payload, lanes)
    return resized(replace(part, words=part.words + b"\x12\x34")).payload


@cache
def _with_map() -> Codestream:
    declared = build.header(32, 32, quality=40)
    offsets = np.arange(4, dtype=np.int32).reshape(2, 2)
    z_hat = build.random_z(declared, Draw(2), 0)
    return build.fill(declared, z_hat=z_hat, rule=nothing, offsets=offsets).codestream()


def _map_words_left() -> bytes:
    stream, segment = _with_map(), _with_map().quality_map
    changed = segment and replace(segment, payload=_one_word_more(segment.payload, MAP_LANES))
    return written(replace(stream, quality_map=changed))


@cache
def _sample() -> bytes:
    """Return a lossless picture of one sample, with alpha."""
    return add_alpha(
        encode_exact(_SAMPLE, with_matches=False), Alpha(samples=_SAMPLE[0]), with_matches=False
    )


def _enhancement_words_left() -> bytes:
    stream = parse_codestream(_sample())
    (segment,) = stream.enhancement
    changed = replace(segment, payload=_one_word_more(segment.payload))
    return written(replace(stream, enhancement=(changed,)))


def _alpha_words_left() -> bytes:
    stream = parse_codestream(_sample())
    (segment,) = stream.alpha
    changed = replace(segment, payload=_one_word_more(segment.payload))
    return written(replace(stream, alpha=(changed,)))


def _with_symbol(samples: U8Map, call: int, value: int | None, *, with_matches: bool) -> bytes:
    """Return a lossless picture with another last symbol of one call; None: as it is."""
    stream = parse_codestream(encode_exact(samples, with_matches=with_matches))
    tables = load_lossless_tables()
    calls, _ = encode_tile_samples(
        samples.astype(np.int32),
        sample_format=SampleFormat.of(stream.picture_header, 0),
        base=None,
        with_matches=with_matches,
        tables=tables,
    )
    if value is not None:
        calls[call][1][-1] = value
    payload = encode_substream(calls, lanes=_LANES, tables=tables.tables)
    (segment,) = stream.enhancement
    return written(replace(stream, enhancement=(replace(segment, payload=payload),)))


def _residual(name: str, value: int, sample: int) -> Recipe:
    """Declare a residual beyond that of a sample, the second of two in its wave."""
    samples = np.full((1, 2, 3), 128, np.uint8)
    samples[0, 1, 0] = sample
    return invalid(
        name,
        f"a residual of {value} of an 8-bit sample",
        "SOE-006",
        sound=lambda: _with_symbol(samples, 2, None, with_matches=False),
        broken=lambda: _with_symbol(samples, 2, value, with_matches=False),
        element="SOE.residual",
    )


def _match(name: str, value: int) -> Recipe:
    return invalid(
        name,
        f"a match symbol of {value}",
        "SOE-005",
        sound=lambda: _with_symbol(_SAMPLE, 0, None, with_matches=True),
        broken=lambda: _with_symbol(_SAMPLE, 0, value, with_matches=True),
        element="SOE.match",
    )


@cache
def _whole_bytes() -> Content:
    """Return content with one escape, which ends with a byte."""
    declared = build.header(32, 32, quality=40)
    z_hat = build.random_z(declared, Draw(2), 2)
    return build.fill(declared, z_hat=z_hat, rule=extreme_once(_WHOLE_BYTES))


def _byte_left() -> bytes:
    stream = _whole_bytes().codestream()
    (residual,) = stream.residual
    changed = replace(residual, payload=residual.payload + b"\0")
    return written(replace(stream, residual=(changed,)))


def _in_front(requirement: str, name: str, purpose: str, bits: bytes) -> Recipe:
    """Put bits in front of the first layer_idx."""
    return invalid(
        name,
        purpose,
        requirement,
        sound=full,
        broken=lambda: with_payload(full(), Marker.SOR, lambda payload: bits + payload),
        element="SOR.layer_idx",
    )


RECIPES = (
    _in_front("BIT-002", "prefix-32", "32 zero bits before layer_idx, one too many", bytes(4)),
    _in_front("SOR-001", "prefix-31", "31 zero bits before layer_idx, the most", b"\0\0\0\1" * 2),
    invalid("cut-in-digest", "DPH ends inside a digest", "BIT-001", sound=lambda: hashed("L"),
            broken=lambda: with_payload(hashed("L"), Marker.DPH, lambda payload: payload[:-1]),
            element="DPH.payload_length"),
    invalid("whole-byte-left", "a zero byte behind escapes that end with a byte", "ENT-012",
            sound=lambda: write_codestream(_whole_bytes().codestream()), broken=_byte_left,
            element="SOR.escape_byte"),
    invalid("hyper-words-left", "a word after the last of the hyper-latent", "ENT-008",
            sound=sound, broken=lambda: changed_hyper(_one_word_more), element="SOZ.word"),
    invalid("map-words-left", "a word after the last of the quality map", "ENT-008",
            sound=lambda: write_codestream(_with_map()), broken=_map_words_left,
            element="SOQ.word"),
    invalid("enhancement-words-left", "a word after the last of an enhanced tile", "ENT-008",
            sound=_sample, broken=_enhancement_words_left, element="SOE.word"),
    invalid("alpha-words-left", "a word after the last of a tile of alpha", "ENT-008",
            sound=_sample, broken=_alpha_words_left, element="SOA.word"),
    _residual("above", 128, 255),
    _residual("below", -129, 0),
    _match("above", 2),
    _match("below", -1),
)  # fmt: skip
