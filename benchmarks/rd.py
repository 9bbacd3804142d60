# SPDX-License-Identifier: Apache-2.0
"""Rate and distortion of JAI beside other codecs on a folder of pictures.

usage: python -m benchmarks.rd FOLDER [--kind photo] [--out benchmarks/results/rd] [--codecs jai jpeg ...] [--targets]

Every codec encodes every picture along its ladder of settings up to the first rate over 2 bits per pixel. OUT.csv
keeps a row a picture, codec and setting; rows whose picture, codec and version are there already are not measured
again, so that a new model set costs the rows of JAI alone. OUT.md and OUT_*.png report what is in the rows. --targets
measures instead how well the rate control hits given rates, and writes OUT_targets.csv and OUT_targets.md.
"""

import argparse
import csv
import hashlib
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from benchmarks.metrics import METRICS, MIN_SIDE, Rgb, measure
from benchmarks.peers import JAI, PEERS, THOROUGH_JAI, Codec, coded_bytes
from benchmarks.rd_curves import Row
from benchmarks.rd_report import write_report
from benchmarks.rd_targets import TARGETS, write_targets
from refenc.picture_io import read_picture

FIELDS = (
    *("picture", "sha256", "width", "height", "codec", "version", "setting"),
    *("file_bytes", "bytes", "bpp", "encode_s", "decode_s", *METRICS),
)
MAX_BPP = 2.0
"""A ladder ends with its first rate above."""


class Table:
    """The rows of OUT.csv, by picture and codec."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows: dict[tuple[str, str], list[Row]] = {}
        if path.exists():
            with path.open(newline="") as file:
                for row in csv.DictReader(file):
                    self.rows.setdefault((row["sha256"], row["codec"]), []).append(row)

    def replace(self, key: tuple[str, str], rows: list[Row]) -> None:
        """Put a picture's rows of a codec in place of the ones that were there, and save."""
        self.rows[key] = rows
        order = [codec.name for codec in (JAI, THOROUGH_JAI, *PEERS)]
        ordered = sorted(self.rows, key=lambda k: (self.rows[k][0]["picture"], order.index(k[1])))
        part = self.path.with_suffix(".part")
        with part.open("w", newline="") as file:
            writer = csv.DictWriter(file, FIELDS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(row for k in ordered for row in self.rows[k])
        part.replace(self.path)


def measure_setting(codec: Codec, rgb: Rgb, setting: float) -> Row:
    """Encode, decode and compare one picture at one setting."""
    begin = time.perf_counter()
    data = codec.encode(rgb, setting)
    middle = time.perf_counter()
    decoded = codec.decode(data)
    end = time.perf_counter()
    size = coded_bytes(data)
    numbers = {
        "bpp": 8 * size / (rgb.shape[0] * rgb.shape[1]),
        "encode_s": middle - begin,
        "decode_s": end - middle,
        **measure(decoded, rgb),
    }
    row = {"setting": f"{setting:g}", "file_bytes": str(len(data)), "bytes": str(size)}
    return row | {name: f"{number:.6g}" for name, number in numbers.items()}


def measure_ladder(
    codec: Codec, rgb: Rgb, cached: dict[str, Row], common: Row
) -> tuple[list[Row], int]:
    """Return the rows of one picture and codec, and how many of them had to be measured."""
    rows: list[Row] = []
    for setting in codec.ladder:
        row = cached.get(f"{setting:g}")
        rows.append(row or common | measure_setting(codec, rgb, setting))
        if float(rows[-1]["bpp"]) > MAX_BPP:
            break
    return rows, sum(row not in cached.values() for row in rows)


def measure_folder(paths: Iterable[Path], codecs: list[Codec], table: Table) -> list[str]:
    """Bring the table up to date; return the SHA-256 of the pictures, shortened as in the table."""
    versions = {codec.name: codec.installed_version for codec in codecs}
    for name in (name for name, installed in versions.items() if installed is None):
        print(f"{name} is not installed: its rows are taken as they are")
    pictures = []
    for path in paths:
        rgb, sha256 = read_rgb(path), short_sha256(path)
        if min(rgb.shape[:2]) < MIN_SIDE:
            print(f"{path.name} is left out: smaller than {MIN_SIDE} samples")
            continue
        pictures.append(sha256)
        size = {"width": str(rgb.shape[1]), "height": str(rgb.shape[0])}
        for codec in codecs:
            if versions[codec.name] is None:
                continue
            key, begin = (sha256, codec.name), time.perf_counter()
            common = {"picture": path.name, "sha256": sha256, **size, "codec": codec.name}
            common |= {"version": versions[codec.name]}
            known = [r for r in table.rows.get(key, ()) if r["version"] == versions[codec.name]]
            rows, fresh = measure_ladder(codec, rgb, {r["setting"]: r for r in known}, common)
            if fresh:
                table.replace(key, rows)
                print(
                    f"{path.name} {codec.name}: {fresh} rows, {time.perf_counter() - begin:.0f} s",
                    flush=True,
                )
    return pictures


def short_sha256(path: Path) -> str:
    """Return what stands for a file in the table."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def read_rgb(path: Path) -> Rgb:
    """Read a picture as 8-bit R, G and B, shape (H, W, 3)."""
    samples = read_picture(path).picture.samples
    return np.ascontiguousarray(
        np.broadcast_to(samples, (3, *samples.shape[1:])).transpose(1, 2, 0)
    )


def main() -> None:
    """Measure and report."""
    names = [codec.name for codec in (JAI, THOROUGH_JAI, *PEERS)]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--kind", default="photo", help="prefix of the file names")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/rd"))
    parser.add_argument("--codecs", nargs="+", choices=names, default=names, metavar="CODEC")
    parser.add_argument(
        "--targets",
        type=float,
        nargs="*",
        metavar="BPP",
        help=f"measure rate control at these rates instead, without a value at {TARGETS}",
    )
    options = parser.parse_args()
    paths = sorted(p for p in options.folder.glob(f"{options.kind}*") if p.is_file())
    if not paths:
        parser.error(f"no picture {options.kind}* in {options.folder}")
    options.out.parent.mkdir(parents=True, exist_ok=True)
    table = Table(options.out.with_suffix(".csv"))
    if options.targets is not None:
        pictures = ((path.name, short_sha256(path), read_rgb(path)) for path in paths)
        write_targets(pictures, options.targets or list(TARGETS), table.rows, options.out)
        return
    codecs = [codec for codec in (JAI, THOROUGH_JAI, *PEERS) if codec.name in options.codecs]
    pictures = [p for p in measure_folder(paths, codecs, table) if (p, JAI.name) in table.rows]
    if not pictures:
        parser.error("there are no rows of JAI to report: measure it, too")
    write_report(table.rows, pictures, options.out)


if __name__ == "__main__":
    main()
