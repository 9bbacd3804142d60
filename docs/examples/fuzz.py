# SPDX-License-Identifier: Apache-2.0
"""Damage golden streams, and compare a program's verdict with that of the reference decoder.

usage: python -m docs.examples.fuzz COUNT SEED PROGRAM [ARGUMENT ...]

PROGRAM is called as ``PROGRAM ARGUMENT ... STREAM`` and shall end with status 0 when it accepts the
stream, and with another when it refuses it. The exit status is 1 when a stream crashes the program,
keeps it busy for longer than TIMEOUT, or gets another verdict than from the reference decoder; the
stream is then kept in the current directory. The same seed gives the same streams.
"""

import random
import subprocess
import sys
from pathlib import Path

import refdec
from conformance.case import load_suite

TIMEOUT = 20.0
"""Seconds for one stream."""
MAX_BYTES = 2000
"""Longer golden streams are left out: small ones reach the same code."""


def damaged(data: bytes, draw: random.Random) -> bytes:
    """Flip a bit, set a byte, take bytes away, repeat bytes, or cut; one to three times."""
    changed = bytearray(data)
    for _ in range(draw.randint(1, 3)):
        place = draw.randrange(max(1, len(changed)))
        some = slice(place, place + draw.randint(1, 8))
        match draw.choice(["bit", "byte", "take", "repeat", "cut"]) if changed else "":
            case "bit":
                changed[place] ^= 1 << draw.randrange(8)
            case "byte":
                changed[place] = draw.choice([0, 1, 127, 128, 254, 255])
            case "take":
                del changed[some]
            case "repeat":
                changed[place:place] = changed[some]
            case "cut":
                del changed[place:]
    return bytes(changed)


def legal_verdicts(data: bytes) -> set[bool]:
    """Return whether a decoder may accept a stream: both, where only a digest in it is wrong."""
    try:
        refdec.decode(data, verify=True)
    except refdec.HashMismatch:
        return {True, False}
    except refdec.RefdecError:
        return {False}
    return {True}


def fault(program: list[str], stream: Path) -> str:
    """Say what is wrong with a program's verdict; empty when nothing is."""
    try:
        done = subprocess.run(  # noqa: S603
            [*program, str(stream)], capture_output=True, timeout=TIMEOUT, check=False
        )
    except subprocess.TimeoutExpired:
        return f"no end after {TIMEOUT:g} s"
    if done.returncode < 0:
        return f"ended by signal {-done.returncode}"
    accepted = done.returncode == 0
    if accepted in legal_verdicts(stream.read_bytes()):
        return ""
    return "accepted, but not sound" if accepted else "refused, but sound"


def main(count: int, seed: int, program: list[str]) -> int:
    """Run COUNT damaged streams and return the exit status."""
    draw = random.Random(seed)
    corpus = [case.stream for case in load_suite() if len(case.stream) <= MAX_BYTES]
    faults = 0
    for number in range(count):
        stream = Path(f"fuzz-{seed}-{number}.jai")
        stream.write_bytes(damaged(draw.choice(corpus), draw))
        if found := fault(program, stream):
            faults += 1
            print(f"{stream}: {found}")
        else:
            stream.unlink()
    print(f"{count} streams, {faults} faults")
    return int(faults > 0)


if __name__ == "__main__":
    raise SystemExit(main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]))
