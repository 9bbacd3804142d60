# SPDX-License-Identifier: Apache-2.0
"""Generation loss: a picture encoded and decoded again and again at the same setting."""

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.metrics import Rgb, psnr
from benchmarks.peers import JAI, PEERS, Codec, at_effort
from benchmarks.use_cases_common import pictures, planes, read_square, table
from refdec.codec import get_codec
from refenc.encode import EFFORT, MODEL_SET, Structure, analyse, encode_analysed, prepare

PICTURES = 4
TARGETS = (0.5, 1.0)
"""Bits per pixel of the first generation, about."""
GENERATIONS = 10
EFFORTS = (0, 1, 2)


@dataclass(frozen=True)
class Chain:
    """Generations of one picture; each list has one entry a generation."""

    bpp: list[float]
    to_source: list[float]
    """PSNR-RGB, dB."""
    to_first: float
    """The last generation's PSNR against the first, dB."""
    to_second: float
    fixed_at: int | None
    """First generation, from 1, that all later ones equal sample by sample; None where the last two differ."""


def with_first_hyper_latent() -> Codec:
    """Return JAI at its default effort that gives all its pictures the hyper-latent of the first one it sees."""
    codec = get_codec(MODEL_SET, "auto")
    first = []

    def write(rgb: Rgb, quality: float) -> bytes:
        analysed = analyse(planes(rgb))
        first.append(analysed.z_hat)
        corrected = prepare(analysed, quality=int(quality), codec=codec, effort=EFFORT)
        return encode_analysed(
            replace(corrected, z_hat=first[0]),
            quality=int(quality),
            codec=codec,
            hashes=False,
            structure=Structure(),
        )

    return replace(JAI, label=f"JAI, effort {EFFORT}, hyper-latent kept", encode=write)


def setting_near(codec: Codec, rgb: Rgb, bpp: float) -> int:
    """Return the integer setting whose rate is nearest to `bpp`."""
    low, high = int(codec.ladder[0]), int(codec.ladder[-1])
    tried: dict[int, float] = {}
    while low <= high:
        middle = (low + high) // 2
        tried[middle] = 8 * len(codec.encode(rgb, middle)) / rgb[..., 0].size
        low, high = (middle + 1, high) if tried[middle] < bpp else (low, middle - 1)
    return min(tried, key=lambda setting: abs(np.log(tried[setting] / bpp)))


def chain(codec: Codec, rgb: Rgb, target: float) -> Chain:
    """Encode and decode again and again, at the setting whose rate is nearest to the target."""
    setting = setting_near(codec, rgb, target)
    decoded, bpp = [rgb], []
    for _ in range(GENERATIONS):
        data = codec.encode(decoded[-1], setting)
        bpp.append(8 * len(data) / rgb[..., 0].size)
        decoded.append(codec.decode(data))
    generations = decoded[1:]
    last = generations[-1]
    fixed_at = GENERATIONS
    while fixed_at > 1 and np.array_equal(generations[fixed_at - 2], last):
        fixed_at -= 1
    return Chain(
        bpp=bpp,
        to_source=[psnr(d, rgb) for d in generations],
        to_first=psnr(last, generations[0]),
        to_second=psnr(last, generations[1]),
        fixed_at=fixed_at if fixed_at < GENERATIONS else None,
    )


def report(folder: Path, out: Path, limit: int | None) -> str:
    """Measure ten generations."""
    makers = [
        *(partial(at_effort, effort) for effort in EFFORTS),
        with_first_hyper_latent,
        *(partial(replace, codec) for codec in PEERS if codec.name in {"jpeg", "webp", "avif"}),
    ]
    paths = pictures(folder, ["photo"], min(limit or PICTURES, PICTURES))
    squares = [read_square(path) for path in paths]
    tables, curves = [], []
    for target in TARGETS:
        rows = []
        for make in makers:
            chains = [chain(make(), rgb, target) for rgb in squares]
            rows.append([make().label, *summary(chains)])
            to_source = np.array([c.to_source for c in chains]).mean(0)
            curves.append((target, make().label, to_source - to_source[0]))
        tables.append(table(header(target), rows))
    plot(curves, out.with_name(out.name + "_generations.png"))
    return "\n\n".join(
        [
            (
                f"{len(paths)} photographs ({', '.join(path.stem for path in paths)}), the middle {squares[0].shape[1]}x"
                f"{squares[0].shape[0]}, each encoded and decoded {GENERATIONS} times at the setting whose first "
                "generation is nearest to the rate; means of PSNR-RGB, dB. *Fixed from*: generation from which on all are "
                "equal sample by sample, of each picture; -: not within ten. *Hyper-latent kept*: every generation is coded "
                "with the hyper-latent of the first, which an encoder cannot know that sees only the picture; it shows "
                "how much of JAI's drift comes from there."
            ),
            *tables,
            f"![PSNR lost against the source by generation]({out.name}_generations.png)",
        ]
    )


def header(target: float) -> list[str]:
    """Return the columns."""
    to_source = [f"source to {n}" for n in (1, 2, 5, GENERATIONS)]
    return [
        f"about {target:g} bpp",
        "bpp",
        *to_source,
        "lost",
        f"1 to {GENERATIONS}",
        f"2 to {GENERATIONS}",
        f"bytes {GENERATIONS} / 1",
        "fixed from",
    ]


def summary(chains: list[Chain]) -> list[str]:
    """Return the line of one codec."""
    to_source = np.array([c.to_source for c in chains]).mean(0)
    shown = [to_source[n - 1] for n in (1, 2, 5, GENERATIONS)]
    growth = np.mean([c.bpp[-1] / c.bpp[0] for c in chains])
    return [
        f"{np.mean([c.bpp[0] for c in chains]):.3f}",
        *(f"{db:.2f}" for db in shown),
        f"{to_source[0] - to_source[-1]:.2f}",
        mean_db([c.to_first for c in chains]),
        mean_db([c.to_second for c in chains]),
        f"{growth:.3f}",
        ", ".join(str(c.fixed_at or "-") for c in chains),
    ]


def mean_db(values: list[float]) -> str:
    """Return the mean; equal pictures have no PSNR and are counted."""
    finite = [value for value in values if value < 100]
    equal = f" ({len(values) - len(finite)} equal)" if len(finite) < len(values) else ""
    return (f"{np.mean(finite):.2f}" if finite else "") + equal


def plot(curves: list[tuple[float, str, np.ndarray]], path: Path) -> None:
    """Draw PSNR against the source relative to the first generation's."""
    import matplotlib.pyplot as plt  # noqa: PLC0415

    figure, grid = plt.subplots(1, len(TARGETS), figsize=(12, 4), sharey=True, layout="constrained")
    for axes, target in zip(grid, TARGETS, strict=True):
        for _, label, values in (c for c in curves if c[0] == target):
            axes.plot(range(1, GENERATIONS + 1), values, "o-", ms=4, label=label)
        axes.set(title=f"about {target:g} bpp", xlabel="generation")
        axes.grid(alpha=0.3)
    grid[0].set_ylabel("PSNR-RGB to the source,\nrelative to generation 1 (dB)")
    figure.legend(*grid[0].get_legend_handles_labels(), loc="outside right center")
    figure.savefig(path, dpi=90)
    plt.close(figure)
