# SPDX-License-Identifier: Apache-2.0
"""Invalid streams: one element with a value that is reserved, too large, or at odds with others."""

from dataclasses import replace
from functools import cache

from conformance import build, edit
from conformance.recipes.faults import element_fault, invalid, set_element
from conformance.recipes.recipe import Recipe
from conformance.recipes.structure import many_segments, nothing
from conformance.recipes.syntax import every_segment, plain
from refenc.codestream import write_codestream


@cache
def full() -> bytes:
    """Return a stream with every element."""
    return write_codestream(every_segment())


@cache
def minimal() -> bytes:
    """Return a stream with the fewest elements."""
    return write_codestream(plain())


@cache
def grey_full() -> bytes:
    """Return a monochrome stream with an explicit format."""
    return write_codestream(plain(monochrome_flag=1, default_format_flag=0))


@cache
def identity() -> bytes:
    """Return a stream of Y, Cb, Cr with the identity matrix."""
    return write_codestream(plain(matrix_coefficients=0, ycc_flag=1))


@cache
def subsampled() -> bytes:
    """Return a stream of Y, Cb, Cr with subsampled chroma."""
    return write_codestream(plain(chroma_format_idc=2, ycc_flag=1))


@cache
def two_layers() -> bytes:
    """Return a stream in two layers."""
    return write_codestream(plain(**build.layers(2)))


@cache
def skipped(width: int, height: int, tile_height: int | None = None) -> bytes:
    """Return a picture of level 1 with next to nothing coded, and size elements of 16 bits."""
    grid = build.tiles(64, tile_height) if tile_height else {}
    declared = build.header(
        width, height, quality=0, level_idc=1, picture_size_bits_minus1=15, **grid
    )
    z_hat = build.random_z(declared, build.Draw(1), 0)
    return write_codestream(build.fill(declared, z_hat=z_hat, rule=nothing).codestream())


@cache
def level_one_lanes() -> bytes:
    """Return a stream of level 1 with the most lanes of the level."""
    return write_codestream(plain(log2_lanes=8))


def _header(requirement: str, name: str, *values: int) -> list[Recipe]:
    return [element_fault(requirement, name, value, segment="PIH", sound=full) for value in values]


def _hashes(requirement: str, name: str, value: int) -> Recipe:
    return element_fault(requirement, name, value, segment="DPH", sound=full)


def _repeated_hash() -> bytes:
    stream = every_segment()
    return write_codestream(replace(stream, hashes=(*stream.hashes, stream.hashes[0])), check=False)


RECIPES = (
    *_header("PIH-001", "profile_idc", 3, 15),
    *_header("PIH-002", "level_idc", 0, 7, 15),
    *_header("PIH-003", "model_set_idc", 15),
    *_header("PIH-004", "bit_depth_minus8", 9, 15),
    *_header("PIH-005", "chroma_format_idc", 3),
    *_header("PIH-006", "colour_primaries", 0, 3, 13, 23, 255),
    *_header("PIH-007", "transfer_characteristics", 0, 3, 19, 255),
    *_header("PIH-008", "matrix_coefficients", 3, 18, 255),
    *_header("PIH-009", "log2_lanes", 11, 15),
    *_header("PIH-010", "extension_flag", 1),
    *_header("PIH-011", "sample_float_flag", 1),
    element_fault("PIH-012", "chroma_format_idc", 2, segment="PIH", sound=grey_full),
    element_fault("PIH-013", "chroma_format_idc", 1, segment="PIH", sound=identity),
    element_fault(
        "PIH-017",
        "ycc_flag",
        1,
        segment="PIH",
        sound=grey_full,
        purpose="a monochrome picture of Y, Cb, Cr",
    ),
    element_fault(
        "PIH-017",
        "ycc_flag",
        0,
        segment="PIH",
        sound=subsampled,
        purpose="subsampled R, G, B",
    ),
    *_header("PIH-014", "layer_last_group[1]", 0, 1),
    *_header("PIH-015", "layer_last_group[1]", 15),
    invalid(
        "last-layer-empty",
        "the last layer has no channel group",
        "PIH-015",
        sound=two_layers,
        broken=lambda: set_element(
            two_layers(), "layer_last_group[0]", build.num_groups() - 1, segment="PIH"
        ),
        element="PIH.layer_last_group[0]",
        is_value=True,
    ),
    element_fault("PRF-001", "bit_depth_minus8", 5, segment="PIH", sound=grey_full),
    invalid(
        "simple",
        "Y, Cb, Cr in profile Simple",
        "PRF-002",
        sound=subsampled,
        broken=lambda: set_element(subsampled(), "profile_idc", 0, segment="PIH"),
        element="PIH.profile_idc",
        is_value=True,
    ),
    element_fault("LVL-001", "width_minus1", 2047, segment="PIH", sound=lambda: skipped(8, 1024)),
    element_fault("LVL-002", "width_minus1", 2048, segment="PIH", sound=lambda: skipped(8, 8)),
    element_fault("LVL-002", "height_minus1", 2048, segment="PIH", sound=lambda: skipped(8, 8)),
    element_fault(
        "LVL-003",
        "tile_height_minus1",
        0,
        segment="PIH",
        sound=lambda: skipped(1408, 129, 192),
        purpose="66 tiles, 64 are allowed",
    ),
    element_fault(
        "LVL-004",
        "tile_height_minus1",
        0,
        segment="PIH",
        sound=many_segments,
        purpose="38 tiles in a layer per group are more than 256 residual segments",
    ),
    element_fault("LVL-005", "log2_lanes", 9, segment="PIH", sound=level_one_lanes),
    element_fault(
        "TOH-001",
        "tool_header_flag",
        0,
        segment="PIH",
        sound=full,
        purpose="a tool header that was not announced",
    ),
    element_fault(
        "TOH-001",
        "tool_header_flag",
        1,
        segment="PIH",
        sound=minimal,
        purpose="the announced tool header is missing",
    ),
    element_fault("TOH-002", "num_synthesis_minus1", 3, segment="TOH", sound=full),
    element_fault("TOH-003", "synthesis_transform_idc[0]", 3, segment="TOH", sound=full),
    element_fault(
        "TOH-004",
        "synthesis_transform_idc[1]",
        1,
        segment="TOH",
        sound=lambda: write_codestream(edit.with_tools(plain(), 1, 0)),
    ),
    element_fault("SOQ-001", "map_scale_idx", 80, segment="SOQ", sound=full),
    element_fault("SOQ-001", "map_scale_idx", 127, segment="SOQ", sound=full),
    element_fault("SOQ-002", "reserved_zero_1bit", 1, segment="SOQ", sound=full),
    element_fault(
        "MTD-001",
        "metadata_type",
        1,
        segment="MTD",
        occurrence=1,
        sound=full,
        purpose="a second ICC profile",
    ),
    element_fault(
        "MTD-001",
        "metadata_type",
        1,
        segment="MTD",
        occurrence=2,
        sound=full,
        purpose="a second ICC profile, behind the residual",
        label="behind-residual",
    ),
    _hashes("DPH-002", "hashes[1].synthesis_transform_idc", 3),
    _hashes("DPH-003", "reserved_zero_4bits", 1),
    _hashes("DPH-003", "reserved_zero_4bits", 15),
    *(
        element_fault(
            "DPH-003",
            "hashes[0].reserved_zero_4bits",
            value,
            segment="DPH",
            sound=full,
            label=f"hash-reserved-zero-4bits-{value}",
        )
        for value in (1, 15)
    ),
    _hashes("DPH-003", "hashes[0].reserved_zero_4bits", 8),
    _hashes("DPH-004", "hashes[0].synthesis_transform_idc", 1),
    invalid(
        "repeated-hash",
        "the digest of the latents twice",
        "DPH-005",
        sound=full,
        broken=_repeated_hash,
        element="DPH.hashes",
    ),
    _hashes("BIT-001", "num_hashes_minus1", 3),
)
