# SPDX-License-Identifier: Apache-2.0
"""Write decoded pictures to files: PNG, PPM, PGM, PAM, TIFF and NPY, chosen by extension.

PPM, PGM, PAM and NPY hold the decoded samples unchanged at any bit depth. PNG and TIFF know 8 and
16 bits: samples of 9 to 15 bits are scaled to 16, rounding to nearest, which loses nothing.
Libraries are imported when a format needs them.
"""

from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

from refdec.arrays import U8Map, U16Map
from refdec.cli.support import UsageError, atomic_file
from refdec.picture import Picture, typed_samples

BYTE_DEPTH = 8
"""Samples of this depth are bytes; deeper ones take two."""
DEEP = 16
Samples = U8Map | U16Map
"""(C, H, W): one component (luma) or three (R, G, B), and alpha as the last one."""
ALPHA_KINDS = {2: "GRAYSCALE_ALPHA", 4: "RGB_ALPHA"}
"""Tuple types of PAM by the number of planes, those with alpha."""


def to_16_bit(samples: Samples, bit_depth: int) -> U16Map:
    """Scale samples of `bit_depth` bits to the full range of 16 bits."""
    peak = (1 << bit_depth) - 1
    return ((samples.astype(np.uint32) * 65535 + peak // 2) // peak).astype(np.uint16)


def with_alpha(picture: Picture) -> tuple[Samples, int]:
    """Return samples (C + 1, H, W), not multiplied by alpha, and their bit depth; C without alpha.

    Samples and alpha of different bit depths are both scaled to 16 bits.
    """
    samples, alpha, depth = picture.samples, picture.alpha, picture.bit_depth
    if alpha is None:
        return samples, depth
    if picture.is_premultiplied:
        samples = straight(samples, depth, alpha, picture.alpha_bit_depth)
    if depth != picture.alpha_bit_depth:
        samples, alpha = to_16_bit(samples, depth), to_16_bit(alpha, picture.alpha_bit_depth)
        depth = DEEP
    return typed_samples(np.append(samples, alpha[None], axis=0), depth), depth


def straight(samples: Samples, bit_depth: int, alpha: Samples, alpha_bit_depth: int) -> Samples:
    """Divide samples (C, H, W) by their alpha (H, W), rounding to nearest; 0 where that is 0."""
    opacity = np.maximum(alpha.astype(np.int64), 1)
    product = samples.astype(np.int64) * ((1 << alpha_bit_depth) - 1)
    quotient = np.minimum((product + opacity // 2) // opacity, (1 << bit_depth) - 1)
    return typed_samples(np.where(alpha == 0, 0, quotient), bit_depth)


def interleave(samples: Samples) -> Samples:
    """Turn (C, H, W) into contiguous (H, W, C), or (H, W) for one component."""
    return np.ascontiguousarray(samples[0] if len(samples) == 1 else np.moveaxis(samples, 0, -1))


def write_with_pillow(file: BinaryIO, samples: Samples, name: str) -> None:
    """Write 8-bit samples in the format that Pillow knows by `name`."""
    from PIL import Image  # noqa: PLC0415

    Image.fromarray(interleave(samples)).save(file, format=name)


def write_png(file: BinaryIO, samples: Samples, bit_depth: int) -> None:
    """Write PNG; above 8 bits an sBIT chunk keeps the bit depth."""
    if bit_depth == BYTE_DEPTH:
        return write_with_pillow(file, samples, "PNG")
    import png  # type: ignore[import-untyped]  # noqa: PLC0415

    components, height, width = samples.shape
    rows = interleave(to_16_bit(samples, bit_depth)).astype(">u2").reshape(height, -1)
    writer = png.Writer(
        width,
        height,
        greyscale=components < 3,  # noqa: PLR2004
        alpha=components in ALPHA_KINDS,
        bitdepth=bit_depth if components not in ALPHA_KINDS else 16,
    )
    writer.write_packed(file, (row.tobytes() for row in rows))
    return None


def write_tiff(file: BinaryIO, samples: Samples, bit_depth: int) -> None:
    """Write TIFF, uncompressed."""
    if bit_depth == BYTE_DEPTH:
        return write_with_pillow(file, samples, "TIFF")
    import tifffile  # noqa: PLC0415

    tifffile.imwrite(
        file,
        interleave(to_16_bit(samples, bit_depth)),
        photometric="minisblack" if len(samples) < 3 else "rgb",  # noqa: PLR2004
        extrasamples=["unassalpha"] if len(samples) in ALPHA_KINDS else None,
        planarconfig="contig" if len(samples) > 1 else None,
        metadata=None,
    )
    return None


def write_netpbm(file: BinaryIO, header: str, samples: Samples, bit_depth: int) -> None:
    """Write a Netpbm header and the samples, big-endian, of 8 or 16 bits."""
    dtype = np.uint8 if bit_depth == BYTE_DEPTH else np.dtype(">u2")
    file.write(header.encode("ascii"))
    file.write(interleave(samples).astype(dtype).tobytes())


def write_pnm(file: BinaryIO, samples: Samples, bit_depth: int) -> None:
    """Write PGM (one component) or PPM (three)."""
    components, height, width = samples.shape
    magic = "P5" if components == 1 else "P6"
    header = f"{magic}\n{width} {height}\n{(1 << bit_depth) - 1}\n"
    write_netpbm(file, header, samples, bit_depth)


def write_pam(file: BinaryIO, samples: Samples, bit_depth: int) -> None:
    """Write PAM."""
    components, height, width = samples.shape
    kind = ALPHA_KINDS.get(components, "GRAYSCALE" if components == 1 else "RGB")
    header = (
        f"P7\nWIDTH {width}\nHEIGHT {height}\nDEPTH {components}\n"
        f"MAXVAL {(1 << bit_depth) - 1}\nTUPLTYPE {kind}\nENDHDR\n"
    )
    write_netpbm(file, header, samples, bit_depth)


def write_npy(file: BinaryIO, samples: Samples, bit_depth: int) -> None:
    """Write NPY: (C, H, W), uint8 or uint16."""
    np.save(
        file, samples.astype(np.uint8 if bit_depth == BYTE_DEPTH else np.uint16), allow_pickle=False
    )


class PictureFormat(NamedTuple):
    """How one file format is written."""

    write: Callable[[BinaryIO, Samples, int], None]
    components: tuple[int, ...] = (1, 2, 3, 4)
    """Numbers of planes that it can hold; 2 and 4 have alpha."""


FORMATS = {
    ".png": PictureFormat(write_png),
    ".ppm": PictureFormat(write_pnm, (3,)),
    ".pgm": PictureFormat(write_pnm, (1,)),
    ".pnm": PictureFormat(write_pnm, (1, 3)),
    ".pam": PictureFormat(write_pam),
    ".tif": PictureFormat(write_tiff),
    ".tiff": PictureFormat(write_tiff),
    ".npy": PictureFormat(write_npy),
}
"""By file name extension, lower case."""


def picture_format(path: Path, components: int | None = None) -> PictureFormat:
    """Choose the format by the extension.

    Parameters
    ----------
    path : where the picture will be written.
    components : number of planes of the picture, with alpha, if known already.

    Raises
    ------
    UsageError
        Unknown extension, or a format that cannot hold so many components, or alpha.
    """
    chosen = FORMATS.get(path.suffix.lower())
    if chosen is None:
        message = f"{path}: unknown extension; known are {' '.join(FORMATS)}"
        raise UsageError(message)
    if components in ALPHA_KINDS and components not in chosen.components:
        message = f"{path}: {path.suffix} cannot hold alpha; .png, .pam, .tif and .npy can"
        raise UsageError(message)
    if components is not None and components not in chosen.components:
        message = f"{path}: {path.suffix} cannot hold {components} component(s); .pnm and .png can"
        raise UsageError(message)
    return chosen


def write_picture(path: Path, samples: Samples, bit_depth: int) -> None:
    """Write a picture file, whole or not at all.

    Parameters
    ----------
    path : the extension chooses the format.
    samples : (C, H, W) with C = 1 (luma) or 3 (R, G, B), and 1 more for alpha, in
        [0, 2**bit_depth - 1].
    bit_depth : 8 to 16.

    Raises
    ------
    UsageError
        The format is unknown or cannot hold the picture.
    OSError
        The file cannot be written.
    """
    chosen = picture_format(path, len(samples))
    with atomic_file(path) as file:
        chosen.write(file, samples, bit_depth)
