# SPDX-License-Identifier: Apache-2.0
"""Streams written straight from the syntax: any header, hyper-latent and residuals.

The decoding process itself is run and asked for residuals, so the streams are consistent whatever
the residuals are. Everything is integer arithmetic on raw random words: the bytes depend on the
seed and on the model set, not on the machine.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from refdec.arrays import I32Map, I64Map
from refdec.codec import Codec, get_codec
from refdec.entropy.context import Step, decode_tile_latent
from refdec.entropy.hyper_latent import decode_hyper_features, hyper_lanes, hyper_latent_tables
from refdec.entropy.quality_map import MAP_LANES, derive_quality, differentiate
from refdec.entropy.tables import TOTAL, load_residual_tables
from refdec.syntax.codestream import Codestream
from refdec.syntax.picture_header import PictureHeader
from refdec.syntax.profiles import Profile
from refdec.syntax.segment import HyperLatentSegment, QualityMapSegment, ResidualSegment
from refenc.encode import MODEL_SET, in_lowest_level
from refenc.rans import encode_substream
from refenc.tile import Call, TileCalls

Rule = Callable[[Step], I32Map]
"""Chooses the residuals (n,) of the coded positions of one group and phase."""
TransformRule = Callable[[I32Map], I32Map]
"""Chooses the block transforms (n,) of a tile's positions, by the tables (n,) that code them."""


class Draw:
    """Random integers that every machine and every NumPy version draws alike."""

    def __init__(self, seed: int) -> None:
        self._generator = np.random.PCG64(seed)

    def integers(self, count: int, low: int, high: int) -> I64Map:
        """Return (count,) integers from `low` to `high`, both included."""
        raw = self._generator.random_raw(count) >> np.uint64(32)
        return (raw % np.uint64(high - low + 1)).astype(np.int64) + low

    def residuals(self, tables: I32Map, *, widen: int = 0) -> I32Map:
        """Return residuals (n,) distributed as their tables say.

        `widen` takes the distribution of a table so many scale indices further: 8 doubles the
        scale, so that what the context networks expect is exceeded.
        """
        coded = load_residual_tables().tables
        wide = np.minimum(tables + widen, len(coded.bounds) - 1)
        symbols = coded.slot_symbols[wide, self.integers(tables.size, 0, TOTAL - 1)]
        return symbols.astype(np.int32) - coded.bounds[wide]

    def transforms(self, tables: I32Map) -> I32Map:
        """Return block transforms (n,) distributed as their tables say."""
        transforms = codec().context.transforms
        symbols = transforms.tables.slot_symbols[tables, self.integers(tables.size, 0, TOTAL - 1)]
        return np.minimum(symbols, transforms.num_transforms - 1).astype(np.int32)


@dataclass(frozen=True, kw_only=True)
class Content:
    """What a stream says beside its headers."""

    header: PictureHeader
    z_hat: I32Map
    tiles: tuple[TileCalls, ...]
    quality_map: QualityMapSegment | None = None

    @property
    def num_groups(self) -> int:
        """Channel groups of the model set."""
        return len(self.tiles[0].groups)

    def layer_calls(self, *, layer_idx: int, tile_idx: int) -> list[Call]:
        """Return the calls of one residual segment."""
        return self.tiles[tile_idx].of(self.header.layer_groups(self.num_groups)[layer_idx])

    def residual_payload(self, calls: list[Call]) -> bytes:
        """Encode calls as the payload of a residual segment."""
        return encode_substream(calls, lanes=self.header.num_lanes, tables=codec().tile_tables)

    def hyper_payload(self, z_hat: I32Map) -> bytes:
        """Encode a hyper-latent as the payload of the SOZ segment."""
        channels, h64, w64 = z_hat.shape
        call = hyper_latent_tables(channels=channels, h64=h64, w64=w64), z_hat.ravel()
        return encode_substream([call], lanes=hyper_lanes(z_hat.size), tables=codec().hyper_tables)

    def codestream(self, **segments: Any) -> Codestream:
        """Put the segments together; `segments` are further fields of `Codestream`."""
        places = [
            (layer_idx, tile_idx)
            for layer_idx in range(self.header.num_layers)
            for tile_idx in range(self.header.num_tiles)
        ]
        return Codestream(
            picture_header=self.header,
            quality_map=self.quality_map,
            hyper_latent=HyperLatentSegment(payload=self.hyper_payload(self.z_hat)),
            residual=tuple(
                ResidualSegment(
                    layer_idx=layer_idx,
                    tile_idx=tile_idx,
                    payload=self.residual_payload(
                        self.layer_calls(layer_idx=layer_idx, tile_idx=tile_idx)
                    ),
                )
                for layer_idx, tile_idx in places
            ),
            **segments,
        )


def codec() -> Codec:
    """Return the networks and tables that all streams of the suite are made with."""
    return get_codec(MODEL_SET, "numpy")


def num_groups() -> int:
    """Return the number of channel groups of the model set."""
    return len(codec().context.groups)


def header(width: int, height: int, *, quality: int = 30, **elements: Any) -> PictureHeader:
    """Declare a picture, in the lowest level that holds it; `elements` override the rest."""
    structure = {
        "tile_grid_flag",
        "num_layers_minus1",
        "layer_last_group",
        "segment_crc_flag",
    } & elements.keys()
    colour = {
        "bit_depth_minus8",
        "sample_float_flag",
        "chroma_format_idc",
        "ycc_flag",
        "colour_primaries",
        "transfer_characteristics",
        "matrix_coefficients",
        "full_range_flag",
    } & elements.keys()
    values = {
        "profile_idc": Profile.HIGH if elements.get("bit_depth_minus8", 0) > 4 else Profile.MAIN,  # noqa: PLR2004
        "level_idc": 1,
        "model_set_idc": 3,
        "picture_size_bits_minus1": max(width - 1, height - 1, 1).bit_length() - 1,
        "width_minus1": width - 1,
        "height_minus1": height - 1,
        "monochrome_flag": 0,
        "default_format_flag": int(not colour),
        "quality_idx": quality,
        "log2_lanes": 0,
        "default_structure_flag": int(not structure),
        "tool_header_flag": 0,
        "extension_flag": 0,
    }
    declared = PictureHeader(**(values | elements))
    if "level_idc" in elements:
        return declared
    return in_lowest_level(declared)


def layers(*last_groups: int) -> dict[str, Any]:
    """Return the header elements of layers that end with these groups, and one more."""
    return {"num_layers_minus1": len(last_groups), "layer_last_group": last_groups}


def tiles(width: int, height: int) -> dict[str, Any]:
    """Return the header elements of a tile grid; sizes in luma samples, multiples of 64."""
    return {
        "tile_grid_flag": 1,
        "tile_width_minus1": width // 64 - 1,
        "tile_height_minus1": height // 64 - 1,
    }


def random_z(picture: PictureHeader, draw: Draw, amplitude: int) -> I32Map:
    """Return a uniform hyper-latent (Z, h64, w64)."""
    shape = len(codec().hyper_tables.bounds), picture.h64, picture.w64
    values = draw.integers(int(np.prod(shape)), -amplitude, amplitude)
    return values.astype(np.int32).reshape(shape)


def quality_map(offsets: I32Map, *, scale_idx: int) -> QualityMapSegment:
    """Code quality offsets (h16, w16) with one probability table."""
    differences = differentiate(offsets).ravel()
    call = np.full(differences.size, scale_idx, np.int32), differences
    tables = load_residual_tables().tables
    return QualityMapSegment(
        map_scale_idx=scale_idx,
        reserved_zero_1bit=0,
        payload=encode_substream([call], lanes=MAP_LANES, tables=tables),
    )


class Chosen:
    """Source of a tile that asks rules, and keeps what they answer."""

    def __init__(self, rule: Rule, transforms: TransformRule) -> None:
        self.rule, self.transforms = rule, transforms
        self.calls = TileCalls([[] for _ in range(num_groups())])

    def transform_idx(self, tables: I32Map) -> I32Map:
        """Choose the block transforms."""
        indices = self.transforms(tables)
        self.calls.transform = codec().context.transforms.call(tables, indices)
        return indices

    def residual(self, step: Step) -> I32Map:
        """Choose the residuals of one group and phase."""
        residual = self.rule(step).astype(np.int32)
        self.calls.groups[step.group].append((step.tables, residual))
        return residual


def fill(
    picture: PictureHeader,
    *,
    z_hat: I32Map,
    rule: Rule,
    transforms: TransformRule | None = None,
    offsets: I32Map | None = None,
    map_scale_idx: int = 24,
) -> Content:
    """Run the decoding process with chosen residuals and keep them.

    Parameters
    ----------
    rule : chooses the residuals.
    transforms : chooses the block transforms; None draws them as their tables expect.
    offsets : (h16, w16) quality offsets; None for a stream without quality map.
    map_scale_idx : probability table of the quality map.
    """
    model, none = codec().context, np.zeros((picture.h16, picture.w16), np.int32)
    quality = derive_quality(
        quality_idx=picture.quality_idx, offsets=none if offsets is None else offsets
    )
    state, mu = decode_hyper_features(network=codec().hyper, z_hat=z_hat, quality=quality)
    tiles: list[TileCalls] = []
    transforms = transforms or Draw(0).transforms
    for tile_idx in range(picture.num_tiles):
        rows, columns = picture.tile(tile_idx).slices
        source = Chosen(rule, transforms)
        decode_tile_latent(
            model=model,
            state=np.ascontiguousarray(state[:, rows, columns]),
            mu=np.ascontiguousarray(mu[:, rows, columns]),
            quality=np.ascontiguousarray(quality[rows, columns]),
            source=source,
            num_groups=len(model.groups),
            monochrome=bool(picture.monochrome_flag),
        )
        tiles.append(source.calls)
    return Content(
        header=picture,
        z_hat=z_hat,
        tiles=tuple(tiles),
        quality_map=None if offsets is None else quality_map(offsets, scale_idx=map_scale_idx),
    )


def natural(
    picture: PictureHeader,
    *,
    seed: int,
    amplitude: int = 2,
    widen: int = 0,
    offsets: I32Map | None = None,
) -> Content:
    """Fill a picture with content that is as random as its probability tables expect."""
    draw = Draw(seed)
    return fill(
        picture,
        z_hat=random_z(picture, draw, amplitude),
        rule=lambda step: draw.residuals(step.tables, widen=widen),
        offsets=offsets,
    )
