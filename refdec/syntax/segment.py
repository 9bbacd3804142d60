# SPDX-License-Identifier: Apache-2.0
"""The segments of the codestream: markers, framing, and the payload of each."""

from dataclasses import dataclass, field
from enum import IntEnum
from typing import ClassVar

from refdec.syntax.declaration import Constraint, distinct
from refdec.syntax.descriptors import b, rest, u, ue, varint
from refdec.syntax.element import element, given, nested, this

SIGNATURE = 0x4A0D0A1A
"""``J \\r \\n ^Z``: tells JAI from other FF80 codestreams, and shows text-mode damage."""
NUM_SYNTHESIS_TRANSFORMS = 3
MAX_ENHANCED_TILE = 1 << 22
"""Most luma samples of a tile in a stream with enhancement."""
MAX_ERROR = 255
"""Largest max_error."""
MAX_FRAMES = 1 << 16
MAX_TICKS = 90000
"""Most ticks per second."""
MAX_LOOPS = (1 << 16) - 1
MAX_FRAME_TICKS = (1 << 24) - 1
_PARTIAL = {"present_if": this.whole_frame_flag == 0, "inferred": 0}


class Marker(IntEnum):
    """Markers with a meaning; FFA0 to FFAF are reserved for segments that a decoder skips."""

    SOC = 0xFF80
    EOC = 0xFF81
    PIH = 0xFF82
    TOH = 0xFF83
    SOZ = 0xFF88
    SOQ = 0xFF8B
    SOR = 0xFF90
    SOE = 0xFF91
    SOA = 0xFF92
    DPH = 0xFF93
    MTD = 0xFF94
    ANI = 0xFF95
    FRH = 0xFF96


RESERVED_MARKERS = range(0xFFA0, 0xFFB0)


class SynthesisTransform(IntEnum):
    """Values of synthesis_transform_idc."""

    SIMPLE = 0
    BASE = 1
    HIGH = 2


class MetadataType(IntEnum):
    """Values of metadata_type that this edition names; a decoder skips the others."""

    ICC = 1
    EXIF = 2
    XMP = 3
    JUMBF = 4
    USER = 5


class HashPoint(IntEnum):
    """Values of hash_point_idc."""

    LATENTS = 0
    SAMPLES = 1
    ENHANCED = 2
    ALPHA = 3


@dataclass(frozen=True, kw_only=True)
class SegmentHeader:
    """Framing before the payload of every segment."""

    marker: int = element(u(16), "Kind of segment.", "SEG-001", (*Marker, *RESERVED_MARKERS))
    payload_length: int = element(
        varint(),
        "Bytes of the payload.",
        present_if=(this.marker != Marker.SOC) & (this.marker != Marker.EOC),
        inferred=0,
    )


@dataclass(frozen=True, kw_only=True)
class SegmentCheck:
    """Framing after the payload, when segment_crc_flag is 1."""

    segment_crc: int = element(u(32), "CRC-32C of marker, length and payload.")


@dataclass(frozen=True, kw_only=True)
class StartOfCodestream:
    """Start of codestream (SOC), after the marker."""

    signature: int = element(u(32), "The bytes 4A 0D 0A 1A.", "SOC-002", (SIGNATURE,))


@dataclass(frozen=True, kw_only=True)
class ToolHeader:
    """Tool header (TOH): synthesis transforms, most recommended first; enhancement."""

    num_synthesis_minus1: int = element(
        u(2),
        "Number of synthesis transforms that follow, minus 1.",
        requirement="TOH-002",
        allowed=range(NUM_SYNTHESIS_TRANSFORMS),
    )
    synthesis_transform_idc: tuple[int, ...] = element(
        u(2),
        "Synthesis transform that the stream is meant for: 0 simple, 1 base, 2 high.",
        requirement="TOH-003",
        allowed=range(NUM_SYNTHESIS_TRANSFORMS),
        count=this.num_synthesis_minus1 + 1,
    )
    enhancement_flag: int = element(u(1), "1: enhancement segments (SOE) refine the samples.")
    base_flag: int = element(
        u(1),
        "1: there is a lossy picture; 0: the SOE segments hold the whole picture.",
        present_if=this.enhancement_flag == 1,
        inferred=1,
    )
    base_transform_idc: int = element(
        u(2),
        "Synthesis transform of the lossy picture that is enhanced.",
        requirement="TOH-005",
        allowed=range(NUM_SYNTHESIS_TRANSFORMS),
        present_if=(this.enhancement_flag == 1) & (this.base_flag == 1),
        inferred=0,
    )
    match_flag: int = element(
        u(1),
        "1: repeated pixels are coded as matches.",
        present_if=this.enhancement_flag == 1,
        inferred=0,
    )
    max_error: int = element(
        ue(),
        "Largest difference of a sample from the source; 0: lossless.",
        requirement="TOH-006",
        maximum=MAX_ERROR,
        present_if=this.enhancement_flag == 1,
        inferred=0,
    )
    alpha_flag: int = element(u(1), "1: alpha segments (SOA) hold the opacity of the picture.")
    alpha_bit_depth_minus8: int = element(
        u(4),
        "Bits per alpha sample, minus 8.",
        requirement="TOH-008",
        allowed=range(9),
        present_if=this.alpha_flag == 1,
        inferred=0,
    )
    alpha_premultiplied_flag: int = element(
        u(1),
        "1: the colour samples are multiplied by alpha already.",
        present_if=this.alpha_flag == 1,
        inferred=0,
    )
    alpha_match_flag: int = element(
        u(1),
        "1: repeated alpha samples are coded as matches.",
        present_if=this.alpha_flag == 1,
        inferred=0,
    )

    CONSTRAINTS: ClassVar[tuple[Constraint, ...]] = (
        distinct("TOH-004", "synthesis_transform_idc"),
    )

    @property
    def alpha_bit_depth(self) -> int:
        """Bits per alpha sample, 8 to 16."""
        return self.alpha_bit_depth_minus8 + 8


DEFAULT_TOOL_HEADER = ToolHeader(
    num_synthesis_minus1=0,
    synthesis_transform_idc=(SynthesisTransform.BASE,),
    enhancement_flag=0,
    alpha_flag=0,
)
"""In force when the stream has no tool header."""


@dataclass(frozen=True, kw_only=True)
class AnimationHeader:
    """Animation (ANI): how many frames follow, and how they are timed."""

    num_frames_minus1: int = element(
        ue(), "Number of frames, minus 1.", requirement="ANI-001", maximum=MAX_FRAMES - 1
    )
    ticks_per_second_minus1: int = element(
        ue(), "Units of the frame durations, minus 1.", requirement="ANI-002", maximum=MAX_TICKS - 1
    )
    loop_count: int = element(
        ue(),
        "Times that the animation plays; 0: for ever.",
        requirement="ANI-003",
        maximum=MAX_LOOPS,
    )


@dataclass(frozen=True, kw_only=True)
class FrameHeader:
    """Frame header (FRH): how long a frame is shown, and which part of the picture it replaces."""

    frame_ticks: int = element(
        ue(), "Duration in ticks.", requirement="FRH-002", maximum=MAX_FRAME_TICKS
    )
    frame_quality_flag: int = element(u(1), "1: the frame has a quality index of its own.")
    frame_quality_idx: int = element(
        u(6),
        "Quality index of the frame, instead of quality_idx.",
        present_if=this.frame_quality_flag == 1,
        inferred=0,
    )
    whole_frame_flag: int = element(u(1), "1: the frame is as large as the picture.")
    frame_x: int = element(
        u(given.picture_size_bits), "Left edge in the picture, in luma samples.", **_PARTIAL
    )
    frame_y: int = element(
        u(given.picture_size_bits), "Top edge in the picture, in luma samples.", **_PARTIAL
    )
    frame_width_minus1: int = element(
        u(given.picture_size_bits), "Width in luma samples, minus 1.", **_PARTIAL
    )
    frame_height_minus1: int = element(
        u(given.picture_size_bits), "Height in luma samples, minus 1.", **_PARTIAL
    )


@dataclass(frozen=True, kw_only=True)
class Metadata:
    """Metadata (MTD): one blob that no decoding process needs."""

    metadata_type: int = element(u(8), "1 ICC, 2 Exif, 3 XMP, 4 JUMBF, 5 user data.")
    payload: bytes = element(rest(), "The metadata, in the format that its type names.")


@dataclass(frozen=True, kw_only=True)
class QualityMapSegment:
    """Quality map (SOQ): offsets of the quality index, one per latent position."""

    map_scale_idx: int = element(
        u(7), "Scale index whose probability table codes the differences.", "SOQ-001", range(80)
    )
    reserved_zero_1bit: int = element(u(1), "Reserved.", "SOQ-002", (0,))
    payload: bytes = element(rest(), "One entropy-coded sub-stream.")
    offset: int = field(default=0, compare=False)
    """Byte offset of the payload in the codestream."""


@dataclass(frozen=True, kw_only=True)
class HyperLatentSegment:
    """Hyper-latent (SOZ) of the whole picture."""

    payload: bytes = element(rest(), "One entropy-coded sub-stream.")
    offset: int = field(default=0, compare=False)
    """Byte offset of the payload in the codestream."""


@dataclass(frozen=True, kw_only=True)
class ResidualSegment:
    """Latent residual (SOR) of one layer of one tile."""

    layer_idx: int = element(
        ue(),
        "Layer.",
        requirement="SOR-001",
        maximum=given.num_layers - 1,
        present_if=given.num_layers * given.num_tiles > 1,
        inferred=0,
    )
    tile_idx: int = element(
        ue(),
        "Tile, counted row by row.",
        requirement="SOR-002",
        maximum=given.num_tiles - 1,
        present_if=given.num_layers * given.num_tiles > 1,
        inferred=0,
    )
    payload: bytes = element(rest(), "One entropy-coded sub-stream.")
    offset: int = field(default=0, compare=False)
    """Byte offset of the payload in the codestream."""


@dataclass(frozen=True, kw_only=True)
class AlphaSegment:
    """Alpha (SOA) of one tile."""

    tile_idx: int = element(
        ue(),
        "Tile, counted row by row.",
        requirement="SOA-001",
        maximum=given.num_tiles - 1,
        present_if=given.num_tiles > 1,
        inferred=0,
    )
    payload: bytes = element(rest(), "One entropy-coded sub-stream.")
    offset: int = field(default=0, compare=False)
    """Byte offset of the payload in the codestream."""


@dataclass(frozen=True, kw_only=True)
class EnhancementSegment:
    """Enhancement (SOE) of one tile."""

    tile_idx: int = element(
        ue(),
        "Tile, counted row by row.",
        requirement="SOE-001",
        maximum=given.num_tiles - 1,
        present_if=given.num_tiles > 1,
        inferred=0,
    )
    payload: bytes = element(rest(), "One entropy-coded sub-stream.")
    offset: int = field(default=0, compare=False)
    """Byte offset of the payload in the codestream."""


@dataclass(frozen=True, kw_only=True)
class PictureHash:
    """One digest of a DPH segment."""

    hash_point_idc: int = element(
        u(2),
        "What is digested: 0 latents (L), 1 samples (S), 2 enhanced samples (E), 3 alpha (A).",
    )
    synthesis_transform_idc: int = element(
        u(2),
        "Synthesis transform of the samples; 0 for other points.",
        requirement="DPH-002",
        allowed=range(NUM_SYNTHESIS_TRANSFORMS),
    )
    reserved_zero_4bits: int = element(u(4), "Reserved.", requirement="DPH-003", allowed=(0,))
    digest: bytes = element(b(256), "SHA-256.")

    CONSTRAINTS: ClassVar[tuple[Constraint, ...]] = (
        Constraint(
            "DPH-004",
            "synthesis_transform_idc",
            "synthesis_transform_idc shall be 0 unless hash_point_idc is 1",
            lambda h: h.hash_point_idc == HashPoint.SAMPLES or h.synthesis_transform_idc == 0,
        ),
    )


@dataclass(frozen=True, kw_only=True)
class DecodedPictureHash:
    """Decoded picture hash (DPH)."""

    num_hashes_minus1: int = element(u(4), "Number of hashes that follow, minus 1.")
    reserved_zero_4bits: int = element(u(4), "Reserved.", requirement="DPH-003", allowed=(0,))
    hashes: tuple[PictureHash, ...] = nested(
        PictureHash, "The digests.", count=this.num_hashes_minus1 + 1
    )

    CONSTRAINTS: ClassVar[tuple[Constraint, ...]] = (
        Constraint(
            "DPH-005",
            "hashes",
            "each hash point and synthesis transform shall have at most one hash",
            lambda h: (
                len({(x.hash_point_idc, x.synthesis_transform_idc) for x in h.hashes})
                == len(h.hashes)
            ),
        ),
    )
