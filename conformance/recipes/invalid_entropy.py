# SPDX-License-Identifier: Apache-2.0
"""Invalid streams: one fault in an entropy-coded sub-stream."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from conformance import build
from conformance.build import Content, Draw
from conformance.recipes.entropy import empty_last_layer
from conformance.recipes.faults import invalid
from conformance.recipes.recipe import Recipe
from conformance.recipes.structure import nothing
from refdec.arrays import I32Map
from refdec.bits import BitReader
from refdec.entropy.context import Step
from refdec.entropy.hyper_latent import HYPER_LATENT_MAX
from refdec.entropy.quality_map import QUALITY_MAX
from refdec.entropy.rans import STATE_BYTES, STATE_LOW, WORD_BYTES
from refdec.entropy.residual import RESIDUAL_MAX
from refdec.syntax.segment import HyperLatentSegment
from refenc.codestream import write_codestream
from refenc.rans import write_varint

_ESCAPED = 1200
"""A residual whose escape ends in the middle of its third byte, whatever its table."""


@dataclass(frozen=True, kw_only=True)
class Substream:
    """The parts of an entropy-coded sub-stream."""

    num_words: bytes
    states: bytes
    words: bytes
    escapes: bytes

    @classmethod
    def split(cls, payload: bytes, lanes: int) -> "Substream":
        """Take a sound payload apart."""
        reader = BitReader(payload)
        words, first = reader.read_varint(), reader.offset
        states = first + STATE_BYTES * lanes
        end = states + WORD_BYTES * words
        return cls(
            num_words=payload[:first],
            states=payload[first:states],
            words=payload[states:end],
            escapes=payload[end:],
        )

    @property
    def payload(self) -> bytes:
        """The parts together."""
        return b"".join(vars(self).values())


Change = Callable[[Substream], Substream]


def resized(part: Substream, *, words: int = 0) -> Substream:
    """Change the length that a sub-stream states, but not what it holds."""
    return replace(part, num_words=write_varint(len(part.words) // WORD_BYTES + words))


def extreme_once(value: int) -> Callable[[Step], I32Map]:
    """Return a rule: the first coded residual has one value, the others of its call are zero."""
    spent: list[int] = []

    def rule(step: Step) -> I32Map:
        residual = nothing(step)
        if residual.size and not spent:
            residual[0] = value
            spent.append(1)
        return residual

    return rule


@cache
def base() -> Content:
    """Return the content that faults are put into: one tile, one layer, two lanes, one escape."""
    declared = build.header(32, 32, quality=40, log2_lanes=1)
    return build.fill(
        declared, z_hat=build.random_z(declared, Draw(2), 2), rule=extreme_once(_ESCAPED)
    )


@cache
def sound() -> bytes:
    """Return the stream of `base`."""
    return write_codestream(base().codestream())


@cache
def empty_layer() -> bytes:
    """Return a stream whose last layer has no symbols."""
    return write_codestream(empty_last_layer().codestream())


@cache
def largest() -> Content:
    """Return content with one residual of the largest value."""
    declared = build.header(32, 32, quality=40)
    z_hat = build.random_z(declared, Draw(2), 2)
    return build.fill(declared, z_hat=z_hat, rule=extreme_once(RESIDUAL_MAX))


@cache
def largest_hyper() -> Content:
    """Return content with one hyper-latent sample of the largest value."""
    declared = build.header(32, 32, quality=40)
    z_hat = build.random_z(declared, Draw(2), 0).copy()
    z_hat[0, 0, 0] = -HYPER_LATENT_MAX
    return build.fill(declared, z_hat=z_hat, rule=nothing)


def changed_residual(change: Change) -> bytes:
    """Return the base stream with another residual sub-stream."""
    stream = base().codestream()
    (residual,) = stream.residual
    part = change(Substream.split(residual.payload, base().header.num_lanes))
    broken = replace(residual, payload=part.payload)
    return write_codestream(replace(stream, residual=(broken,)), check=False)


def changed_hyper(change: Callable[[bytes], bytes]) -> bytes:
    """Return the base stream with another hyper-latent sub-stream."""
    stream = base().codestream()
    broken = HyperLatentSegment(payload=change(base().hyper_payload(base().z_hat)))
    return write_codestream(replace(stream, hyper_latent=broken), check=False)


def _fault(requirement: str, name: str, purpose: str, part: str, change: Change) -> Recipe:
    return invalid(
        name,
        purpose,
        requirement,
        sound=sound,
        broken=lambda: changed_residual(change),
        element=f"SOR.{part}",
    )


def _one_symbol_more() -> bytes:
    """Encode a symbol behind the last: no lane ends where it should, all else is right."""
    content = base()
    calls = content.layer_calls(layer_idx=0, tile_idx=0)
    extra = np.full(1, 40, np.int32), np.zeros(1, np.int32)
    stream = content.codestream()
    broken = replace(stream.residual[0], payload=content.residual_payload([*calls, extra]))
    return write_codestream(replace(stream, residual=(broken,)), check=False)


def _residual_beyond(sign: int) -> Recipe:
    def encoded(value: int) -> bytes:
        content = largest()
        calls = content.layer_calls(layer_idx=0, tile_idx=0)
        calls = [(t, np.where(np.abs(r) == RESIDUAL_MAX, value, r)) for t, r in calls]
        stream = content.codestream()
        residual = replace(stream.residual[0], payload=content.residual_payload(calls))
        return write_codestream(replace(stream, residual=(residual,)), check=False)

    return invalid(
        "above" if sign > 0 else "below",
        f"a residual of {sign * (RESIDUAL_MAX + 1)}",
        "SOR-005",
        sound=lambda: encoded(RESIDUAL_MAX),
        broken=lambda: encoded(sign * (RESIDUAL_MAX + 1)),
        element="SOR.residual",
    )


def _transform_beyond() -> bytes:
    content = base()
    stream, tile = content.codestream(), content.tiles[0]
    if tile.transform is None:
        message = "a tile has block transforms"
        raise LookupError(message)
    tables, values = tile.transform
    beyond = np.where(np.arange(values.size) == values.size - 1, values.max() + 9, values)
    calls = [(tables, beyond), *content.layer_calls(layer_idx=0, tile_idx=0)[1:]]
    residual = replace(stream.residual[0], payload=content.residual_payload(calls))
    return write_codestream(replace(stream, residual=(residual,)), check=False)


def _hyper_beyond() -> bytes:
    content = largest_hyper()
    z_hat = np.where(content.z_hat == -HYPER_LATENT_MAX, -HYPER_LATENT_MAX - 1, content.z_hat)
    stream = content.codestream()
    broken = HyperLatentSegment(payload=content.hyper_payload(z_hat))
    return write_codestream(replace(stream, hyper_latent=broken), check=False)


def _map_beyond(offset: int) -> bytes:
    """Return a stream whose quality map holds one offset, at the last position."""
    declared = build.header(32, 32, quality=40)
    offsets = np.zeros((2, 2), np.int32)
    offsets[1, 1] = min(offset, QUALITY_MAX)
    content = build.fill(
        declared, z_hat=build.random_z(declared, Draw(2), 0), rule=nothing, offsets=offsets
    )
    offsets[1, 1] = offset
    broken = replace(content, quality_map=build.quality_map(offsets, scale_idx=24))
    return write_codestream(broken.codestream())


def _symbols_in_empty_layer() -> bytes:
    stream = empty_last_layer().codestream()
    last = stream.residual[-1]
    idle = bytes(1) + STATE_LOW.to_bytes(STATE_BYTES, "big")
    residual = (*stream.residual[:-1], replace(last, payload=idle))
    return write_codestream(replace(stream, residual=residual), check=False)


def _with_words(part: Substream, words: bytes) -> Substream:
    return resized(replace(part, words=words))


def _with_escapes(part: Substream, escapes: bytes) -> Substream:
    return resized(replace(part, escapes=escapes))


def _first_state(part: Substream, state: int) -> Substream:
    encoded = state.to_bytes(STATE_BYTES, "big")
    return replace(part, states=encoded + part.states[STATE_BYTES:])


RECIPES = (
    _fault("ENT-002", "not-minimal", "num_words with an empty leading group", "num_words",
           lambda part: replace(part, num_words=b"\x80" + part.num_words)),
    _fault("ENT-002", "five-bytes", "num_words of five bytes", "num_words",
           lambda part: replace(part, num_words=b"\x81\x80\x80\x80\x01")),
    _fault("ENT-003", "more-words", "more words announced than there are bytes", "num_words",
           lambda part: resized(part, words=len(part.escapes) // WORD_BYTES + 1)),
    _fault("ENT-003", "huge", "2**28 - 1 words announced", "num_words",
           lambda part: replace(part, num_words=b"\xff\xff\xff\x7f")),
    invalid("length-cut", "a sub-stream that ends inside num_words", "ENT-003", sound=sound,
            broken=lambda: changed_hyper(lambda _: b"\x81"), element="SOZ.num_words"),
    _fault("ENT-008", "fewer-words", "one word more than announced", "word",
           lambda part: resized(part, words=-1)),
    _fault("ENT-005", "low-state", "first lane state 65535", "lane_state",
           lambda part: _first_state(part, STATE_LOW - 1)),
    _fault("ENT-005", "zero-state", "first lane state 0", "lane_state",
           lambda part: _first_state(part, 0)),
    invalid("empty-hyper-latent", "an empty sub-stream in place of the hyper-latent", "ENT-006",
            sound=sound, broken=lambda: changed_hyper(lambda _: b""), element="SOZ.payload"),
    invalid("idle-lanes", "lane states in a sub-stream without symbols", "ENT-007",
            sound=empty_layer, broken=_symbols_in_empty_layer, element="SOR.payload"),
    _fault("ENT-008", "words-left", "a word after the last that is needed", "word",
           lambda part: _with_words(part, part.words + b"\x12\x34")),
    _fault("ENT-008", "words-end", "the last word is missing", "word",
           lambda part: _with_words(part, part.words[:-WORD_BYTES])),
    invalid("final-state", "a lane that does not end in 65536", "ENT-009", sound=sound,
            broken=_one_symbol_more, element="SOR.lane_state"),
    _fault("ENT-010", "escapes-end", "the last escape byte is missing", "escape_byte",
           lambda part: _with_escapes(part, part.escapes[:-1])),
    _fault("ENT-010", "no-escapes", "no escape byte, but an escaped value", "escape_byte",
           lambda part: _with_escapes(part, b"")),
    _fault("ENT-011", "long-prefix", "an escape with 16 leading zeros", "escape_byte",
           lambda part: _with_escapes(part, b"\x00\x00\x40\x00\x20")),
    _fault("ENT-012", "escapes-left", "an escape byte that no value needs", "escape_byte",
           lambda part: _with_escapes(part, part.escapes + b"\0")),
    _fault("ENT-013", "padding", "a padding bit of the escapes is set", "escape_byte",
           lambda part: _with_escapes(part, part.escapes[:-1] + bytes([part.escapes[-1] | 1]))),
    invalid("above", "a quality offset of 64", "SOQ-003", sound=lambda: _map_beyond(QUALITY_MAX),
            broken=lambda: _map_beyond(QUALITY_MAX + 1), element="SOQ.quality_offset"),
    _residual_beyond(1),
    _residual_beyond(-1),
    invalid("escaped", "a block transform that is coded as an escape", "SOR-006", sound=sound,
            broken=_transform_beyond, element="SOR.transform_idx"),
    invalid("below", "a hyper-latent sample of -128", "SOZ-001",
            sound=lambda: write_codestream(largest_hyper().codestream()), broken=_hyper_beyond,
            element="SOZ.z_hat"),
)  # fmt: skip
