# SPDX-License-Identifier: Apache-2.0
"""Read what Pillow would reduce to 8 bits: deep PNG, PGM, PPM and TIFF; and NPY arrays."""

import re
from collections.abc import Callable
from dataclasses import replace
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
MAX_WORD = (1 << CONTAINER_DEPTH) - 1
PREMULTIPLIED = 1
"""TIFF's number of alpha that the other samples are multiplied by."""
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
    if not 1 <= len(planes) <= 4 or not planes.size:  # noqa: PLR2004
        message = f"{path}: {len(planes)} components, not grey or R, G, B, with or without alpha"
        raise UnsupportedFeature(message)
    if planes.dtype == np.float16:
        return _of_numbers(path, planes)
    depth = bit_depth or 8 * planes.dtype.itemsize
    if int(planes.max()) >> depth:
        message = f"{path}: sample {planes.max()} has more than {depth} bits"
        raise UnsupportedFeature(message)
    colours = num_colours(len(planes))
    return _picture(planes[:colours], depth, alpha=planes[colours:], alpha_depth=depth)


def _png(path: Path, start: bytes, bit_depth: int | None) -> Picture:
    import png  # type: ignore[import-untyped]  # noqa: PLC0415

    _check_size(path, int.from_bytes(start[16:20]), int.from_bytes(start[20:24]))
    with path.open("rb") as file:
        reader = png.Reader(file)
        width, height, rows, info = reader.read()
        samples = np.vstack([np.asarray(row, np.uint16) for row in rows])
    samples = samples.reshape(height, width, info["planes"])
    if "transparent" in info:
        is_visible = (samples != np.array(info["transparent"])).any(axis=2)
        alpha = np.where(is_visible, np.uint16(MAX_WORD), np.uint16(0))
        samples = np.append(samples, alpha[..., None], axis=2)
    with Image.open(path) as image:
        orientation = image.getexif().get(0x0112, 1)
    colours = num_colours(samples.shape[2])
    declared = max(8, *reader.sbit[:colours]) if reader.sbit else CONTAINER_DEPTH
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
            message = f"{path}: files of several pictures are not supported"
            raise UnsupportedFeature(message)
        if dtype not in (np.uint16, np.float16) or photometric not in (1, 2):
            message = f"{path}: {dtype} of photometric interpretation {photometric} is not known"
            raise UnsupportedFeature(message)
        _check_size(path, page.imagewidth, page.imagelength)
        samples = page.asarray()
        orientation = page.tags["Orientation"].value if "Orientation" in page.tags else 1
        extra = tuple(map(int, page.extrasamples))
        if len(extra) > 1 or 0 in extra:
            message = f"{path}: channels of unknown meaning are not supported"
            raise UnsupportedFeature(message)
        is_planar = int(page.planarconfig) == 2 and samples.ndim == 3  # noqa: PLR2004
    samples = samples.transpose(1, 2, 0) if is_planar else np.atleast_3d(samples)
    samples = _upright(samples, orientation)
    if dtype == np.float16:
        picture = _of_numbers(path, samples.transpose(2, 0, 1))
    else:
        picture = _scaled(path, samples, bit_depth, CONTAINER_DEPTH)
    return replace(picture, is_premultiplied=extra == (PREMULTIPLIED,))


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
    planes, colours = samples.transpose(2, 0, 1), num_colours(samples.shape[2])
    planes, alpha = planes[:colours], planes[colours:]
    reduced = significant_samples(planes, wanted or declared, plain=wanted is not None)
    if reduced is not None:
        return _picture(reduced, wanted or declared, alpha=alpha)
    if wanted is not None:
        message = f"{path}: the samples have more than {wanted} significant bits"
        raise UnsupportedFeature(message)
    return _picture(planes, CONTAINER_DEPTH, alpha=alpha)


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


def num_colours(channels: int) -> int:
    """Return how many of 1 to 4 channels are not alpha."""
    return 1 if channels < 3 else 3  # noqa: PLR2004


def _of_numbers(path: Path, numbers: NDArray[np.float16]) -> Picture:
    """Make a picture of binary16 numbers (C, H, W)."""
    colours = num_colours(len(numbers))
    samples = finite_samples(path, np.ascontiguousarray(numbers[:colours]))
    alpha, alpha_depth = whole_opacity(path, numbers[colours:])
    picture = _picture(samples, CONTAINER_DEPTH, alpha=alpha, alpha_depth=alpha_depth)
    return replace(picture, is_float=True)


def whole_opacity(path: Path, numbers: NDArray[np.float16]) -> tuple[NDArray[np.uint16], int]:
    """Return binary16 opacity, from 0 to 1, as integers of the fewest bits that hold it exactly.

    Raises
    ------
    UnsupportedFeature
        None do.
    """
    for depth in range(8, CONTAINER_DEPTH + 1):
        peak = (1 << depth) - 1
        whole = np.rint(np.clip(np.nan_to_num(numbers), 0, 1) * np.float64(peak))
        if ((whole / peak).astype(np.float16) == numbers).all():
            return whole.astype(np.uint16), depth
    message = f"{path}: the opacity is no multiple of 1/{MAX_WORD}"
    raise UnsupportedFeature(message)


def _picture(
    planes: NDArray[Any],
    depth: int,
    *,
    alpha: NDArray[Any] | None = None,
    alpha_depth: int = CONTAINER_DEPTH,
) -> Picture:
    """Make a picture of samples (C, H, W) and alpha (1, H, W), which may lack: (0, H, W)."""
    samples: NDArray[Any] = np.ascontiguousarray(typed_samples(planes, depth))
    picture = Picture(samples=samples, bit_depth=depth, colour=DEFAULT_COLOUR)
    if alpha is None or not len(alpha):
        return picture
    opacity: NDArray[Any] = np.ascontiguousarray(typed_samples(alpha[0], alpha_depth))
    return replace(picture, alpha=opacity, alpha_bit_depth=alpha_depth)
