# SPDX-License-Identifier: Apache-2.0
"""Write decoded pictures to files, whose format the extension chooses.

PPM, PGM, PAM, NPY, Y4M and raw planes hold the decoded samples unchanged at any bit depth. PNG and
TIFF know 8 and 16 bits: samples of 9 to 15 bits are scaled to 16, rounding to nearest, which loses
nothing. binary16 numbers go to NPY, TIFF, PFM (as binary32) and, as samples, to raw planes.
Libraries are imported when a format needs them.
"""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

from refdec.arrays import U8Map, U16Map
from refdec.binary16 import F16Map
from refdec.cli.planar import write_planes, write_y4m
from refdec.cli.rgb import rgb_samples
from refdec.cli.support import UsageError, atomic_file
from refdec.picture import Picture
from refdec.syntax.picture_header import PictureHeader

BYTE_DEPTH = 8
"""Samples of this depth are bytes; deeper ones take two."""
Samples = U8Map | U16Map | F16Map
"""(C, H, W): one component (luma) or three (R, G, B)."""


def to_16_bit(samples: Samples, bit_depth: int) -> U16Map:
    """Scale samples of `bit_depth` bits to the full range of 16 bits."""
    peak = (1 << bit_depth) - 1
    return ((samples.astype(np.uint32) * 65535 + peak // 2) // peak).astype(np.uint16)


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
    writer = png.Writer(width, height, greyscale=components == 1, bitdepth=bit_depth)
    writer.write_packed(file, (row.tobytes() for row in rows))
    return None


def write_tiff(file: BinaryIO, samples: Samples, bit_depth: int) -> None:
    """Write TIFF, uncompressed."""
    if bit_depth == BYTE_DEPTH:
        return write_with_pillow(file, samples, "TIFF")
    import tifffile  # noqa: PLC0415

    tifffile.imwrite(
        file,
        interleave(samples if samples.dtype == np.float16 else to_16_bit(samples, bit_depth)),
        photometric="minisblack" if len(samples) == 1 else "rgb",
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
    kind = "GRAYSCALE" if components == 1 else "RGB"
    header = (
        f"P7\nWIDTH {width}\nHEIGHT {height}\nDEPTH {components}\n"
        f"MAXVAL {(1 << bit_depth) - 1}\nTUPLTYPE {kind}\nENDHDR\n"
    )
    write_netpbm(file, header, samples, bit_depth)


def write_npy(file: BinaryIO, samples: Samples, bit_depth: int) -> None:
    """Write NPY: (C, H, W), uint8, uint16 or float16."""
    dtype = np.uint8 if bit_depth == BYTE_DEPTH else np.uint16
    exact = samples if samples.dtype == np.float16 else samples.astype(dtype)
    np.save(file, exact, allow_pickle=False)


def write_pfm(file: BinaryIO, samples: Samples, _bit_depth: int) -> None:
    """Write PFM: little-endian binary32, rows from the bottom."""
    components, height, width = samples.shape
    file.write(f"{'PF' if components > 1 else 'Pf'}\n{width} {height}\n-1.0\n".encode("ascii"))
    file.write(np.flip(interleave(samples), 0).astype("<f4").tobytes())


class PictureFormat(NamedTuple):
    """How one file format is written."""

    write: Callable[[BinaryIO, Picture], None]
    kinds: frozenset[str]
    """What it can hold, in the words of `kind_of`."""


def of_samples(
    write: Callable[[BinaryIO, Samples, int], None], *, converts: bool = True
) -> Callable[[BinaryIO, Picture], None]:
    """Make a writer of pictures from one of samples (C, H, W) and their bit depth."""

    def write_samples(file: BinaryIO, picture: Picture) -> None:
        samples: Samples = picture.numbers if picture.is_float else picture.samples
        is_converted = converts and picture.is_ycc
        write(file, rgb_samples(picture) if is_converted else samples, picture.bit_depth)

    return write_samples


GREY, RGB, YCC, SUBSAMPLED = "grey", "R, G, B", "Y, Cb, Cr", "subsampled Y, Cb, Cr"
BINARY16 = "binary16 "


def kinds(*names: str, binary16: Iterable[str] = ()) -> frozenset[str]:
    """Name the kinds of integer and of binary16 samples."""
    return frozenset((*names, *(BINARY16 + name for name in binary16)))


def kind_of(header: PictureHeader) -> str:
    """Say what the components of a picture are, and whether they are binary16."""
    kind = GREY if header.monochrome_flag else RGB
    if header.ycc_flag:
        kind = SUBSAMPLED if header.chroma_format_idc else YCC
    return BINARY16 + kind if header.sample_float_flag else kind


_PNM, _TIFF = of_samples(write_pnm), of_samples(write_tiff)
_ALL, _VIDEO = (GREY, RGB, YCC, SUBSAMPLED), (GREY, YCC, SUBSAMPLED)
FORMATS = {
    ".png": PictureFormat(of_samples(write_png), kinds(*_ALL)),
    ".ppm": PictureFormat(_PNM, kinds(RGB, YCC, SUBSAMPLED)),
    ".pgm": PictureFormat(_PNM, kinds(GREY)),
    ".pnm": PictureFormat(_PNM, kinds(*_ALL)),
    ".pam": PictureFormat(of_samples(write_pam), kinds(*_ALL)),
    ".tif": PictureFormat(_TIFF, kinds(*_ALL, binary16=(GREY, RGB))),
    ".tiff": PictureFormat(_TIFF, kinds(*_ALL, binary16=(GREY, RGB))),
    ".npy": PictureFormat(
        of_samples(write_npy, converts=False), kinds(GREY, RGB, YCC, binary16=(GREY, RGB, YCC))
    ),
    ".pfm": PictureFormat(of_samples(write_pfm), kinds(binary16=(GREY, RGB))),
    ".y4m": PictureFormat(write_y4m, kinds(*_VIDEO)),
    ".yuv": PictureFormat(write_planes, kinds(*_VIDEO, binary16=_VIDEO)),
    ".rgb": PictureFormat(write_planes, kinds(RGB, binary16=(RGB,))),
}
"""By file name extension, lower case."""


def picture_format(path: Path, header: PictureHeader | None = None) -> PictureFormat:
    """Choose the format by the extension.

    Parameters
    ----------
    path : where the picture will be written.
    header : what the picture is, if known already.

    Raises
    ------
    UsageError
        Unknown extension, or a format that cannot hold such pictures.
    """
    chosen = FORMATS.get(path.suffix.lower())
    if chosen is None:
        message = f"{path}: unknown extension; known are {' '.join(FORMATS)}"
        raise UsageError(message)
    if header is not None and (kind := kind_of(header)) not in chosen.kinds:
        others = " ".join(name for name, other in FORMATS.items() if kind in other.kinds)
        message = f"{path}: {path.suffix} cannot hold {kind} samples; {others} can"
        raise UsageError(message)
    return chosen


def write_picture(path: Path, picture: Picture) -> None:
    """Write a picture file, whole or not at all; the extension chooses the format.

    Raises
    ------
    UsageError
        The format is unknown.
    UnsupportedFeature
        The format holds R, G, B only, and the picture's Y, Cb, Cr cannot be converted.
    OSError
        The file cannot be written.
    """
    chosen = picture_format(path)
    with atomic_file(path) as file:
        chosen.write(file, picture)
