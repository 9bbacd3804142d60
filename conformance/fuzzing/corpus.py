# SPDX-License-Identifier: Apache-2.0
"""Seeds and a dictionary for libFuzzer and AFL++."""

from pathlib import Path

from conformance.case import load_suite
from refdec.cli.support import atomic_file
from refdec.syntax.framing import segment_name
from refdec.syntax.segment import RESERVED_MARKERS, SIGNATURE, Marker

CORPUS, DICTIONARY = "corpus", "jai.dict"


def export_corpus(directory: Path, max_bytes: int) -> str:
    """Write the golden streams to ``corpus/``, named by size, and ``jai.dict``; say what was done.

    Parameters
    ----------
    directory : made if it does not exist.
    max_bytes : longer streams are left out.

    Raises
    ------
    OSError
        A file cannot be written.
    """
    folder = directory / CORPUS
    folder.mkdir(parents=True, exist_ok=True)
    cases = load_suite()
    chosen = {case.stream: case for case in cases if len(case.stream) <= max_bytes}
    for stream, case in chosen.items():
        name = f"{len(stream):08}-{case.id.replace('/', '-')}.jai"
        with atomic_file(folder / name) as file:
            file.write(stream)
    with atomic_file(directory / DICTIONARY) as file:
        file.write(dictionary().encode())
    longer = sum(len(case.stream) > max_bytes for case in cases)
    size = sum(map(len, chosen))
    return f"{len(chosen)} seeds of {size} bytes in {folder}, {longer} longer ones left out"


def dictionary() -> str:
    """Return the signature and all markers, as libFuzzer and AFL++ read them."""
    words = {"signature": SIGNATURE.to_bytes(4, "big")}
    markers = (*Marker, RESERVED_MARKERS[0], RESERVED_MARKERS[-1])
    words |= {f"marker_{segment_name(marker)}": marker.to_bytes(2, "big") for marker in markers}
    lines = (f'{name}="{_escaped(word)}"\n' for name, word in words.items())
    return "# JAI: the signature, and the markers of all segments\n" + "".join(lines)


def _escaped(word: bytes) -> str:
    return "".join(f"\\x{byte:02X}" for byte in word)
