# SPDX-License-Identifier: Apache-2.0
"""Options of ``refenc`` that say what the samples are, where the file does not."""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from refdec.cli.support import Parser, UsageError, integer_in

if TYPE_CHECKING:
    from refdec.picture import Picture
    from refenc.video_files import PlaneFormat

MAX_SIDE = 1 << 16
RAW_SUFFIXES = {".yuv", ".rgb", ".raw"}
MATRIX_NAMES = {
    "identity": 0,
    "bt709": 1,
    "unspecified": 2,
    "fcc": 4,
    "bt601": 6,
    "smpte240m": 7,
    "ycgco": 8,
    "bt2020": 9,
    "ycgco-re": 16,
    "ycgco-ro": 17,
}
"""Code points of ITU-T H.273."""
COLOURS = {
    "srgb": (1, 13),
    "bt709": (1, 1),
    "display-p3": (12, 13),
    "bt2020": (9, 14),
    "bt2020-pq": (9, 16),
    "bt2020-hlg": (9, 18),
    "unspecified": (2, 2),
}
"""Colour primaries and transfer characteristics, code points of ITU-T H.273."""


def add_format_options(parser: Parser) -> None:
    """Add what the samples are, where the file does not say."""
    parser.add_argument(
        "--bit-depth",
        type=integer_in(8, 16),
        metavar="8..16",
        help="significant bits of samples that stand in 16 (default: what the file says)",
    )
    parser.add_argument(
        "--geometry", type=geometry, metavar="WxH", help="size of a picture of raw samples"
    )
    parser.add_argument(
        "--format",
        metavar="NAME",
        help="raw samples, plane by plane, low byte first: gray, rgbp, yuv420p, yuv422p, yuv444p, "
        "and 8 to 16 or f16: yuv420p10",
    )
    parser.add_argument(
        "--matrix",
        choices=MATRIX_NAMES,
        metavar="NAME",
        help="Y, Cb, Cr of R, G, B pictures (default: bt601), or what those of a file are: "
        + ", ".join(MATRIX_NAMES),
    )
    parser.add_argument(
        "--colour",
        choices=COLOURS,
        metavar="NAME",
        help="primaries and transfer of the samples (default: cICP of a PNG, else srgb): "
        + ", ".join(COLOURS),
    )
    parser.add_argument(
        "--range", choices=("full", "narrow"), help="what 0 and the largest sample mean"
    )


def geometry(text: str) -> tuple[int, int]:
    """Convert a size."""
    width, _, height = text.partition("x")
    side = integer_in(1, MAX_SIDE)
    return side(width), side(height)


def plane_format(options: argparse.Namespace, path: Path) -> "PlaneFormat | None":
    """Return what a file of raw samples holds, None for other files.

    Raises
    ------
    UsageError
        Half of it is missing, or the name is unknown.
    """
    from refenc.video_files import PlaneFormat  # noqa: PLC0415

    is_raw = path.suffix.lower() in RAW_SUFFIXES
    if (options.geometry is None) != (options.format is None) or (is_raw and not options.format):
        message = "raw samples need both --geometry and --format"
        raise UsageError(message)
    if options.format is None:
        return None
    try:
        return PlaneFormat.of_name(options.format, *options.geometry)
    except ValueError as error:
        raise UsageError(str(error)) from error


def described(picture: "Picture", options: argparse.Namespace) -> "Picture":
    """Apply --matrix, --colour and --range.

    Raises
    ------
    UsageError
        The matrix cannot be used for this picture.
    """
    colour = picture.colour
    if options.matrix is not None:
        colour = replace(colour, matrix=MATRIX_NAMES[options.matrix])
    if options.colour is not None:
        primaries, transfer = COLOURS[options.colour]
        colour = replace(colour, primaries=primaries, transfer=transfer)
    if options.range is not None:
        colour = replace(colour, full_range=options.range == "full")
    is_rgb = len(picture.planes) > 1 and not picture.is_ycc
    if is_rgb and colour.matrix == MATRIX_NAMES["unspecified"]:
        message = "--matrix unspecified goes with Y, Cb, Cr only"
        raise UsageError(message)
    if picture.chroma_format and colour.matrix == 0:
        message = "--matrix identity goes with chroma of full size only"
        raise UsageError(message)
    return replace(picture, colour=colour)
