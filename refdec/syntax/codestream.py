# SPDX-License-Identifier: Apache-2.0
"""The codestream as typed values.

An animation is a codestream whose frames are codestreams: each has the headers and the segments
that a still of its own would have.
"""

from dataclasses import dataclass, field

from refdec.syntax.declaration import elements_of
from refdec.syntax.framing import Segment
from refdec.syntax.picture_header import PictureHeader
from refdec.syntax.segment import (
    DEFAULT_TOOL_HEADER,
    AlphaSegment,
    AnimationHeader,
    EnhancementSegment,
    FrameHeader,
    HyperLatentSegment,
    Metadata,
    PictureHash,
    QualityMapSegment,
    ResidualSegment,
    ToolHeader,
)


@dataclass(frozen=True, kw_only=True)
class Codestream:
    """Everything that the segments of a codestream, or of one frame of it, say."""

    picture_header: PictureHeader
    """Of a frame: with the frame's size and quality."""
    tool_header: ToolHeader | None = None
    animation: AnimationHeader | None = None
    metadata: tuple[Metadata, ...] = ()
    """Metadata before the picture."""
    frame_header: FrameHeader | None = None
    """Of a frame."""
    quality_map: QualityMapSegment | None = None
    hyper_latent: HyperLatentSegment | None = None
    """None when there is no lossy picture."""
    residual: tuple[ResidualSegment, ...] = ()
    """In order of layer, then tile."""
    alpha: tuple[AlphaSegment, ...] = ()
    """In order of tile."""
    enhancement: tuple[EnhancementSegment, ...] = ()
    """In order of tile."""
    trailing_metadata: tuple[Metadata, ...] = ()
    """Metadata after the picture."""
    hashes: tuple[PictureHash, ...] = ()
    frames: tuple["Codestream", ...] = ()
    """Of an animation, which has no segments of a picture itself."""
    is_complete: bool = True
    """False when the stream was cut and parsed in tolerant mode."""
    segments: tuple[Segment, ...] = field(default=(), compare=False)
    """All segments with their places, as parsed."""

    @property
    def tools(self) -> ToolHeader:
        """The tool header in force."""
        return self.tool_header or DEFAULT_TOOL_HEADER


def segment_variables(header: PictureHeader) -> dict[str, int]:
    """Return what `given` stands for in the segments after a picture header."""
    return {
        "num_layers": header.num_layers,
        "num_tiles": header.num_tiles,
        "picture_size_bits": header.picture_size_bits_minus1 + 1,
    }


def header_values(codestream: Codestream) -> list[int]:
    """Return the values of all elements of PIH, the tool header in force, and FRH, in order.

    Of an element that is not present it is the inferred one; arrays give each of their items.
    """
    values: list[int] = []
    for header in (codestream.picture_header, codestream.tools, codestream.frame_header):
        kind: type = type(header)
        for item in elements_of(kind) if header is not None else ():
            value = getattr(header, item.name)
            values += value if isinstance(value, tuple) else (value,)
    return values
