# SPDX-License-Identifier: Apache-2.0
"""The command line ``refdec``: options of each subcommand.

A subcommand's code is imported when it runs, so that help and `inspect` start quickly.
"""

import argparse
import importlib
from collections.abc import Sequence
from pathlib import Path

from refdec import __version__
from refdec.cli.support import (
    MODEL_SET,
    Parser,
    add_computing_options,
    add_many_options,
    check_backend,
    integer_in,
    run,
)

EPILOG = """\
exit status: 0 success, 2 usage, 3 the stream does not conform, 4 unsupported or over a limit,
5 hash mismatch, 6 files, 1 a bug in this program; of many files that of the first that failed.
JAI_DEBUG=1 adds a traceback to errors."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``refdec`` and return the exit status."""
    return run("refdec", run_command, arguments)


def run_command(arguments: Sequence[str]) -> int:
    """Parse the options and run the subcommand."""
    options = build_parser().parse_args(arguments)
    check_backend(getattr(options, "backend", "auto"))
    module, function = options.command
    status: int = getattr(importlib.import_module(module), function)(options)
    return status


def build_parser() -> Parser:
    """Declare the subcommands and their options."""
    parser = Parser(prog="refdec", description="Reference decoder of JAI pictures.", epilog=EPILOG)
    parser.add_argument("--version", action="version", version=f"refdec {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def command(name: str, summary: str, module: str, *, stream: bool = True) -> Parser:
        added = commands.add_parser(name, help=summary, description=f"{summary}.", epilog=EPILOG)
        added.set_defaults(command=(module, f"run_{name}"))
        if stream:
            added.add_argument("stream", type=Path, metavar="STREAM", help="codestream (.jai)")
        return added

    decode = command(
        "decode",
        "Decode streams to picture files",
        "refdec.cli.commands",
        stream=False,
    )
    add_many_options(decode, "STREAM", "codestream (.jai)")
    decode.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="FILE",
        help="picture: .png .ppm .pgm .pnm .pam .tif .tiff .npy (C, H, W) .pfm .y4m .yuv .rgb; "
        "default: the stream's name with .png, if there is no such file yet; an animation becomes "
        "an animated .png, a sequence in a Netpbm file, or numbered files as with out_%%04d.png; "
        "of many streams: a directory, made if need be",
    )
    decode.add_argument(
        "--suffix",
        type=lambda text: f".{text.removeprefix('.')}",
        default=".png",
        metavar=".EXT",
        help="of many streams: what they become (default: .png)",
    )
    decode.add_argument(
        "--verify", action="store_true", help="fail unless the hashes that the stream carries match"
    )
    decode.add_argument(
        "--region", type=region, metavar="X,Y,W,H", help="decode only this rectangle"
    )
    decode.add_argument(
        "--layers",
        type=integer_in(0, 8),
        metavar="N",
        help="decode only the first N residual layers; 0 gives the hyper-latent's preview",
    )
    decode.add_argument(
        "--tolerant",
        action="store_true",
        help="accept a stream that is cut after its hyper-latent, up to its last complete layer",
    )
    add_decoding_options(decode)
    add_synthesis_option(decode)

    inspect = command("inspect", "List every syntax element; needs no weights", "refdec.cli.views")
    inspect.add_argument("--json", action="store_true", help="print one JSON document")

    latents = command("latents", "Decode to latents, without synthesis", "refdec.cli.commands")
    latents.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="FILE",
        required=True,
        help="NumPy archive (.npz): y_hat, z_hat, step, model_set_idc",
    )
    add_decoding_options(latents)

    trace = command(
        "trace", "Write the SHA-256 of every tensor at the control points", "refdec.cli.commands"
    )
    trace.add_argument(
        "-o", "--output", type=Path, metavar="FILE", required=True, help="JSON document"
    )
    trace.add_argument(
        "--tensors", type=Path, metavar="DIR", help="also write each tensor there, as .npy"
    )
    add_decoding_options(trace)
    add_synthesis_option(trace)

    verify = command("verify", "Check the hashes that a stream carries", "refdec.cli.commands")
    add_decoding_options(verify)
    add_synthesis_option(verify)

    metadata = commands.add_parser(
        "metadata",
        help="List or extract ICC, Exif, XMP, JUMBF and user data",
        description="List or extract ICC, Exif, XMP, JUMBF and user data.",
        epilog=EPILOG,
    )
    metadata.set_defaults(command=("refdec.cli.metadata", "run_metadata"))
    metadata.add_argument("action", choices=("list", "extract"))
    metadata.add_argument("stream", type=Path, metavar="STREAM", help="codestream (.jai)")
    metadata.add_argument(
        "--type", metavar="NAME", help="only icc, exif, xmp, jumbf, user, or typeN (default: all)"
    )
    metadata.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="DIR",
        default=Path(),
        help="directory of the extracted files, named after the stream (default: this one)",
    )

    complexity = command(
        "complexity",
        "Print multiplications and parameters of the networks",
        "refdec.cli.views",
        stream=False,
    )
    complexity.add_argument(
        "stream",
        type=Path,
        nargs="?",
        metavar="STREAM",
        help=f"count for this picture (default: for a large picture of model set {MODEL_SET})",
    )
    complexity.add_argument("--json", action="store_true", help="print one JSON document")

    export = command("export", "Write the networks as files", "refdec.cli.export", stream=False)
    export.add_argument("format", choices=("onnx",), help="one .onnx file per network, float32")
    export.add_argument(
        "--model-set",
        type=integer_in(0, 15),
        default=MODEL_SET,
        metavar="N",
        help=f"default: {MODEL_SET}",
    )
    export.add_argument("-o", "--output", type=Path, metavar="DIR", required=True)
    return parser


def add_decoding_options(parser: argparse.ArgumentParser) -> None:
    """Add what every subcommand that decodes takes: engine and the caller's limits."""
    add_computing_options(parser)
    parser.add_argument(
        "--max-pixels", type=integer_in(1), metavar="N", help="refuse pictures of more pixels"
    )
    parser.add_argument(
        "--max-level", type=integer_in(1, 15), metavar="N", help="refuse streams of a higher level"
    )
    parser.add_argument(
        "--frame", type=integer_in(0), metavar="N", help="of an animation only this frame, from 0"
    )


def add_synthesis_option(parser: argparse.ArgumentParser) -> None:
    """Add --synthesis."""
    parser.add_argument(
        "--synthesis",
        choices=("simple", "base"),
        help="synthesis transform (default: the one that the stream recommends)",
    )


def region(text: str) -> tuple[int, int, int, int]:
    """Parse a rectangle: left, top, width, height."""
    x, y, width, height = map(int, text.split(","))
    return x, y, width, height
