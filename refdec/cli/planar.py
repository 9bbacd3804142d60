# SPDX-License-Identifier: Apache-2.0
"""Write planes one after the other: YUV4MPEG2 (.y4m) and raw (.yuv, .rgb)."""

from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from refdec.binary16 import numbers_of_samples
from refdec.picture import Picture

LAYOUTS = ("444", "422", "420")
"""By chroma_format_idc, as video programs call them."""
BYTE_DEPTH = 8


def write_planes(file: BinaryIO, picture: Picture) -> None:
    """Write the samples plane by plane; above 8 bits, and binary16, take two bytes, low first.

    Alpha comes last, as it is in the codestream.
    """
    for plane in picture.planes:
        _write_little_endian(
            file, numbers_of_samples(plane.astype(np.uint16)) if picture.is_float else plane
        )
    if picture.alpha is not None:
        _write_little_endian(file, picture.alpha)


def _write_little_endian(file: BinaryIO, plane: NDArray[Any]) -> None:
    file.write(plane.astype(plane.dtype.newbyteorder("<")).tobytes())


def write_y4m(file: BinaryIO, picture: Picture) -> None:
    """Write a YUV4MPEG2 file of one frame."""
    layout = LAYOUTS[picture.chroma_format] if picture.is_ycc else "mono"
    if picture.bit_depth > BYTE_DEPTH:
        layout += f"p{picture.bit_depth}" if picture.is_ycc else f"{picture.bit_depth}"
    elif layout == "420":
        layout = "420jpeg"
    extent = "FULL" if picture.colour.full_range else "LIMITED"
    header = (
        f"YUV4MPEG2 W{picture.width} H{picture.height} F1:1 Ip A1:1 C{layout} "
        f"XCOLORRANGE={extent}\nFRAME\n"
    )
    file.write(header.encode("ascii"))
    write_planes(file, picture)
