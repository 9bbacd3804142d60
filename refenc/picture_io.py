# SPDX-License-Identifier: Apache-2.0
"""Read pictures to encode: here what Pillow holds, RGB or grey of 8 bits, with alpha or without.

What can become that without changing its meaning is converted (palettes, bilevel, EXIF
orientation); anything else is refused with the reason, never silently reduced.
"""

import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from refdec.arrays import U8Map
from refdec.errors import LimitExceeded, UnsupportedFeature
from refdec.picture import Picture
from refdec.syntax.segment import Metadata
from refenc.colour import as_picture
from refenc.deep_files import read_deep
from refenc.metadata import cicp_of, metadata_of
from refenc.video_files import Y4M_MAGIC, PlaneFormat, read_raw, read_y4m

FORMATS = ("PNG", "JPEG", "WEBP", "PPM", "TIFF", "GIF")
"""Formats that are recognised, by content and not by extension; Pillow's names."""
DECODER_ERRORS = (
    SyntaxError,
    ValueError,
    TypeError,
    EOFError,
    LookupError,
    ArithmeticError,
    struct.error,
    zlib.error,
)
"""What Pillow raises on damaged files, besides OSError."""
BYTE_DEPTH = 8
BITS_PER_SAMPLE = 258
"""TIFF tag."""


class SourcePicture(NamedTuple):
    """A picture to encode."""

    picture: Picture
    notes: tuple[str, ...]
    """What the user should know: information in the file that is not encoded."""
    metadata: tuple[Metadata, ...] = ()
    """What the file carries beside the picture."""


def read_picture(
    path: Path, *, bit_depth: int | None = None, planes: PlaneFormat | None = None
) -> SourcePicture:
    """Read one picture, upright.

    Parameters
    ----------
    bit_depth : significant bits of samples that stand in 16; None if the file knows.
    planes : what a file of raw samples holds; None for files that say so themselves.

    Raises
    ------
    OSError
        The file cannot be read, is damaged or of no known format.
    UnsupportedFeature
        Animation, or a colour space or format of samples that cannot be encoded.
    LimitExceeded
        More pixels than Pillow considers sane.
    """
    if planes is not None:
        return SourcePicture(read_raw(path, planes), ())
    with path.open("rb") as file:
        if file.read(len(Y4M_MAGIC)) == Y4M_MAGIC:
            return SourcePicture(*read_y4m(path))
    deep = read_deep(path, bit_depth)
    if deep is not None:
        return SourcePicture(described_by_file(deep, path), (), deep_metadata(path))
    with opened(path) as image:
        refuse_unsupported(path, image)
        upright = ImageOps.exif_transpose(image)
        samples = np.asarray(to_rgb_or_grey(upright), dtype=np.uint8)
        alpha = opacity(upright) if image.has_transparency_data else None
        metadata = metadata_of(upright.info)
    if bit_depth not in (None, BYTE_DEPTH):
        message = f"{path}: has samples of 8 bits"
        raise UnsupportedFeature(message)
    channels = np.ascontiguousarray(np.moveaxis(np.atleast_3d(samples), -1, 0))
    picture = described_by_file(replace(as_picture(channels), alpha=alpha), path)
    return SourcePicture(picture, (), metadata)


def described_by_file(picture: Picture, path: Path) -> Picture:
    """Take over the colour description of a PNG file that has one."""
    found = cicp_of(path)
    if found is None:
        return picture
    primaries, transfer, full_range = found
    colour = replace(picture.colour, primaries=primaries, transfer=transfer, full_range=full_range)
    return replace(picture, colour=colour)


def opacity(image: Image.Image) -> U8Map:
    """Return the 8-bit alpha (H, W) of a picture."""
    return np.asarray(image.convert("RGBA").getchannel("A"), np.uint8)


def deep_metadata(path: Path) -> tuple[Metadata, ...]:
    """Return the metadata of a file that was not read through Pillow, if that knows it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with suppress(OSError, *DECODER_ERRORS), Image.open(path, formats=FORMATS) as image:
            return metadata_of(image.info)
    return ()


@contextmanager
def opened(path: Path) -> Iterator[Image.Image]:
    """Open a picture file; what Pillow raises on damaged ones becomes an error with their name."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path, formats=FORMATS) as image:
                yield image
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        message = f"{path}: too many pixels"
        raise LimitExceeded(message) from error
    except UnidentifiedImageError as error:
        message = f"{path}: not a readable picture (known are {', '.join(FORMATS)})"
        raise OSError(message) from error
    except DECODER_ERRORS as error:
        message = f"{path}: damaged picture: {error}"
        raise OSError(message) from error
    except OSError as error:
        if error.errno is not None:
            raise
        message = f"{path}: damaged picture: {error}"
        raise OSError(message) from error


def refuse_unsupported(path: Path, image: Image.Image) -> None:
    """Raise UnsupportedFeature for what the header says and cannot be encoded."""
    reason = None
    if source_bit_depth(image) > BYTE_DEPTH:
        reason = "samples of this depth are not supported"
    # A camera's JPEG may carry further pictures (MPO): previews of the first, not frames.
    elif image.format != "MPO" and getattr(image, "n_frames", 1) > 1:
        reason = "animations and files of several pictures are not supported here"
    elif image.mode in {"CMYK", "LAB", "HSV"}:
        reason = f"{image.mode} pictures are not supported; convert to RGB first"
    if reason is not None:
        message = f"{path}: {reason}"
        raise UnsupportedFeature(message)


def source_bit_depth(image: Image.Image) -> int:
    """Return the bits per sample in the file; Pillow's mode hides the depth of 16-bit RGB."""
    tags = getattr(image, "tag_v2", None)
    if tags is not None:
        return max(map(int, tags.get(BITS_PER_SAMPLE, (1,))))
    if image.mode.startswith(("I", "F")):
        return 16
    tiles = getattr(image, "tile", ())
    parameters = tiles[0][3] if tiles else ""
    raw_mode, *rest = parameters if isinstance(parameters, tuple) else (parameters,)
    if image.format == "PPM" and rest and isinstance(rest[0], int):
        return rest[0].bit_length()
    return 16 if ";16" in str(raw_mode) else BYTE_DEPTH


def to_rgb_or_grey(image: Image.Image) -> Image.Image:
    """Convert to mode RGB or L, without alpha."""
    return image.convert("L" if image.mode in {"1", "L", "LA", "La"} else "RGB")
