# SPDX-License-Identifier: Apache-2.0
"""The command line ``refenc``: pictures to codestreams."""

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from refdec import __version__
from refdec.cli.support import (
    Parser,
    UsageError,
    add_computing_options,
    atomic_file,
    check_backend,
    check_destination,
    integer_in,
    run,
)
from refenc.format_options import add_format_options

if TYPE_CHECKING:
    from refdec.arrays import I32Map, U8Map
    from refdec.picture import Picture
    from refdec.syntax.segment import ToolHeader
    from refenc.alpha import Alpha
    from refenc.animation import SourceAnimation
    from refenc.encode import Coded

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
    encode.add_argument("picture", type=Path, metavar="PICTURE")
    encode.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="FILE",
        help="codestream; default: the picture's name with .jai",
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
    add_computing_options(encode)
    return parser


def add_structure_options(parser: Parser) -> None:
    """Add how the stream is cut, and where the bits go."""
    parser.add_argument(
        "--tile-size",
        type=tile_size,
        metavar="N",
        help="side of the tiles, a multiple of 64 up to 16384 (default: one tile)",
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


def run_encode(options: argparse.Namespace) -> int:
    """Encode one picture, write the stream and print a summary."""
    exact = options.lossless or options.max_error is not None
    if options.base_quality is not None and not exact:
        message = "--base-quality goes with --lossless or --max-error"
        raise UsageError(message)
    output = options.output or options.picture.with_suffix(".jai")
    check_destination(output, source=options.picture)

    # Imported late, as below, so that usage errors are quick.
    from refdec.cli.commands import picture_text  # noqa: PLC0415
    from refdec.decoding import parse  # noqa: PLC0415
    from refenc.alpha import Alpha  # noqa: PLC0415
    from refenc.animation import read_animation  # noqa: PLC0415
    from refenc.format_options import described, plane_format  # noqa: PLC0415
    from refenc.picture_io import read_picture  # noqa: PLC0415

    start = time.perf_counter()
    planes = plane_format(options)
    animation = read_animation(options.picture) if planes is None else None
    if animation is not None:
        notes = animation.notes
        result = encode_frames(animation, options)
    else:
        picture, notes = read_picture(options.picture, bit_depth=options.bit_depth, planes=planes)
        result = encode_picture(described(picture, options), Alpha.of(picture), options)
    seconds = time.perf_counter() - start
    for note in notes:
        print(f"refenc: note: {note}", file=sys.stderr)
    with atomic_file(output) as file:
        file.write(result.data)
    if options.bpp is not None and result.bpp > options.bpp:
        lowest = f"{options.bpp} bpp cannot be reached; the lowest quality takes {result.bpp:.3f}"
        print(f"refenc: note: {lowest}", file=sys.stderr)
    print(f"picture  {options.picture}, {picture_text(parse(result.data))}")
    fidelity = rate_text(options) if exact else f"quality {result.quality}"
    print(f"stream   {output}, {len(result.data)} bytes, {result.bpp:.3f} bpp, {fidelity}")
    print(f"time     {seconds:.2f} s")
    return 0


def encode_frames(animation: "SourceAnimation", options: argparse.Namespace) -> "Coded":
    """Encode an animation at the quality or up to the rate that the options say."""
    from refdec.decoding import parse  # noqa: PLC0415
    from refdec.syntax.profiles import Profile  # noqa: PLC0415
    from refenc.animation import encode_animation  # noqa: PLC0415
    from refenc.colour import as_picture  # noqa: PLC0415
    from refenc.encode import Coded, Structure  # noqa: PLC0415
    from refenc.exact import lossless_structure  # noqa: PLC0415
    from refenc.format_options import described  # noqa: PLC0415
    from refenc.picture_io import BYTE_DEPTH  # noqa: PLC0415

    if options.roi or options.roi_mask:
        message = "--roi and --roi-mask are for stills"
        raise UsageError(message)
    if options.bit_depth not in {None, BYTE_DEPTH}:
        message = f"animations have samples of {BYTE_DEPTH} bits"
        raise UsageError(message)
    exact = options.lossless or options.max_error is not None
    first = as_picture(next(animation.frames()).pixels)
    tile_size = options.tile_size
    if exact or animation.has_alpha:
        tile_size = lossless_structure(Structure(tile_size=tile_size), first).tile_size

    def still(
        samples: "U8Map", alpha: "Alpha | None", tools: "ToolHeader | None", lanes: int | None
    ) -> bytes:
        lanes = options.log2_lanes if lanes is None else lanes
        kept = {"tile_size": tile_size, "log2_lanes": lanes, "profile": None}
        frame_options = argparse.Namespace(**(vars(options) | kept))
        picture = described(as_picture(samples), options)
        return encode_picture(picture, alpha, frame_options, tools).data

    profile = Profile[options.profile.upper()] if options.profile else None
    data = encode_animation(
        animation.frames(),
        still,
        has_alpha=animation.has_alpha,
        loop_count=animation.loop_count,
        is_exact=exact,
        profile=profile,
    )
    header, frames = parse(data).picture_header, parse(data).frames
    area = header.pic_width * header.pic_height * len(frames)
    return Coded(data=data, quality=header.quality_idx, bpp=8 * len(data) / area)


def encode_picture(
    picture: "Picture",
    alpha: "Alpha | None",
    options: argparse.Namespace,
    tools: "ToolHeader | None" = None,
) -> "Coded":
    """Encode at the quality or up to the rate that the options say.

    The match flags are those of `tools`, if that is given.
    """
    from refdec.syntax.profiles import Profile  # noqa: PLC0415
    from refenc.alpha import add_alpha, alpha_rate, fill_transparent  # noqa: PLC0415
    from refenc.encode import Coded, Structure, encode, encode_at_rate  # noqa: PLC0415
    from refenc.exact import encode_exact, lossless_structure  # noqa: PLC0415

    bpp, pixels = options.bpp, picture.height * picture.width
    structure = Structure(
        tile_size=options.tile_size,
        layer_last_group=options.layer_last_group,
        log2_lanes=options.log2_lanes,
        segment_crc=options.crc,
        profile=Profile[options.profile.upper()] if options.profile else None,
        quality_offsets=quality_offsets(picture, options),
    )
    exact = options.lossless or options.max_error is not None
    if alpha is not None:
        structure = lossless_structure(structure, picture)
        picture = picture if exact else fill_transparent(picture, alpha)
    common = {
        "hashes": options.hash,
        "structure": structure,
        "backend": options.backend,
        "threads": options.threads,
    }
    quality = DEFAULT_QUALITY if options.quality is None else options.quality
    if bpp is not None:
        if alpha is not None:
            bpp -= alpha_rate(alpha, structure, bpp=bpp, hashes=options.hash)
        with progress_bar() as progress:
            coded = encode_at_rate(picture, bpp=bpp, progress=progress, **common)
        data, quality = coded.data, coded.quality
    elif exact:
        data = encode_exact(
            picture,
            max_error=options.max_error or 0,
            base_quality=options.base_quality,
            with_matches=None if tools is None else tools.match_flag == 1,
            **common,
        )
    else:
        data = encode(picture, quality=quality, **common)
    if alpha is not None:
        data = add_alpha(
            data,
            alpha,
            hashes=options.hash,
            with_matches=None if tools is None else tools.alpha_match_flag == 1,
            profile=structure.profile,
        )
    return Coded(data=data, quality=quality, bpp=8 * len(data) / pixels)


def quality_offsets(picture: "Picture", options: argparse.Namespace) -> "I32Map | None":
    """Return the offsets of the regions of interest, (h16, w16), or None."""
    from refenc.picture_io import read_picture  # noqa: PLC0415
    from refenc.roi import RegionOfInterest, offsets_of_mask, offsets_of_regions  # noqa: PLC0415

    height, width = picture.height, picture.width
    if options.roi:
        regions = (RegionOfInterest(*numbers) for numbers in options.roi)
        return offsets_of_regions(regions, height=height, width=width)
    if options.roi_mask is None:
        return None
    source = read_picture(options.roi_mask).picture
    mask = (source.samples.max(axis=0) >> (source.bit_depth - 8)).astype("uint8")
    if mask.shape != (height, width):
        message = f"{options.roi_mask} is not of the picture's size {width}x{height}"
        raise UsageError(message)
    return offsets_of_mask(mask)


def rate_text(options: argparse.Namespace) -> str:
    """Say how exact the samples are, and the quality of the lossy picture before them."""
    exact = f"errors up to {options.max_error}" if options.max_error else "lossless"
    quality = options.base_quality
    return exact if quality is None else f"{exact}, after a picture of quality {quality}"


@contextmanager
def progress_bar() -> Iterator[Callable[[int, int], None] | None]:
    """Give a function that shows (done, total) on a terminal; None where stderr is no terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from tqdm import tqdm  # noqa: PLC0415

    with tqdm(desc="encoding", unit="trial", leave=False) as bar:

        def show(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield show
