# SPDX-License-Identifier: Apache-2.0
"""What ``refenc encode`` does: read, encode as the options say, write, and tell."""

import argparse
import sys
import time
from pathlib import Path
from typing import NamedTuple

from refdec.arrays import I32Map, U8Map
from refdec.cli.allocator import keep_memory
from refdec.cli.commands import fidelity_text, picture_text, print_summary
from refdec.cli.many import Kind, convert_many, single_input
from refdec.cli.support import UsageError, atomic_file, check_destination, progress_bar
from refdec.decoding import parse
from refdec.picture import Picture
from refdec.syntax.profiles import Profile
from refdec.syntax.segment import ToolHeader
from refenc.alpha import Alpha, add_alpha, alpha_rate, fill_transparent
from refenc.animation import SourceAnimation, encode_animation, read_animation
from refenc.choose import exact_instead
from refenc.colour import as_picture
from refenc.encode import Coded, Structure, encode, encode_at_rate
from refenc.exact import encode_exact, lossless_structure
from refenc.format_options import RAW_SUFFIXES, described, plane_format
from refenc.metadata import chosen_metadata, metadata_from_file, with_metadata
from refenc.picture_io import BYTE_DEPTH, read_picture
from refenc.roi import RegionOfInterest, offsets_of_mask, offsets_of_regions

DEFAULT_QUALITY = 32
PICTURE_SUFFIXES = {f".{name}" for name in ("png", "apng", "jpg", "jpeg", "webp", "gif")}
PICTURE_SUFFIXES |= {f".{name}" for name in ("ppm", "pgm", "pnm", "tif", "tiff", "npy", "y4m")}
"""Of pictures in a directory; a file that is named itself may have any."""
NO_NOTES: tuple[str, ...] = ()


def run_encode(options: argparse.Namespace) -> int:
    """Encode one picture, or many, and print a summary."""
    picture = single_input(options)
    if picture is None:
        suffixes = PICTURE_SUFFIXES if options.format is None else RAW_SUFFIXES
        return convert_many(options, Kind("refenc", encode_one, "encoded", suffixes, ".jai"))
    written = encode_file(options, picture, options.output or picture.with_suffix(".jai"))
    for note in written.notes:
        print(f"refenc: note: {note}", file=sys.stderr)
    print_summary(written.summary)
    return 0


class Written(NamedTuple):
    """What is told of a stream that was written."""

    summary: dict[str, str]
    notes: tuple[str, ...]


def encode_one(options: argparse.Namespace, picture: Path, output: Path) -> tuple[str, ...]:
    """Encode one of many pictures; return the notes."""
    return encode_file(options, picture, output).notes


def encode_file(options: argparse.Namespace, path: Path, output: Path) -> Written:
    """Encode a picture or an animation and write the stream."""
    exact = options.lossless or options.max_error is not None
    if options.base_quality is not None and not exact:
        message = "--base-quality goes with --lossless or --max-error"
        raise UsageError(message)
    check_destination(output, source=path)

    keep_memory()
    start = time.perf_counter()
    planes = plane_format(options, path)
    animation = read_animation(path) if planes is None else None
    if animation is not None:
        notes, metadata = NO_NOTES, animation.metadata
        result = encode_frames(animation, options)
    else:
        picture, notes, metadata = read_picture(path, bit_depth=options.bit_depth, planes=planes)
        result = encode_picture(described(picture, options), Alpha.of(picture), options)
    added = tuple(map(metadata_from_file, options.metadata))
    metadata = chosen_metadata(metadata, added, strip=options.strip_metadata)
    data = with_metadata(result.data, metadata)
    seconds = time.perf_counter() - start
    with atomic_file(output) as file:
        file.write(data)
    if options.bpp is not None and result.bpp > options.bpp:
        lowest = f"{options.bpp} bpp cannot be reached; the lowest quality takes {result.bpp:.3f}"
        notes = (*notes, lowest)
    codestream = parse(data)
    size = f"{len(data)} bytes, {result.bpp:.3f} bpp, {fidelity_text(codestream)}"
    summary = {
        "picture": f"{path}, {picture_text(codestream)}",
        "stream": f"{output}, {size}",
    }
    if metadata:
        carried = sum(len(blob.payload) for blob in metadata)
        summary["metadata"] = f"{carried} bytes, not in the rate"
    return Written(summary | {"time": f"{seconds:.2f} s"}, notes)


def encode_frames(animation: "SourceAnimation", options: argparse.Namespace) -> "Coded":
    """Encode an animation at the quality or up to the rate that the options say."""
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
        kept = {"tile_size": tile_size, "log2_lanes": lanes, "profile": None, "is_frame": True}
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
    lossy = {**common, "effort": options.effort}
    quality = DEFAULT_QUALITY if options.quality is None else options.quality
    if bpp is not None:
        if alpha is not None:
            bpp -= alpha_rate(alpha, structure, bpp=bpp, hashes=options.hash)
        with progress_bar("encoding", "trial", wanted=options.shows_progress) as progress:
            coded = encode_at_rate(picture, bpp=bpp, progress=progress, **lossy)
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
        data = encode(picture, quality=quality, **lossy)
    if not exact and may_be_exact(options):
        better = exact_instead(
            data,
            picture,
            limit=len(data) if bpp is None else int(bpp * pixels / 8),
            effort=options.effort,
            encode_within=lambda error: encode_exact(picture, max_error=error, **common),
        )
        data = better.data if better else data
    if alpha is not None:
        data = add_alpha(
            data,
            alpha,
            hashes=options.hash,
            with_matches=None if tools is None else tools.alpha_match_flag == 1,
            profile=structure.profile,
        )
    return Coded(data=data, quality=quality, bpp=8 * len(data) / pixels)


def may_be_exact(options: argparse.Namespace) -> bool:
    """Tell whether nothing is asked for that only lossy pictures have; frames are all of a kind."""
    asks_lossy = options.layer_last_group or options.roi or options.roi_mask
    is_limited = options.profile in ("simple", "main")
    return not (asks_lossy or is_limited or vars(options).get("is_frame"))


def quality_offsets(picture: "Picture", options: argparse.Namespace) -> "I32Map | None":
    """Return the offsets of the regions of interest, (h16, w16), or None."""
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
