# SPDX-License-Identifier: Apache-2.0
"""Rate control: how near ``--bpp`` comes to a given rate, and the PSNR there beside JPEG's."""

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

import refdec
from benchmarks.metrics import Rgb, psnr
from benchmarks.peers import PEERS
from benchmarks.rd_curves import Row, Rows, curve, values_at
from refenc.encode import encode_at_rate

TARGETS = (0.06, 0.12, 0.25, 0.50, 0.75, 1.00, 1.50, 2.00)
"""Bits per pixel."""
JPEG = PEERS[0]
COLUMNS = (
    "target bpp",
    "pictures",
    "mean bpp",
    "within -10 %/+0 %",
    "JAI PSNR-RGB",
    "pictures that JPEG reaches",
    "JAI there",
    "JPEG there",
    "gain",
    "JAI ahead on",
)


def write_targets(
    pictures: Iterable[tuple[str, str, Rgb]], targets: list[float], rows: Rows, out: Path
) -> None:
    """Encode each picture (name, SHA-256, samples) at each rate; write OUT_targets.csv and .md."""
    measured = [
        row for picture in pictures for row in measure_targets(*picture, targets=targets, rows=rows)
    ]
    with out.with_name(out.name + "_targets.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(measured[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(measured)
    table = [f"| {' | '.join(COLUMNS)} |", "|" + "--:|" * len(COLUMNS)]
    table += [summary([r for r in measured if float(r["target_bpp"]) == t], t) for t in targets]
    text = "\n".join(["# Rates asked for and met", "", *table]) + "\n"
    out.with_name(out.name + "_targets.md").write_text(text)
    print(text)


def measure_targets(
    name: str, sha256: str, rgb: Rgb, *, targets: list[float], rows: Rows
) -> Iterator[Row]:
    """Encode and decode one picture at each rate; JPEG is interpolated to the rate that JAI used."""
    jpeg = curve(rows.get((sha256, JPEG.name), []), "psnr_rgb")
    samples = np.ascontiguousarray(rgb.transpose(2, 0, 1))
    for target in targets:
        coded = encode_at_rate(samples, bpp=target)
        jpeg_db = values_at(jpeg, np.array([coded.bpp]))[0]
        yield {
            "picture": name,
            "target_bpp": f"{target:g}",
            "quality": str(coded.quality),
            "bpp": f"{coded.bpp:.5f}",
            "jai_db": f"{psnr(refdec.decode(coded.data).interleaved, rgb):.3f}",
            "jpeg_db": f"{jpeg_db:.3f}" if np.isfinite(jpeg_db) else "",
        }


def summary(rows: list[Row], target: float) -> str:
    """Return the line of one target."""
    bpp, jai = (np.array([float(row[key]) for row in rows]) for key in ("bpp", "jai_db"))
    jpeg = np.array([float(row["jpeg_db"] or "nan") for row in rows])
    hits = np.mean((bpp <= target) & (bpp >= 0.9 * target))
    reached = np.isfinite(jpeg)
    cells = [f"{target:g}", str(len(rows)), f"{bpp.mean():.3f}", f"{hits:.0%}"]
    cells += [f"{jai.mean():.2f} dB", str(reached.sum())]
    if reached.any():
        gain = (jai - jpeg)[reached]
        cells += [f"{means:.2f} dB" for means in (jai[reached].mean(), jpeg[reached].mean())]
        cells += [f"{gain.mean():+.2f} dB", str(np.sum(gain > 0))]
    else:
        cells += ["-"] * 4
    return f"| {' | '.join(cells)} |"
