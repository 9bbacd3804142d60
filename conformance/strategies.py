# SPDX-License-Identifier: Apache-2.0
"""Hypothesis strategies for every declared structure, built from the declarations alone.

They need Hypothesis, which `pip install 'jai-codec[fuzz]'` brings.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from hypothesis import assume
from hypothesis import strategies as st

from refdec.syntax.codestream import Codestream, segment_variables
from refdec.syntax.declaration import Element, constraints_of, elements_of
from refdec.syntax.descriptors import Descriptor, evaluate
from refdec.syntax.picture_header import PictureHeader
from refdec.syntax.segment import (
    DEFAULT_TOOL_HEADER,
    AlphaSegment,
    AnimationHeader,
    EnhancementSegment,
    FrameHeader,
    HashPoint,
    HyperLatentSegment,
    Metadata,
    PictureHash,
    QualityMapSegment,
    ResidualSegment,
    ToolHeader,
)
from refenc.codestream import in_profile

MAX_PAYLOAD = 24
MAX_RESIDUAL_SEGMENTS = 40
MAX_DRAWN_FRAMES = 3


def largest_value(item: Element, context: Mapping[str, Any]) -> int:
    """Return the largest integer that the descriptor of an element can say."""
    match item.descriptor:
        case Descriptor(name="u", size=size):
            return (1 << int(evaluate(size, context))) - 1
        case Descriptor(name="varint"):
            return (1 << 28) - 1
        case Descriptor(name="ue"):
            return (1 << 32) - 2
    message = f"{item.name} is no integer"
    raise ValueError(message)


def legal_values(item: Element, context: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    """Draw one legal value of an element, ends of the range included often."""
    if item.structure is not None:
        return structures(item.structure)
    if item.descriptor is not None and item.descriptor.name == "b":
        size = item.descriptor.size
        least, most = (0, MAX_PAYLOAD) if size is None else (size // 8, size // 8)
        return st.binary(min_size=least, max_size=most)
    if item.allowed is not None:
        return st.sampled_from(sorted(map(int, item.allowed)))
    maximum = evaluate(item.maximum, context)
    return st.integers(0, largest_value(item, context) if maximum is None else maximum)


def illegal_values(item: Element, context: Mapping[str, Any]) -> list[int]:
    """Return the values next to the legal ones that the descriptor can say."""
    maximum = evaluate(item.maximum, context)
    if item.allowed is None and maximum is None:
        return []
    legal = {maximum} if item.allowed is None else set(map(int, item.allowed))
    nearby = {value + step for value in legal for step in (-1, 1)} - legal
    if maximum is not None:
        nearby = {maximum + 1}
    return sorted(value for value in nearby if 0 <= value <= largest_value(item, context))


@st.composite
def structures(
    draw: st.DrawFn,
    structure: type,
    variables: Mapping[str, int] | None = None,
    overrides: Mapping[str, st.SearchStrategy[Any]] | None = None,
) -> Any:
    """Draw a structure that keeps every rule declared for it."""
    context: dict[str, Any] = {"_params": variables or {}}
    ordered = {rule.element for rule in constraints_of(structure) if rule.kind == "increasing"}
    differing = {rule.element for rule in constraints_of(structure) if rule.kind == "distinct"}
    values: dict[str, Any] = {}
    for item in elements_of(structure):
        present = item.present_if is None or evaluate(item.present_if, context)
        legal = (overrides or {}).get(item.name)
        if not present:
            value = item.inferred
        elif item.count is None:
            value = draw(legal_values(item, context) if legal is None else legal)
        else:
            count = evaluate(item.count, context)
            unique = item.name in ordered | differing
            items = legal_values(item, context) if legal is None else legal
            drawn = draw(st.lists(items, min_size=count, max_size=count, unique=unique))
            value = tuple(sorted(drawn) if item.name in ordered else drawn)
        context[item.name] = values[item.name] = value
    result = structure(**values)
    assume(all(rule.holds(result) for rule in constraints_of(structure)))
    return result


def picture_headers(
    overrides: Mapping[str, st.SearchStrategy[Any]] | None = None,
) -> st.SearchStrategy[PictureHeader]:
    """Draw picture headers of level 6."""
    small = {"level_idc": st.just(6), "picture_size_bits_minus1": st.integers(0, 12)}
    return structures(PictureHeader, overrides=small | dict(overrides or {}))


@st.composite
def frame_headers(draw: st.DrawFn, header: PictureHeader, *, whole: bool) -> FrameHeader:
    """Draw a frame header whose rectangle lies in the picture and cuts no chroma sample.

    Parameters
    ----------
    header : of the animation.
    whole : the frame shall be as large as the picture.
    """
    is_whole = whole or draw(st.booleans())
    place = {"whole_frame_flag": int(is_whole)}
    chroma = header.plane_groups[-1]
    for axis, side, step, size in (
        ("x", "width", chroma.step_x, header.pic_width),
        ("y", "height", chroma.step_y, header.pic_height),
    ):
        start = step * draw(st.integers(0, (size - 1) // step))
        end = step * draw(st.integers(start // step + 1, -(-size // step)))
        place |= {f"frame_{axis}": start, f"frame_{side}_minus1": min(end, size) - start - 1}
    overrides = {name: st.just(value) for name, value in place.items()}
    frame: FrameHeader = draw(structures(FrameHeader, segment_variables(header), overrides))
    return frame


@st.composite
def stills(draw: st.DrawFn, header: PictureHeader, tool_header: ToolHeader | None) -> Codestream:
    """Draw the segments of a picture, or of a frame, with these headers, without metadata."""
    tools = tool_header or DEFAULT_TOOL_HEADER
    tiles = range(header.num_tiles)
    payload = draw(st.binary(max_size=MAX_PAYLOAD))
    has_map = tools.base_flag and draw(st.booleans())
    hash_keys = st.tuples(st.integers(0, 3), st.integers(0, 2)).map(
        lambda key: (key[0], key[1] if key[0] == HashPoint.SAMPLES else 0)
    )
    return Codestream(
        picture_header=header,
        tool_header=tool_header,
        quality_map=draw(structures(QualityMapSegment)) if has_map else None,
        hyper_latent=draw(structures(HyperLatentSegment)) if tools.base_flag else None,
        residual=tuple(
            ResidualSegment(layer_idx=layer, tile_idx=tile, payload=payload[: layer + tile])
            for layer in range(header.num_layers * tools.base_flag)
            for tile in tiles
        ),
        alpha=tuple(
            AlphaSegment(tile_idx=tile, payload=payload[tile:])
            for tile in tiles[: header.num_tiles * tools.alpha_flag]
        ),
        enhancement=tuple(
            EnhancementSegment(tile_idx=tile, payload=payload[tile:])
            for tile in tiles[: header.num_tiles * tools.enhancement_flag]
        ),
        hashes=tuple(
            PictureHash(
                hash_point_idc=point, synthesis_transform_idc=transform, digest=bytes([point] * 32)
            )
            for point, transform in draw(st.lists(hash_keys, max_size=4, unique=True))
        ),
    )


@st.composite
def codestreams(draw: st.DrawFn, num_groups: int | None = None) -> Codestream:
    """Draw a still or an animation of few and small segments; the payloads are arbitrary bytes.

    Parameters
    ----------
    num_groups : channel groups of the model set, which bound the layers; None draws headers that
        ask for more groups, too.
    """
    small = {
        "picture_size_bits_minus1": st.integers(0, 8),
        "tile_width_minus1": st.integers(1, 8),
        "tile_height_minus1": st.integers(1, 8),
    }
    if num_groups is not None:
        small["num_layers_minus1"] = st.integers(0, min(7, num_groups - 1))
        small["layer_last_group"] = st.integers(0, num_groups - 2)
    header = draw(picture_headers(small))
    assume(header.num_layers * header.num_tiles <= MAX_RESIDUAL_SEGMENTS)
    metadata = draw(
        st.lists(
            structures(Metadata), max_size=4, unique_by=lambda blob: min(blob.metadata_type, 4)
        )
    )
    before = draw(st.integers(0, len(metadata)))
    tool_header = draw(structures(ToolHeader)) if header.tool_header_flag else None
    leading, trailing = tuple(metadata[:before]), tuple(metadata[before:])
    if draw(st.integers(0, 3)):
        still = draw(stills(header, tool_header))
        still = replace(still, metadata=leading, trailing_metadata=trailing)
        needs_high = still.tools.enhancement_flag or still.tools.alpha_flag
        return in_profile(still, None) if needs_high else still
    frames = []
    for number in range(draw(st.integers(1, MAX_DRAWN_FRAMES))):
        frame = draw(frame_headers(header, whole=number == 0))
        drawn = draw(stills(header.of_frame(frame), tool_header))
        frames.append(replace(drawn, frame_header=frame))
    frames[-1] = replace(frames[-1], trailing_metadata=trailing)
    animation = draw(
        structures(AnimationHeader, overrides={"num_frames_minus1": st.just(len(frames) - 1)})
    )
    return in_profile(
        Codestream(
            picture_header=header,
            tool_header=tool_header,
            animation=animation,
            metadata=leading,
            frames=tuple(frames),
        ),
        None,
    )
