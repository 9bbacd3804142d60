# SPDX-License-Identifier: Apache-2.0
"""Read the pictures that judged decoders write, strictly: exactly one picture and nothing else."""

import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_PNM = re.compile(rb"(P[56])(?:\s+|\s*#[^\n]*\n\s*)+(\d+)\s+(\d+)\s+(\d+)\s", re.ASCII)
SUFFIXES = {"ppm": (".pgm", ".ppm"), "png": (".png", ".png"), "npy": (".npy", ".npy")}
"""File name extension per format, for one component and for three."""
MAX_PNG_DEPTH = 8
"""PNG is judged up to this bit depth: readers scale deeper samples in different ways."""


class PictureError(Exception):
    """The file is not one picture of a known format."""


def read_samples(path: Path) -> tuple[NDArray[Any], int | None]:
    """Read a PPM, PGM, PNG or NPY file.

    Returns
    -------
    (C, H, W) samples, and the largest value that the file declares, None where it declares none.

    Raises
    ------
    PictureError
        Damaged, of another format, or more than one picture.
    """
    readers = {".ppm": _read_pnm, ".pgm": _read_pnm, ".png": _read_png, ".npy": _read_npy}
    try:
        return readers[path.suffix](path)
    except (OSError, ValueError, EOFError, SyntaxError) as error:
        message = f"{path.name} cannot be read: {error}"
        raise PictureError(message) from error


def _read_pnm(path: Path) -> tuple[NDArray[Any], int]:
    data = path.read_bytes()
    header = _PNM.match(data)
    if header is None:
        message = "no binary PPM or PGM header"
        raise ValueError(message)
    width, height, peak = map(int, header.groups()[1:])
    components = 3 if header[1] == b"P6" else 1
    dtype = np.dtype(">u2" if peak > 255 else "u1")  # noqa: PLR2004
    expected = width * height * components * dtype.itemsize
    if len(data) - header.end() != expected:
        message = f"{len(data) - header.end()} bytes of samples, not {expected}"
        raise ValueError(message)
    samples = np.frombuffer(data, dtype, offset=header.end()).reshape(height, width, components)
    return samples.transpose(2, 0, 1), peak


def _read_png(path: Path) -> tuple[NDArray[Any], int]:
    from PIL import Image  # noqa: PLC0415

    with Image.open(path, formats=["PNG"]) as image:
        if image.mode not in {"L", "RGB"} or getattr(image, "n_frames", 1) != 1:
            message = f"mode {image.mode}, {getattr(image, 'n_frames', 1)} frames"
            raise ValueError(message)
        samples = np.asarray(image)
    planes = samples[None] if samples.ndim == 2 else samples.transpose(2, 0, 1)  # noqa: PLR2004
    return planes, 255


def _read_npy(path: Path) -> tuple[NDArray[Any], None]:
    with path.open("rb") as file:
        samples = np.load(file, allow_pickle=False)
        if file.read(1):
            message = "something follows the array"
            raise ValueError(message)
    if samples.ndim != 3 or samples.dtype.kind != "u":  # noqa: PLR2004
        message = f"{samples.dtype} of shape {samples.shape}, not unsigned (C, H, W)"
        raise ValueError(message)
    return samples, None
