# SPDX-License-Identifier: Apache-2.0
"""Options of the subcommand ``mutate``."""

import argparse
import math
from pathlib import Path

from conformance.mutation.judged import STAGES
from conformance.options import positive_seconds
from refdec.cli.support import integer_in, job_count


def add_mutate_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``mutate``."""
    parser.add_argument(
        "--sample", type=integer_in(1), metavar="N", help="so many mutants, chosen by chance"
    )
    parser.add_argument(
        "--seed", type=integer_in(0), default=1, help="the same seed, the same sample (default: 1)"
    )
    parser.add_argument(
        "--stage",
        action="append",
        choices=tuple(STAGES),
        help="only faults of this stage; may be repeated",
    )
    parser.add_argument(
        "--accepted",
        action="store_true",
        help="judge only the accepted mutants, of which none should be killed",
    )
    parser.add_argument(
        "--jobs",
        type=job_count,
        default=1,
        metavar="N",
        help="mutants at a time; 0: one a processor",
    )
    parser.add_argument(
        "--work",
        type=Path,
        metavar="DIR",
        help="keep which lines each case runs here: only these cases are judged",
    )
    parser.add_argument(
        "--most",
        type=positive_seconds,
        default=math.inf,
        metavar="SECONDS",
        help="processor time for the cases of a mutant, for a first look; needs --work",
    )
    parser.add_argument(
        "--resume", action="store_true", help="keep the results that the -o file has already"
    )
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="write a JSON report")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the summary")
