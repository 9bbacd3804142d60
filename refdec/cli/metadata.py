# SPDX-License-Identifier: Apache-2.0
"""Metadata of a codestream: what is listed, extracted, and carried over into picture files."""

import argparse
import zlib
from collections.abc import Iterable
from typing import Any

from refdec.cli.png_chunks import Chunk
from refdec.cli.support import UsageError, atomic_file, read_stream
from refdec.decoding import parse
from refdec.picture import Colour
from refdec.syntax.codestream import Codestream
from refdec.syntax.segment import Metadata, MetadataType

SUFFIXES = {
    MetadataType.ICC: ".icc",
    MetadataType.EXIF: ".exif",
    MetadataType.XMP: ".xmp",
    MetadataType.JUMBF: ".jumbf",
    MetadataType.USER: ".user",
}
"""File name extensions of extracted metadata."""
SRGB = (1, 13)
"""Colour primaries and transfer characteristics that a PNG without colour chunks is taken for."""


def blobs_of(codestream: Codestream) -> list[Metadata]:
    """Return all metadata of a codestream, in its order."""
    stills = codestream.frames or (codestream,)
    trailing = (blob for still in stills for blob in still.trailing_metadata)
    return [*codestream.metadata, *trailing]


def type_name(blob: Metadata) -> str:
    """Return the name of a metadata type, or its number for one without a name."""
    names = {int(kind): kind.name.lower() for kind in MetadataType}
    return names.get(blob.metadata_type, f"type{blob.metadata_type}")


def run_metadata(options: argparse.Namespace) -> int:
    """List the metadata, or write the blobs of the wanted types to files."""
    blobs = blobs_of(parse(read_stream(options.stream)))
    if options.action == "list":
        for blob in blobs:
            print(f"{type_name(blob):<8} {len(blob.payload)} bytes")
        return 0
    wanted = [blob for blob in blobs if options.type in (None, type_name(blob))]
    if not wanted:
        message = f"{options.stream} has no {options.type or 'metadata'}"
        raise UsageError(message)
    options.output.mkdir(exist_ok=True)
    for index, blob in enumerate(wanted):
        earlier = sum(other.metadata_type == blob.metadata_type for other in wanted[:index])
        suffix = (
            SUFFIXES.get(MetadataType(blob.metadata_type), ".bin")
            if (blob.metadata_type in SUFFIXES)
            else f".{type_name(blob)}"
        )
        number = f".{earlier}" if earlier else ""
        path = options.output / f"{options.stream.stem}{number}{suffix}"
        with atomic_file(path) as file:
            file.write(blob.payload)
        print(f"{path}: {len(blob.payload)} bytes")
    return 0


def carried_over(codestream: Codestream) -> dict[MetadataType, bytes]:
    """Return the metadata that picture files can hold, by type."""
    kinds = (MetadataType.ICC, MetadataType.EXIF, MetadataType.XMP)
    return {
        MetadataType(blob.metadata_type): blob.payload
        for blob in blobs_of(codestream)
        if blob.metadata_type in kinds
    }


def png_chunks(metadata: dict[MetadataType, bytes], colour: Colour) -> Iterable[Chunk]:
    """Yield the chunks that say in a PNG file what the codestream says of its samples.

    The samples are R, G, B or grey: cICP names no matrix, only primaries, transfer and range.
    """
    if (colour.primaries, colour.transfer) != SRGB or not colour.full_range:
        yield b"cICP", bytes([colour.primaries, colour.transfer, 0, colour.full_range])
    if icc := metadata.get(MetadataType.ICC):
        yield b"iCCP", b"ICC profile\0\0" + zlib.compress(icc)
    if exif := metadata.get(MetadataType.EXIF):
        yield b"eXIf", exif
    if xmp := metadata.get(MetadataType.XMP):
        yield b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp


def tiff_tags(metadata: dict[MetadataType, bytes]) -> list[tuple[int, int, int, Any]]:
    """Return the extra tags of a TIFF file: ICC profile and XMP; Exif has no place of its own."""
    tags = {MetadataType.ICC: 34675, MetadataType.XMP: 700}
    undefined = 7
    return [
        (tag, undefined, len(metadata[kind]), metadata[kind])
        for kind, tag in tags.items()
        if kind in metadata
    ]
