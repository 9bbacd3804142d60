# SPDX-License-Identifier: Apache-2.0
"""Write the valid streams as a test suite of fluster, the harness of video decoders.

Fluster knows one right answer for a stream, the MD5 of the raw output, and names its format as
FFmpeg does. Its test of invalid streams takes any failure to start for a pass, so these stay here:
`jai-conformance run` judges them.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from conformance import SUITE_VERSION
from conformance.case import Case, load_suite
from conformance.judge.decoder import NOT_RGB
from conformance.judge.difference import reference_samples
from refdec.cli.support import atomic_file, progress_bar

FORMATS = {
    (1, 8): "gray",
    (1, 10): "gray10le",
    (1, 12): "gray12le",
    (1, 16): "gray16le",
    (3, 8): "gbrp",
    (3, 10): "gbrp10le",
    (3, 12): "gbrp12le",
    (3, 14): "gbrp14le",
}
"""Fluster's name of the raw output, by number of components and bit depth."""
BYTE_DEPTH = 8


def raw_output(samples: NDArray[Any], bit_depth: int) -> bytes:
    """Return planes one after the other, little-endian; green, blue, red where there are three."""
    planes = samples[[1, 2, 0]] if len(samples) == 3 else samples  # noqa: PLR2004
    return planes.astype("u1" if bit_depth == BYTE_DEPTH else "<u2").tobytes()


def test_vector(case: Case, folder: Path) -> dict[str, str] | None:
    """Describe a valid case, decoded as it recommends; None where fluster has no such format."""
    picture = case.manifest["valid"]["picture"]
    output_format = FORMATS.get((picture["components"], picture["bit_depth"]))
    if output_format is None or NOT_RGB.intersection(case.manifest["features"]):
        return None
    name = case.id.replace("/", "-")
    samples = reference_samples(case.id, case.stream, None)
    return {
        "name": name,
        "source": (folder / name / f"{name}.jai").absolute().as_uri(),
        "source_checksum": _md5(case.stream),
        "input_file": f"{name}.jai",
        "output_format": output_format,
        "result": _md5(raw_output(samples, picture["bit_depth"])),
    }


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def export(directory: Path) -> str:
    """Write ``test_suites/`` and ``resources/`` as fluster wants them; return what was done.

    Raises
    ------
    OSError
        A file cannot be written.
    """
    name = f"JAI-{SUITE_VERSION}"
    folder = directory / "resources" / name
    cases = [case for case in load_suite() if case.is_valid]
    vectors, left_out = [], []
    with progress_bar("decoding", "case") as progress:
        for done, case in enumerate(cases):
            if progress is not None:
                progress(done, len(cases))
            vector = test_vector(case, folder)
            if vector is None:
                left_out.append(case.id)
                continue
            vectors.append(vector)
            _write(folder / vector["name"] / vector["input_file"], case.stream)
    suite = {
        "name": name,
        "codec": "JAI",
        "description": f"JAI conformance suite {SUITE_VERSION}, valid streams",
        "test_vectors": vectors,
    }
    place = directory / "test_suites" / "jai" / f"{name}.json"
    _write(place, (json.dumps(suite, indent=4) + "\n").encode())
    reason = f"; fluster has no output format for {', '.join(left_out)}" if left_out else ""
    return f"{place}: {len(vectors)} test vectors{reason}"


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_file(path) as file:
        file.write(data)
