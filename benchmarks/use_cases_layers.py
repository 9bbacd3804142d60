# SPDX-License-Identifier: Apache-2.0
"""Layers: what they cost, and what a decoder has after each of them."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import refdec
from benchmarks.metrics import Rgb, psnr
from benchmarks.peers import JAI
from benchmarks.use_cases_common import pictures, planes, read_square, sheet, table
from refdec.codec import get_codec
from refdec.syntax.segment import Marker
from refenc.encode import MODEL_SET, Structure, encode

PICTURES = 8
QUALITIES = (24, 40)
MAX_LADDER = 42
"""Highest quality of the streams of one layer that layers are compared with."""
PREVIEW_SIDE = 256


class Stages(NamedTuple):
    """What a prefix of a stream gives, from the hyper-latent alone to all layers, each (layers + 1)."""

    sizes: list[int]
    """Bytes."""
    decoded: list[Rgb]


def last_groups(num_layers: int, num_groups: int) -> tuple[int, ...]:
    """Cut the channel groups into layers of about equally many."""
    return tuple(round(i * num_groups / num_layers) - 1 for i in range(1, num_layers))


def stages(data: bytes) -> Stages:
    """Decode a stream of one tile after each layer."""
    marks = [s for s in refdec.parse(data).segments if s.marker in {Marker.SOZ, Marker.SOR}]
    decoded = [refdec.decode(data, layers=count).interleaved for count in range(len(marks))]
    return Stages([segment.end for segment in marks], decoded)


def sizes_of_structures(rgb: Rgb, quality: int, num_groups: int) -> tuple[list[int], bytes]:
    """Return the bytes with 1, 2, ... layers, and the stream with the most.

    Raises
    ------
    RuntimeError
        They do not decode to the same samples.
    """
    sizes, digests = [], set()
    for num_layers in range(1, num_groups + 1):
        structure = Structure(layer_last_group=last_groups(num_layers, num_groups))
        data = encode(planes(rgb), quality=quality, structure=structure)
        sizes.append(len(data))
        if num_layers in {1, num_groups}:
            digests.add(refdec.decode(data).digest())
    if len(digests) > 1:
        message = "layers change the samples"
        raise RuntimeError(message)
    return sizes, data


def one_layer_curve(rgb: Rgb) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return bytes and PSNR of streams of one layer at rising qualities."""
    data = [JAI.encode(rgb, quality) for quality in JAI.ladder if quality <= MAX_LADDER]
    quality = [psnr(JAI.decode(d), rgb) for d in data]
    return np.array([float(len(d)) for d in data]), np.array(quality)


def report(folder: Path, out: Path, limit: int | None) -> str:
    """Measure the cost of layers and the pictures after each."""
    num_groups = len(get_codec(MODEL_SET, "auto").context.groups)
    paths = pictures(folder, ["photo"], min(limit or PICTURES, PICTURES))
    squares = [read_square(path) for path in paths]
    curves = [one_layer_curve(rgb) for rgb in squares]
    pixels = np.array([rgb.shape[0] * rgb.shape[1] for rgb in squares])
    costs, tables, drawn = [], [], []
    for quality in QUALITIES:
        measured = [sizes_of_structures(rgb, quality, num_groups) for rgb in squares]
        sizes = np.array([s for s, _ in measured], np.float64)
        costs.append(cost_row(quality, sizes, pixels))
        staged = [stages(data) for _, data in measured]
        rates = np.array([s.sizes for s in staged])
        quality_db = np.array(
            [[psnr(d, rgb) for d in s.decoded] for s, rgb in zip(staged, squares, strict=True)]
        )
        direct = np.array(
            [
                np.interp(np.log(r), np.log(c[0]), c[1], left=np.nan, right=np.nan)
                for r, c in zip(rates, curves, strict=True)
            ]
        )
        tables.append(stage_table(quality, rates, pixels, quality_db, direct))
        drawn.append((quality, (8 * rates / pixels[:, None]).mean(0), quality_db.mean(0)))
    draw_previews(staged[-1], squares[-1], out.with_name(out.name + "_layers.jpg"))
    bpp = np.array([8 * c[0] / p for c, p in zip(curves, pixels, strict=True)]).mean(0)
    plot(
        drawn,
        bpp,
        np.array([c[1] for c in curves]).mean(0),
        out.with_name(out.name + "_layers.png"),
    )
    header = ["quality", "one layer, bpp", *(f"{n}" for n in range(2, num_groups + 1))]
    return "\n\n".join(
        [
            (
                f"{len(paths)} photographs ({', '.join(path.stem for path in paths)}), the middle {squares[0].shape[1]}x"
                f"{squares[0].shape[0]}. The {num_groups} channel groups are cut into layers of about equally many. All "
                "numbers of layers decode to the same samples (checked with one and with the most)."
            ),
            "Bytes of 2 and more layers relative to one layer, mean of the pictures:",
            table(header, costs),
            (
                f"After each of {num_groups} layers, mean of the pictures; 0 is the hyper-latent's preview. *Direct* is "
                "the PSNR of a stream of one layer that is as large as what has been read, interpolated over the "
                "logarithm of the rate, and how many of the pictures have streams so small:"
            ),
            *tables,
            f"![rate and PSNR after each layer]({out.name}_layers.png)",
            f"{paths[-1].stem} at quality {QUALITIES[-1]} after each layer, half size:",
            f"![previews]({out.name}_layers.jpg)",
        ]
    )


def cost_row(quality: int, sizes: NDArray[np.float64], pixels: NDArray[np.int64]) -> list[str]:
    """Return one line: `sizes` is (pictures, numbers of layers)."""
    more = sizes / sizes[:, :1] - 1
    return [
        f"{quality}",
        f"{(8 * sizes[:, 0] / pixels).mean():.3f}",
        *(f"{100 * share:+.2f} %" for share in more.mean(0)[1:]),
    ]


def stage_table(
    quality: int,
    rates: NDArray[np.int64],
    pixels: NDArray[np.int64],
    quality_db: NDArray[np.float64],
    direct: NDArray[np.float64],
) -> str:
    """Tabulate, a column a stage, what has been read and what it gives; arrays are (pictures, stages)."""
    reached = np.isfinite(direct)
    known = [direct[r, i].mean() if r.any() else None for i, r in enumerate(reached.T)]
    share = (rates / rates[:, -1:]).mean(0)
    return table(
        [f"quality {quality}, after layer", *map(str, range(rates.shape[1]))],
        [
            ["bpp", *(f"{rate:.3f}" for rate in (8 * rates / pixels[:, None]).mean(0))],
            ["share of the bytes", *(f"{100 * s:.0f} %" for s in share)],
            ["PSNR-RGB, dB", *(f"{db:.2f}" for db in quality_db.mean(0))],
            [
                "direct, dB (pictures)",
                *(
                    "-" if db is None else f"{db:.2f} ({r.sum()})"
                    for db, r in zip(known, reached.T, strict=True)
                ),
            ],
        ],
    )


def draw_previews(staged: Stages, rgb: Rgb, path: Path) -> None:
    """Draw the picture after each layer."""
    cells = [
        (
            f"layer {index}: {size} bytes, {psnr(decoded, rgb):.2f} dB",
            np.asarray(
                Image.fromarray(decoded).resize(
                    (PREVIEW_SIDE, PREVIEW_SIDE), Image.Resampling.LANCZOS
                )
            ),
        )
        for index, (size, decoded) in enumerate(zip(*staged, strict=True))
    ]
    half = (len(cells) + 1) // 2
    sheet([cells[:half], cells[half:]]).save(path, quality=90)


def plot(
    drawn: list[tuple[int, NDArray[np.float64], NDArray[np.float64]]],
    bpp: NDArray[np.float64],
    quality_db: NDArray[np.float64],
    path: Path,
) -> None:
    """Draw PSNR over rate after each layer, and of streams of one layer."""
    import matplotlib.pyplot as plt  # noqa: PLC0415

    figure, axes = plt.subplots(figsize=(7, 4.5), layout="constrained")
    axes.plot(bpp, quality_db, "k-", lw=2, label="one layer, by quality")
    for quality, rates, values in drawn:
        axes.plot(rates, values, "o--", ms=5, label=f"after each layer, quality {quality}")
    axes.set(xlabel="bits per pixel, mean", ylabel="PSNR-RGB (dB), mean", xscale="log")
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=90)
    plt.close(figure)
