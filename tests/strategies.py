# SPDX-License-Identifier: Apache-2.0
"""Hypothesis strategies for every declared structure, built from the declarations alone."""

from collections.abc import Mapping
from typing import Any

from hypothesis import assume
from hypothesis import strategies as st

from refdec.syntax.codestream import Codestream
from refdec.syntax.declaration import Element, constraints_of, elements_of
from refdec.syntax.descriptors import evaluate
from refdec.syntax.picture_header import PictureHeader
from refdec.syntax.segment import (
    DEFAULT_TOOL_HEADER,
    AlphaSegment,
    EnhancementSegment,
    HyperLatentSegment,
    Metadata,
    PictureHash,
    ResidualSegment,
    ToolHeader,
)
from refenc.codestream import in_profile

MAX_PAYLOAD = 24
MAX_RESIDUAL_SEGMENTS = 40


def largest_value(item: Element, context: Mapping[str, Any]) -> int:
    """Return the largest integer that the descriptor of an element can say."""
    if item.descriptor.name == "u":
        return (1 << evaluate(item.descriptor.size, context)) - 1
    return {"varint": (1 << 28) - 1, "ue": (1 << 32) - 2}[item.descriptor.name]


def legal_values(item: Element, context: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    """Draw one legal value of an element, ends of the range included often."""
    if item.descriptor is None:
        return structures(item.structure)
    if item.descriptor.name == "b":
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
def codestreams(draw: st.DrawFn) -> Codestream:
    """Draw a codestream of few and small segments; the payloads are arbitrary bytes."""
    header = draw(
        picture_headers(
            {
                "picture_size_bits_minus1": st.integers(0, 8),
                "tile_width_minus1": st.integers(1, 8),
                "tile_height_minus1": st.integers(1, 8),
            }
        )
    )
    variables = {"num_layers": header.num_layers, "num_tiles": header.num_tiles}
    assume(header.num_layers * header.num_tiles <= MAX_RESIDUAL_SEGMENTS)
    metadata = draw(
        st.lists(
            structures(Metadata), max_size=4, unique_by=lambda blob: min(blob.metadata_type, 4)
        )
    )
    before = draw(st.integers(0, len(metadata)))
    payload = draw(st.binary(max_size=MAX_PAYLOAD))
    hash_keys = st.tuples(st.integers(0, 3), st.integers(0, 2)).map(
        lambda key: (key[0], key[1] if key[0] == 1 else 0)
    )
    tool_header = draw(structures(ToolHeader)) if header.tool_header_flag else None
    tools = tool_header or DEFAULT_TOOL_HEADER
    stream = Codestream(
        picture_header=header,
        tool_header=tool_header,
        metadata=tuple(metadata[:before]),
        hyper_latent=draw(structures(HyperLatentSegment)) if tools.base_flag else None,
        residual=tuple(
            ResidualSegment(layer_idx=layer, tile_idx=tile, payload=payload[: layer + tile])
            for layer in range(variables["num_layers"] * tools.base_flag)
            for tile in range(variables["num_tiles"])
        ),
        alpha=tuple(
            AlphaSegment(tile_idx=tile, payload=payload[tile:])
            for tile in range(variables["num_tiles"] * tools.alpha_flag)
        ),
        enhancement=tuple(
            EnhancementSegment(tile_idx=tile, payload=payload[tile:])
            for tile in range(variables["num_tiles"] * tools.enhancement_flag)
        ),
        trailing_metadata=tuple(metadata[before:]),
        hashes=tuple(
            PictureHash(
                hash_point_idc=point, synthesis_transform_idc=transform, digest=bytes([point] * 32)
            )
            for point, transform in draw(st.lists(hash_keys, max_size=4, unique=True))
        ),
    )
    return in_profile(stream, None) if tools.enhancement_flag or tools.alpha_flag else stream
