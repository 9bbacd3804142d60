# SPDX-License-Identifier: Apache-2.0
"""Encoder of animations: what changes from frame to frame, coded as pictures of their own."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from refdec.arrays import U8Map
from refdec.errors import UnsupportedFeature
from refdec.reconstruction import Region
from refdec.syntax.codestream import Codestream
from refdec.syntax.parser import parse_codestream
from refdec.syntax.profiles import Profile
from refdec.syntax.segment import (
    MAX_FRAME_TICKS,
    MAX_FRAMES,
    MAX_LOOPS,
    AnimationHeader,
    FrameHeader,
    Metadata,
    ToolHeader,
)
from refenc.alpha import Alpha
from refenc.codestream import in_profile, write_codestream
from refenc.metadata import metadata_of
from refenc.picture_io import BYTE_DEPTH, opened, source_bit_depth

TICKS_PER_SECOND = 1000
ANIMATED = ("PNG", "GIF", "WEBP")
"""Formats that hold animations; Pillow's names."""
WORTHWHILE = 0.75
"""A rectangle of a larger share of a lossy frame is coded as the whole frame."""
GREY_MODES = ("1", "L", "LA")


class SourceFrame(NamedTuple):
    """A frame as it is shown."""

    pixels: U8Map
    """(C, H, W): R, G, B or grey, then alpha if the animation has it."""
    ticks: int


@dataclass(frozen=True, kw_only=True)
class SourceAnimation:
    """An animation to encode; its frames are read again each time."""

    path: Path
    is_grey: bool
    has_alpha: bool
    loop_count: int
    """0: for ever."""
    metadata: tuple[Metadata, ...]
    """What the file carries beside the frames."""

    def frames(self) -> Iterator[SourceFrame]:
        """Yield the frames; equal ones in a row are one, shown longer."""
        last: SourceFrame | None = None
        for image in _images(self.path):
            frame = SourceFrame(self._pixels(image), frame_ticks(image))
            if last is not None and np.array_equal(last.pixels, frame.pixels):
                frame = frame._replace(ticks=min(last.ticks + frame.ticks, MAX_FRAME_TICKS))
            elif last is not None:
                yield last
            last = frame
        if last is not None:
            yield last

    def _pixels(self, image: Image.Image) -> U8Map:
        mode = ("L" if self.is_grey else "RGB") + ("A" if self.has_alpha else "")
        pixels = np.atleast_3d(np.asarray(image.convert("RGBA").convert(mode), np.uint8))
        return np.ascontiguousarray(np.moveaxis(pixels, -1, 0))


def read_animation(path: Path) -> SourceAnimation | None:
    """Look through an animated PNG, GIF or WebP; None for a still and what is no such file.

    Raises
    ------
    OSError, LimitExceeded
        As `refenc.picture_io.read_picture`.
    UnsupportedFeature
        More than 8 bits per sample.
    """
    is_animated = False
    with suppress(OSError), opened(path) as image:
        is_animated = image.format in ANIMATED and getattr(image, "n_frames", 1) > 1
        if is_animated and source_bit_depth(image) > BYTE_DEPTH:
            message = f"{path}: animations of more than {BYTE_DEPTH} bits are not supported"
            raise UnsupportedFeature(message)
        loop_count, metadata = loops(image), metadata_of(image.info)
    if not is_animated:
        return None
    is_grey, has_alpha = True, False
    for image in _images(path):
        is_grey &= image.mode in GREY_MODES
        alpha = image.convert("RGBA").getchannel("A")
        has_alpha |= image.has_transparency_data and alpha.getextrema() != (255, 255)
    return SourceAnimation(
        path=path, is_grey=is_grey, has_alpha=has_alpha, loop_count=loop_count, metadata=metadata
    )


def loops(image: Image.Image) -> int:
    """Return how often an animation plays; GIF counts the repetitions."""
    count = int(image.info.get("loop", 1))
    if image.format == "GIF" and image.info.get("loop", 0):
        count += 1
    return min(max(count, 0), MAX_LOOPS)


def frame_ticks(image: Image.Image) -> int:
    """Return the duration of the frame that Pillow is at; it gives milliseconds."""
    return min(max(round(float(image.info.get("duration", 0))), 0), MAX_FRAME_TICKS)


def _images(path: Path) -> Iterator[Image.Image]:
    """Yield the frames, composed."""
    with opened(path) as image:
        start = int(bool(image.info.get("default_image")))
        for number in range(start, min(getattr(image, "n_frames", 1), start + MAX_FRAMES)):
            image.seek(number)
            image.load()
            yield image


Still = Callable[[U8Map, Alpha | None, ToolHeader | None, int | None], bytes]
"""Encodes samples (C, H, W) and alpha as a still, with the match flags of a tool header and a
lane count (base 2 logarithm) that it shall keep to."""


def encode_animation(
    source: Iterable[SourceFrame],
    encode: Still,
    *,
    has_alpha: bool,
    loop_count: int,
    is_exact: bool,
    profile: Profile | None = None,
) -> bytes:
    """Encode frames, no two equal ones in a row, each as a still of the rectangle that changes.

    Parameters
    ----------
    has_alpha : whether the last channel of the pixels is alpha.
    loop_count : how often it plays; 0 for ever.
    is_exact : the rectangle is always coded alone; of a lossy frame only where it is smaller.
    profile : to be declared; None for the lowest one.

    Raises
    ------
    NonConforming
        The profile has no animation (PRF-005).
    """
    frames: list[Codestream] = []
    shown: U8Map | None = None
    for pixels, ticks in source:
        part = changed(shown, pixels, is_exact=is_exact)
        samples = pixels[:, *part.inside(Region(0, 0, *pixels.shape[:0:-1]))]
        alpha = Alpha(samples=samples[-1]) if has_alpha else None
        first = frames[0] if frames else None
        data = encode(
            samples[:-1] if has_alpha else samples,
            alpha,
            first.tools if first else None,
            first.picture_header.log2_lanes if first else None,
        )
        still = parse_codestream(data)
        frames.append(as_frame(still, first or still, part=part, ticks=ticks))
        shown = pixels
    first = frames[0]
    codestream = Codestream(
        picture_header=first.picture_header,
        tool_header=first.tool_header,
        animation=AnimationHeader(
            num_frames_minus1=len(frames) - 1,
            ticks_per_second_minus1=TICKS_PER_SECOND - 1,
            loop_count=loop_count,
        ),
        frames=tuple(frames),
    )
    return write_codestream(in_profile(codestream, profile))


def changed(shown: NDArray[np.uint8] | None, pixels: U8Map, *, is_exact: bool) -> Region:
    """Return the rectangle of all pixels (C, H, W) that differ; the whole before the first."""
    _, height, width = pixels.shape
    whole = Region(0, 0, width, height)
    if shown is None:
        return whole
    differs = (shown != pixels).any(axis=0)
    rows, columns = np.flatnonzero(differs.any(axis=1)), np.flatnonzero(differs.any(axis=0))
    top, left = int(rows[0]), int(columns[0])
    part = Region(left, top, int(columns[-1]) - left + 1, int(rows[-1]) - top + 1)
    is_small = part.width * part.height <= WORTHWHILE * width * height
    return part if is_exact or is_small else whole


def as_frame(still: Codestream, first: Codestream, *, part: Region, ticks: int) -> Codestream:
    """Give a still the headers of a frame of the animation that `first` begins."""
    whole, header = first.picture_header, still.picture_header
    has_quality = header.quality_idx != whole.quality_idx
    is_whole = part == Region(0, 0, whole.pic_width, whole.pic_height)
    place = {
        "frame_x": part.x,
        "frame_y": part.y,
        "frame_width_minus1": part.width - 1,
        "frame_height_minus1": part.height - 1,
    }
    frame = FrameHeader(
        frame_ticks=ticks,
        frame_quality_flag=int(has_quality),
        frame_quality_idx=header.quality_idx if has_quality else 0,
        whole_frame_flag=int(is_whole),
        **({} if is_whole else place),
    )
    return replace(
        still,
        picture_header=whole.of_frame(frame),
        tool_header=first.tool_header,
        frame_header=frame,
        segments=(),
    )
