# SPDX-License-Identifier: Apache-2.0
"""Invalid animations: their header, their frames' headers, and the number of frames."""

from dataclasses import replace
from functools import cache
from typing import Any

from conformance.recipes.animation import lossy_still, subsampled_frames, two_frames
from conformance.recipes.faults import invalid, set_element, without
from conformance.recipes.invalid_lossless import in_main, written
from conformance.recipes.recipe import Recipe
from refdec.syntax.parser import parse_codestream
from refdec.syntax.segment import MAX_FRAME_TICKS, MAX_FRAMES, MAX_LOOPS, MAX_TICKS, Marker


@cache
def sound() -> bytes:
    """Return an animation of two frames."""
    return two_frames()


def _with_header(**elements: int) -> bytes:
    stream = parse_codestream(sound())
    header = stream.animation
    return written(replace(stream, animation=header and replace(header, **elements)))


def _with_frame(number: int, **elements: Any) -> bytes:
    stream = parse_codestream(sound())
    frames = list(stream.frames)
    header = frames[number].frame_header
    changed = header and replace(header, **elements)
    frames[number] = replace(frames[number], frame_header=changed)
    return written(replace(stream, frames=tuple(frames)))


def _partial_first() -> bytes:
    header = parse_codestream(sound()).picture_header
    return _with_frame(
        0,
        whole_frame_flag=0,
        frame_x=0,
        frame_y=0,
        frame_width_minus1=header.width_minus1,
        frame_height_minus1=header.height_minus1,
    )


def _header(name: str, purpose: str, requirement: str, element: str, value: int) -> Recipe:
    return invalid(
        name, purpose, requirement,
        sound=sound, broken=lambda: _with_header(**{element: value}), element=f"ANI.{element}",
    )  # fmt: skip


RECIPES = (
    _header("beyond", "one frame too many", "ANI-001", "num_frames_minus1", MAX_FRAMES),
    _header("beyond", "one tick per second too many", "ANI-002", "ticks_per_second_minus1",
            MAX_TICKS),
    _header("beyond", "one loop too many", "ANI-003", "loop_count", MAX_LOOPS + 1),
    _header("fewer", "two frames of three", "ANI-004", "num_frames_minus1", 2),
    _header("more", "two frames of one", "ANI-004", "num_frames_minus1", 0),
    invalid(
        "main", "an animation in profile Main", "PRF-005",
        sound=lossy_still, element="PIH.profile_idc", is_value=True,
        broken=lambda: in_main(lossy_still()),
    ),
    invalid(
        "still", "frames without an animation header", "FRH-001",
        sound=sound, broken=lambda: without(sound(), Marker.ANI), element="ANI",
    ),
    invalid(
        "beyond", "a frame that is shown one tick too long", "FRH-002", element="FRH.frame_ticks",
        sound=sound, broken=lambda: _with_frame(1, frame_ticks=MAX_FRAME_TICKS + 1),
    ),
    invalid(
        "right", "a frame that leaves the picture at the right", "FRH-003", element="FRH.frame_x",
        sound=sound, is_value=True,
        broken=lambda: set_element(sound(), "frame_x", 20, segment="FRH"),
    ),
    invalid(
        "bottom", "a frame that leaves the picture at the bottom", "FRH-003",
        element="FRH.frame_y", sound=sound, is_value=True,
        broken=lambda: set_element(sound(), "frame_y", 11, segment="FRH"),
    ),
    invalid(
        "odd", "a frame that begins between two chroma samples", "FRH-005",
        element="FRH.frame_x", sound=subsampled_frames, is_value=True,
        broken=lambda: set_element(subsampled_frames(), "frame_x", 1, segment="FRH"),
    ),
    invalid(
        "odd-end", "a frame that ends between two chroma samples", "FRH-005",
        element="FRH.frame_width_minus1", sound=subsampled_frames, is_value=True,
        broken=lambda: set_element(subsampled_frames(), "frame_width_minus1", 2, segment="FRH"),
    ),
    invalid(
        "partial", "the first frame is a rectangle, though as large as the picture", "FRH-004",
        sound=sound, broken=_partial_first, element="FRH.whole_frame_flag",
    ),
)  # fmt: skip
