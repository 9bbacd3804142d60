# SPDX-License-Identifier: Apache-2.0
"""Parser of codestreams: segments in order, each checked against what came before."""

from collections import defaultdict
from dataclasses import replace
from typing import Any

from refdec.bits import BitReader
from refdec.errors import (
    ConstraintViolation,
    MalformedStream,
    NonConforming,
    RefdecError,
    TruncatedStream,
)
from refdec.syntax.codestream import Codestream, segment_variables
from refdec.syntax.element import ElementRow, parse_structure
from refdec.syntax.framing import Segment, parse_segment
from refdec.syntax.order import FIRST_OF_PICTURE, next_slot, structure_error
from refdec.syntax.picture_header import PictureHeader
from refdec.syntax.segment import (
    DEFAULT_TOOL_HEADER,
    MAX_ENHANCED_TILE,
    RESERVED_MARKERS,
    AlphaSegment,
    AnimationHeader,
    DecodedPictureHash,
    EnhancementSegment,
    FrameHeader,
    HyperLatentSegment,
    Marker,
    Metadata,
    MetadataType,
    QualityMapSegment,
    ResidualSegment,
    StartOfCodestream,
    ToolHeader,
)

MAX_SKIPPABLE = 4096
"""Most metadata and reserved segments together; bounds the time to parse."""
_STRUCTURES: dict[int, type[Any]] = {
    Marker.SOC: StartOfCodestream,
    Marker.PIH: PictureHeader,
    Marker.TOH: ToolHeader,
    Marker.ANI: AnimationHeader,
    Marker.MTD: Metadata,
    Marker.FRH: FrameHeader,
    Marker.SOQ: QualityMapSegment,
    Marker.SOZ: HyperLatentSegment,
    Marker.SOR: ResidualSegment,
    Marker.SOA: AlphaSegment,
    Marker.SOE: EnhancementSegment,
    Marker.DPH: DecodedPictureHash,
}
"""Payloads."""
_OF_STREAM: dict[int, str] = {
    Marker.PIH: "picture_header",
    Marker.TOH: "tool_header",
    Marker.ANI: "animation",
}
"""Fields of `Codestream` that hold for all frames."""
MAX_METADATA = 1 << 24
"""Most bytes of one metadata blob."""
_BEFORE_TOOL_HEADER = frozenset({Marker.SOC, Marker.PIH, Marker.MTD})
_UNIQUE_METADATA = frozenset({MetadataType.ICC, MetadataType.EXIF, MetadataType.XMP})


def parse_codestream(data: bytes, *, tolerant: bool = False) -> Codestream:
    """Parse a whole codestream.

    Parameters
    ----------
    data : the codestream from its first byte.
    tolerant : accept a stream that is cut after its first hyper-latent; what follows the last whole
        segment is dropped.

    Raises
    ------
    CodestreamError, UnsupportedFeature
        With the requirement, and the element and byte offset where there is one.
    """
    return _Parser(data, rows=None).parse(tolerant=tolerant)


def inspect_codestream(data: bytes) -> tuple[list[ElementRow], RefdecError | None]:
    """Return one row per syntax element, in stream order, up to the first error, and that error."""
    rows: list[ElementRow] = []
    found: RefdecError | None = None
    try:
        _Parser(data, rows=rows).parse(tolerant=False)
    except RefdecError as error:
        found = error
    return sorted(rows, key=lambda row: row.bit_offset), found


class _Parser:
    """The state of one parse: what the segments so far have said."""

    def __init__(self, data: bytes, *, rows: list[ElementRow] | None) -> None:
        self.data = data
        self.rows = rows
        self.slot = 0
        self.num_skippable = 0
        self.segments: list[Segment] = []
        self.frames: list[Codestream] = []
        self.stream: dict[str, Any] = {"metadata": ()}
        """Fields of the codestream, once read."""
        self.picture: dict[str, Any] = {}
        """Fields that belong to the picture, or to the frame that is being read."""
        self.parts: dict[str, list[Any]] = defaultdict(list)
        """Its segments per tile."""

    @property
    def header(self) -> PictureHeader:
        """The picture header in force."""
        header: PictureHeader = (self.stream | self.picture)["picture_header"]
        return header

    @property
    def tools(self) -> ToolHeader:
        return self.stream.get("tool_header") or DEFAULT_TOOL_HEADER

    def parse(self, *, tolerant: bool) -> Codestream:
        """Parse segments up to EOC, or in tolerant mode up to the end of the data."""
        offset, is_complete = 0, True
        while not self.segments or self.segments[-1].marker != Marker.EOC:
            try:
                segment = self._next_segment(offset)
            except TruncatedStream:
                if not tolerant or not (self.frames or "hyper_latent" in self.picture):
                    raise
                is_complete = False
                break
            self.segments.append(segment)
            self._count_skippable(segment)
            if segment.marker not in RESERVED_MARKERS:
                self._check_order(segment)
                self._parse_payload(segment)
            offset = segment.end
        if is_complete and offset != len(self.data):
            message = f"{len(self.data) - offset} bytes follow EOC"
            raise MalformedStream(message, requirement="EOC-002", offset=offset)
        return self._codestream(is_complete=is_complete)

    def _codestream(self, *, is_complete: bool) -> Codestream:
        common: dict[str, Any] = {"is_complete": is_complete, "segments": tuple(self.segments)}
        if "animation" not in self.stream:
            return Codestream(**(self.stream | self._picture_fields() | common))
        if "hyper_latent" in self.picture:  # the frame at which the stream was cut
            self.frames.append(self._frame())
        return Codestream(frames=tuple(self.frames), **self.stream, **common)

    def _frame(self) -> Codestream:
        return Codestream(tool_header=self.stream.get("tool_header"), **self._picture_fields())

    def _picture_fields(self) -> dict[str, Any]:
        return self.picture | {name: tuple(parts) for name, parts in self.parts.items()}

    def _next_segment(self, offset: int) -> Segment:
        if self.segments and offset == len(self.data):
            message = "the codestream ends without EOC"
            raise TruncatedStream(message, requirement="EOC-001", offset=offset)
        if not self.segments and len(self.data) > 1 and self.data[:2] != _SOC:
            message = "the codestream shall start with FF80"
            raise MalformedStream(message, requirement="SOC-001", element="marker", offset=0)
        has_header = "picture_header" in self.stream
        has_crc = has_header and self.header.segment_crc_flag == 1
        segment = parse_segment(self.data, offset, has_crc=has_crc, rows=self.rows)
        if segment.marker in RESERVED_MARKERS and not has_header:
            message = "PIH is missing"
            raise structure_error(message, "SEG-007", segment)
        return segment

    def _count_skippable(self, segment: Segment) -> None:
        self.num_skippable += segment.marker in RESERVED_MARKERS or segment.marker == Marker.MTD
        if self.num_skippable > MAX_SKIPPABLE:
            message = f"more than {MAX_SKIPPABLE} metadata and reserved segments"
            raise structure_error(message, "SEG-009", segment)

    def _check_order(self, segment: Segment) -> None:
        """Move to the segment's slot."""
        present = {"": True, "base": self.tools.base_flag, "animation": "animation" in self.stream}
        if segment.marker == Marker.FRH and self.slot > FIRST_OF_PICTURE and present["animation"]:
            self._finish_picture(segment)
            self.slot = FIRST_OF_PICTURE
        seen = any(other.marker == segment.marker for other in self.segments[:-1])
        self.slot = next_slot(segment, slot=self.slot, present=present, seen=seen)

    def _parse_payload(self, segment: Segment) -> None:
        structure = _STRUCTURES.get(segment.marker)
        value = None if structure is None else self._parse(structure, segment)
        if segment.marker in _OF_STREAM:
            self.stream[_OF_STREAM[segment.marker]] = value
        if segment.marker not in _BEFORE_TOOL_HEADER:
            self._check_tools(segment)
        match value:
            case Metadata():
                self._take_metadata(value, segment)
            case FrameHeader():
                self._begin_frame(value, segment)
            case QualityMapSegment():
                self.picture["quality_map"] = value
            case HyperLatentSegment():
                self.picture["hyper_latent"] = value
            case ResidualSegment() | AlphaSegment() | EnhancementSegment():
                self._take_part(value, segment)
            case DecodedPictureHash():
                self.picture["hashes"] = value.hashes
        if segment.marker == Marker.EOC:
            self._finish_picture(segment)
            self._check_num_frames(segment, is_last=True)

    def _parse(self, structure: type[Any], segment: Segment) -> Any:
        reader = BitReader(self.data, segment.payload_offset, segment.payload_end)
        has_header = "picture_header" in self.stream
        variables = segment_variables(self.header) if has_header else None
        parsed = parse_structure(
            structure, reader, segment=segment.name, variables=variables, rows=self.rows
        )
        try:
            reader.align()
        except MalformedStream as error:
            error.element = "padding"
            raise
        if reader.offset != segment.payload_end:
            message = f"{segment.payload_end - reader.offset} bytes follow the last element"
            raise MalformedStream(
                message, requirement="SEG-004", element="payload_length", offset=reader.offset
            )
        if hasattr(parsed, "offset"):
            return replace(parsed, offset=segment.payload_end - len(parsed.payload))
        return parsed

    def _check_tools(self, segment: Segment) -> None:
        """Check what was announced, and that the profile has it."""
        announced = self.header.tool_header_flag == 1
        if announced != ("tool_header" in self.stream):
            message = "TOH is missing" if announced else "TOH is present without tool_header_flag"
            raise ConstraintViolation(
                message, requirement="TOH-001", element="tool_header_flag", offset=segment.offset
            )
        tools, profile = self.tools, self.header.profile
        if tools.enhancement_flag > profile.lossless_tools:
            raise _not_in_profile(segment, "enhancement_flag", "PRF-003")
        if tools.alpha_flag > profile.lossless_tools:
            raise _not_in_profile(segment, "alpha_flag", "PRF-004")
        if "animation" in self.stream and not profile.animation:
            raise _not_in_profile(segment, "marker", "PRF-005")

    def _take_metadata(self, blob: Metadata, segment: Segment) -> None:
        is_trailing = self.slot > FIRST_OF_PICTURE
        place, name = (
            (self.picture, "trailing_metadata") if is_trailing else (self.stream, "metadata")
        )
        known = (*self.stream["metadata"], *self.picture.get("trailing_metadata", ()))
        types = {other.metadata_type for other in known}
        if len(blob.payload) > MAX_METADATA:
            message = f"metadata of {len(blob.payload)} bytes"
            raise NonConforming(
                message, requirement="MTD-002", element="payload", offset=segment.payload_offset
            )
        if blob.metadata_type in types & _UNIQUE_METADATA:
            message = f"second metadata segment of type {blob.metadata_type}"
            raise ConstraintViolation(
                message,
                requirement="MTD-001",
                element="metadata_type",
                offset=segment.payload_offset,
            )
        place[name] = (*place.get(name, ()), blob)

    def _begin_frame(self, frame: FrameHeader, segment: Segment) -> None:
        """Derive the header of the frame's picture."""
        self._check_num_frames(segment, is_last=False)
        try:
            header = self.stream["picture_header"].of_frame(frame)
        except ConstraintViolation as error:
            error.offset = segment.offset
            raise
        if not (frame.whole_frame_flag or self.frames):
            message = "the first frame is not whole"
            raise ConstraintViolation(
                message, requirement="FRH-004", element="whole_frame_flag", offset=segment.offset
            )
        self.picture = {"picture_header": header, "frame_header": frame}

    def _check_num_frames(self, segment: Segment, *, is_last: bool) -> None:
        """Compare the frames so far with what ANI says, at FRH and at EOC."""
        animation: AnimationHeader | None = self.stream.get("animation")
        if animation is None:
            return
        number, wanted = len(self.frames), animation.num_frames_minus1 + 1
        if number > wanted - (not is_last) or (is_last and number < wanted):
            message = f"{number + (not is_last)} frames of {wanted}"
            raise structure_error(message, "ANI-004", segment)

    def _take_part(
        self, part: ResidualSegment | AlphaSegment | EnhancementSegment, segment: Segment
    ) -> None:
        """Append the next part of the picture: layers in order, in each the tiles in order."""
        name, in_order, _ = _PARTS[type(part)]
        header, parts = self.header, self.parts[name]
        expected, found = divmod(len(parts), header.num_tiles), (0, part.tile_idx)
        if isinstance(part, ResidualSegment):
            found = part.layer_idx, part.tile_idx
        elif header.largest_tile > MAX_ENHANCED_TILE:
            message = f"tiles of {header.largest_tile} samples are for lossy pictures"
            raise NonConforming(
                message, requirement="SOE-007", element="tile_width_minus1", offset=segment.offset
            )
        if found != expected:
            message = (
                f"layer {found[0]} tile {found[1]} stands where "
                f"layer {expected[0]} tile {expected[1]} belongs"
            )
            raise ConstraintViolation(
                message, requirement=in_order, element="tile_idx", offset=segment.offset
            )
        parts.append(part)

    def _finish_picture(self, segment: Segment) -> None:
        """Check that a picture has all its parts."""
        header, tools = self.header, self.tools
        per_tile = {
            "residual": header.num_layers * tools.base_flag,
            "alpha": tools.alpha_flag,
            "enhancement": tools.enhancement_flag,
        }
        for name, _, all_present in _PARTS.values():
            found, wanted = len(self.parts[name]), per_tile[name] * header.num_tiles
            if found != wanted:
                message = f"{found} {name} segments of {wanted}"
                raise structure_error(message, all_present, segment)
        if "animation" in self.stream:
            self.frames.append(self._frame())
            self.picture, self.parts = {}, defaultdict(list)


_SOC = Marker.SOC.to_bytes(2, "big")
_PARTS: dict[type, tuple[str, str, str]] = {
    ResidualSegment: ("residual", "SOR-003", "SOR-004"),
    AlphaSegment: ("alpha", "SOA-002", "SOA-003"),
    EnhancementSegment: ("enhancement", "SOE-002", "SOE-003"),
}
"""What a picture has per tile: field, requirement on the order, requirement on the number."""


def _not_in_profile(segment: Segment, element: str, requirement: str) -> NonConforming:
    message = "the profile does not have this tool"
    return NonConforming(message, requirement=requirement, element=element, offset=segment.offset)
