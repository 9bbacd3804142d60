# SPDX-License-Identifier: Apache-2.0
"""The subcommands of ``refdec`` that run the decoding process."""

import argparse
import hashlib
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from refdec.animation import check_frame, stills
from refdec.arrays import I32Map
from refdec.cli.allocator import keep_memory
from refdec.cli.animation import check_animation_output, write_animation
from refdec.cli.many import Kind, convert_many, single_input
from refdec.cli.metadata import png_chunks
from refdec.cli.picture_io import picture_format, write_picture, write_strips
from refdec.cli.planar import LAYOUTS
from refdec.cli.support import UsageError, atomic_file, check_destination, read_stream
from refdec.decoding import (
    decode,
    decode_frames,
    decode_latents,
    decode_strips,
    parse,
    require_inside,
    verify,
)
from refdec.errors import HashMismatch
from refdec.limits import Limits
from refdec.reconstruction import Region
from refdec.still import HashResult, applies_enhancement, choose_transform
from refdec.syntax.codestream import Codestream
from refdec.syntax.profiles import Profile
from refdec.syntax.segment import HashPoint, SynthesisTransform

POINTS = {
    "L": "latents (point L)",
    "S": "samples (point S)",
    "E": "enhanced samples (point E)",
    "A": "alpha (point A)",
}
"""In words, in the order of hash_point_idc."""


def decoding_options(options: argparse.Namespace) -> dict[str, Any]:
    """Translate the common options to the arguments of the decoding functions."""
    given = {"max_pixels": options.max_pixels, "max_level": options.max_level}
    frame = {} if options.frame is None else {"frame": options.frame}
    return {
        **frame,
        "backend": options.backend,
        "threads": options.threads,
        "limits": Limits(**{name: value for name, value in given.items() if value is not None}),
    }


def run_decode(options: argparse.Namespace) -> int:
    """Decode one stream, or many, and print a summary."""
    stream = single_input(options)
    if stream is None:
        suffix: str = options.suffix
        picture_format(Path(f"--suffix {suffix}"))
        return convert_many(options, Kind("refdec", decode_one, "decoded", (".jai",), suffix))
    print_summary(decode_file(options, stream, options.output or default_output(stream, ".png")))
    return 0


def decode_one(options: argparse.Namespace, stream: Path, output: Path) -> tuple[str, ...]:
    """Decode one of many streams; there is nothing to note."""
    decode_file(options, stream, output)
    return ()


def decode_file(options: argparse.Namespace, stream: Path, output: Path) -> dict[str, str]:
    """Decode to a picture file, or an animation to one or many, and return the summary."""
    keep_memory()
    check_destination(output, source=stream)
    picture_format(output)
    data = read_stream(stream)
    codestream = parse(data, tolerant=options.tolerant)
    still = chosen_still(codestream, options)
    is_animation = len(codestream.frames) > 1 and options.frame is None
    region = check_region(options.region, codestream)
    check = check_animation_output if is_animation else picture_format
    check(output, codestream.picture_header, has_alpha=codestream.tools.alpha_flag == 1)
    transform, hashed_points = decoded_points(still, options)
    if options.verify:
        require_whole(still, options)
        require_hashes(hashed_points)
    choices = {
        "verify": options.verify,
        "synthesis": options.synthesis,
        "layers": options.layers,
        "tolerant": options.tolerant,
        "region": region,
        **decoding_options(options),
    }
    chunks = list(png_chunks(codestream))
    start = time.perf_counter()
    if is_animation:
        write_animation(
            output,
            decode_frames(data, **choices),
            num_frames=len(codestream.frames),
            loop_count=codestream.animation.loop_count if codestream.animation else 0,
            chunks=chunks,
        )
    elif picture_format(output).write_strips is not None and not options.verify:
        height = region.height if region else codestream.picture_header.pic_height
        choices.pop("verify")
        write_strips(output, decode_strips(data, **choices), height=height, chunks=chunks)
    else:
        write_picture(output, decode(data, **choices), chunks)
    seconds = time.perf_counter() - start
    return {
        "picture": f"{output}, {picture_text(codestream)}{part_text(still, options)}",
        "stream": stream_text(codestream, len(data)),
        "hash": hash_text(hashed_points, verified=options.verify),
        "time": f"{seconds:.2f} s"
        + (f", {transform.name.lower()} synthesis" if codestream.tools.base_flag else ""),
    }


def chosen_still(codestream: Codestream, options: argparse.Namespace) -> Codestream:
    """Return the frame that is asked for, or the first, or the still itself."""
    try:
        return stills(codestream)[check_frame(codestream, options.frame or 0)]
    except ValueError as error:
        raise UsageError(str(error)) from error


def decoded_points(
    still: Codestream, options: argparse.Namespace
) -> tuple[SynthesisTransform, list[str]]:
    """Return the transform that is used, and in words the points that can be compared."""
    transform = choose_transform(still, options.synthesis)
    enhanced = applies_enhancement(still, options.synthesis, complete_layers(still, options))
    if enhanced:
        transform = SynthesisTransform(still.tools.base_transform_idc)
    points = {(HashPoint.LATENTS, 0), (HashPoint.SAMPLES, transform)}
    points |= {(HashPoint.ENHANCED, 0)} if enhanced else set()
    points |= {(HashPoint.ALPHA, 0)} if still.tools.alpha_flag else set()
    return transform, [
        list(POINTS.values())[item.hash_point_idc]
        for item in still.hashes
        if (item.hash_point_idc, item.synthesis_transform_idc) in points
    ]


def run_latents(options: argparse.Namespace) -> int:
    """Decode to point L and write an NPZ archive."""
    require_extension(options.output, ".npz")
    check_destination(options.output, source=options.stream)
    data = read_stream(options.stream)
    chosen_still(parse(data), options)
    start = time.perf_counter()
    latents = decode_latents(data, **decoding_options(options))
    seconds = time.perf_counter() - start
    with atomic_file(options.output) as file:
        np.savez_compressed(
            file,
            y_hat=latents.y_hat,
            z_hat=latents.z_hat,
            step=latents.step,
            model_set_idc=np.int32(latents.model_set_idc),
        )
    print_summary(
        {
            "latents": f"{options.output}, y_hat {latents.y_hat.shape}",
            "stream": stream_text(parse(data), len(data)),
            "SHA-256": latents.digest(),
            "time": f"{seconds:.2f} s",
        }
    )
    return 0


def run_trace(options: argparse.Namespace) -> int:
    """Decode and record the tensors at the control points.

    The JSON document lists, in decoding order, the name, the shape and the SHA-256 of each tensor
    as big-endian 32-bit integers in C, H, W order.
    """
    check_destination(options.output, source=options.stream)
    data = read_stream(options.stream)
    chosen_still(parse(data), options)
    if options.tensors is not None:
        options.tensors.mkdir(exist_ok=True)
    points: list[dict[str, object]] = []

    def record(name: str, tensor: I32Map) -> None:
        point: dict[str, object] = {
            "name": name,
            "shape": list(tensor.shape),
            "sha256": hashlib.sha256(tensor.astype(">i4").tobytes()).hexdigest(),
        }
        if options.tensors is not None:
            point["file"] = f"{len(points):04d}_{name.replace('/', '_')}.npy"
            with atomic_file(options.tensors / str(point["file"])) as file:
                np.save(file, tensor.astype(np.int32), allow_pickle=False)
        points.append(point)

    decode(data, trace=record, synthesis=options.synthesis, **decoding_options(options))
    lines = ",\n  ".join(json.dumps(point) for point in points)
    digest = hashlib.sha256(data).hexdigest()
    with atomic_file(options.output) as file:
        file.write(f'{{"stream_sha256": "{digest}",\n "points": [\n  {lines}]}}\n'.encode())
    print(f"{options.output}: {len(points)} control points")
    return 0


def run_verify(options: argparse.Namespace) -> int:
    """Decode, compare every hash of the stream, and print the result of each."""
    data = read_stream(options.stream)
    codestream = parse(data)
    chosen_still(codestream, options)
    results = verify(data, synthesis=options.synthesis, **decoding_options(options))
    for result in results:
        frame = f"frame {result.frame}, " if codestream.frames else ""
        print(f"{frame}{point_text(result)}: {'match' if result.matches else 'MISMATCH'}")
    require_hashes(results)
    wrong = [result for result in results if not result.matches]
    if wrong:
        first = wrong[0]
        message = f"hash of {point_text(first)} is {first.actual}, the stream says {first.expected}"
        raise HashMismatch(message, requirement="DPH-006", element="digest")
    return 0


def check_region(given: tuple[int, int, int, int] | None, codestream: Codestream) -> Region | None:
    """Raise UsageError for a rectangle that is not inside the picture."""
    if given is None:
        return None
    try:
        require_inside(Region(*given), codestream.picture_header)
    except ValueError as error:
        raise UsageError(str(error)) from error
    return Region(*given)


def complete_layers(codestream: Codestream, options: argparse.Namespace) -> int:
    """Count the layers that are decoded; a picture without lossy base lacks none."""
    if codestream.hyper_latent is None:
        return codestream.picture_header.num_layers
    complete = len(codestream.residual) // codestream.picture_header.num_tiles
    return complete if options.layers is None else min(complete, options.layers)


def require_whole(codestream: Codestream, options: argparse.Namespace) -> None:
    """Raise UsageError where hashes cannot speak of what is decoded."""
    layers = complete_layers(codestream, options)
    if options.region is not None or layers < codestream.picture_header.num_layers:
        message = "--verify needs the whole picture and all its layers"
        raise UsageError(message)


def part_text(codestream: Codestream, options: argparse.Namespace) -> str:
    """Say which part of the picture was decoded, if not all."""
    layers, wanted = complete_layers(codestream, options), codestream.picture_header.num_layers
    text = "" if layers == wanted else f", {layers} of {wanted} layers"
    return text if options.region is None else f"{text}, region {options.region}"


def require_hashes(hashes: Sequence[object]) -> None:
    """Raise HashMismatch when there is nothing to verify: silence would look like success."""
    if not hashes:
        message = "the stream carries no hash to verify"
        raise HashMismatch(message)


def default_output(stream: Path, suffix: str) -> Path:
    """Return the stream's name with another extension; never one that exists already."""
    output = stream.with_suffix(suffix)
    if output.exists():
        message = f"{output} exists already; name the output with -o"
        raise UsageError(message)
    return output


def require_extension(path: Path, extension: str) -> None:
    """Raise UsageError unless the path ends in the extension."""
    if path.suffix.lower() != extension:
        message = f"{path}: the output's extension shall be {extension}"
        raise UsageError(message)


def print_summary(lines: dict[str, str]) -> None:
    """Print aligned labels and texts."""
    for label, text in lines.items():
        print(f"{label:<8} {text}")


def picture_text(codestream: Codestream) -> str:
    """Say size, components and bit depth."""
    header, tools = codestream.picture_header, codestream.tools
    depth = "binary16" if header.sample_float_flag else f"{header.bit_depth} bits"
    kind = "grey" if header.monochrome_flag else "RGB"
    if header.ycc_flag:
        kind = f"YCbCr {LAYOUTS[header.chroma_format_idc]}"
    text = f"{header.pic_width}x{header.pic_height} {kind}, {depth}"
    text += f", alpha of {tools.alpha_bit_depth} bits" if tools.alpha_flag else ""
    return f"{text}, {len(codestream.frames)} frames" if codestream.frames else text


def stream_text(codestream: Codestream, num_bytes: int) -> str:
    """Say bytes, rate, profile, level, model set and quality."""
    header = codestream.picture_header
    bpp = 8 * num_bytes / (header.pic_width * header.pic_height * len(stills(codestream)))
    profile = Profile(header.profile_idc).name.capitalize()
    return (
        f"{num_bytes} bytes, {bpp:.3f} bpp, {profile} profile, level {header.level_idc}, "
        f"{fidelity_text(codestream)}"
    )


def fidelity_text(codestream: Codestream) -> str:
    """Say model set and quality of the lossy picture, and how exact the enhancement is."""
    header, tools = codestream.picture_header, codestream.tools
    lossy = f"model set {header.model_set_idc}, quality {header.quality_idx}"
    if not tools.enhancement_flag:
        return lossy
    exact = f"errors up to {tools.max_error}" if tools.max_error else "lossless"
    return f"{lossy}, {exact}" if tools.base_flag else exact


def hash_text(points: list[str], *, verified: bool) -> str:
    """Say which hashes the stream carries for what was decoded, and whether they were checked."""
    if not points:
        return "none in the stream"
    return f"{', '.join(points)}: {'match' if verified else 'not checked (--verify does)'}"


def point_text(result: HashResult) -> str:
    """Name a conformance point in words."""
    return POINTS[result.point]
