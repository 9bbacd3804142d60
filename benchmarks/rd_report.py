# SPDX-License-Identifier: Apache-2.0
"""Report of the rate-distortion bench: Markdown tables and plots out of the table of measurements."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.metrics import METRICS
from benchmarks.peers import JAI, PEERS, THOROUGH_JAI, Codec
from benchmarks.rd_curves import METHODS, MIN_OVERLAP, RATE_RANGE, Row, Rows, deltas, mean_curve

Deltas = dict[str, dict[str, NDArray[np.float64]]]
"""By peer and metric: the rate of JAI relative to the peer's on each picture, percent."""

COLOURS = {"jai": "black"} | {codec.name: f"C{index}" for index, codec in enumerate(PEERS)}


def write_report(rows: Rows, pictures: list[str], out: Path) -> None:
    """Write OUT.md, OUT.png (mean curves) and OUT_pictures.png (differences on each picture)."""
    compared = [c for c in PEERS if all((picture, c.name) in rows for picture in pictures)]
    left_out = [c.label for c in PEERS if c not in compared]
    by_method = {
        method: {c.name: deltas(rows, pictures, JAI.name, c.name, method) for c in compared}
        for method in METHODS
    }
    has_thorough = all((picture, THOROUGH_JAI.name) in rows for picture in pictures)
    thorough = [THOROUGH_JAI] if has_thorough else []
    pchip, akima = (by_method[method] for method in METHODS)
    names = [picture_name(rows, picture) for picture in pictures]
    text = "\n\n".join(
        [
            heading(rows, pictures, out.name),
            "## BD-rate (PCHIP)",
            mean_table(pchip, compared),
            "## BD-rate (Akima)",
            mean_table(akima, compared),
            *(
                "## BD-rate of JAI at effort 2 (PCHIP)\n\n"
                + mean_table(
                    {
                        c.name: deltas(rows, pictures, codec.name, c.name, next(iter(METHODS)))
                        for c in compared
                    },
                    compared,
                )
                for codec in thorough
            ),
            *([f"Not measured on every picture: {', '.join(left_out)}."] if left_out else []),
            "## Codecs",
            codec_table(rows, pictures, [JAI, *thorough, *compared]),
            *(
                f"## BD-rate {METRICS[metric]} on each picture (PCHIP)\n\n"
                + picture_table(pchip, compared, names, metric)
                for metric in ("psnr_rgb", "ms_ssim")
            ),
        ]
    )
    out.with_suffix(".md").write_text(text + "\n")
    plot_means(rows, pictures, [JAI, *compared], out.with_suffix(".png"))
    plot_pictures(pchip, compared, out.with_name(out.name + "_pictures.png"))
    print(text.split("## Codecs")[0])


def picture_name(rows: Rows, sha256: str) -> str:
    """Return the file name of a picture."""
    return next(found[0]["picture"] for (picture, _), found in rows.items() if picture == sha256)


def heading(rows: Rows, pictures: list[str], name: str) -> str:
    """Say what the numbers are."""
    megapixels = sum(
        int(found[0]["width"]) * int(found[0]["height"]) / 1e6
        for found in (rows[picture, JAI.name] for picture in pictures)
    )
    low, high = RATE_RANGE
    return (
        f"# Rate-distortion of JAI beside other codecs\n\n"
        f"{rows[pictures[0], JAI.name][0]['version'].split(';')[0]}; {len(pictures)} pictures, "
        f"{megapixels:.1f} megapixels. Made by `python -m benchmarks.rd` "
        f"([how](../README.md), [all measurements]({name}.csv)).\n\n"
        f"BD-rate: rate of JAI relative to the peer's at the same quality, negative where JAI needs less; the mean "
        f"over pictures of each picture's BD-rate over the range of qualities that both curves reach between {low} "
        f"and {high} bpp. Pictures on which less than {MIN_OVERLAP:.0%} of the shorter curve is common are left "
        f"out: (n) after a value says how many."
    )


def mean_table(table: Deltas, compared: list[Codec]) -> str:
    """Tabulate means over pictures, with the number of pictures that have too little in common."""
    lines = [f"| against | {' | '.join(METRICS.values())} |", "|:--|" + "--:|" * len(METRICS)]
    for codec in compared:
        cells = []
        for values in table[codec.name].values():
            known = values[np.isfinite(values)]
            missing = f" ({values.size - known.size})" if known.size < values.size else ""
            cells.append(f"{known.mean():+.1f} %{missing}" if known.size else "-")
        lines.append(f"| {codec.label} | {' | '.join(cells)} |")
    return "\n".join(lines)


def picture_table(table: Deltas, compared: list[Codec], names: list[str], metric: str) -> str:
    """Tabulate one metric's differences, a row a picture."""
    lines = [
        f"| picture | {' | '.join(codec.label for codec in compared)} |",
        "|:--|" + "--:|" * len(compared),
    ]
    for index, name in enumerate(names):
        values = [table[codec.name][metric][index] for codec in compared]
        cells = (f"{value:+.1f}" if np.isfinite(value) else "-" for value in values)
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def codec_table(rows: Rows, pictures: list[str], codecs: list[Codec]) -> str:
    """Tabulate versions, settings, and seconds per megapixel on the machine that measured."""
    lines = [
        "Seconds per megapixel are medians over all rows, in one process beside other work: orders of magnitude.\n",
        "| codec | version | settings; ladder | pictures | rows | encode s/MP | decode s/MP |",
        "|:--|:--|:--|--:|--:|--:|--:|",
    ]
    for codec in codecs:
        found = [rows[p, codec.name] for p in pictures if (p, codec.name) in rows]
        every = [row for picture in found for row in picture]
        versions = sorted({row["version"].partition("; ")[0] for row in every})
        settings = f"{codec.settings} {', '.join(f'{step:g}' for step in codec.ladder)}"
        times = " | ".join(
            f"{seconds_per_megapixel(every, key):.2g}" for key in ("encode", "decode")
        )
        lines.append(
            f"| {codec.label} | {', '.join(versions)} | {settings} | {len(found)} | {len(every)} | {times} |"
        )
    return "\n".join(lines)


def seconds_per_megapixel(rows: list[Row], key: str) -> float:
    """Return the median time of the rows."""
    times = [float(r[f"{key}_s"]) / int(r["width"]) / int(r["height"]) * 1e6 for r in rows]
    return float(np.median(times))


def plot_means(rows: Rows, pictures: list[str], codecs: list[Codec], path: Path) -> None:
    """Draw the mean of each metric over the rate, where every picture reaches the rate."""
    import matplotlib.pyplot as plt  # noqa: PLC0415

    figure, grid = plt.subplots(2, 4, figsize=(19, 9), layout="constrained")
    for axes, (metric, label) in zip(grid.flat, METRICS.items(), strict=False):
        for codec in codecs:
            style = {"lw": 2.5, "zorder": 3} if codec is JAI else {"lw": 1.2}
            curve = mean_curve(rows, pictures, codec.name, metric)
            axes.plot(*curve, color=COLOURS[codec.name], label=codec.label, **style)
        unit = " (dB)" if metric.startswith(("psnr", "ms")) else ""
        axes.set(xlabel="bits per pixel", ylabel=label + unit, xscale="log")
        ticks = (0.06, 0.12, 0.25, 0.5, 1.0, 2.0)
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axes.minorticks_off()
        axes.grid(alpha=0.3)
    grid.flat[-1].axis("off")
    grid.flat[-1].legend(*grid.flat[0].get_legend_handles_labels(), loc="center")
    figure.suptitle(f"Mean of {len(pictures)} pictures, where all of them reach the rate")
    figure.savefig(path, dpi=80)
    plt.close(figure)


def plot_pictures(table: Deltas, compared: list[Codec], path: Path) -> None:
    """Draw each picture's BD-rate against each peer, and their mean."""
    import matplotlib.pyplot as plt  # noqa: PLC0415

    figure, grid = plt.subplots(
        1, 2, figsize=(13, 0.5 * len(compared) + 1.5), sharey=True, layout="constrained"
    )
    for axes, metric in zip(grid, ("psnr_rgb", "ms_ssim"), strict=True):
        for index, codec in enumerate(compared):
            values = table[codec.name][metric]
            known = values[np.isfinite(values)]
            axes.plot(
                known, np.full(known.size, index), "o", ms=5, alpha=0.5, color=COLOURS[codec.name]
            )
            axes.plot(known.mean() if known.size else [], index, "k|", ms=18, mew=2)
        axes.axvline(0, color="grey", lw=1)
        axes.set_yticks(range(len(compared)), [codec.label for codec in compared])
        axes.set(xlabel=f"BD-rate {METRICS[metric]} of JAI (%); bar: mean")
        axes.grid(alpha=0.3)
    grid[0].set_ylim(len(compared) - 0.5, -0.5)
    figure.savefig(path, dpi=80)
    plt.close(figure)
