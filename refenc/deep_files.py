# SPDX-License-Identifier: Apache-2.0
"""Read what Pillow would reduce to 8 bits: deep PNG, PGM, PPM and TIFF; and NPY arrays."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from refdec.cli.picture_io import to_16_bit
from refdec.errors import LimitExceeded, RefdecError, UnsupportedFeature
from refdec.picture import Picture, typed_samples
from refenc.colour import DEFAULT_COLOUR
from refenc.video_files import finite_samples

CONTAINER_DEPTH = 16
_PNM_HEADER = re.compile(rb"P([56])(?:\s+|\s*#[^\n]*\n\s*)+(\d+)\s+(\d+)\s+(\d+)\s", re.ASCII)
_PEEK = 4096
_TURNS: dict[int, Callable[[NDArray[Any]], NDArray[Any]]] = {
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: a.swapaxes(0, 1)[:, ::-1],
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: a.swapaxes(0, 1)[::-1],
}
"""What turns (H, W, C) samples upright, by Exif orientation."""


def read_deep(path: Path, bit_depth: int | None) -> Picture | None:
    """Read a picture of more than 8 bits, upright; None for a file that is none of these.

    Parameters
    ----------
    bit_depth : significant bits of samples that stand in 16; None if the file knows.

    Raises
    ------
    OSError
        The file cannot be read or is damaged.
    UnsupportedFeature
        A format of samples that cannot be encoded.
    LimitExceeded
        More pixels than Pillow considers sane.
    """
    with path.open("rb") as file:
        start = file.read(_PEEK)
    try:
        if start.startswith(b"\x93NUMPY"):
            return _npy(path, bit_depth)
        if start.startswith(b"\x89PNG\r\n\x1a\n") and start[24:25] == b"\x10":
            return _png(path, start, bit_depth)
        if (header := _PNM_HEADER.match(start)) and int(header[4]) > 255:  # noqa: PLR2004
            return _pnm(path, header)
        if start[:4] in {b"II*\0", b"MM\0*"}:
            return _tiff(path, bit_depth)
    except (RefdecError, FileNotFoundError):
        raise
    except Exception as error:  # the libraries raise anything on damaged files
        message = f"{path}: damaged picture: {error}"
        raise OSError(message) from error
    return None


def _npy(path: Path, bit_depth: int | None) -> Picture:
    array = np.load(path, mmap_mode="r", allow_pickle=False)
    shape, dtype = array.shape, array.dtype
    if dtype not in (np.uint8, np.uint16, np.float16) or len(shape) not in (2, 3):
        message = f"{path}: {dtype} of shape {shape}, not (C, H, W) of uint8, uint16 or float16"
        raise UnsupportedFeature(message)
    planes = np.array(array[None] if array.ndim == 2 else array)  # noqa: PLR2004
    if len(planes) not in (1, 3) or not planes.size:
        message = f"{path}: {len(planes)} components where 1 (grey) or 3 (R, G, B) are known"
        raise UnsupportedFeature(message)
    if planes.dtype == np.float16:
        return _picture(finite_samples(path, planes), CONTAINER_DEPTH, is_float=True)
    depth = bit_depth or 8 * planes.dtype.itemsize
    if int(planes.max()) >> depth:
        message = f"{path}: sample {planes.max()} has more than {depth} bits"
        raise UnsupportedFeature(message)
    return _picture(planes, depth)


def _png(path: Path, start: bytes, bit_depth: int | None) -> Picture:
    import png  # type: ignore[import-untyped]  # noqa: PLC0415

    _check_size(path, int.from_bytes(start[16:20]), int.from_bytes(start[20:24]))
    with path.open("rb") as file:
        reader = png.Reader(file)
        width, height, rows, info = reader.read()
        samples = np.vstack([np.asarray(row, np.uint16) for row in rows])
    samples = samples.reshape(height, width, info["planes"])
    if "transparent" in info:
        message = f"{path}: transparency is not yet supported"
        raise UnsupportedFeature(message)
    with Image.open(path) as image:
        orientation = image.getexif().get(0x0112, 1)
    declared = max(8, *reader.sbit) if reader.sbit else CONTAINER_DEPTH
    return _scaled(path, _upright(samples, orientation), bit_depth, declared)


def _pnm(path: Path, header: re.Match[bytes]) -> Picture:
    width, height, peak = map(int, header.groups()[1:])
    components, depth = 1 if header[1] == b"5" else 3, peak.bit_length()
    if peak + 1 != 1 << depth or depth > CONTAINER_DEPTH:
        message = f"{path}: largest value {peak}, not 2**n - 1"
        raise UnsupportedFeature(message)
    _check_size(path, width, height)
    with path.open("rb") as file:
        file.seek(header.end())
        data = file.read(2 * width * height * components)
    samples = np.frombuffer(data, ">u2").reshape(height, width, components)
    if samples.max() > peak:
        message = f"sample {samples.max()} is above {peak}"
        raise ValueError(message)
    return _picture(samples.transpose(2, 0, 1), depth)


def _tiff(path: Path, bit_depth: int | None) -> Picture | None:
    import tifffile  # noqa: PLC0415

    tifffile.logger().setLevel("CRITICAL")
    try:
        opened = tifffile.TiffFile(path)
    except tifffile.TiffFileError:
        return None
    with opened as file:
        page: Any = file.pages[0]
        dtype, photometric = np.dtype(page.dtype), int(page.photometric)
        if dtype in (np.uint8, np.bool_):
            return None
        if len(file.pages) > 1:
            message = f"{path}: animations and files of several pictures are not yet supported"
            raise UnsupportedFeature(message)
        if dtype not in (np.uint16, np.float16) or photometric not in (1, 2):
            message = f"{path}: {dtype} of photometric interpretation {photometric} is not known"
            raise UnsupportedFeature(message)
        _check_size(path, page.imagewidth, page.imagelength)
        samples = page.asarray()
        orientation = page.tags["Orientation"].value if "Orientation" in page.tags else 1
        is_planar = int(page.planarconfig) == 2 and samples.ndim == 3  # noqa: PLR2004
    samples = samples.transpose(1, 2, 0) if is_planar else np.atleast_3d(samples)
    samples = _upright(samples, orientation)
    if dtype == np.float16:
        numbers = np.ascontiguousarray(samples.transpose(2, 0, 1))
        return _picture(finite_samples(path, numbers), CONTAINER_DEPTH, is_float=True)
    return _scaled(path, samples, bit_depth, CONTAINER_DEPTH)


def _check_size(path: Path, width: int, height: int) -> None:
    if width * height > (Image.MAX_IMAGE_PIXELS or 0):
        message = f"{path}: too many pixels"
        raise LimitExceeded(message)


def _upright(samples: NDArray[Any], orientation: int) -> NDArray[Any]:
    turned: NDArray[Any] = _TURNS.get(orientation, np.asarray)(samples)
    return turned


def _scaled(path: Path, samples: NDArray[Any], wanted: int | None, declared: int) -> Picture:
    """Make a picture of (H, W, C) samples that fill 16 bits, reduced to those that are significant.

    Samples that do not follow from the declared bits keep all 16.
    """
    colours = 1 if samples.shape[2] <= 2 else 3  # noqa: PLR2004
    if samples.shape[2] > colours:
        alpha = samples[..., colours]
        if alpha.min() != np.iinfo(alpha.dtype).max:
            message = f"{path}: transparency is not yet supported"
            raise UnsupportedFeature(message)
    planes = samples[..., :colours].transpose(2, 0, 1)
    reduced = significant_samples(planes, wanted or declared, plain=wanted is not None)
    if reduced is not None:
        return _picture(reduced, wanted or declared)
    if wanted is not None:
        message = f"{path}: the samples have more than {wanted} significant bits"
        raise UnsupportedFeature(message)
    return _picture(planes, CONTAINER_DEPTH)


def significant_samples(
    samples: NDArray[np.uint16], depth: int, *, plain: bool
) -> NDArray[Any] | None:
    """Undo how samples of `depth` bits were made to fill 16: scaled or shifted; plain: not at all.

    Returns None if they were none of these.
    """
    peak, shift = (1 << depth) - 1, CONTAINER_DEPTH - depth
    shifted = samples >> shift
    scaled = ((samples.astype(np.uint32) * peak + 32767) // 65535).astype(np.uint16)
    repeated = shifted << shift | shifted >> (depth - shift)
    for reduced, filled in (
        (scaled, to_16_bit(scaled, depth)),
        (shifted, shifted << shift),
        (shifted, repeated),
    ):
        if (filled == samples).all():
            return reduced
    return samples if plain and samples.max() <= peak else None


def _picture(planes: NDArray[Any], depth: int, *, is_float: bool = False) -> Picture:
    samples: NDArray[Any] = np.ascontiguousarray(typed_samples(planes, depth))
    return Picture(samples=samples, bit_depth=depth, colour=DEFAULT_COLOUR, is_float=is_float)
