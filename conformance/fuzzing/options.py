# SPDX-License-Identifier: Apache-2.0
"""Options of the subcommands ``fuzz`` and ``export-corpus``."""

import argparse
from pathlib import Path

from conformance.options import add_subject, positive_seconds
from refdec.cli.support import integer_in

SECONDS = 60.0
MAX_SEED_BYTES = 1 << 14


def add_fuzz_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``fuzz``."""
    add_subject(parser, required=True)
    parser.add_argument(
        "streams", nargs="*", type=Path, metavar="STREAM", help="try these, and no others"
    )
    parser.add_argument(
        "--seconds",
        type=positive_seconds,
        help=f"stop after this time (default: {SECONDS:g}, with --count none)",
    )
    parser.add_argument("--count", type=integer_in(1), metavar="N", help="stop after N streams")
    parser.add_argument(
        "--seed", type=integer_in(0), default=1, help="the same seed, the same streams (default: 1)"
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        default=Path(),
        metavar="DIR",
        help="where streams that show a fault are kept (default: here)",
    )


def add_corpus_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``export-corpus``."""
    parser.add_argument("directory", type=Path, help="made if it does not exist")
    parser.add_argument(
        "--max-bytes",
        type=integer_in(1),
        default=MAX_SEED_BYTES,
        metavar="N",
        help=f"leave longer streams out (default: {MAX_SEED_BYTES})",
    )
