"""Draw the README's picture: source, JAI and JPEG at the same size in bytes, side by side.

usage: python -m benchmarks.comparison PICTURE OUT.png [--bpp 0.25] [--crop X,Y,W,H]
"""

import argparse
import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

import refdec
from benchmarks.metrics import psnr
from refenc.encode import encode_at_rate
from refenc.picture_io import read_picture


def jpeg_of_size(picture: Image.Image, size: int) -> tuple[Image.Image, int]:
    """Return the best libjpeg-turbo picture (4:2:0, optimised) of at most `size` bytes, and its size."""
    best = None
    for quality in range(1, 96):
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=quality, subsampling="4:2:0", optimize=True)
        if best is None or buffer.tell() <= size:
            best = Image.open(buffer).convert("RGB"), buffer.tell()
    return best


def main() -> None:
    """Encode both and draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("picture", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--bpp", type=float, default=0.25)
    parser.add_argument("--crop", default="0,0,320,320")
    options = parser.parse_args()
    samples = read_picture(options.picture).picture.samples
    source = Image.fromarray(np.ascontiguousarray(samples.transpose(1, 2, 0)))
    coded = encode_at_rate(samples, bpp=options.bpp)
    jai = Image.fromarray(refdec.decode(coded.data).interleaved)
    jpeg, jpeg_size = jpeg_of_size(source, len(coded.data))
    x, y, width, height = map(int, options.crop.split(","))
    sheet = Image.new("RGB", (3 * width + 20, height + 22), "white")
    draw = ImageDraw.Draw(sheet)
    columns = (
        ("source", source, None),
        (f"JAI {len(coded.data)} bytes", jai, source),
        (f"JPEG {jpeg_size} bytes", jpeg, source),
    )
    for i, (label, picture, reference) in enumerate(columns):
        if reference is not None:
            label += f", {psnr(np.asarray(picture), np.asarray(reference)):.2f} dB"  # noqa: PLW2901
        left = i * (width + 10)
        sheet.paste(picture.crop((x, y, x + width, y + height)), (left, 22))
        draw.text((left, 5), label, fill="black")
    options.out.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(options.out, optimize=True)
    print(options.out, *(label for label, _, _ in columns))


if __name__ == "__main__":
    main()
