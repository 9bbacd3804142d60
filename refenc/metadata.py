# SPDX-License-Identifier: Apache-2.0
"""Metadata to encode: what a picture file carries, and what the user adds from files."""

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

from PIL import ImageCms

from refdec.cli.png_chunks import chunks_of
from refdec.cli.support import UsageError
from refdec.syntax.parser import MAX_METADATA, parse_codestream
from refdec.syntax.segment import Metadata, MetadataType
from refenc.codestream import write_codestream

EXIF_START = b"Exif\0\0"
"""Comes before Exif in JPEG files; the codestream does not have it."""


def is_srgb(icc: bytes) -> bool:
    """Tell whether an ICC profile says no more than the picture header does by default."""
    try:
        name = ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(icc)))
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return False
    return "srgb" in name.lower()


def metadata_of(info: dict[Any, Any]) -> tuple[Metadata, ...]:
    """Collect ICC, Exif and XMP from what Pillow knows of a picture (``Image.info``).

    The profile of sRGB is left out: the picture header says it in one bit.
    """
    xmp = info.get("xmp") or info.get("XML:com.adobe.xmp") or b""
    icc = info.get("icc_profile") or b""
    found = {
        MetadataType.ICC: b"" if icc and is_srgb(icc) else icc,
        MetadataType.EXIF: (info.get("exif") or b"").removeprefix(EXIF_START),
        MetadataType.XMP: xmp.encode() if isinstance(xmp, str) else xmp,
    }
    return tuple(
        Metadata(metadata_type=kind, payload=blob)
        for kind, blob in found.items()
        if 0 < len(blob) <= MAX_METADATA
    )


def cicp_of(path: Path) -> tuple[int, int, bool] | None:
    """Return primaries, transfer and full range that a PNG file declares; None without cICP."""
    chunks = chunks_of(path.read_bytes()) if path.suffix.lower() == ".png" else ()
    data = next((data for kind, data in chunks if kind == b"cICP"), b"")
    return (data[0], data[1], data[3] != 0) if len(data) == 4 else None  # noqa: PLR2004


def metadata_from_file(text: str) -> Metadata:
    """Convert ``TYPE=FILE``.

    Raises
    ------
    UsageError
        Unknown type, or more than a codestream may carry.
    OSError
        The file cannot be read.
    """
    name, _, path = text.partition("=")
    names = {kind.name.lower(): kind for kind in MetadataType}
    if name not in names or not path:
        message = f"{text!r} is not TYPE=FILE with a TYPE of {', '.join(names)}"
        raise UsageError(message)
    payload = Path(path).read_bytes()
    if len(payload) > MAX_METADATA:
        message = f"{path} holds more than {MAX_METADATA} bytes"
        raise UsageError(message)
    return Metadata(metadata_type=names[name], payload=payload)


def with_metadata(data: bytes, blobs: tuple[Metadata, ...]) -> bytes:
    """Put metadata in front of the picture of a codestream."""
    if not blobs:
        return data
    return write_codestream(replace(parse_codestream(data), metadata=blobs))


def chosen_metadata(
    own: tuple[Metadata, ...], added: tuple[Metadata, ...], *, strip: bool
) -> tuple[Metadata, ...]:
    """Return what to encode: a file's own metadata, or its ICC profile alone, and what is added.

    Added metadata takes the place of the file's own of the same type.
    """
    replaced = {blob.metadata_type for blob in added}
    kept = (blob for blob in own if blob.metadata_type not in replaced)
    return (*(b for b in kept if not strip or b.metadata_type == MetadataType.ICC), *added)
