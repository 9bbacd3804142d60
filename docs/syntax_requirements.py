# SPDX-License-Identifier: Apache-2.0
"""Identifiers of the requirements on the codestream's syntax, and what each one says."""

from docs.expressions import expression_text
from refdec.syntax.declaration import constraints_of, elements_of, values_text
from refdec.syntax.picture_header import PictureHeader
from refdec.syntax.segment import (
    AlphaSegment,
    AnimationHeader,
    DecodedPictureHash,
    EnhancementSegment,
    FrameHeader,
    HyperLatentSegment,
    Metadata,
    PictureHash,
    QualityMapSegment,
    ResidualSegment,
    SegmentCheck,
    SegmentHeader,
    StartOfCodestream,
    ToolHeader,
)

STRUCTURES: dict[type, str] = {
    SegmentHeader: "segment_header",
    SegmentCheck: "segment_check",
    StartOfCodestream: "start_of_codestream",
    PictureHeader: "picture_header",
    ToolHeader: "tool_header",
    AnimationHeader: "animation_header",
    Metadata: "metadata",
    FrameHeader: "frame_header",
    QualityMapSegment: "quality_map_segment",
    HyperLatentSegment: "hyper_latent_segment",
    ResidualSegment: "residual_segment",
    AlphaSegment: "alpha_segment",
    EnhancementSegment: "enhancement_segment",
    DecodedPictureHash: "decoded_picture_hash",
    PictureHash: "picture_hash",
}
"""Every declared structure and its name in the syntax tables."""

_FRAMING = {
    "BIT-001": "a segment shall contain every bit of its elements",
    "BIT-002": "the prefix of a ue(v) code word shall have at most 31 zero bits",
    "BIT-003": "a varint shall have at most 4 bytes",
    "BIT-004": "a varint shall have its shortest form",
    "BIT-005": "padding bits shall be zero",
    "SOC-001": "the first segment shall be SOC",
    "EOC-001": "the last segment shall be EOC",
    "EOC-002": "no byte shall follow EOC",
    "SEG-003": "the codestream shall contain every byte of its segments",
    "SEG-004": "the payload of a segment shall end with its last element",
    "SEG-005": "segments shall be in order",
    "SEG-006": "SOC, PIH, TOH and ANI, and SOQ, SOZ and DPH of a picture, shall occur at most once",
    "SEG-007": "PIH, FRH of a frame and, unless base_flag is 0, SOZ of a picture shall be present",
    "SEG-008": "segment_crc shall be the CRC-32C of the segment",
    "SEG-009": "there shall be at most 4096 MTD and reserved segments together",
    "TOH-001": "a TOH segment shall be present exactly when tool_header_flag is 1",
    "MTD-002": "metadata shall have at most 16777216 bytes",
    "MTD-001": "at most one metadata segment each shall be ICC, Exif and XMP",
    "SOR-003": "residual segments shall be in order of layer, then tile, each once",
    "SOR-004": "every layer of every tile shall have a residual segment",
    "SOE-002": "enhancement segments shall be in order of tile, each once",
    "SOE-003": "every tile shall have an enhancement segment exactly when enhancement_flag is 1",
    "SOE-007": "a tile with SOA or SOE segments shall have at most 4194304 luma samples",
    "SOA-002": "alpha segments shall be in order of tile, each once",
    "SOA-003": "every tile shall have an alpha segment exactly when alpha_flag is 1",
    "ANI-004": "there shall be as many frames as ANI says",
    "FRH-001": "a stream without ANI shall have no FRH segment",
    "FRH-003": "a frame shall lie inside the picture",
    "FRH-004": "the first frame shall be whole",
    "SOE-004": "there shall be no SOQ, SOZ and SOR segments when base_flag is 0",
    "PRF-003": "enhancement_flag shall be at most lossless_tools of the profile",
    "PRF-004": "alpha_flag shall be at most lossless_tools of the profile",
    "PRF-005": "an ANI segment shall only be present where the profile has animation",
    "PIH-015": "every layer shall have a channel group of the model set",
}


def syntax_requirements() -> dict[str, str]:
    """Return every requirement on the syntax, by identifier."""
    found = dict(_FRAMING)
    for structure in STRUCTURES:
        for item in elements_of(structure):
            if item.requirement and item.allowed is not None:
                found[item.requirement] = f"{item.name} shall be {values_text(item.allowed)}"
            elif item.requirement:
                limit = expression_text(item.maximum)
                found[item.requirement] = f"{item.name} shall be at most {limit}"
        for rule in constraints_of(structure):
            found[rule.requirement] = rule.summary
    return dict(sorted(found.items()))
