# SPDX-License-Identifier: Apache-2.0
"""Read the pictures that judged decoders write, strictly: exactly these pictures, nothing else.

Every reader takes the whole file and returns its pictures in order; a still has one.
"""

import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from conformance.judge.expected import Plane
from refdec.binary16 import samples_of_numbers

_PNM = re.compile(rb"(P[56])(?:\s+|\s*#[^\n]*\n\s*)+(\d+)\s+(\d+)\s+(\d+)\s", re.ASCII)
_PAM = re.compile(rb"P7\n((?:[^\n]*\n)*?)ENDHDR\n", re.ASCII)
_PFM = re.compile(rb"(PF|Pf)\s+(\d+)\s+(\d+)\s+(-?\d+(?:\.\d*)?)\s", re.ASCII)
_PNG_END = bytes.fromhex("0000000049454e44ae426082")
_PNG_DEPTH_AT = 24
BYTE, WORD = 8, 16


class PictureError(Exception):
    """The file does not hold pictures of its format."""


@dataclass(frozen=True)
class Layout:
    """How raw samples lie in a file; the file has no header."""

    order: str = "planar"
    """``planar`` is C, H, W; ``interleaved`` is H, W, C."""
    byte_order: str = "big"
    """``big`` or ``little``."""
    sample_bytes: int = 0
    """1 or 2; 0 for 1 up to 8 bits and 2 above."""
    binary16: str = "samples"
    """What stands for binary16 numbers: ``samples``, as the digest has them, or ``numbers``."""


class Frame(NamedTuple):
    """One picture of a file."""

    planes: tuple[NDArray[Any], ...]
    """(H, W) each, unsigned, alpha last."""
    peak: int | None
    """The largest value that the file declares, None where it declares none."""
    is_float: bool = False
    """The file holds binary16 numbers; the planes are the samples that stand for them."""


def read_frames(
    path: Path, picture_format: str, *, geometry: Sequence[Plane], layout: Layout | None = None
) -> list[Frame]:
    """Read all pictures of a file.

    Parameters
    ----------
    picture_format : a key of `SUFFIXES`.
    geometry : the planes of one picture; only ``raw`` needs them.

    Raises
    ------
    PictureError
        Damaged, of another format, empty, or something follows.
    """
    from PIL import Image  # noqa: PLC0415

    try:
        data = path.read_bytes()
        if picture_format == "raw":
            return list(_read_raw(data, geometry, layout or Layout()))
        return _READERS[picture_format](data)
    except (OSError, ValueError, EOFError, SyntaxError, Image.DecompressionBombError) as error:
        message = f"{path.name} cannot be read: {error}"
        raise PictureError(message) from error


def float_frame(planes: Sequence[NDArray[Any]]) -> Frame:
    """Make a picture of planes (H, W) of floating-point numbers.

    Raises
    ------
    ValueError
        A number is no finite binary16 number.
    """
    halves = []
    for plane in planes:
        with np.errstate(over="ignore"):
            half = plane.astype(np.float16)
        if not np.isfinite(half).all() or not np.array_equal(half.astype(plane.dtype), plane):
            message = "a number that is no finite binary16 number"
            raise ValueError(message)
        halves.append(samples_of_numbers(half))
    return Frame(tuple(halves), None, is_float=True)


def _read_pfm(data: bytes) -> list[Frame]:
    """Read a portable float map: binary32, rows from the bottom."""
    header = _PFM.match(data)
    if header is None:
        message = "no PFM header"
        raise ValueError(message)
    width, height, components = int(header[2]), int(header[3]), 3 if header[1] == b"PF" else 1
    dtype = np.dtype("<f4" if float(header[4]) < 0 else ">f4")
    if len(data) - header.end() != width * height * components * dtype.itemsize:
        message = f"{len(data) - header.end()} bytes of numbers for {width}x{height}"
        raise ValueError(message)
    numbers = np.frombuffer(data, dtype, offset=header.end())
    return [float_frame(_planes(numbers.reshape(height, width, components)[::-1]))]


def _read_netpbm(data: bytes) -> list[Frame]:
    """Read PGM, PPM and PAM pictures that follow one another."""
    frames: list[Frame] = []
    position = 0
    while position < len(data) or not frames:
        width, height, components, peak, position = _netpbm_header(data, position)
        dtype = np.dtype(">u2" if peak >> BYTE else "u1")
        count = width * height * components
        if len(data) - position < count * dtype.itemsize:
            message = f"{len(data) - position} bytes of samples, not {count * dtype.itemsize}"
            raise ValueError(message)
        samples = np.frombuffer(data, dtype, count, position).reshape(height, width, components)
        frames.append(Frame(_planes(samples), peak))
        position += count * dtype.itemsize
    return frames


def _netpbm_header(data: bytes, position: int) -> tuple[int, int, int, int, int]:
    """Return width, height, components, largest value, and where the samples start."""
    if (header := _PNM.match(data, position)) is not None:
        width, height, peak = map(int, header.groups()[1:])
        return width, height, 3 if header[1] == b"P6" else 1, peak, header.end()
    if (header := _PAM.match(data, position)) is None:
        what = "no binary PGM, PPM or PAM header"
        message = f"something follows {position} bytes of pictures" if position else what
        raise ValueError(message)
    lines = [line.split(None, 1) for line in header[1].splitlines() if not line.startswith(b"#")]
    values = {line[0]: line[1] for line in lines if len(line) > 1}
    try:
        width, height, components, peak = (
            int(values[name]) for name in (b"WIDTH", b"HEIGHT", b"DEPTH", b"MAXVAL")
        )
    except KeyError as error:
        message = f"the PAM header lacks {error}"
        raise ValueError(message) from error
    return width, height, components, peak, header.end()


def _read_png(data: bytes) -> list[Frame]:
    if not data.endswith(_PNG_END):
        message = "no PNG that ends with its IEND chunk"
        raise ValueError(message)
    if data[_PNG_DEPTH_AT] == WORD:
        return [_read_deep_png(data)]
    from PIL import Image, ImageSequence  # noqa: PLC0415

    with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
        if image.mode not in {"L", "LA", "RGB", "RGBA"} or data[_PNG_DEPTH_AT] != BYTE:
            message = f"mode {image.mode} of {data[_PNG_DEPTH_AT]} bits"
            raise ValueError(message)
        return [Frame(_planes(np.asarray(frame)), 255) for frame in ImageSequence.Iterator(image)]


def _read_deep_png(data: bytes) -> Frame:
    """Read 16-bit PNG, to the depth of its sBIT chunk where there is one."""
    import png  # type: ignore[import-untyped]  # noqa: PLC0415

    try:
        width, height, rows, info = png.Reader(bytes=data).asDirect()
        samples = np.array([list(row) for row in rows], np.uint16)
    except png.Error as error:
        raise ValueError(error) from error
    if b"acTL" in data[: data.find(b"IDAT")]:
        message = "animated PNG of 16 bits"
        raise ValueError(message)
    return Frame(_planes(samples.reshape(height, width, -1)), (1 << int(info["bitdepth"])) - 1)


def _read_tiff(data: bytes) -> list[Frame]:
    import tifffile  # noqa: PLC0415

    try:
        with tifffile.TiffFile(io.BytesIO(data)) as file:
            planar = file.pages.first.planarconfig
            pages = [page.asarray() for page in file.pages]
    except tifffile.TiffFileError as error:
        raise ValueError(error) from error
    frames = []
    for samples in pages:
        if samples.dtype == np.float16:
            frames.append(float_frame(_planes(samples)))
            continue
        if samples.dtype.kind != "u" or samples.dtype.itemsize > 2:  # noqa: PLR2004
            message = f"samples of type {samples.dtype}"
            raise ValueError(message)
        peak = (1 << BYTE * samples.dtype.itemsize) - 1
        is_planar = planar == tifffile.PLANARCONFIG.SEPARATE and samples.ndim == 3  # noqa: PLR2004
        frames.append(Frame(tuple(samples) if is_planar else _planes(samples), peak))
    return frames


def _read_npy(data: bytes) -> list[Frame]:
    file = io.BytesIO(data)
    samples = np.load(file, allow_pickle=False)
    if file.read(1):
        message = "something follows the array"
        raise ValueError(message)
    return array_frames(samples)


def array_frames(samples: NDArray[Any]) -> list[Frame]:
    """Split an array of unsigned (C, H, W), or (N, C, H, W) of several pictures.

    Numbers of type float16 become samples.

    Raises
    ------
    ValueError
        It is of another type or shape.
    """
    is_float = samples.dtype == np.float16
    is_right = is_float or samples.dtype.kind == "u"
    if samples.ndim not in {3, 4} or not is_right or not samples.size:
        message = f"{samples.dtype} of shape {samples.shape}, not unsigned (C, H, W)"
        raise ValueError(message)
    pictures = samples if samples.ndim == 4 else samples[None]  # noqa: PLR2004
    if is_float:
        return [float_frame(picture) for picture in pictures]
    return [Frame(tuple(picture), None) for picture in pictures]


def plane_frames(planes: Sequence[NDArray[Any]]) -> list[Frame]:
    """Make one picture of unsigned planes (H, W).

    Raises
    ------
    ValueError
        One is of another type or shape, or there is none.
    """
    for plane in planes:
        if plane.ndim != 2 or plane.dtype.kind != "u" or not plane.size:  # noqa: PLR2004
            message = f"a plane of {plane.dtype}, shape {plane.shape}, not unsigned (H, W)"
            raise ValueError(message)
    if not planes:
        message = "no planes"
        raise ValueError(message)
    return [Frame(tuple(planes), None)]


def _read_raw(data: bytes, geometry: Sequence[Plane], layout: Layout) -> list[Frame]:
    sizes = [layout.sample_bytes or (1 if plane.bit_depth <= BYTE else 2) for plane in geometry]
    areas = [plane.height * plane.width for plane in geometry]
    total = sum(size * area for size, area in zip(sizes, areas, strict=True))
    if not data or len(data) % total:
        message = f"{len(data)} bytes, not {total}"
        raise ValueError(message)
    pictures = [data[start : start + total] for start in range(0, len(data), total)]
    wide = ">u2" if layout.byte_order == "big" else "<u2"
    if layout.order == "interleaved":
        if len(set(sizes)) > 1 or len(set(areas)) > 1:
            message = "planes of different sizes or widths cannot be interleaved"
            raise ValueError(message)
        shape = geometry[0].height, geometry[0].width, len(geometry)
        dtype = "u1" if sizes[0] == 1 else wide
        arrays = (np.frombuffer(picture, dtype).reshape(shape) for picture in pictures)
        return [_raw_frame(_planes(array), geometry, layout) for array in arrays]
    frames = []
    for picture in pictures:
        planes, position = [], 0
        for plane, size, area in zip(geometry, sizes, areas, strict=True):
            values = np.frombuffer(picture, "u1" if size == 1 else wide, area, position)
            planes.append(values.reshape(plane.height, plane.width))
            position += size * area
        frames.append(_raw_frame(planes, geometry, layout))
    return frames


def _raw_frame(planes: Sequence[NDArray[Any]], geometry: Sequence[Plane], layout: Layout) -> Frame:
    """Make a picture of raw planes; alpha is never a floating-point number."""
    if layout.binary16 == "samples" or not geometry[0].is_float:
        return Frame(tuple(planes), None)
    halves = (plane.astype(np.uint16).view(np.float16) for plane in planes)
    converted = (
        float_frame([half]).planes[0] if place.is_float else plane
        for half, plane, place in zip(halves, planes, geometry, strict=True)
    )
    return Frame(tuple(converted), None, is_float=True)


def _planes(samples: NDArray[Any]) -> tuple[NDArray[Any], ...]:
    """Split (H, W) or (H, W, C) into planes."""
    return (samples,) if samples.ndim == 2 else tuple(samples.transpose(2, 0, 1))  # noqa: PLR2004


_READERS: dict[str, Callable[[bytes], list[Frame]]] = {
    "ppm": _read_netpbm,
    "pam": _read_netpbm,
    "png": _read_png,
    "tiff": _read_tiff,
    "npy": _read_npy,
    "pfm": _read_pfm,
}
SUFFIXES = {
    "ppm": ".ppm",
    "pam": ".pam",
    "png": ".png",
    "tiff": ".tiff",
    "npy": ".npy",
    "raw": ".raw",
    "pfm": ".pfm",
}
"""File name extension per format; PPM files of one component are PGM."""
FORMATS = ("ppm", "pam", "png", "tiff", "npy", "raw")
"""Formats that hold integers."""
FLOAT_FORMATS = ("npy", "tiff", "raw", "pfm")
"""Formats that hold binary16 numbers; PFM, which is binary32, holds nothing else."""


def unfit(picture_format: str, geometry: Sequence[Plane]) -> str:
    """Say why a format cannot hold pictures of these planes; empty if it can."""
    if geometry[0].is_float and picture_format not in FLOAT_FORMATS:
        return f"binary16 in {picture_format}; {', '.join(FLOAT_FORMATS)} can hold it"
    if picture_format == "raw":
        return ""
    if geometry[0].is_float and len(geometry) in {2, 4}:
        return f"alpha beside binary16 in {picture_format}; raw can hold it"
    if len({(plane.height, plane.width) for plane in geometry}) > 1:
        return f"planes of different sizes in {picture_format}; raw can hold them"
    if picture_format == "ppm" and len(geometry) in {2, 4}:
        return "alpha in ppm; pam can hold it"
    return ""


SCALED = {"png", "tiff"}
"""Formats of 8 and 16 bits only, which hold samples of 9 to 15 bits scaled to 16."""


def unscaled(samples: NDArray[Any], bit_depth: int) -> NDArray[Any]:
    """Undo the scaling of 8 to 15 bits to 16.

    Shifted up, repeated, or rounded: the sample stands in the upper bits each time.

    Raises
    ------
    PictureError
        The lower bits are none of the three.
    """
    wide = samples.astype(np.uint32)
    shift = WORD - bit_depth
    values = wide >> shift
    peak = (1 << bit_depth) - 1
    repeated = (values << shift) | (values >> (bit_depth - shift))
    known = (values << shift, repeated, (values * 65535 + peak // 2) // peak)
    if not any(np.array_equal(wide, scaled) for scaled in known):
        message = f"16-bit samples that are no {bit_depth}-bit samples scaled up"
        raise PictureError(message)
    return values.astype(np.uint16)
