# SPDX-License-Identifier: Apache-2.0
"""Metadata of a codestream: what is listed, extracted, and carried over into picture files."""

import argparse
import zlib
from collections.abc import Iterable

from refdec.cli.png_chunks import Chunk
from refdec.cli.support import UsageError, atomic_file, read_stream
from refdec.decoding import parse
from refdec.syntax.codestream import Codestream
from refdec.syntax.segment import Metadata, MetadataType

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
        number = f".{earlier}" if earlier else ""
        path = options.output / f"{options.stream.stem}{number}.{type_name(blob)}"
        with atomic_file(path) as file:
            file.write(blob.payload)
        print(f"{path}: {len(blob.payload)} bytes")
    return 0


def png_chunks(codestream: Codestream) -> Iterable[Chunk]:
    """Yield the chunks that say in a PNG file what the codestream says of its pictures.

    The samples there are R, G, B or grey: cICP names no matrix, only primaries, transfer and range,
    and what was converted from Y, Cb, Cr has the full range.
    """
    header, blobs = codestream.picture_header, {b.metadata_type: b for b in blobs_of(codestream)}
    colour = header.colour_primaries, header.transfer_characteristics
    is_full = header.full_range_flag or header.ycc_flag
    if colour != SRGB or not is_full:
        yield b"cICP", bytes([*colour, 0, int(bool(is_full))])
    if icc := blobs.get(MetadataType.ICC):
        yield b"iCCP", b"ICC profile\0\0" + zlib.compress(icc.payload)
    if exif := blobs.get(MetadataType.EXIF):
        yield b"eXIf", exif.payload
    if xmp := blobs.get(MetadataType.XMP):
        yield b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp.payload
