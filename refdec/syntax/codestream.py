# SPDX-License-Identifier: Apache-2.0
"""The codestream: segments in order, parsed to typed values and written back."""

from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from refdec.bits import BitReader, BitWriter
from refdec.errors import (
    ConstraintViolation,
    MalformedStream,
    NonConforming,
    RefdecError,
    TruncatedStream,
    UnsupportedFeature,
)
from refdec.syntax.element import ElementRow, parse_structure, write_structure
from refdec.syntax.framing import Segment, parse_segment, write_segment, write_start
from refdec.syntax.order import SEGMENT_ORDER
from refdec.syntax.picture_header import PictureHeader
from refdec.syntax.segment import (
    DEFAULT_TOOL_HEADER,
    MAX_ENHANCED_TILE,
    RESERVED_MARKERS,
    DecodedPictureHash,
    EnhancementSegment,
    HyperLatentSegment,
    Marker,
    Metadata,
    MetadataType,
    PictureHash,
    QualityMapSegment,
    ResidualSegment,
    StartOfCodestream,
    ToolHeader,
)

_S = TypeVar("_S")


_SUPPORTED = frozenset(slot.marker for slot in SEGMENT_ORDER)
MAX_SKIPPABLE = 4096
"""Most metadata and reserved segments together; bounds the time to parse."""
_WITH_SUBSTREAM = (QualityMapSegment, HyperLatentSegment, ResidualSegment, EnhancementSegment)
_AFTER_TOOL_HEADER = frozenset({Marker.SOQ, Marker.SOZ, Marker.SOE, Marker.EOC})
"""Where it is known whether there is a tool header."""
_UNIQUE_METADATA = frozenset({MetadataType.ICC, MetadataType.EXIF, MetadataType.XMP})


@dataclass(frozen=True, kw_only=True)
class Codestream:
    """Everything that the segments of a codestream say."""

    picture_header: PictureHeader
    tool_header: ToolHeader | None = None
    metadata: tuple[Metadata, ...] = ()
    """Metadata before the hyper-latent."""
    quality_map: QualityMapSegment | None = None
    hyper_latent: HyperLatentSegment | None
    """None when there is no lossy picture."""
    residual: tuple[ResidualSegment, ...]
    """In order of layer, then tile."""
    enhancement: tuple[EnhancementSegment, ...] = ()
    """In order of tile."""
    trailing_metadata: tuple[Metadata, ...] = ()
    """Metadata after the picture."""
    hashes: tuple[PictureHash, ...] = ()
    is_complete: bool = True
    """False when the stream was cut and parsed in tolerant mode."""
    segments: tuple[Segment, ...] = field(default=(), compare=False)
    """All segments with their places, as parsed."""

    @property
    def tools(self) -> ToolHeader:
        """The tool header in force."""
        return self.tool_header or DEFAULT_TOOL_HEADER


def parse_codestream(data: bytes, *, tolerant: bool = False) -> Codestream:
    """Parse a whole codestream.

    Parameters
    ----------
    data : the codestream from its first byte.
    tolerant : accept a stream that is cut after its hyper-latent; what follows the last whole
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
        self.picture_header: PictureHeader | None = None
        self.tool_header: ToolHeader | None = None
        self.metadata: list[Metadata] = []
        self.quality_map: QualityMapSegment | None = None
        self.hyper_latent: HyperLatentSegment | None = None
        self.residual: list[ResidualSegment] = []
        self.enhancement: list[EnhancementSegment] = []
        self.trailing_metadata: list[Metadata] = []
        self.hashes: tuple[PictureHash, ...] = ()

    def parse(self, *, tolerant: bool) -> Codestream:
        """Parse segments up to EOC, or in tolerant mode up to the end of the data."""
        offset, is_complete = 0, True
        while not self.segments or self.segments[-1].marker != Marker.EOC:
            try:
                segment = self._next_segment(offset)
            except TruncatedStream:
                if not tolerant or self.hyper_latent is None:
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

    def _next_segment(self, offset: int) -> Segment:
        if self.segments and offset == len(self.data):
            message = "the codestream ends without EOC"
            raise TruncatedStream(message, requirement="EOC-001", offset=offset)
        header = self.picture_header
        has_crc = header is not None and header.segment_crc_flag == 1
        if not self.segments and len(self.data) > 1 and self.data[:2] != _SOC:
            message = "the codestream shall start with FF80"
            raise MalformedStream(message, requirement="SOC-001", element="marker", offset=0)
        segment = parse_segment(self.data, offset, has_crc=has_crc, rows=self.rows)
        if segment.marker in RESERVED_MARKERS and header is None:
            message = "PIH is missing"
            raise _structure_error(message, "SEG-007", segment)
        return segment

    def _count_skippable(self, segment: Segment) -> None:
        self.num_skippable += segment.marker in RESERVED_MARKERS or segment.marker == Marker.MTD
        if self.num_skippable > MAX_SKIPPABLE:
            message = f"more than {MAX_SKIPPABLE} metadata and reserved segments"
            raise _structure_error(message, "SEG-009", segment)

    def _check_order(self, segment: Segment) -> None:
        """Move to the segment's slot."""
        if segment.marker not in _SUPPORTED:
            message = f"{segment.name} segments are not decoded by this edition"
            raise UnsupportedFeature(
                message, requirement="SEG-002", element="marker", offset=segment.offset
            )
        has_base = (self.tool_header or DEFAULT_TOOL_HEADER).base_flag == 1
        for index in range(self.slot, len(SEGMENT_ORDER)):
            slot = SEGMENT_ORDER[index]
            if slot.marker == segment.marker:
                if slot.of_base and not has_base:
                    message = f"{segment.name} stands in a stream without a lossy picture"
                    raise _structure_error(message, "SOE-004", segment)
                self.slot = index + (0 if slot.repeated else 1)
                return
            if slot.required and (has_base or not slot.of_base):
                break
        earlier = [slot for slot in SEGMENT_ORDER[: self.slot] if slot.marker == segment.marker]
        seen = any(other.marker == segment.marker for other in self.segments[:-1])
        if not earlier:
            message = f"{SEGMENT_ORDER[index].marker.name} is missing before {segment.name}"
            raise _structure_error(message, "SEG-007", segment)
        if seen and not any(slot.repeated for slot in earlier):
            message = f"second {segment.name} segment"
            raise _structure_error(message, "SEG-006", segment)
        message = f"{segment.name} is out of order"
        raise _structure_error(message, "SEG-005", segment)

    def _parse_payload(self, segment: Segment) -> None:
        if segment.marker in _AFTER_TOOL_HEADER:
            self._check_tool_header(segment)
        match segment.marker:
            case Marker.SOC:
                self._parse(StartOfCodestream, segment)
            case Marker.PIH:
                self.picture_header = self._parse(PictureHeader, segment)
            case Marker.TOH:
                self.tool_header = self._parse(ToolHeader, segment)
                self._check_tool_header(segment)
            case Marker.MTD:
                self._take_metadata(self._parse(Metadata, segment), segment)
            case Marker.DPH:
                self.hashes = self._parse(DecodedPictureHash, segment).hashes
            case Marker.EOC:
                self._check_complete(segment)
            case _:
                self._take_picture(segment)

    def _take_picture(self, segment: Segment) -> None:
        match segment.marker:
            case Marker.SOQ:
                self.quality_map = self._parse(QualityMapSegment, segment)
            case Marker.SOZ:
                self.hyper_latent = self._parse(HyperLatentSegment, segment)
            case Marker.SOR:
                self._take_residual(self._parse(ResidualSegment, segment), segment)
            case Marker.SOE:
                self._take_enhancement(self._parse(EnhancementSegment, segment), segment)

    def _parse(self, structure: type[_S], segment: Segment) -> _S:
        reader = BitReader(self.data, segment.payload_offset, segment.payload_end)
        variables = _variables(self.picture_header) if self.picture_header else None
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
        if isinstance(parsed, _WITH_SUBSTREAM):
            return replace(parsed, offset=segment.payload_end - len(parsed.payload))
        return parsed

    def _check_tool_header(self, segment: Segment) -> None:
        header = self.picture_header
        announced = header is not None and header.tool_header_flag == 1
        if announced != (self.tool_header is not None):
            message = "TOH is missing" if announced else "TOH is present without tool_header_flag"
            raise ConstraintViolation(
                message, requirement="TOH-001", element="tool_header_flag", offset=segment.offset
            )

    def _take_metadata(self, blob: Metadata, segment: Segment) -> None:
        known = {other.metadata_type for other in (*self.metadata, *self.trailing_metadata)}
        if blob.metadata_type in known & _UNIQUE_METADATA:
            message = f"second metadata segment of type {blob.metadata_type}"
            raise ConstraintViolation(
                message,
                requirement="MTD-001",
                element="metadata_type",
                offset=segment.payload_offset,
            )
        begun = self.hyper_latent is not None or self.enhancement
        (self.trailing_metadata if begun else self.metadata).append(blob)

    def _take_residual(self, residual: ResidualSegment, segment: Segment) -> None:
        num_tiles = self.picture_header.num_tiles if self.picture_header else 1
        expected = divmod(len(self.residual), num_tiles)
        if (residual.layer_idx, residual.tile_idx) != expected:
            message = (
                f"layer {residual.layer_idx} tile {residual.tile_idx} stands where "
                f"layer {expected[0]} tile {expected[1]} belongs"
            )
            raise ConstraintViolation(
                message, requirement="SOR-003", element="layer_idx", offset=segment.offset
            )
        self.residual.append(residual)

    def _take_enhancement(self, enhancement: EnhancementSegment, segment: Segment) -> None:
        header = self.picture_header
        if header and header.tile_width * header.tile_height > MAX_ENHANCED_TILE:
            message = f"tiles of {header.tile_width}x{header.tile_height} samples are enhanced"
            raise NonConforming(
                message, requirement="SOE-007", element="tile_width_minus1", offset=segment.offset
            )
        if enhancement.tile_idx != len(self.enhancement):
            message = f"tile {enhancement.tile_idx} stands where {len(self.enhancement)} belongs"
            raise ConstraintViolation(
                message, requirement="SOE-002", element="tile_idx", offset=segment.offset
            )
        self.enhancement.append(enhancement)

    def _check_complete(self, segment: Segment) -> None:
        header, tools = self.picture_header, self.tool_header or DEFAULT_TOOL_HEADER
        num_tiles, num_layers = (header.num_tiles, header.num_layers) if header else (0, 0)
        wanted = num_layers * num_tiles * tools.base_flag
        if len(self.residual) != wanted:
            message = f"{len(self.residual)} residual segments of {wanted}"
            raise _structure_error(message, "SOR-004", segment)
        wanted = num_tiles * tools.enhancement_flag
        if len(self.enhancement) != wanted:
            message = f"{len(self.enhancement)} enhancement segments of {wanted}"
            raise _structure_error(message, "SOE-003", segment)

    def _codestream(self, *, is_complete: bool) -> Codestream:
        if self.picture_header is None:
            message = "PIH is missing"
            raise MalformedStream(message, requirement="SEG-007")
        return Codestream(
            picture_header=self.picture_header,
            tool_header=self.tool_header,
            metadata=tuple(self.metadata),
            quality_map=self.quality_map,
            hyper_latent=self.hyper_latent,
            residual=tuple(self.residual),
            enhancement=tuple(self.enhancement),
            trailing_metadata=tuple(self.trailing_metadata),
            hashes=self.hashes,
            is_complete=is_complete,
            segments=tuple(self.segments),
        )


_SOC = Marker.SOC.to_bytes(2, "big")


def _structure_error(message: str, requirement: str, segment: Segment) -> MalformedStream:
    return MalformedStream(
        message, requirement=requirement, element="marker", offset=segment.offset
    )


def _variables(header: PictureHeader) -> dict[str, int]:
    return {"num_layers": header.num_layers, "num_tiles": header.num_tiles}


def write_codestream(codestream: Codestream, *, check: bool = True) -> bytes:
    """Return the bytes of a codestream, and parse them to check that they say the same.

    Places and `is_complete` are not looked at. `check=False` lets values through that break a
    requirement, to make streams that a decoder shall reject.

    Raises
    ------
    RefdecError
        The result would break a requirement.
    ValueError
        No codestream can say it.
    """
    header = codestream.picture_header
    variables = _variables(header)

    def segment(marker: Marker, value: Any) -> bytes:
        writer = BitWriter()
        write_structure(value, writer, variables=variables)
        writer.align()
        has_crc = header.segment_crc_flag == 1 and marker != Marker.PIH
        return write_segment(marker, writer.getvalue(), has_crc=has_crc)

    parts = [write_start(), segment(Marker.PIH, header)]
    if codestream.tool_header is not None:
        parts.append(segment(Marker.TOH, codestream.tool_header))
    parts += [segment(Marker.MTD, blob) for blob in codestream.metadata]
    if codestream.quality_map is not None:
        parts.append(segment(Marker.SOQ, codestream.quality_map))
    if codestream.hyper_latent is not None:
        parts.append(segment(Marker.SOZ, codestream.hyper_latent))
    parts += [segment(Marker.SOR, residual) for residual in codestream.residual]
    parts += [segment(Marker.SOE, enhancement) for enhancement in codestream.enhancement]
    parts += [segment(Marker.MTD, blob) for blob in codestream.trailing_metadata]
    if codestream.hashes:
        hashes = DecodedPictureHash(
            num_hashes_minus1=len(codestream.hashes) - 1, hashes=codestream.hashes
        )
        parts.append(segment(Marker.DPH, hashes))
    parts.append(write_segment(Marker.EOC))
    data = b"".join(parts)
    if check and parse_codestream(data) != replace(codestream, is_complete=True):
        message = "an absent element differs from its inferred value"
        raise ValueError(message)
    return data
