# SPDX-License-Identifier: Apache-2.0
"""Read planes that stand one after the other: YUV4MPEG2 (.y4m) and raw samples."""

import re
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from refdec.arithmetic import ceil_div
from refdec.binary16 import samples_of_numbers
from refdec.errors import UnsupportedFeature
from refdec.picture import Colour, Picture, typed_samples
from refdec.syntax.picture_variables import CHROMA_STEPS
from refenc.colour import DEFAULT_COLOUR

Y4M_MAGIC = b"YUV4MPEG2 "
MAX_LINE = 1024
VIDEO_COLOUR = Colour(primaries=2, transfer=2, matrix=2, full_range=False)
"""Of files that do not say: unspecified, narrow range."""
_LAYOUTS = {"444": 0, "422": 1, "420": 2}
_RAW_NAME = re.compile(r"(gray|rgbp|yuv(444|422|420)p)(\d\d?|f16)?(?:le)?")
_Y4M_LAYOUT = re.compile(r"(mono|444|422|420)(?:jpeg|paldv|mpeg2|p?(\d\d?))?")


class PlaneFormat(NamedTuple):
    """What stands in a file of planes."""

    width: int
    height: int
    components: int
    bit_depth: int
    chroma_format: int = 0
    is_ycc: bool = False
    is_float: bool = False

    @classmethod
    def of_name(cls, name: str, width: int, height: int) -> "PlaneFormat":
        """Understand names such as gray16, rgbp10, yuv420p, yuv444pf16.

        Raises
        ------
        ValueError
            The name is not one of these.
        """
        match = _RAW_NAME.fullmatch(name)
        is_float = match is not None and match[3] == "f16"
        depth = 16 if is_float else int((match and match[3]) or 8)
        if match is None or not 8 <= depth <= 16:  # noqa: PLR2004
            message = f"{name!r} is not gray, rgbp, yuv420p, yuv422p or yuv444p, and 8 to 16 or f16"
            raise ValueError(message)
        components = 1 if match[1] == "gray" else 3
        chroma = _LAYOUTS.get(match[2], 0)
        return cls(width, height, components, depth, chroma, match[2] is not None, is_float)

    def read(self, file: BinaryIO, path: Path, colour: Colour) -> Picture:
        """Read the planes of one picture.

        Raises
        ------
        OSError
            The file ends early, or a sample has too many bits.
        UnsupportedFeature
            NaN or infinities.
        """
        step_x, step_y = CHROMA_STEPS[self.chroma_format]
        chroma = ceil_div(self.height, step_y), ceil_div(self.width, step_x)
        luma = self.height, self.width
        sizes = [luma] + [chroma if self.is_ycc else luma] * (self.components - 1)
        planes = [self._plane(file, path, size) for size in sizes]
        cut = 1 if self.chroma_format else len(planes)
        return Picture(
            samples=np.stack(planes[:cut]),
            chroma=np.stack(planes[cut:]) if self.chroma_format else None,
            bit_depth=self.bit_depth,
            colour=colour,
            chroma_format=self.chroma_format,
            is_ycc=self.is_ycc,
            is_float=self.is_float,
        )

    def _plane(self, file: BinaryIO, path: Path, size: tuple[int, int]) -> NDArray[np.uint16]:
        kind = np.dtype("u1" if self.bit_depth == 8 else "<u2")  # noqa: PLR2004
        wanted = size[0] * size[1] * kind.itemsize
        data = file.read(wanted)
        if len(data) != wanted:
            message = f"{path}: ends inside a plane of {size[1]}x{size[0]} samples"
            raise OSError(message)
        plane = np.frombuffer(data, kind).reshape(size)
        if self.is_float:
            return finite_samples(path, plane.view("<f2"))
        if int(plane.max()) >> self.bit_depth:
            message = f"{path}: sample {plane.max()} has more than {self.bit_depth} bits"
            raise OSError(message)
        return typed_samples(plane, self.bit_depth)  # type: ignore[return-value]


def finite_samples(path: Path, numbers: NDArray[np.float16]) -> NDArray[np.uint16]:
    """Return the samples of binary16 numbers.

    Raises
    ------
    UnsupportedFeature
        NaN or infinities.
    """
    if not np.isfinite(numbers).all():
        message = f"{path}: NaN and infinities cannot be encoded"
        raise UnsupportedFeature(message)
    return samples_of_numbers(numbers)


def read_raw(path: Path, planes: PlaneFormat) -> Picture:
    """Read a file that holds the planes of one picture and nothing else.

    Raises
    ------
    OSError
        The file cannot be read or has another size.
    UnsupportedFeature
        NaN or infinities.
    """
    with path.open("rb") as file:
        picture = planes.read(file, path, VIDEO_COLOUR if planes.is_ycc else DEFAULT_COLOUR)
        if file.read(1):
            message = f"{path}: holds more than one picture of {planes.width}x{planes.height}"
            raise OSError(message)
    return picture


def read_y4m(path: Path) -> tuple[Picture, tuple[str, ...]]:
    """Read a YUV4MPEG2 file of one frame; also say what is not kept.

    Raises
    ------
    OSError
        The file cannot be read or is damaged.
    UnsupportedFeature
        Several frames, or an unknown layout of samples.
    """
    with path.open("rb") as file:
        words = file.readline(MAX_LINE).decode("ascii", "replace").split()[1:]
        fields = {word[0]: word[1:] for word in words if word[0] != "X"}
        layout = _Y4M_LAYOUT.fullmatch(fields.get("C", "420jpeg"))
        if layout is None:
            message = f"{path}: samples of layout {fields['C']} are not supported"
            raise UnsupportedFeature(message)
        depth, sides = int(layout[2] or 8), (fields.get("W", ""), fields.get("H", ""))
        is_sound = all(re.fullmatch(r"[1-9]\d{0,5}", side) for side in sides)
        if not is_sound or not 8 <= depth <= 16 or not file.readline(MAX_LINE).startswith(b"FRAME"):  # noqa: PLR2004
            message = f"{path}: damaged YUV4MPEG2 header"
            raise OSError(message)
        is_ycc = layout[1] != "mono"
        width, height = map(int, sides)
        chroma = _LAYOUTS.get(layout[1], 0)
        planes = PlaneFormat(width, height, 3 if is_ycc else 1, depth, chroma, is_ycc)
        is_full = "XCOLORRANGE=FULL" in words
        picture = planes.read(file, path, VIDEO_COLOUR.with_range(full=is_full))
        if file.read(1):
            message = f"{path}: files of several pictures are not supported"
            raise UnsupportedFeature(message)
    is_centred = not is_ycc or fields.get("C", "420jpeg") not in {"420mpeg2", "420paldv"}
    return picture, () if is_centred else (f"{path}: the place of chroma samples is not kept",)
