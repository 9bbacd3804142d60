# SPDX-License-Identifier: Apache-2.0
"""The command line ``refenc``: pictures to codestreams."""

import argparse
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from refdec import __version__
from refdec.cli.support import (
    Parser,
    add_computing_options,
    add_many_options,
    check_backend,
    integer_in,
    run,
)
from refenc.format_options import add_format_options

MAX_QUALITY = 63
DEFAULT_QUALITY = 32
MAX_LOG2_LANES = 10
MIN_TILE = 64
MAX_TILE = 16384
MAX_LAYER_END = 5
"""The last of the seven channel groups always ends the last layer."""
MAX_ERROR = 255


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``refenc`` and return the exit status."""
    return run("refenc", run_command, arguments)


def run_command(arguments: Sequence[str]) -> int:
    """Parse the options and run the subcommand."""
    options = build_parser().parse_args(arguments)
    check_backend(options.backend)
    # Imported late, so that usage errors are quick.
    from refenc.commands import run_encode  # noqa: PLC0415

    return run_encode(options)


def build_parser() -> Parser:
    """Declare the subcommands and their options."""
    parser = Parser(prog="refenc", description="Encoder of JAI pictures.")
    parser.add_argument("--version", action="version", version=f"refenc {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    summary = (
        "Encode a picture, PNG, JPEG, WebP, PPM, TIFF, GIF, NPY, Y4M or raw samples, "
        "or an animated PNG, WebP or GIF"
    )
    encode = commands.add_parser("encode", help=summary, description=f"{summary}.")
    add_many_options(encode, "PICTURE", "picture")
    encode.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="FILE",
        help="codestream; default: the picture's name with .jai; of many pictures: a directory, "
        "made if need be",
    )
    rate = encode.add_mutually_exclusive_group()
    rate.add_argument(
        "--quality",
        type=integer_in(0, MAX_QUALITY),
        metavar="0..63",
        help=f"quality index, larger is better (default: {DEFAULT_QUALITY})",
    )
    rate.add_argument(
        "--bpp", type=positive_rate, metavar="RATE", help="at most so many bits per pixel"
    )
    rate.add_argument("--lossless", action="store_true", help="every sample exactly as it is")
    rate.add_argument(
        "--max-error",
        type=integer_in(0, MAX_ERROR),
        metavar="N",
        help="every sample within N of what it is; 0 is lossless",
    )
    encode.add_argument(
        "--base-quality",
        type=integer_in(0, MAX_QUALITY),
        metavar="0..63",
        help="with --lossless or --max-error: put a lossy picture of this quality first",
    )
    encode.add_argument(
        "--effort",
        type=integer_in(0, 2),
        default=1,
        metavar="0..2",
        help="0 fast; 1 corrects the latent, and codes synthetic pictures without loss where that "
        "is smaller; 2 corrects again, and tries that for all pictures (default: 1)",
    )
    encode.add_argument(
        "--hash", action="store_true", help="put hashes of latents and samples into the stream"
    )
    encode.add_argument(
        "--lanes",
        type=log2_lanes,
        metavar="N",
        dest="log2_lanes",
        help="entropy coder lanes, a power of two up to 1024 (default: chosen by size)",
    )
    add_format_options(encode)
    add_structure_options(encode)
    add_metadata_options(encode)
    add_computing_options(encode)
    return parser


def add_structure_options(parser: Parser) -> None:
    """Add how the stream is cut, and where the bits go."""
    parser.add_argument(
        "--tile-size",
        type=tile_size,
        metavar="N",
        help="side of the tiles, a multiple of 64 up to 16384 (default: one tile; in large "
        "pictures 512, in large lossless ones 1024)",
    )
    parser.add_argument(
        "--layer-last-group",
        type=layer_ends,
        default=(),
        metavar="G,G,...",
        help="last channel group of each layer but the last, such as 1,3 (default: one layer)",
    )
    parser.add_argument(
        "--profile",
        choices=("simple", "main", "high"),
        help="profile to declare and to keep (default: main, or high where its tools are used)",
    )
    parser.add_argument("--crc", action="store_true", help="end each segment with a CRC-32C")
    interest = parser.add_mutually_exclusive_group()
    interest.add_argument(
        "--roi",
        type=region_of_interest,
        action="append",
        metavar="X,Y,W,H,OFFSET",
        help="add OFFSET (-63 to 63) to the quality index in a rectangle; may be repeated",
    )
    interest.add_argument(
        "--roi-mask",
        type=Path,
        metavar="FILE",
        help="grey picture of the same size: black -12, mid-grey 0, white +12",
    )


def add_metadata_options(parser: Parser) -> None:
    """Add what is carried beside the picture."""
    parser.add_argument(
        "--strip-metadata",
        action="store_true",
        help="leave out Exif and XMP of the picture; its ICC profile stays",
    )
    parser.add_argument(
        "--metadata",
        action="append",
        default=[],
        metavar="TYPE=FILE",
        help="add icc, exif, xmp, jumbf or user data from a file; may be repeated",
    )


def tile_size(text: str) -> int:
    """Convert a tile side."""
    size = integer_in(MIN_TILE, MAX_TILE)(text)
    if size % MIN_TILE:
        message = f"{size} is not a multiple of {MIN_TILE}"
        raise argparse.ArgumentTypeError(message)
    return size


def layer_ends(text: str) -> tuple[int, ...]:
    """Convert increasing group indices."""
    ends = tuple(map(integer_in(0, MAX_LAYER_END), text.split(",")))
    if any(a >= b for a, b in pairwise(ends)):
        message = f"{text} does not increase"
        raise argparse.ArgumentTypeError(message)
    return ends


def region_of_interest(text: str) -> tuple[int, ...]:
    """Convert a rectangle and its quality offset."""
    fields = text.split(",")
    if len(fields) != len(("x", "y", "width", "height", "offset")):
        message = f"{text} is not X,Y,W,H,OFFSET"
        raise argparse.ArgumentTypeError(message)
    side = integer_in(0, 1 << 16)
    return (*map(side, fields[:4]), integer_in(-MAX_QUALITY, MAX_QUALITY)(fields[4]))


def positive_rate(text: str) -> float:
    """Convert bits per pixel: above 0, at most 100."""
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if not 0 < rate <= 100:  # noqa: PLR2004
        message = f"{text!r} is not a rate above 0 and up to 100"
        raise argparse.ArgumentTypeError(message)
    return rate


def log2_lanes(text: str) -> int:
    """Convert a number of lanes to its base 2 logarithm."""
    lanes = integer_in(1, 1 << MAX_LOG2_LANES)(text)
    if lanes & (lanes - 1):
        message = f"{lanes} is not a power of two"
        raise argparse.ArgumentTypeError(message)
    return lanes.bit_length() - 1
