# SPDX-License-Identifier: Apache-2.0
"""Animations: frames are pictures of their own, each replaces a rectangle of what is shown."""

from dataclasses import replace
from fractions import Fraction
from typing import NamedTuple

from refdec.clause import clause
from refdec.errors import TruncatedStream
from refdec.picture import Picture
from refdec.reconstruction import Region, crop
from refdec.syntax.codestream import Codestream
from refdec.syntax.picture_header import PictureHeader


class Frame(NamedTuple):
    """What an animation shows, and for how long."""

    picture: Picture
    seconds: Fraction
    """0 for a still."""


def stills(codestream: Codestream) -> tuple[Codestream, ...]:
    """Return the frames of an animation, or the still itself."""
    return codestream.frames or (codestream,)


def check_frame(codestream: Codestream, number: int) -> int:
    """Return the number of a frame that is there.

    Raises
    ------
    ValueError
        The codestream has no such frame.
    TruncatedStream
        The codestream was cut before it (EOC-001).
    """
    animation = codestream.animation
    declared = animation.num_frames_minus1 + 1 if animation else 1
    if not 0 <= number < declared:
        message = f"there is no frame {number}; the stream has {declared}, counted from 0"
        raise ValueError(message)
    if number >= len(stills(codestream)):
        message = f"the stream is cut before frame {number}"
        raise TruncatedStream(message, requirement="EOC-001")
    return number


def frames_until(codestream: Codestream, number: int) -> range:
    """Return the numbers of the frames that a frame is shown with, from the last whole one on."""
    frames = enumerate(codestream.frames[: number + 1])
    whole = [i for i, f in frames if f.frame_header and f.frame_header.whole_frame_flag]
    return range(whole[-1] if whole else 0, number + 1)


def place_of(still: Codestream) -> Region:
    """Return the rectangle of a frame in the picture."""
    header, frame = still.picture_header, still.frame_header
    x, y = (frame.frame_x, frame.frame_y) if frame else (0, 0)
    return Region(x, y, header.pic_width, header.pic_height)


def duration(codestream: Codestream, number: int) -> Fraction:
    """Return the seconds that a frame is shown."""
    header, animation = stills(codestream)[number].frame_header, codestream.animation
    if header is None or animation is None:
        return Fraction(0)
    return Fraction(header.frame_ticks, animation.ticks_per_second_minus1 + 1)


@clause("8.8")
def show_frame(
    *, header: PictureHeader, canvas: Picture | None, picture: Picture, part: Region, shown: Region
) -> Picture:
    """Replace a rectangle of samples and of alpha.

    Parameters
    ----------
    header : of the animation.
    canvas : what is shown in `shown`; None before the first frame.
    picture : of the size of `part`, which lies in `shown`.
    """
    if canvas is None or part == shown:
        return picture
    groups, alpha = [group.copy() for group in canvas.groups], canvas.alpha
    targets = crop(groups, header.plane_groups, shown, part)
    for target, source in zip(targets, picture.groups, strict=True):
        target[:] = source
    if alpha is not None and picture.alpha is not None:
        alpha = alpha.copy()
        alpha[part.inside(shown)] = picture.alpha
    samples, *chroma = groups
    return replace(canvas, samples=samples, chroma=chroma[0] if chroma else None, alpha=alpha)
