# SPDX-License-Identifier: Apache-2.0
"""The command line ``jai-conformance``."""

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from conformance import SUITE_VERSION
from conformance.case import SuiteError, load_suite
from conformance.judge import Judge, command_judge, reference_judge
from conformance.picture_files import SUFFIXES
from conformance.report import conforms, table, write_json
from refdec.cli.support import (
    BACKENDS,
    Parser,
    UsageError,
    check_backend,
    check_destination,
    describe_error,
    run,
)

PROGRAM = "jai-conformance"
EXIT_FAILED = 1
EXIT_HARNESS = 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``jai-conformance``: status 0, 1 not conforming, 2 usage, 3 the harness failed."""
    return run(PROGRAM, _guarded, arguments)


def _guarded(arguments: Sequence[str]) -> int:
    """Tell a failure of the harness from a failure of the decoder."""
    try:
        options = build_parser().parse_args(arguments)
        status: int = options.run(options)
    except (UsageError, BrokenPipeError):
        raise
    except SuiteError as error:
        text = f"the suite is damaged: {error}"
    except Exception as error:  # noqa: BLE001
        text, _ = describe_error(error)
    else:
        return status
    print(f"{PROGRAM}: error: {text}", file=sys.stderr)
    return EXIT_HARNESS


def build_parser() -> Parser:
    """Declare the subcommands and their options."""
    parser = Parser(
        prog=PROGRAM, description="Conformance suite of JAI, and the judge of decoders."
    )
    parser.add_argument("--version", action="version", version=f"{PROGRAM} suite {SUITE_VERSION}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def command(
        name: str, summary: str, action: Callable[[argparse.Namespace], int]
    ) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=summary, description=f"{summary}.")
        added.add_argument(
            "--filter",
            action="append",
            default=[],
            metavar="CASE",
            help="only cases whose id contains this, or matches it with * and ?; may be repeated",
        )
        added.set_defaults(run=action)
        return added

    command("list", "List the cases", run_list)
    generate = command("generate", "Make the streams and manifests again", run_generate)
    generate.add_argument(
        "--check", action="store_true", help="write nothing, fail on a difference"
    )
    generate.add_argument(
        "--any-encoder",
        action="store_true",
        help="with --check: accept other bytes in streams that the encoder made",
    )
    judge = command("run", "Judge a decoder", run_judge)
    subject = judge.add_mutually_exclusive_group(required=True)
    subject.add_argument(
        "--command", metavar="LINE", help='any program, such as "mydec {input} -o {output}"'
    )
    subject.add_argument(
        "--backend", choices=BACKENDS, help="the reference decoder with this backend"
    )
    judge.add_argument(
        "--format", choices=tuple(SUFFIXES), default="ppm", help="what the program writes"
    )
    judge.add_argument(
        "--timeout", type=positive_seconds, default=60.0, metavar="SECONDS", help="default: 60"
    )
    judge.add_argument("--json", type=Path, metavar="FILE", help="also write a JSON report")
    judge.add_argument("--all", action="store_true", help="print the cases that pass, too")
    return parser


def positive_seconds(text: str) -> float:
    """Convert a number of seconds above 0."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        message = f"{text!r} is not a number of seconds above 0"
        raise argparse.ArgumentTypeError(message)
    return seconds


def run_list(options: argparse.Namespace) -> int:
    """Print one line per case."""
    cases = load_suite(options.filter)
    for case in cases:
        print(f"{case.id:<40} {case.manifest['verdict']:<8} {case.manifest['purpose']}")
    print(f"{len(cases)} cases, suite {SUITE_VERSION}")
    return 0


def run_generate(options: argparse.Namespace) -> int:
    """Write or check the suite and say what differs."""
    from conformance import generate  # noqa: PLC0415  the recipes need the encoder

    start = time.perf_counter()
    action = generate.check if options.check else generate.generate
    with progress_bar("checking" if options.check else "generating") as progress:
        outcome = action(options.filter, progress=progress)
    if not outcome.count:
        message = f"no case matches {options.filter}"
        raise UsageError(message)
    groups = {
        "failed": outcome.failed,
        "out of date" if options.check else "written": outcome.changed,
        "decodes to something else": outcome.wrong_digests,
        "other bytes": outcome.other_bytes,
        "other bytes from the encoder": outcome.encoder_bytes,
    }
    for what, names in groups.items():
        for name in names:
            print(f"{what}: {name}")
    seconds = time.perf_counter() - start
    counts = ", ".join(f"{len(names)} {what}" for what, names in groups.items() if names)
    print(f"{outcome.count} cases: {counts or 'nothing differs'}; {seconds:.1f} s")
    differences = [*outcome.failed, *outcome.wrong_digests, *outcome.other_bytes]
    if options.check:
        differences += outcome.changed
        differences += [] if options.any_encoder else outcome.encoder_bytes
    return EXIT_FAILED if differences else 0


def run_judge(options: argparse.Namespace) -> int:
    """Judge a decoder, print the table and write the report."""
    cases, total = load_suite(options.filter), len(load_suite())
    if not cases:
        message = f"no case matches {options.filter}"
        raise UsageError(message)
    if options.json is not None:
        check_destination(options.json)
    judge, subject = chosen_judge(options)
    results = []
    with progress_bar("judging") as progress:
        for done, case in enumerate(cases):
            if progress is not None:
                progress(done, len(cases))
            results.append(judge(case))
    print(table(results, total=total, show_all=options.all))
    if options.json is not None:
        write_json(options.json, results, subject=subject, total=total)
    return 0 if conforms(results) else EXIT_FAILED


def chosen_judge(options: argparse.Namespace) -> tuple[Judge, str]:
    """Return the judge that the options ask for, and the name of what it judges."""
    if options.command is None:
        check_backend(options.backend)
        return reference_judge(options.backend), f"refdec, backend {options.backend}"
    for placeholder in ("{input}", "{output}"):
        if placeholder not in options.command:
            message = f"--command lacks {placeholder}"
            raise UsageError(message)
    judge = command_judge(options.command, picture_format=options.format, timeout=options.timeout)
    return judge, options.command


@contextmanager
def progress_bar(what: str) -> Iterator[Callable[[int, int], None] | None]:
    """Give a function that shows (done, total) on a terminal; None where stderr is no terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from tqdm import tqdm  # noqa: PLC0415

    with tqdm(desc=what, unit="case", leave=False) as bar:

        def show(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield show


if __name__ == "__main__":
    raise SystemExit(main())
