# SPDX-License-Identifier: Apache-2.0
"""Thumbnails: bytes that are not payload, and small photographs beside other codecs."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.metrics import Rgb, psnr
from benchmarks.peers import JAI, PEERS, Codec, coded_bytes
from benchmarks.use_cases_common import pictures, planes, read_square, table
from refdec import parse
from refdec.bits import BitReader
from refdec.entropy.bits import read_length
from refdec.syntax.segment import Marker
from refenc.encode import encode

SIZES = ((1, 1), (7, 5), (16, 16), (64, 64))
"""Width and height."""
ALLOWED_OVERHEAD = 24
OUTSIDE = "**outside the sub-streams**"
OVERHEAD = "**overhead**"
QUALITY = 32
SIDE = 64
LEVELS = (27.0, 30.0, 33.0)
"""PSNR-RGB at which sizes are compared, dB."""
LADDER_LENGTH = 22
COMPARED = tuple(c for c in PEERS if c.name in {"jpeg", "webp", "avif", "jpegxl"})
CONTAINER = {"webp": 20, "jpeg": 18}
"""Bytes of RIFF's headers, of JFIF's APP0; AVIF's boxes are counted by `coded_bytes`."""

Points = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]
"""PSNR, bytes of the file, bytes without container; by rising PSNR."""


def anatomy(data: bytes) -> dict[str, int]:
    """Return where the bytes of a still of one tile and layer are."""
    stream = parse(data)
    sizes = {Marker(s.marker).name: s.end - s.offset for s in stream.segments}
    parts = (stream.hyper_latent, stream.residual[0])
    payloads = [part.payload for part in parts]
    lengths = [length_bytes(payload) for payload in payloads]
    lanes = stream.picture_header.num_lanes
    states = [
        4 * count * bool(p) for count, p in zip((max(1, lanes >> 3), lanes), payloads, strict=True)
    ]
    overhead = len(data) - sum(map(len, payloads)) + sum(lengths)
    return {
        "SOC": sizes["SOC"],
        "PIH": sizes["PIH"],
        "SOZ, SOR around the sub-streams": sizes["SOZ"] + sizes["SOR"] - sum(map(len, payloads)),
        "EOC": sizes["EOC"],
        OUTSIDE: overhead - sum(lengths),
        "num_words": sum(lengths),
        OVERHEAD: overhead,
        "lane states": sum(states),
        "words, escapes": len(data) - overhead - sum(states),
        "file": len(data),
    }


def length_bytes(payload: bytes) -> int:
    """Return the bytes of num_words."""
    if not payload:
        return 0
    reader = BitReader(payload)
    read_length(reader, "num_words")
    return reader.offset


def thumbnail(rgb: Rgb) -> Rgb:
    """Reduce a square picture."""
    return np.asarray(Image.fromarray(rgb).resize((SIDE, SIDE), Image.Resampling.LANCZOS))


def measured_points(codec: Codec, rgb: Rgb) -> Points:
    """Measure a dense ladder; points that are no better than a smaller one are left out."""
    settings = np.linspace(codec.ladder[0], codec.ladder[-1], LADDER_LENGTH).round()
    found = []
    for setting in np.unique(settings):
        data = codec.encode(rgb, setting)
        coded = coded_bytes(data) - CONTAINER.get(codec.name, 0)
        found.append((len(data), coded, psnr(codec.decode(data), rgb)))
    rising: list[tuple[float, float, float]] = []
    for size, coded, db in sorted(found):
        if not rising or db > rising[-1][0]:
            rising.append((db, float(size), float(coded)))
    return tuple(np.array(rising).T)


def sizes_at(points: Points, levels: tuple[float, ...]) -> NDArray[np.float64]:
    """Return (2, levels) bytes of the file and without container; nan where a level is not reached."""
    db, *sizes = points
    logs = [np.interp(levels, db, np.log(s), left=np.nan, right=np.nan) for s in sizes]
    return np.exp(np.array(logs))


def report(folder: Path, out: Path, limit: int | None) -> str:
    """Measure header overhead and sizes at equal PSNR."""
    del out
    paths = pictures(folder, ["photo"], limit)
    square = read_square(paths[0], None)
    parts = [
        anatomy(encode(planes(square[:height, :width]), quality=QUALITY)) for width, height in SIZES
    ]
    rows = [[name, *(str(part[name]) for part in parts)] for name in parts[0]]
    outside, worst = (max(part[key] for part in parts) for key in (OUTSIDE, OVERHEAD))
    photos = [thumbnail(read_square(path, None)) for path in paths]
    sizes = {
        codec.name: np.array([sizes_at(measured_points(codec, rgb), LEVELS) for rgb in photos])
        for codec in (JAI, *COMPARED)
    }
    return "\n\n".join(
        [
            (
                f"Bytes of a still at quality {QUALITY} with the encoder's defaults. Overhead is everything but the "
                "entropy-coded payload: SOC, PIH, markers and lengths of SOZ and SOR, EOC, and num_words at the start of "
                "both sub-streams. Lane states count as payload: the first symbols are in them; 16 of the 32 bits of a "
                "state are the fixed cost of a lane, here 4 bytes for the two sub-streams. Allowed are "
                f"{ALLOWED_OVERHEAD} bytes; the largest overhead is {worst} bytes, {outside} where num_words counts as "
                "part of the coded data."
            ),
            table(["bytes", *(f"{width}x{height}" for width, height in SIZES)], rows),
            (
                f"{len(photos)} photographs, their middle squares reduced to {SIDE}x{SIDE} (Lanczos); bytes at the same "
                "PSNR-RGB, interpolated over the logarithm of the size. A cell is the mean size of the peer's files and, "
                "on the same pictures, of JAI's; then JAI's size relative to the peer's (geometric mean), for whole files "
                "and, in brackets, where the peer's are counted without container (AVIF's boxes, RIFF headers, JFIF's "
                "APP0; JPEG XL and JAI have none, JAI always counts in full). n: pictures on which the peer and JAI "
                "reach the PSNR."
            ),
            table(
                ["peer", *(f"{level:g} dB" for level in LEVELS)],
                [[codec.label, *cells(sizes[JAI.name], sizes[codec.name])] for codec in COMPARED],
            ),
            "Settings as in [rd.md](rd.md).",
        ]
    )


def cells(jai: NDArray[np.float64], peer: NDArray[np.float64]) -> list[str]:
    """Compare (pictures, 2, levels) sizes at each level."""
    texts = []
    for level in range(len(LEVELS)):
        ours, whole, coded = jai[:, 0, level], peer[:, 0, level], peer[:, 1, level]
        both = np.isfinite(ours) & np.isfinite(whole)
        if not both.any():
            texts.append("-")
            continue
        ratios = [np.exp(np.log(ours[both] / s[both]).mean()) - 1 for s in (whole, coded)]
        texts.append(
            f"{whole[both].mean():.0f} / {ours[both].mean():.0f}: {100 * ratios[0]:+.0f} % "
            f"({100 * ratios[1]:+.0f} %), n={both.sum()}"
        )
    return texts
