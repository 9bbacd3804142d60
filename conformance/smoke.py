# SPDX-License-Identifier: Apache-2.0
"""Tell a broken harness from a broken decoder: judge known decoders first, then the user's.

A harness that calls a wrong decoder right, or a right one wrong, must not be believed.
"""

import argparse
import hashlib
import sys
import tempfile
from pathlib import Path

from conformance.case import Case, SuiteError, load_suite
from conformance.judge.decoder import Decoder
from conformance.judge.difference import reference_samples
from conformance.judge.limits import Limits
from conformance.judge.program import program_judge
from conformance.judge.running import Request, check_streams
from conformance.judge.sandbox import can_isolate_network
from conformance.judge.verdict import Verdict
from conformance.options import chosen_decoder, chosen_judge, chosen_limits
from refdec.cli.picture_io import write_picture
from refenc.colour import as_picture

CASES = ("picture/size-7x5", "picture/grey-1x1", "invalid/eoc-001-missing")
"""A colour picture, a grey one and a broken stream, all of them tiny."""
EXIT_FAILED, EXIT_HARNESS = 1, 3
_FAKE = """
import hashlib, pathlib, sys
mode, known, source, output = sys.argv[1:]
digest = hashlib.sha256(pathlib.Path(source).read_bytes()).hexdigest()
found = pathlib.Path(known, digest)
if mode == "refuses" or (mode == "right" and not found.exists()):
    print("stream refused", file=sys.stderr)
    sys.exit(3)
if mode != "silent":
    data = found.read_bytes() if found.exists() else b"P6 1 1 255 abc"
    wrong = data[:-1] + bytes([data[-1] ^ 1])
    pathlib.Path(output).write_bytes(wrong if mode == "wrong" else data)
"""
EXPECTED = {
    "right": (Verdict.PASS, Verdict.PASS, Verdict.PASS),
    "wrong": (Verdict.FAIL, Verdict.FAIL, Verdict.ACCEPTED),
    "silent": (Verdict.NO_OUTPUT, Verdict.NO_OUTPUT, Verdict.ACCEPTED),
    "refuses": (Verdict.REJECTED, Verdict.REJECTED, Verdict.PASS),
}
"""What the known decoders shall be judged to be, by what they do."""
REQUEST = Request(points=("S",))


def smoke(options: argparse.Namespace) -> int:
    """Judge the known decoders and, where one is given, the user's; print what was seen.

    Returns
    -------
    0, 1 where the user's decoder does not pass, 3 where the harness itself is wrong.

    Raises
    ------
    SuiteError
        A stream is missing or damaged.
    """
    cases = smoke_cases()
    names = ("decoder", "command", "python", "backend")
    decoder = None
    if any(getattr(options, name) is not None for name in names):
        decoder = chosen_decoder(options)
    if wrong := wrong_harness(cases):
        for line in wrong:
            print(line)
        print("the harness is broken: do not believe its verdicts on this machine")
        return EXIT_HARNESS
    network = "isolated" if can_isolate_network() else "not isolated on this system"
    print(f"harness: {len(EXPECTED)} known decoders judged rightly; network {network}")
    if decoder is None:
        return 0
    return _try(options, decoder, cases)


def smoke_cases() -> list[Case]:
    """Return the three cases.

    Raises
    ------
    SuiteError
        One is missing or damaged.
    """
    known = {case.id: case for case in load_suite()}
    if missing := [name for name in CASES if name not in known]:
        message = f"there is no case {', '.join(missing)}"
        raise SuiteError(message)
    cases = [known[name] for name in CASES]
    check_streams(cases)
    return cases


def wrong_harness(cases: list[Case]) -> list[str]:
    """Return a line for each known decoder that is judged wrongly."""
    lines = []
    with tempfile.TemporaryDirectory(prefix="jai-smoke-") as name:
        for case in cases:
            if case.is_valid:
                stored = Path(name) / hashlib.sha256(case.stream).hexdigest()
                picture = stored.with_suffix(".pnm")
                write_picture(picture, as_picture(reference_samples(case.id, case.stream, None)))
                picture.rename(stored)
        for mode, expected in EXPECTED.items():
            fake = (sys.executable, "-I", "-c", _FAKE, mode, name, "{input}", "{output}")
            decoder = Decoder(name=mode, command=fake)
            judge = program_judge(decoder, limits=Limits(timeout=30), request=REQUEST)
            found = tuple(judge(case).verdict for case in cases)
            if found != expected:
                shown = [", ".join(map(str, verdicts)) for verdicts in (found, expected)]
                lines.append(f"known decoder {mode!r}: {shown[0]}; it shall be {shown[1]}")
    return lines


def _try(options: argparse.Namespace, decoder: Decoder, cases: list[Case]) -> int:
    limits = chosen_limits(options, decoder)
    request = Request(points=decoder.points)
    passed = True
    with chosen_judge(options, decoder, limits=limits, request=request) as judge:
        for case in cases:
            result = judge(case)
            passed &= result.verdict == Verdict.PASS
            print(f"{case.id}: {result.verdict}  {result.detail}".rstrip())
            if result.verdict != Verdict.PASS:
                print(f"    again: {result.command}")
                print(f"    with the stream {case.stream_path}")
    print("the decoder works here: run the suite" if passed else "the decoder is at fault")
    return 0 if passed else EXIT_FAILED
