# SPDX-License-Identifier: Apache-2.0
"""Picture reconstruction: y_hat to samples, conformance point S; whole, by parts or a region.

The synthesis networks reach at most `HALO` latent positions, and the picture's own border is
part of their definition, so a region with its halo gives exactly the crop of the whole picture.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from refdec.arithmetic import ceil_div
from refdec.arrays import I16Map, I32Map, U16Map
from refdec.clause import clause
from refdec.codec import Codec
from refdec.entropy.context import Trace
from refdec.latents import LatentBands, prefixed
from refdec.picture import Picture, sample_type
from refdec.syntax.picture_header import PictureHeader
from refdec.syntax.picture_variables import LATENT_STRIDE, PlaneGroup
from refdec.syntax.segment import SynthesisTransform
from refdec.synthesis.colour import (
    COEFFICIENT_BITS,
    convert_colour,
    round_samples,
    subsample_chroma,
)
from refdec.synthesis.transform import synthesise

HALO = 2
"""Latent positions around a region that its samples depend on."""
PART_SAMPLES, PART_WIDTH = 1 << 20, 1 << 11
"""Luma samples, and columns, that are reconstructed at once: bounds the memory, not the result."""


class Region(NamedTuple):
    """A rectangle of the picture, in luma samples."""

    x: int
    y: int
    width: int
    height: int

    def subsampled(self, group: PlaneGroup) -> "Region":
        """Return the rectangle of a plane group's samples that cover this one."""
        x, y = self.x // group.step_x, self.y // group.step_y
        right = ceil_div(self.x + self.width, group.step_x)
        bottom = ceil_div(self.y + self.height, group.step_y)
        return Region(x, y, right - x, bottom - y)

    def intersection(self, other: "Region") -> "Region | None":
        """Return the rectangle in both; None where there is none."""
        x, y = max(self.x, other.x), max(self.y, other.y)
        width = min(self.x + self.width, other.x + other.width) - x
        height = min(self.y + self.height, other.y + other.height) - y
        return Region(x, y, width, height) if min(width, height) > 0 else None

    def inside(self, outer: "Region") -> tuple[slice, slice]:
        """Index this rectangle in the rows and columns of one around it."""
        top, left = self.y - outer.y, self.x - outer.x
        return slice(top, top + self.height), slice(left, left + self.width)


def whole_picture(header: PictureHeader) -> Region:
    """Return the region that is the picture."""
    return Region(0, 0, header.pic_width, header.pic_height)


class LatentWindow(NamedTuple):
    """The latent positions that a region needs: its own and the halo's."""

    top: int
    left: int
    bottom: int
    right: int

    @classmethod
    def of(cls, region: Region, header: PictureHeader) -> "LatentWindow":
        """Widen a region by the halo, up to the picture's border."""
        return cls(
            max(region.y // LATENT_STRIDE - HALO, 0),
            max(region.x // LATENT_STRIDE - HALO, 0),
            min(ceil_div(region.y + region.height, LATENT_STRIDE) + HALO, header.h16),
            min(ceil_div(region.x + region.width, LATENT_STRIDE) + HALO, header.w16),
        )

    def tiles(self, header: PictureHeader) -> list[int]:
        """Tiles that overlap the window."""
        rectangles = ((index, header.tile(index)) for index in range(header.num_tiles))
        return [
            index
            for index, tile in rectangles
            if tile.top < self.bottom
            and tile.top + tile.height > self.top
            and tile.left < self.right
            and tile.left + tile.width > self.left
        ]


@clause("9.1")
def reconstruct_picture(
    *,
    codec: Codec,
    header: PictureHeader,
    y_hat: I16Map | I32Map | LatentBands,
    quality: I32Map,
    transform: SynthesisTransform,
    region: Region | None = None,
    trace: Trace | None = None,
) -> Picture:
    """Synthesise a latent, crop to the picture or a region of it, and convert to samples.

    With `trace` the whole is done at once, otherwise part by part; the samples are the same.
    """
    region = region or whole_picture(header)
    outer = _aligned(region, header)
    samples = filled_planes(
        header.plane_groups, outer, header.sample_range[0], sample_type(header.bit_depth)
    )
    for part in [outer] if trace is not None else _parts(outer, header.tile_height):
        decoded = _reconstruct(codec, header, y_hat, quality, transform, part, trace)
        targets = crop(samples, header.plane_groups, outer, part)
        for target, source in zip(targets, decoded, strict=True):
            target[:] = source
    samples = crop(samples, header.plane_groups, outer, region)
    if trace is not None:
        trace_picture(trace, ("picture", "picture_chroma"), samples)
    return Picture.of(header, samples)


def trace_picture(trace: Trace, names: tuple[str, str], groups: Sequence[NDArray[Any]]) -> None:
    """Show the samples of each plane group under its name."""
    for name, samples in zip(names, groups, strict=False):
        trace(name, samples.astype(np.int32))


def filled_planes(
    plane_groups: Sequence[PlaneGroup], region: Region, value: int, dtype: DTypeLike
) -> list[NDArray[Any]]:
    """Make room for the samples of a region, by plane group (C, h, w): one value everywhere."""
    return [
        np.full((group.num_components, place.height, place.width), value, dtype)
        for group in plane_groups
        for place in (region.subsampled(group),)
    ]


def crop(
    samples: Sequence[NDArray[Any]],
    plane_groups: Sequence[PlaneGroup],
    outer: Region,
    region: Region,
) -> list[NDArray[Any]]:
    """View a region in the samples (C, h, w) of the plane groups of a rectangle around it."""
    return [
        planes[:, *region.subsampled(group).inside(outer.subsampled(group))]
        for planes, group in zip(samples, plane_groups, strict=True)
    ]


def _aligned(region: Region, header: PictureHeader) -> Region:
    """Widen a region to whole chroma samples, up to the picture's border."""
    steps = header.plane_groups[-1]
    x, y, width, height = region.subsampled(steps)
    x, y, right, bottom = (
        x * steps.step_x,
        y * steps.step_y,
        min((x + width) * steps.step_x, header.pic_width),
        min((y + height) * steps.step_y, header.pic_height),
    )
    return Region(x, y, right - x, bottom - y)


def strips_of(region: Region, tile_height: int) -> Iterator[Region]:
    """Cut a region into strips of its width, as high as what is reconstructed at once.

    Where rows of tiles are not higher, a strip ends so far above a row of tiles that it needs no
    latents of it: the halo.
    """
    width = min(region.width, PART_WIDTH)
    height = LATENT_STRIDE * ceil_div(PART_SAMPLES, width * LATENT_STRIDE)
    halo = LATENT_STRIDE * HALO if tile_height <= height else 0
    height -= height % tile_height if halo else 0
    top, bottom = region.y, region.y + region.height
    while top < bottom:
        end = (top + halo) // height * height + height - halo if halo else top + height
        end = bottom if end + halo >= bottom else end
        yield region._replace(y=top, height=end - top)
        top = end


def _parts(region: Region, tile_height: int) -> Iterator[Region]:
    """Cut a region into rectangles of about PART_SAMPLES, row by row of them."""
    right = region.x + region.width
    for strip in strips_of(region, tile_height):
        for x in range(strip.x, right, PART_WIDTH):
            yield strip._replace(x=x, width=min(PART_WIDTH, right - x))


def _reconstruct(
    codec: Codec,
    header: PictureHeader,
    y_hat: I16Map | I32Map | LatentBands,
    quality: I32Map,
    transform: SynthesisTransform,
    region: Region,
    trace: Trace | None,
) -> list[U16Map]:
    """Reconstruct the samples of one region, by plane group, from its latent window."""
    window = LatentWindow.of(region, header)
    rows, columns = slice(window.top, window.bottom), slice(window.left, window.right)
    planes = synthesise(
        networks=codec.synthesis(transform),
        y_hat=np.ascontiguousarray(y_hat[:, rows, columns]),
        quality=np.ascontiguousarray(quality[rows, columns]),
        trace=prefixed(trace, "synthesis/"),
    )
    top, left = region.y - LATENT_STRIDE * window.top, region.x - LATENT_STRIDE * window.left
    planes = planes[: header.num_components, top : top + region.height, left : left + region.width]
    if header.monochrome_flag or header.ycc_flag:
        values = [
            subsample_chroma(
                chroma=planes[group.components], step_x=group.step_x, step_y=group.step_y
            )
            << COEFFICIENT_BITS
            for group in header.plane_groups
        ]
    else:
        matrix = header.matrix_coefficients
        values = [convert_colour(planes=planes, matrix_coefficients=matrix)]
    depth, limits = header.bit_depth, header.sample_range
    return [round_samples(values=v, bit_depth=depth, sample_range=limits) for v in values]
