# SPDX-License-Identifier: Apache-2.0
"""Decoding of one picture, a still or a frame: what is asked for, and what comes of it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, TypedDict

import numpy as np

from refdec.arrays import I16Map, I32Map
from refdec.backends import AUTO
from refdec.codec import Codec, get_codec
from refdec.enhancement import (
    bounding_region,
    decode_alpha,
    enhance_picture,
    tile_region,
    tiles_in,
)
from refdec.entropy.context import Trace
from refdec.errors import HashMismatch, UnsupportedFeature
from refdec.latents import LatentBands, decode_latent_planes
from refdec.limits import Limits
from refdec.picture import Latents, Picture, typed_samples
from refdec.reconstruction import (
    LatentWindow,
    Region,
    crop,
    reconstruct_picture,
    strips_of,
    trace_picture,
    whole_picture,
)
from refdec.syntax.codestream import Codestream, header_values
from refdec.syntax.picture_header import PictureHeader
from refdec.syntax.picture_variables import SINGLE_PLANE
from refdec.syntax.segment import HashPoint, SynthesisTransform, ToolHeader
from refdec.synthesis.colour import LIFTED, MATRICES

SYNTHESIS_NAMES = {"simple": SynthesisTransform.SIMPLE, "base": SynthesisTransform.BASE}


class Options(TypedDict, total=False):
    """How to decode; every choice but `layers` and `synthesis` leaves the samples as they are."""

    backend: str
    """A key of `refdec.backends.BACKENDS`, or ``"auto"``, the default."""
    threads: int | None
    limits: Limits | None
    synthesis: str | None
    """``"simple"`` or ``"base"``: the lossy picture of this transform; by default the enhanced
    picture where there is one, else the transform that the stream recommends."""
    layers: int | None
    """Residual layers to decode, from the first; by default all, and the enhancement."""
    tolerant: bool
    """Accept a stream that is cut after its hyper-latent, up to its last complete layer."""
    region: Region | None
    """Decode only this rectangle."""
    frame: int
    """Of an animation: the frame to decode, from 0, which is the default."""


@dataclass(frozen=True, kw_only=True)
class HashResult:
    """One digest of the stream beside what was decoded."""

    point: str
    """``"L"``, ``"S"``, ``"E"`` or ``"A"``."""
    expected: str
    actual: str
    frame: int = 0

    @property
    def matches(self) -> bool:
        """Whether they are equal."""
        return self.expected == self.actual


class Job:
    """A still or a frame, the options, and what follows from both."""

    def __init__(self, codestream: Codestream, options: Options, region: Region) -> None:
        self.codestream, self.options, self.region = codestream, options, region
        header = self.header
        limits = options.get("limits") or Limits()
        limits.check(pixels=header.pic_width * header.pic_height, level=header.level_idc)
        self.num_layers = len(codestream.residual) // header.num_tiles
        if (layers := options.get("layers")) is not None:
            self.num_layers = min(self.num_layers, max(layers, 0))
        synthesis = options.get("synthesis")
        self.is_enhanced = applies_enhancement(codestream, synthesis, self.num_layers)
        self.transform = (
            SynthesisTransform(codestream.tools.base_transform_idc)
            if self.is_enhanced
            else choose_transform(codestream, synthesis)
        )

    @property
    def stage(self) -> tuple[int, bool, bool]:
        """How far a stream that is still arriving has come: layers, alpha, enhancement."""
        return self.num_layers, bool(self.codestream.alpha), self.is_enhanced

    @property
    def header(self) -> PictureHeader:
        """Of the still or the frame."""
        return self.codestream.picture_header

    @property
    def codec(self) -> Codec:
        """Networks and tables of its model set."""
        backend, threads = self.options.get("backend", AUTO), self.options.get("threads")
        return get_codec(self.header.model_set_idc, backend, threads)

    @property
    def has_base(self) -> bool:
        """Whether there is a lossy picture."""
        return self.codestream.hyper_latent is not None

    def latents(self, trace: Trace | None, region: Region | None = None) -> Latents:
        """Decode the tiles that the region needs.

        Raises
        ------
        UnsupportedFeature
            TOH-007: there is no lossy picture.
        """
        if not self.has_base:
            message = "the stream has no lossy picture, hence no latents"
            raise UnsupportedFeature(message, requirement="TOH-007", element="base_flag")
        return decode_latent_planes(**self._latent_options(region or self.region), trace=trace)

    def strips(self) -> Iterator[Picture]:
        """Decode from the top down; all at once what is more than lossy samples of equal size."""
        has_alpha, chroma = self.codestream.tools.alpha_flag, self.header.chroma_format_idc
        if self.is_enhanced or has_alpha or chroma:
            yield self.decode(None, with_latents=False).picture
            return
        check_output_format(self.header)
        bands = LatentBands(**self._latent_options(self.region))
        for strip in strips_of(self.region, self.header.tile_height):
            yield self.reconstruct(bands, bands.quality, strip, None)

    def _latent_options(self, region: Region) -> dict[str, Any]:
        return {
            "codestream": self.codestream,
            "codec": self.codec,
            "num_layers": self.num_layers,
            "tiles": LatentWindow.of(region, self.header).tiles(self.header),
        }

    def decode(self, trace: Trace | None, *, with_latents: bool) -> "Decoded":
        """Decode whatever the stream has, up to the last point; the latents only if wanted."""
        check_output_format(self.header)
        if trace is not None:
            trace_headers(trace, self.codestream)
        region, latents, lossy, enhanced, alpha = self.region, None, None, None, None
        if trace is not None and region == whole_picture(self.header):
            trace = with_tiles(trace, self.header)
        if self.is_enhanced:
            region = bounding_region(tiles_in(region, self.header), self.header)
        if self.has_base:
            if with_latents or trace is not None:
                latents = self.latents(trace, region)
                lossy = self.reconstruct(latents.y_hat, latents.quality, region, trace)
            else:
                bands = LatentBands(**self._latent_options(region))
                lossy = self.reconstruct(bands, bands.quality, region, None)
        if self.is_enhanced:
            enhanced = self.enhance(lossy, region)
            if trace is not None:
                trace_picture(trace, ("enhanced", "enhanced_chroma"), enhanced.groups)
        if self.codestream.tools.alpha_flag:
            alpha = decode_alpha(codestream=self.codestream, region=self.region)
            if trace is not None:
                trace("alpha", alpha)
        return Decoded(latents, lossy, enhanced, alpha, self.codestream.tools)

    def reconstruct(
        self, y_hat: I16Map | LatentBands, quality: I32Map, region: Region, trace: Trace | None
    ) -> Picture:
        """Apply the synthesis to a region."""
        return reconstruct_picture(
            codec=self.codec,
            header=self.header,
            y_hat=y_hat,
            quality=quality,
            transform=self.transform,
            region=region,
            trace=trace,
        )

    def enhance(self, lossy: Picture | None, region: Region) -> Picture:
        """Enhance whole tiles and cut the wanted region out of them."""
        samples = enhance_picture(
            codestream=self.codestream,
            region=region,
            samples=None if lossy is None else [g.astype(np.int32) for g in lossy.groups],
        )
        planes = crop(samples, self.header.plane_groups, region, self.region)
        return Picture.of(self.header, planes)

    def compare(self, decoded: "Decoded") -> tuple[HashResult, ...]:
        """Digests of the whole picture speak of nothing less."""
        is_whole = self.region == whole_picture(self.header)
        if not is_whole or (self.has_base and self.num_layers < self.header.num_layers):
            return ()
        latents, lossy, enhanced = decoded.latents, decoded.lossy, decoded.enhanced
        points: dict[tuple[int, int], tuple[str, str | None]] = {
            (HashPoint.LATENTS, SynthesisTransform.SIMPLE): (
                "L",
                latents.digest() if latents else None,
            ),
            (HashPoint.SAMPLES, self.transform): ("S", lossy.digest() if lossy else None),
            (HashPoint.ENHANCED, SynthesisTransform.SIMPLE): (
                "E",
                enhanced.digest() if enhanced else None,
            ),
            (HashPoint.ALPHA, SynthesisTransform.SIMPLE): ("A", decoded.picture.alpha_digest()),
        }
        results = []
        for item in self.codestream.hashes:
            kind = item.hash_point_idc, item.synthesis_transform_idc
            point, actual = points.get(kind, ("", None))
            if actual is not None:
                expected = item.digest.hex()
                results.append(HashResult(point=point, expected=expected, actual=actual))
        return tuple(results)

    def require_match(self, decoded: "Decoded") -> None:
        """Raise HashMismatch at the first digest that differs."""
        for result in self.compare(decoded):
            if not result.matches:
                message = f"point {result.point}: decoded {result.actual}, not {result.expected}"
                raise HashMismatch(message, requirement="DPH-006", element="digest")


@dataclass(frozen=True)
class Decoded:
    """What a stream gave at each conformance point, in the order L, S, E, A."""

    latents: Latents | None
    lossy: Picture | None
    enhanced: Picture | None
    alpha: I32Map | None
    tools: ToolHeader

    @property
    def picture(self) -> Picture:
        """The best samples, with alpha."""
        picture = self.enhanced or self.lossy
        if picture is None:
            message = "neither a lossy nor an enhanced picture was decoded"
            raise RuntimeError(message)
        if self.alpha is None:
            return picture
        return replace(
            picture,
            alpha=typed_samples(self.alpha, self.tools.alpha_bit_depth),
            alpha_bit_depth=self.tools.alpha_bit_depth,
            is_premultiplied=self.tools.alpha_premultiplied_flag == 1,
        )


def trace_headers(trace: Trace, codestream: Codestream) -> None:
    """Show what the headers say, and the grids that follow: latent, hyper-latent, tiles."""
    header = codestream.picture_header
    tiles = [header.tile(index) for index in range(header.num_tiles)]
    grid = [
        (0, 0, header.h16, header.w16),
        (0, 0, header.h64, header.w64),
        *((tile.top, tile.left, tile.height, tile.width) for tile in tiles),
    ]
    trace("headers", np.array(header_values(codestream), np.int32)[None, None])
    trace("grid", np.array(grid, np.int32)[None])


def with_tiles(trace: Trace, header: PictureHeader) -> Trace:
    """Show the part that each tile has in a tensor of the whole picture before the tensor itself.

    Its name is that of the tensor after ``tileT/``. Parts are shown of samples, and of what the
    synthesis computes on the grid of latent positions or a finer one; where there are two tiles or
    more.
    """
    tiles = range(header.num_tiles if header.num_tiles > 1 else 0)

    def show(name: str, value: I32Map) -> None:
        for tile_idx in tiles:
            if (part := _tile_part(name, value, header, tile_idx)) is not None:
                trace(f"tile{tile_idx}/{name}", part)
        trace(name, value)

    return show


def _tile_part(name: str, value: I32Map, header: PictureHeader, tile_idx: int) -> I32Map | None:
    """Cut a tile out of samples (C, h, w) or (h, w), or out of a tensor of the synthesis."""
    if name.startswith("synthesis/"):
        height, width = value.shape[1:]
        scale = height // header.h16
        if (height, width) != (scale * header.h16, scale * header.w16):
            return None
        rows, columns = header.tile(tile_idx).slices
        down = slice(scale * rows.start, scale * rows.stop)
        return value[:, down, scale * columns.start : scale * columns.stop]
    luma, *_, chroma = *header.plane_groups, *header.plane_groups
    groups = {
        "picture": luma,
        "picture_chroma": chroma,
        "enhanced": luma,
        "enhanced_chroma": chroma,
        "alpha": SINGLE_PLANE[0],
    }
    if name not in groups:
        return None
    x, y, columns_in, rows_in = tile_region(header, tile_idx).subsampled(groups[name])
    return value[..., y : y + rows_in, x : x + columns_in]


def applies_enhancement(codestream: Codestream, synthesis: str | None, num_layers: int) -> bool:
    """Tell whether the result is point E: the whole enhancement is there, and wanted."""
    header = codestream.picture_header
    return codestream.hyper_latent is None or (
        len(codestream.enhancement) == header.num_tiles
        and synthesis is None
        and num_layers == header.num_layers
    )


def choose_transform(codestream: Codestream, synthesis: str | None) -> SynthesisTransform:
    """Return the transform asked for, else the first recommended one at hand, else `base`.

    Raises
    ------
    ValueError
        Unknown name.
    """
    if synthesis is not None:
        if synthesis not in SYNTHESIS_NAMES:
            message = f"unknown synthesis transform {synthesis!r}"
            raise ValueError(message)
        return SYNTHESIS_NAMES[synthesis]
    recommended = map(SynthesisTransform, codestream.tools.synthesis_transform_idc)
    return next((t for t in recommended if t in SYNTHESIS_NAMES.values()), SynthesisTransform.BASE)


def check_output_format(header: PictureHeader) -> None:
    """Refuse to make R, G, B with a matrix that is not implemented.

    Raises
    ------
    UnsupportedFeature
        PIH-016.
    """
    is_rgb = not header.monochrome_flag and not header.ycc_flag
    if is_rgb and header.matrix_coefficients not in (*MATRICES, *LIFTED):
        message = f"R, G, B cannot be made with matrix {header.matrix_coefficients}"
        raise UnsupportedFeature(message, requirement="PIH-016", element="matrix_coefficients")
