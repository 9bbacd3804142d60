# SPDX-License-Identifier: Apache-2.0
"""Judge jaidec with the golden streams and with mutated streams; standard library only.

Valid stills: latents (point L), the samples of both synthesis transforms (point S), enhanced
samples (point E) and alpha (point A) have the listed digests. Animations: status 4. Invalid
streams: status 3 to 5, a message, no output; the requirement that the message names is compared,
too. Mutated streams: a picture, or status 3 to 5 with a message.
"""

import argparse
import hashlib
import json
import random
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

STREAMS = Path(__file__).resolve().parents[2] / "conformance" / "streams"
STATUSES = {0, 3, 4, 5}
TIMEOUT = 120
SMALL = 3000
"""Bytes of the longest stream that is mutated."""


class Decoder:
    """The program, in a directory of its own."""

    def __init__(self, program: Path, directory: Path) -> None:
        self.program, self.directory = program, directory

    def run(self, stream: bytes, *options: str) -> tuple[int, str]:
        """Decode a stream; return the status (negative: a signal) and the message."""
        for name in ("out.raw", "latents.bin"):
            (self.directory / name).unlink(missing_ok=True)
        path = self.directory / "stream.jai"
        path.write_bytes(stream)
        command = [self.program, path, "-o", self.directory / "out.raw", *options]
        try:
            done = subprocess.run(command, capture_output=True, timeout=TIMEOUT, check=False)  # noqa: S603
        except subprocess.TimeoutExpired:
            return 1, f"not done in {TIMEOUT} seconds"
        return done.returncode, done.stderr.decode(errors="replace").strip()

    def latents_digest(self) -> str:
        """Return the digest of spec 10.1 of what was decoded."""
        return hashlib.sha256((self.directory / "latents.bin").read_bytes()).hexdigest()

    def digests(self, alpha_bytes: int) -> tuple[str, str]:
        """Return the digests of spec 10.2 of the samples and of alpha, the last bytes."""
        data = (self.directory / "out.raw").read_bytes()
        end = len(data) - alpha_bytes
        return hashlib.sha256(data[:end]).hexdigest(), hashlib.sha256(data[end:]).hexdigest()


def judge_valid(decoder: Decoder, case: dict[str, Any], stream: bytes) -> str:
    """Return "pass", or what is wrong."""
    if "frames" in case["valid"]:
        status, message = decoder.run(stream)
        unsupported = status == 4 and "animation" in message
        return "pass, unsupported" if unsupported else f"status {status}: {message}"
    digests, picture = case["valid"]["digests"], case["valid"]["picture"]
    alpha_depth = picture.get("alpha_bit_depth", 0)
    alpha_bytes = -(-alpha_depth // 8) * picture["width"] * picture["height"]
    latents = ("--latents", str(decoder.directory / "latents.bin"))
    runs = [((), "E", digests["E"])] if "E" in digests else []
    runs += [
        ((*latents, "--synthesis", name), f"S {name}", wanted)
        for name, wanted in digests.get("S", {}).items()
    ]
    for options, point, wanted in runs:
        status, message = decoder.run(stream, "--verify", *options)
        if status != 0:
            return f"status {status}: {message}"
        if options and decoder.latents_digest() != digests["L"]:
            return "point L differs"
        samples, alpha = decoder.digests(alpha_bytes)
        if samples != wanted:
            return f"point {point} differs"
        if alpha_depth and alpha != digests["A"]:
            return "point A differs"
    return "pass"


def judge_invalid(decoder: Decoder, case: dict[str, Any], stream: bytes) -> str:
    """Return "pass", "pass, another reason", or what is wrong."""
    status, message = decoder.run(stream, "--verify")
    if status not in STATUSES - {0}:
        return f"status {status}: {message}"
    if not message:
        return "no message"
    if (decoder.directory / "out.raw").exists():
        return "output left behind"
    reason = message.removeprefix("jaidec: ").split(":")[0]
    return (
        "pass" if reason in case["invalid"]["requirements"] else f"pass, another reason ({reason})"
    )


def mutate(stream: bytes, rng: random.Random) -> bytes:
    """Return the stream with a few bytes changed, removed, repeated or inserted."""
    data = bytearray(stream)
    for _ in range(rng.choice((1, 1, 2, 4, 8))):
        at = rng.randrange(len(data) + 1)
        end = min(len(data), at + rng.choice((1, 1, 2, 4, 16)))
        kind = rng.randrange(6)
        if kind <= 2 and at < len(data):
            data[at] = data[at] ^ (1 << rng.randrange(8)) if kind else rng.randrange(256)
        elif kind == 3:
            del data[at:end]
        elif kind == 4:
            data[at:at] = data[at:end]
        else:
            data[at:at] = rng.randbytes(end - at)
    return bytes(data)


def check_mutations(decoder: Decoder, streams: list[bytes], count: int, seed: int) -> list[str]:
    """Decode mutated streams and return the faults; prints how often each status came up."""
    rng, statuses, faults = random.Random(seed), Counter[int](), []
    for number in range(count):
        stream = mutate(rng.choice(streams), rng)
        status, message = decoder.run(
            stream, *rng.choice(((), ("--verify",), ("--synthesis", "simple")))
        )
        statuses[status] += 1
        if status not in STATUSES or (status and not message.startswith("jaidec: ")):
            hexadecimal = stream.hex()[:6000]
            faults.append(f"mutation {number}: status {status}: {message}: {hexadecimal}")
    listed = ", ".join(
        f"{number} of status {status}" for status, number in sorted(statuses.items())
    )
    print(f"{count} mutated streams, seed {seed}: {listed}")
    return faults


def main() -> int:
    """Run the program."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program", type=Path)
    parser.add_argument(
        "--filter", action="append", help="only cases whose id contains this; may be repeated"
    )
    parser.add_argument("--mutations", type=int, default=0, metavar="N")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    verdicts, faults, small = Counter[str](), [], []
    with tempfile.TemporaryDirectory() as name:
        decoder = Decoder(arguments.program.resolve(), Path(name))
        for path in sorted(STREAMS.glob("*/*/case.json")):
            case = json.loads(path.read_text(encoding="utf-8"))
            stream = path.with_name("stream.jai").read_bytes()
            if not any(part in case["id"] for part in arguments.filter or [""]):
                continue
            judge = judge_valid if case["verdict"] == "valid" else judge_invalid
            verdict = judge(decoder, case, stream)
            verdicts[f"{case['verdict']}: {verdict.split(' (')[0]}"] += 1
            if not verdict.startswith("pass"):
                faults.append(f"{case['id']}: {verdict}")
            elif verdict != "pass":
                print(f"{case['id']}: {verdict}")
            if len(stream) <= SMALL:
                small.append(stream)
        for verdict, count in sorted(verdicts.items()):
            print(f"{count:4} {verdict}")
        if arguments.mutations:
            faults += check_mutations(decoder, small, arguments.mutations, arguments.seed)
    for fault in faults:
        print(f"FAULT {fault}")
    return 1 if faults or not verdicts else 0


if __name__ == "__main__":
    sys.exit(main())
