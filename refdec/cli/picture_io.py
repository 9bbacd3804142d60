# SPDX-License-Identifier: Apache-2.0
"""Write decoded pictures to files, whose format the extension chooses.

PPM, PGM, PAM, NPY, Y4M and raw planes hold the decoded samples unchanged at any bit depth. PNG and
TIFF know 8 and 16 bits: samples of 9 to 15 bits are scaled to 16, rounding to nearest, which loses
nothing. binary16 numbers go to NPY, TIFF, PFM (as binary32) and, as samples, to raw planes.
Libraries are imported when a format needs them.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from refdec.arrays import U8Map, U16Map
from refdec.binary16 import F16Map
from refdec.cli.planar import write_planes, write_y4m
from refdec.cli.png_chunks import Chunk
from refdec.cli.png_file import png_parts
from refdec.cli.rgb import NARROW_BLACK, rgb_samples
from refdec.cli.support import UsageError, atomic_file
from refdec.picture import Picture, typed_samples
from refdec.syntax.picture_header import PictureHeader

BYTE_DEPTH = 8
"""Samples of this depth are bytes; deeper ones take two."""
DEEP = 16
CENTRE = 128
WRITTEN_ROWS = 64
"""No colour, in chroma of 8 bits."""
Samples = U8Map | U16Map | F16Map
"""(C, H, W): one component (luma) or three (R, G, B), and alpha as the last one."""
ALPHA_KINDS = {2: "GRAYSCALE_ALPHA", 4: "RGB_ALPHA"}
"""Tuple types of PAM by the number of planes, those with alpha."""


def to_16_bit(samples: Samples, bit_depth: int) -> U16Map:
    """Scale samples of `bit_depth` bits to the full range of 16 bits."""
    peak = (1 << bit_depth) - 1
    return ((samples.astype(np.uint32) * 65535 + peak // 2) // peak).astype(np.uint16)


def with_alpha(picture: Picture, *, converts: bool = True) -> tuple[Samples, int]:
    """Return samples (C, H, W) as files hold them, alpha last if there is any, and their bit depth.

    Y, Cb, Cr become R, G, B if `converts`. Samples are not multiplied by alpha. Integer samples and
    alpha of different bit depths are both scaled to 16 bits; of binary16 numbers alpha is one, too,
    from 0 to 1.
    """
    depth, alpha = picture.bit_depth, picture.alpha
    samples: Samples = picture.numbers if picture.is_float else picture.samples
    zero = zero_levels(picture)
    if converts and picture.is_ycc:
        samples, zero = rgb_samples(picture), np.zeros(3, np.int64)
    if alpha is None:
        return samples, depth
    peak = (1 << picture.alpha_bit_depth) - 1
    if picture.is_premultiplied:
        samples = straight(samples, depth, alpha / peak, zero)
    if picture.is_float:
        return np.append(samples, (alpha / peak).astype(np.float16)[None], axis=0), depth
    if depth != picture.alpha_bit_depth:
        samples, alpha = to_16_bit(samples, depth), to_16_bit(alpha, picture.alpha_bit_depth)
        depth = DEEP
    return typed_samples(np.append(samples, alpha[None], axis=0), depth), depth


def zero_levels(picture: Picture) -> NDArray[np.int64]:
    """Return what stands for no light in each component (C)."""
    unit = 0 if picture.is_float else 1 << (picture.bit_depth - BYTE_DEPTH)
    levels = np.full(len(picture.samples), 0 if picture.colour.full_range else NARROW_BLACK)
    if picture.is_ycc:
        levels[1:] = CENTRE
    return levels * unit


def straight(
    samples: Samples, bit_depth: int, opacity: NDArray[np.float64], zero: NDArray[np.int64]
) -> Samples:
    """Divide samples (C, H, W) by their opacity (H, W), 0 to 1; `zero` (C) where that is 0.

    Integers are rounded to nearest.
    """
    levels = zero[:, None, None]
    divisor = np.where(opacity == 0, np.inf, opacity)
    quotient = (samples.astype(np.float64) - levels) / divisor + levels
    if samples.dtype == np.float16:
        limit = float(np.finfo(np.float16).max)
        return np.clip(quotient, -limit, limit).astype(np.float16)
    return typed_samples(np.clip(np.floor(quotient + 0.5), 0, (1 << bit_depth) - 1), bit_depth)


def interleave(samples: Samples) -> Samples:
    """Turn (C, H, W) into contiguous (H, W, C), or (H, W) for one component."""
    return np.ascontiguousarray(samples[0] if len(samples) == 1 else np.moveaxis(samples, 0, -1))


class Layout(NamedTuple):
    """What a file's header says of samples (C, H, W)."""

    components: int
    height: int
    width: int
    bit_depth: int


def write_png(
    file: BinaryIO, layout: Layout, strips: Iterable[Samples], chunks: Iterable[Chunk]
) -> None:
    """Write PNG; above 8 bits samples are scaled to 16, and an sBIT chunk keeps the bit depth."""
    depth, is_deep = layout.bit_depth, layout.bit_depth > BYTE_DEPTH
    is_scaled = is_deep and depth < DEEP and layout.components not in ALPHA_KINDS
    rows = (interleave(to_16_bit(s, depth) if is_deep else s) for s in strips)
    bits = depth if is_scaled else None
    parts = png_parts(rows, height=layout.height, significant_bits=bits, chunks=chunks)
    file.writelines(parts)


def write_tiff(file: BinaryIO, samples: Samples, bit_depth: int) -> None:
    """Write TIFF, uncompressed."""
    if bit_depth == BYTE_DEPTH:
        from PIL import Image  # noqa: PLC0415

        Image.fromarray(interleave(samples)).save(file, format="TIFF")
        return
    import tifffile  # noqa: PLC0415

    tifffile.imwrite(
        file,
        interleave(samples if samples.dtype == np.float16 else to_16_bit(samples, bit_depth)),
        photometric="minisblack" if len(samples) < 3 else "rgb",  # noqa: PLR2004
        extrasamples=["unassalpha"] if len(samples) in ALPHA_KINDS else None,
        planarconfig="contig" if len(samples) > 1 else None,
        metadata=None,
    )


def write_netpbm(file: BinaryIO, header: str, strips: Iterable[Samples], bit_depth: int) -> None:
    """Write a Netpbm header and the samples, big-endian, of 8 or 16 bits."""
    dtype = np.uint8 if bit_depth == BYTE_DEPTH else np.dtype(">u2")
    file.write(header.encode("ascii"))
    file.writelines(interleave(samples).astype(dtype).tobytes() for samples in strips)


def write_pnm(
    file: BinaryIO, layout: Layout, strips: Iterable[Samples], _chunks: Iterable[Chunk]
) -> None:
    """Write PGM (one component) or PPM (three)."""
    components, height, width, bit_depth = layout
    magic = "P5" if components == 1 else "P6"
    header = f"{magic}\n{width} {height}\n{(1 << bit_depth) - 1}\n"
    write_netpbm(file, header, strips, bit_depth)


def write_pam(
    file: BinaryIO, layout: Layout, strips: Iterable[Samples], _chunks: Iterable[Chunk]
) -> None:
    """Write PAM."""
    components, height, width, bit_depth = layout
    kind = ALPHA_KINDS.get(components, "GRAYSCALE" if components == 1 else "RGB")
    header = (
        f"P7\nWIDTH {width}\nHEIGHT {height}\nDEPTH {components}\n"
        f"MAXVAL {(1 << bit_depth) - 1}\nTUPLTYPE {kind}\nENDHDR\n"
    )
    write_netpbm(file, header, strips, bit_depth)


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


WriteStrips = Callable[[BinaryIO, Layout, Iterable[Samples], Iterable[Chunk]], None]
"""Write a file of samples (C, h, W) that come from the top down, and chunks of metadata."""


class PictureFormat(NamedTuple):
    """How one file format is written."""

    write: Callable[[BinaryIO, Picture], None]
    kinds: frozenset[str]
    """What it can hold, in the words of `kind_of`."""
    has_alpha: bool = False
    """Whether it can hold alpha, too."""
    write_strips: WriteStrips | None = None
    """For a format whose rows stand in the file from the top down."""

    def fits(self, kind: str, *, has_alpha: bool) -> bool:
        """Tell whether such a picture can be written."""
        return kind in self.kinds and (self.has_alpha or not has_alpha)


def of_samples(
    write: Callable[[BinaryIO, Samples, int], None], *, converts: bool = True
) -> Callable[[BinaryIO, Picture], None]:
    """Make a writer of pictures from one of samples (C, H, W) and their bit depth."""

    def write_samples(file: BinaryIO, picture: Picture) -> None:
        write(file, *with_alpha(picture, converts=converts))

    return write_samples


def few_rows(strips: Iterable[Samples]) -> Iterator[Samples]:
    """Cut strips into lower ones, of which a writer may hold several copies."""
    for samples in strips:
        for top in range(0, samples.shape[1], WRITTEN_ROWS):
            yield samples[:, top : top + WRITTEN_ROWS]


def in_strips(
    write: WriteStrips, kinds: frozenset[str], *, has_alpha: bool = False
) -> PictureFormat:
    """Make a format, and its writer of whole pictures, from a writer of strips."""

    def write_whole(file: BinaryIO, picture: Picture) -> None:
        samples, bit_depth = with_alpha(picture)
        components, height, width = samples.shape
        write(file, Layout(components, height, width, bit_depth), few_rows([samples]), ())

    return PictureFormat(write_whole, kinds, has_alpha, write)


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


_ALL, _VIDEO = (GREY, RGB, YCC, SUBSAMPLED), (GREY, YCC, SUBSAMPLED)
_TIFF = PictureFormat(of_samples(write_tiff), kinds(*_ALL, binary16=(GREY, RGB)), has_alpha=True)
FORMATS = {
    ".png": in_strips(write_png, kinds(*_ALL), has_alpha=True),
    ".ppm": in_strips(write_pnm, kinds(RGB, YCC, SUBSAMPLED)),
    ".pgm": in_strips(write_pnm, kinds(GREY)),
    ".pnm": in_strips(write_pnm, kinds(*_ALL)),
    ".pam": in_strips(write_pam, kinds(*_ALL), has_alpha=True),
    ".tif": _TIFF,
    ".tiff": _TIFF,
    ".npy": PictureFormat(
        of_samples(write_npy, converts=False),
        kinds(GREY, RGB, YCC, binary16=(GREY, RGB, YCC)),
        has_alpha=True,
    ),
    ".pfm": PictureFormat(of_samples(write_pfm), kinds(binary16=(GREY, RGB))),
    ".y4m": PictureFormat(write_y4m, kinds(*_VIDEO)),
    ".yuv": PictureFormat(write_planes, kinds(*_VIDEO, binary16=_VIDEO), has_alpha=True),
    ".rgb": PictureFormat(write_planes, kinds(RGB, binary16=(RGB,)), has_alpha=True),
}
"""By file name extension, lower case."""


def picture_format(
    path: Path, header: PictureHeader | None = None, *, has_alpha: bool = False
) -> PictureFormat:
    """Choose the format by the extension.

    Parameters
    ----------
    path : where the picture will be written.
    header : what the picture is, if known already.
    has_alpha : whether it has alpha.

    Raises
    ------
    UsageError
        Unknown extension, or a format that cannot hold such pictures, or alpha.
    """
    chosen = FORMATS.get(path.suffix.lower())
    if chosen is None:
        message = f"{path}: unknown extension; known are {' '.join(FORMATS)}"
        raise UsageError(message)
    if header is None:
        return chosen
    kind = kind_of(header)
    fit = [name for name, other in FORMATS.items() if other.fits(kind, has_alpha=has_alpha)]
    if path.suffix.lower() not in fit:
        what = f"{kind} samples{' with alpha' if has_alpha else ''}"
        message = f"{path}: {path.suffix} cannot hold {what}; {' '.join(fit)} can"
        raise UsageError(message)
    return chosen


def write_picture(path: Path, picture: Picture, chunks: Iterable[Chunk] = ()) -> None:
    """Write a picture file, whole or not at all; the extension chooses the format.

    `chunks` go into a PNG file; other formats have no place for them.

    Raises
    ------
    UsageError
        The format is unknown.
    UnsupportedFeature
        The format holds R, G, B only, and the picture's Y, Cb, Cr cannot be converted.
    OSError
        The file cannot be written.
    """
    write_strips(path, [picture], height=picture.height, chunks=chunks)


def write_strips(
    path: Path, pictures: Iterable[Picture], *, height: int, chunks: Iterable[Chunk] = ()
) -> None:
    """Write a picture file, whole or not at all, from strips that come from the top down.

    `height` is that of all strips together. Where the format does not take strips, there shall be
    one. The rest is as for `write_picture`.
    """
    chosen = picture_format(path)
    with atomic_file(path) as file:
        if chosen.write_strips is None:
            (picture,) = pictures
            chosen.write(file, picture)
            return
        strips = map(with_alpha, pictures)
        first, bit_depth = next(strips)
        layout = Layout(len(first), height, first.shape[2], bit_depth)
        rows = few_rows(chain([first], (samples for samples, _ in strips)))
        del first  # it is written and forgotten like the others
        chosen.write_strips(file, layout, rows, chunks)
