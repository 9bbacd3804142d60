"""Rate and distortion of JAI beside JPEG (libjpeg-turbo, 4:2:0, optimised Huffman) on a folder of pictures.

usage: python -m benchmarks.rd FOLDER [--kind photo] [--out benchmarks/results/rd] [--bpp 0.25 0.5 1.0]

For every picture JAI is encoded at most at each rate, decoded, and compared with the JPEG interpolated (in log rate)
to the rate that JAI really used. Writes OUT.csv (a row a picture and rate), OUT.md (means) and OUT.png (mean curves).
"""

import argparse
import csv
import io
import time
from pathlib import Path

import numpy as np
from PIL import Image

import refdec
from refenc.encode import encode_at_rate
from refenc.picture_io import read_picture

MEASURED = ("bpp", "jai_db", "jpeg_db", "jpeg_min_bpp")
JPEG_QUALITIES = (1, 2, 4, 6, 8, 11, 15, 20, 27, 36, 48, 60, 72, 82, 90, 95)


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    """PSNR over R, G and B of 8-bit pictures, dB."""
    error = np.mean((a.astype(np.float64) - b.astype(np.float64)) ** 2)
    return float(10 * np.log10(255**2 / max(error, 1e-9)))


def jpeg_curve(picture: Image.Image) -> tuple[np.ndarray, np.ndarray]:
    """Rates (bpp) and PSNR (dB) of libjpeg-turbo over its quality range."""
    rates, quality = [], []
    for q in JPEG_QUALITIES:
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=q, subsampling="4:2:0", optimize=True)
        rates.append(8 * buffer.tell() / (picture.width * picture.height))
        quality.append(psnr(np.asarray(Image.open(buffer)), np.asarray(picture)))
    return np.array(rates), np.array(quality)


def measure(path: Path, targets: list[float]) -> list[dict[str, float | str]]:
    """Encode, decode and compare one picture at each target rate."""
    samples = read_picture(path).samples
    samples = np.repeat(samples, 3, 0) if samples.shape[0] == 1 else samples
    picture = Image.fromarray(np.ascontiguousarray(samples.transpose(1, 2, 0)))
    rates, quality = jpeg_curve(picture)
    rows: list[dict[str, float | str]] = []
    for target in targets:
        begin = time.perf_counter()
        coded = encode_at_rate(samples, bpp=target)
        middle = time.perf_counter()
        decoded = refdec.decode(coded.data)
        end = time.perf_counter()
        rows.append(
            {
                "picture": path.name,
                "target_bpp": target,
                "quality": coded.quality,
                "bpp": round(coded.bpp, 5),
                "jai_db": round(psnr(decoded.samples, samples), 3),
                "jpeg_db": round(float(np.interp(np.log(coded.bpp), np.log(rates), quality)), 3),
                "jpeg_min_bpp": round(float(rates[0]), 4),
                "encode_s": round(middle - begin, 2),
                "decode_s": round(end - middle, 2),
            }
        )
    return rows


def summarise(rows: list[dict[str, float | str]], targets: list[float]) -> str:
    """Markdown table of means per target."""
    lines = [
        "| target bpp | pictures | mean bpp | within -10 %/+0 % | JAI PSNR-RGB | pictures that JPEG reaches | JPEG PSNR-RGB | JAI there | gain | JAI ahead on |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for target in targets:
        here = [r for r in rows if r["target_bpp"] == target]
        table = {name: np.array([float(r[name]) for r in here]) for name in MEASURED}
        bpp, jai, jpeg = table["bpp"], table["jai_db"], table["jpeg_db"]
        hits = np.mean((bpp <= target) & (bpp >= 0.9 * target))
        reach = bpp >= table["jpeg_min_bpp"]
        line = f"| {target} | {len(here)} | {bpp.mean():.3f} | {hits:.0%} | {jai.mean():.2f} dB | {reach.sum()} | "
        if reach.any():
            gain = (jai - jpeg)[reach]
            line += f"{jpeg[reach].mean():.2f} dB | {jai[reach].mean():.2f} dB | {gain.mean():+.2f} dB | {np.sum(gain > 0)} |"
        lines.append(line if reach.any() else line + "- | - | - | - |")
    return "\n".join(lines) + "\n"


def plot(rows: list[dict[str, float | str]], targets: list[float], path: Path) -> None:
    """Draw mean PSNR against mean rate; JPEG only where it reaches the rate on every picture."""
    import matplotlib.pyplot as plt  # noqa: PLC0415

    def means(name: str, among: list[float]) -> list[float]:
        return [np.mean([float(r[name]) for r in rows if r["target_bpp"] == t]) for t in among]

    reached = [
        t
        for t in targets
        if all(r["bpp"] >= r["jpeg_min_bpp"] for r in rows if r["target_bpp"] == t)
    ]
    figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
    axes.plot(means("bpp", targets), means("jai_db", targets), "o-", label="JAI, model set 0")
    label = "JPEG (libjpeg-turbo, 4:2:0, optimised)"
    axes.plot(means("bpp", reached), means("jpeg_db", reached), "s--", label=label)
    axes.set(xlabel="bits per pixel", ylabel="PSNR-RGB (dB)", xscale="log")
    axes.set_xticks(targets, [str(t) for t in targets])
    axes.minorticks_off()
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=100)


def main() -> None:
    """Measure a folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--kind", default="photo", help="prefix of the file names")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/rd"))
    parser.add_argument("--bpp", type=float, nargs="*", default=[0.06, 0.12, 0.25, 0.5, 1.0, 2.0])
    options = parser.parse_args()
    rows = []
    for path in sorted(options.folder.glob(f"{options.kind}*")):
        rows += measure(path, options.bpp)
        print(
            path.name,
            *(
                f"{r['bpp']:.3f}:{r['jai_db'] - r['jpeg_db']:+.2f}"
                for r in rows[-len(options.bpp) :]
            ),
            flush=True,
        )
    options.out.parent.mkdir(parents=True, exist_ok=True)
    with options.out.with_suffix(".csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    text = summarise(rows, options.bpp)
    options.out.with_suffix(".md").write_text(text)
    plot(rows, options.bpp, options.out.with_suffix(".png"))
    print(text)


if __name__ == "__main__":
    main()
