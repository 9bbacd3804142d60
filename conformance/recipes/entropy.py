# SPDX-License-Identifier: Apache-2.0
"""What pictures never reach: every table, every escape length, saturation at both ends."""

from collections.abc import Callable
from typing import Any

import numpy as np

from conformance import build, edit
from conformance.build import Content, Draw
from conformance.recipes.recipe import Recipe
from conformance.recipes.structure import nothing
from refdec.arrays import I32Map
from refdec.entropy.block_transform import BlockTransforms
from refdec.entropy.context import (
    Step,
    decode_tile_latent,
    dequantise,
    derive_deviation,
    derive_scale_idx,
)
from refdec.entropy.hyper_latent import HYPER_LATENT_MAX, decode_hyper_latent
from refdec.entropy.residual import RESIDUAL_MAX, LayeredSubstreams
from refdec.entropy.tables import load_residual_tables
from refdec.syntax.picture_header import PictureHeader
from refenc.codestream import write_codestream
from refenc.tile import Call

PROCESSES = (
    decode_hyper_latent,
    decode_tile_latent,
    LayeredSubstreams.residual,
    LayeredSubstreams.transform_idx,
    BlockTransforms.index_tables,
    BlockTransforms.inverse,
    derive_scale_idx,
    derive_deviation,
    dequantise,
)


def boundary_values(step: Step, draw: Draw, share: int) -> I32Map:
    """Return natural residuals; one of `share` is the bound of its table, or just beyond it."""
    tables = step.tables
    bounds = load_residual_tables().tables.bounds[tables]
    edge = bounds + draw.integers(tables.size, 0, 1)
    edge *= 1 - 2 * draw.integers(tables.size, 0, 1)
    is_edge = draw.integers(tables.size, 1, share) == 1
    values: I32Map = np.where(is_edge, edge, draw.residuals(tables)).astype(np.int32)
    return values


def _tables(quality: int, amplitude: int, share: int) -> Content:
    declared = build.header(64, 96, quality=quality, log2_lanes=2)
    draw = Draw(1000 + quality)
    z_hat = build.random_z(declared, draw, amplitude)
    return build.fill(declared, z_hat=z_hat, rule=lambda step: boundary_values(step, draw, share))


class EscapeLengths:
    """Residual rule: escapes whose codes have every length, shortest and longest value of each."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, step: Step) -> I32Map:
        """Return the next values, with zeros between them, so that the scales stay low."""
        tables = step.tables
        values = np.zeros(tables.size, np.int64)
        bounds = load_residual_tables().tables.bounds[tables].astype(np.int64)
        for place in range(0, tables.size, 3):
            prefix, is_longest, is_negative = (
                self.count // 4 % 13,
                self.count // 2 % 2,
                self.count % 2,
            )
            code = (2 << prefix) - 1 if is_longest else 1 << prefix
            value = min(int(bounds[place]) + code, RESIDUAL_MAX)
            values[place] = -value if is_negative else value
            self.count += 1
        return values.astype(np.int32)


def signs(kind: str) -> Callable[[Step], I32Map]:
    """Return a rule of the largest residuals: all positive, all negative, or by position."""

    def rule(step: Step) -> I32Map:
        count = step.tables.size
        if kind == "alternating":
            positive = np.arange(count) % 2 == 0
        elif kind == "random":
            positive = Draw(step.group * 2 + step.phase).integers(count, 0, 1) == 0
        else:
            positive = np.full(count, kind == "positive")
        values: I32Map = np.where(positive, RESIDUAL_MAX, -RESIDUAL_MAX).astype(np.int32)
        return values

    return rule


def _extreme(quality: int, kind: str, **elements: Any) -> Content:
    declared = build.header(24, 40, quality=quality, log2_lanes=4, **elements)
    return build.fill(
        declared,
        z_hat=build.random_z(declared, Draw(3), 0),
        rule=signs(kind),
        transforms=np.zeros_like,
    )


def _hyper(kind: str) -> Content:
    declared = build.header(80, 130, quality=40, log2_lanes=5)
    shape = build.random_z(declared, Draw(0), 0).shape
    index = np.indices(shape).sum(axis=0)
    sign = {"positive": 1, "negative": -1, "checkerboard": 1 - 2 * (index % 2)}[kind]
    z_hat = np.broadcast_to(np.int32(HYPER_LATENT_MAX) * sign, shape).astype(np.int32)
    draw = Draw(4)
    return build.fill(declared, z_hat=z_hat, rule=lambda step: draw.residuals(step.tables))


def any_transforms(seed: int) -> Callable[[I32Map], I32Map]:
    """Return a rule that takes every block transform as often, whatever the tables expect."""
    draw = Draw(seed)

    def rule(tables: I32Map) -> I32Map:
        last = build.codec().context.transforms.num_transforms - 1
        return draw.integers(tables.size, 0, last).astype(np.int32)

    return rule


def _transforms(quality: int, kind: str | None, **elements: Any) -> Content:
    """Return a picture with every block transform; `kind` as `signs`, or residuals as expected."""
    declared = build.header(70, 90, quality=quality, log2_lanes=3, **elements)
    draw = Draw(5000 + quality)
    return build.fill(
        declared,
        z_hat=build.random_z(declared, draw, 3),
        rule=(lambda step: draw.residuals(step.tables)) if kind is None else signs(kind),
        transforms=any_transforms(quality),
    )


def first_channels(value: int) -> Callable[[Step], I32Map]:
    """Return a rule that drives the first group alone: bright or dark pictures."""

    def rule(step: Step) -> I32Map:
        return nothing(step) + np.int32(value if step.group == 0 else 0)

    return rule


def flat(declared: PictureHeader, value: int) -> Content:
    """Fill the first group with one residual, everything else with zero."""
    return build.fill(
        declared, z_hat=build.random_z(declared, Draw(0), 0), rule=first_channels(value)
    )


def empty_last_layer() -> Content:
    """Return a picture with a residual segment of no symbols.

    Raises
    ------
    LookupError
        No quality and hyper-latent tried leaves a layer without coded positions.
    """
    for quality in range(0, 64, 4):
        for seed in range(8):
            groups = range(build.num_groups() - 1)
            declared = build.header(16, 16, quality=quality, **build.layers(*groups))
            z_hat = build.random_z(declared, Draw(seed), seed)
            content = build.fill(declared, z_hat=z_hat, rule=nothing)
            last = content.layer_calls(layer_idx=len(groups), tile_idx=0)
            if not num_symbols(last) and num_symbols(content.layer_calls(layer_idx=0, tile_idx=0)):
                return content
    message = "no picture with an empty last layer was found"
    raise LookupError(message)


def num_symbols(calls: list[Call]) -> int:
    """Count the symbols of some calls."""
    return sum(values.size for _, values in calls)


def _recipe(name: str, purpose: str, catches: str, make: Callable[[], Content]) -> Recipe:
    suite = "synthesis" if name.startswith("saturated") else "entropy"
    return Recipe(
        id=f"{suite}/{name}",
        purpose=purpose,
        catches=catches,
        build=lambda: write_codestream(edit.with_hashes(make().codestream())),
        processes=PROCESSES,
    )


RECIPES = (
    *(
        _recipe(
            f"tables-{quality}",
            f"residuals as random as their tables, and bounds of tables, at quality {quality}",
            "a table that is wrong or shifted by one; bounds taken for escapes",
            lambda quality=quality, amplitude=amplitude, share=share: _tables(  # type: ignore[misc]
                quality, amplitude, share
            ),
        )
        for quality, amplitude, share in ((8, 6, 8), (28, 6, 16), (44, 5, 24), (63, 4, 16))
    ),
    *(
        _recipe(
            f"transforms-{quality}",
            f"every block transform as often, at quality {quality}",
            "a block transform or its index wrong; contexts that do not know it",
            lambda quality=quality: _transforms(quality, None),  # type: ignore[misc]
        )
        for quality in (12, 40, 63)
    ),
    _recipe(
        "transforms-in-tiles-and-layers",
        "every block transform in four tiles and three layers",
        "block transforms read anew in later layers; latents turned before the last layer",
        lambda: _transforms(36, None, **build.tiles(64, 64), **build.layers(1, 4)),
    ),
    _recipe(
        "transforms-monochrome",
        "every block transform, luma only",
        "block transforms left out without chroma",
        lambda: _transforms(50, None, monochrome_flag=1),
    ),
    _recipe(
        "saturated-transforms",
        "every block transform of the largest residuals: latents are clipped twice",
        "sums of the inverse block transform in 16 bits; its clip missing",
        lambda: _transforms(63, "random"),
    ),
    _recipe(
        "wider-than-expected",
        "residuals of four times the scale that the networks expect",
        "context networks without saturation",
        lambda: build.natural(
            build.header(48, 48, quality=48, log2_lanes=3), seed=12, amplitude=8, widen=16
        ),
    ),
    _recipe(
        "wider-at-best-quality",
        "the same at the best quality: the widest tables",
        "the last tables; scale indices that are not clipped",
        lambda: build.natural(
            build.header(33, 30, quality=63, log2_lanes=3), seed=13, amplitude=8, widen=12
        ),
    ),
    _recipe(
        "escape-lengths",
        "escapes of every length, shortest and longest value, both signs",
        "Exp-Golomb codes read in the wrong order, or of a limited length",
        lambda: build.fill(
            build.header(32, 32, quality=34),
            z_hat=build.random_z(build.header(32, 32), Draw(0), 1),
            rule=EscapeLengths(),
        ),
    ),
    _recipe(
        "escape-lengths-64-lanes",
        "the same with 64 lanes",
        "escapes read in the order of lanes and not of symbols",
        lambda: build.fill(
            build.header(32, 32, quality=40, log2_lanes=6),
            z_hat=build.random_z(build.header(32, 32), Draw(0), 1),
            rule=EscapeLengths(),
        ),
    ),
    *(
        _recipe(
            f"hyper-extreme-{kind}",
            f"hyper-latent of +-127 everywhere, {kind}",
            "hyper-latent kept in fewer bits; escapes in the hyper-latent",
            lambda kind=kind: _hyper(kind),  # type: ignore[misc]
        )
        for kind in ("positive", "negative", "checkerboard")
    ),
    _recipe(
        "empty-layer",
        "a residual segment without symbols: its payload is empty",
        "lane states expected in an empty sub-stream",
        empty_last_layer,
    ),
    _recipe(
        "all-zero",
        "hyper-latent and residuals all zero",
        "words read although no lane needs one",
        lambda: flat(build.header(33, 20, quality=30), 0),
    ),
    *(
        _recipe(
            f"saturated-{kind}-{quality}",
            f"largest residuals, {kind}, at quality {quality}: latents and samples saturate",
            "missing clips; overflow of products of residual and step",
            lambda quality=quality, kind=kind: _extreme(quality, kind),  # type: ignore[misc]
        )
        for quality, kind in (
            (0, "positive"),
            (0, "negative"),
            (63, "alternating"),
            (63, "random"),
            (32, "random"),
        )
    ),
    _recipe(
        "saturated-16-bits",
        "largest residuals, random, 16 bits per sample",
        "samples clipped at 8 bits; overflow of 16-bit samples",
        lambda: _extreme(40, "random", bit_depth_minus8=8),
    ),
    _recipe(
        "saturated-monochrome",
        "largest residuals, random, luma only",
        "chroma that leaks into a monochrome picture",
        lambda: _extreme(40, "random", monochrome_flag=1),
    ),
    _recipe(
        "saturated-bright",
        "first channels far above, everything else zero: samples clip at the top",
        "samples that wrap around above the largest value",
        lambda: flat(build.header(40, 40, quality=20), 60),
    ),
    _recipe(
        "saturated-dark",
        "first channels far below: samples clip at zero",
        "samples that wrap around below zero",
        lambda: flat(build.header(40, 40, quality=20), -60),
    ),
)
