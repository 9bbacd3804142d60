# SPDX-License-Identifier: Apache-2.0
"""Encoder: picture samples to a codestream, at a quality or at a rate.

The encoder runs the decoding process itself (`decode_tile_latent`) and answers its request for
residuals with the quantiser, so what it predicts from is what the decoder will have.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from refdec.arrays import I32Map
from refdec.codec import Codec, get_codec
from refdec.entropy.hyper_latent import decode_hyper_features, hyper_lanes, hyper_latent_tables
from refdec.entropy.quality_map import derive_quality
from refdec.entropy.tables import load_residual_tables
from refdec.network import load_model_set
from refdec.picture import Picture, latent_digest
from refdec.reconstruction import reconstruct_picture
from refdec.syntax.codestream import Codestream
from refdec.syntax.declaration import constraints_of
from refdec.syntax.picture_header import PictureHeader
from refdec.syntax.profiles import Profile, levels
from refdec.syntax.segment import (
    HashPoint,
    HyperLatentSegment,
    PictureHash,
    ResidualSegment,
    SynthesisTransform,
)
from refenc.analysis import centred_ycc, load_analysis
from refenc.codestream import in_profile, write_codestream
from refenc.colour import Samples, as_picture, format_elements
from refenc.masking import masking_classes
from refenc.quality_map import code_quality_map
from refenc.quantise import Quantiser
from refenc.rans import encode_substream
from refenc.rate import RATE_WEIGHT, RateSearch, model_bits, quality_of
from refenc.refine import ideal_latent, without_quantisation
from refenc.tile import Source, TileCalls, compared_transforms, quantised

MODEL_SET = 3
EFFORT = 1
"""0: the analysis transform's latent; 1: corrected once per picture; 2: and after quantisation,
with block transforms that were tried."""
THOROUGH = 2
CORRECTIONS = (1.0, 0.5)
"""Share of the decoder's error that each quantisation beyond the first corrects."""
RATE_SEARCH_LENGTH = 3
LARGE_PICTURE, LARGE_PICTURE_TILE = 1 << 24, 512
"""Samples that a decoder manages within 1 GiB as one tile; the tile side beyond (0.7 % rate)."""
BYTES_PER_LANE = 500
"""A lane costs about two bytes."""


@dataclass(frozen=True, kw_only=True)
class Structure:
    """How the stream is cut."""

    tile_size: int | None = None
    """Tile side in samples, a multiple of 64 up to 16384; None cuts large pictures only."""
    layer_last_group: tuple[int, ...] = ()
    """Last channel group of each layer but the last."""
    log2_lanes: int | None = None
    """None chooses by size."""
    profile: Profile | None = None
    """None chooses the lowest one, Main or above."""
    segment_crc: bool = False
    quality_offsets: I32Map | None = None
    """(h16, w16): added to the quality index at each latent position."""


@dataclass(frozen=True, kw_only=True)
class Coded:
    """A picture encoded at one quality."""

    data: bytes
    quality: int
    bpp: float


@dataclass(frozen=True)
class Analysed:
    """What the encoder computes once per picture, whatever the quality."""

    picture: Picture
    y: NDArray[np.float32]
    z_hat: I32Map
    masking: I32Map
    """(h16, w16): class of visual masking."""


def analyse(samples: Samples) -> Analysed:
    """Transform a picture."""
    analysis, picture = load_analysis(MODEL_SET), as_picture(samples)
    y = analysis.latent(centred_ycc(picture))
    luma = load_model_set(MODEL_SET).tables["component"] == 0
    return Analysed(picture, y, analysis.hyper_latent(y), masking_classes(y, luma))


def encode(
    samples: Samples,
    *,
    quality: int,
    hashes: bool = False,
    structure: Structure | None = None,
    backend: str = "auto",
    threads: int | None = None,
    effort: int = EFFORT,
) -> bytes:
    """Encode a picture at a quality index, 0 (smallest) to 63; effort 0 (fast) to 2."""
    codec = get_codec(MODEL_SET, backend, threads)
    return encode_analysed(
        prepare(analyse(samples), quality=quality, codec=codec, effort=effort),
        quality=quality,
        codec=codec,
        hashes=hashes,
        structure=structure or Structure(),
        thorough=effort >= THOROUGH,
    )


def encode_at_rate(
    samples: Samples,
    *,
    bpp: float,
    hashes: bool = False,
    structure: Structure | None = None,
    backend: str = "auto",
    threads: int | None = None,
    effort: int = EFFORT,
    progress: Callable[[int, int], None] | None = None,
) -> Coded:
    """Encode at the highest rate that is at most `bpp` bits per pixel, give or take four percent.

    Between two qualities the quantiser's weight of the rate varies. The smallest stream is
    returned where even that is larger. `progress` is called with the number of encodings done
    and expected.
    """
    codec = get_codec(MODEL_SET, backend, threads)
    analysed = analyse(samples)
    pixels = analysed.picture.height * analysed.picture.width
    search = RateSearch(model_bits(analysed.y, codec.context.steps), target=bpp)
    coded: list[Coded] = []
    level = search.propose()
    while level is not None:
        quality, rate_weight = quality_of(level)
        if not coded:
            analysed = prepare(analysed, quality=quality, codec=codec, effort=effort)
        data = encode_analysed(
            analysed,
            quality=quality,
            codec=codec,
            hashes=hashes,
            structure=structure or Structure(),
            rate_weight=rate_weight,
            thorough=effort >= THOROUGH,
        )
        coded.append(Coded(data=data, quality=quality, bpp=8 * len(data) / pixels))
        search.add(level, coded[-1].bpp)
        if progress is not None:
            progress(len(coded), max(len(coded), RATE_SEARCH_LENGTH))
        level = search.propose()
    fit = [c for c in coded if c.bpp <= bpp]
    return max(fit, key=lambda c: c.bpp) if fit else min(coded, key=lambda c: c.bpp)


def prepare(analysed: Analysed, *, quality: int, codec: Codec, effort: int) -> Analysed:
    """Correct the latent by what a decoder would lose without quantisation."""
    if effort == 0:
        return analysed
    header = picture_header(analysed.picture, quality=quality, structure=Structure())
    plane = np.full((header.h16, header.w16), quality, np.int32)
    exact = without_quantisation(analysed.y)
    y = ideal_latent(codec, header, analysed.picture, exact, plane)
    return replace(analysed, y=y)


def encode_analysed(
    analysed: Analysed,
    *,
    quality: int,
    codec: Codec,
    hashes: bool,
    structure: Structure,
    rate_weight: float = RATE_WEIGHT,
    thorough: bool = False,
) -> bytes:
    """Quantise, predict and code an analysed picture; see `encode_lossy`."""
    lossy = encode_lossy(
        analysed,
        quality=quality,
        codec=codec,
        structure=structure,
        rate_weight=rate_weight,
        thorough=thorough,
    )
    points = picture_hashes(codec, lossy) if hashes else ()
    codestream = replace(lossy.codestream, hashes=points)
    return write_codestream(in_profile(codestream, structure.profile))


@dataclass(frozen=True)
class Lossy:
    """The segments of a lossy picture, and the latent and the quality plane that decode it."""

    codestream: Codestream
    y_hat: I32Map
    quality: I32Map

    def picture(self, codec: Codec, transform: SynthesisTransform) -> Picture:
        """Return what a decoder will have."""
        return reconstruct_picture(
            codec=codec,
            header=self.codestream.picture_header,
            y_hat=self.y_hat,
            quality=self.quality,
            transform=transform,
        )


def encode_lossy(
    analysed: Analysed,
    *,
    quality: int,
    codec: Codec,
    structure: Structure,
    rate_weight: float = RATE_WEIGHT,
    thorough: bool = False,
) -> Lossy:
    """Quantise, predict and code an analysed picture, without hashes.

    To be `thorough`, block transforms are compared by what they come to, and the picture is
    decoded, and quantised again towards a latent that makes up for the decoder's error.
    """
    header = picture_header(analysed.picture, quality=quality, structure=structure)
    offsets = structure.quality_offsets
    if offsets is None:
        offsets = np.zeros((header.h16, header.w16), np.int32)
    plane = derive_quality(quality_idx=quality, offsets=offsets)
    quantiser = Quantiser.of(load_residual_tables(), rate_weight)
    state, mu = decode_hyper_features(network=codec.hyper, z_hat=analysed.z_hat, quality=plane)
    source = Source(analysed.y, state, mu, plane, analysed.masking)
    transform = compared_transforms(source, header, codec, quantiser) if thorough else None
    coded = quantised(source, header, codec, quantiser, transform)
    for share in CORRECTIONS if thorough else ():
        ideal = ideal_latent(codec, header, analysed.picture, coded.y_hat, plane)
        source = source._replace(y=source.y + np.float32(share) * (ideal - source.y))
        coded = quantised(source, header, codec, quantiser, transform)
    tiles, layers = coded.tiles, header.layer_groups(len(codec.context.groups))
    if structure.log2_lanes is None:
        header = replace(header, log2_lanes=suitable_lanes(tiles, len(layers), quantiser))
    tables = codec.tile_tables
    residuals = tuple(
        ResidualSegment(
            layer_idx=layer_idx,
            tile_idx=tile_idx,
            payload=encode_substream(
                tiles[tile_idx].of(groups),
                lanes=header.num_lanes,
                tables=tables,
            ),
        )
        for layer_idx, groups in enumerate(layers)
        for tile_idx in range(header.num_tiles)
    )
    z = analysed.z_hat
    z_tables = hyper_latent_tables(channels=z.shape[0], h64=z.shape[1], w64=z.shape[2])
    z_payload = encode_substream(
        [(z_tables, z.ravel())], lanes=hyper_lanes(z.size), tables=codec.hyper_tables
    )
    codestream = Codestream(
        picture_header=header,
        quality_map=code_quality_map(offsets) if offsets.any() else None,
        hyper_latent=HyperLatentSegment(payload=z_payload),
        residual=residuals,
    )
    return Lossy(codestream, coded.y_hat, plane)


def picture_hashes(codec: Codec, lossy: Lossy) -> tuple[PictureHash, ...]:
    """Digest the latent, and the picture of each synthesis transform, that a decoder will have."""
    points = [(HashPoint.LATENTS, SynthesisTransform.SIMPLE, latent_digest(y_hat=lossy.y_hat))]
    points += [
        (HashPoint.SAMPLES, transform, lossy.picture(codec, transform).digest())
        for transform in (SynthesisTransform.SIMPLE, SynthesisTransform.BASE)
    ]
    return tuple(picture_hash(*point) for point in points)


def picture_hash(point: HashPoint, transform: SynthesisTransform, digest: str) -> PictureHash:
    """Declare one digest."""
    return PictureHash(
        hash_point_idc=point,
        synthesis_transform_idc=transform,
        reserved_zero_4bits=0,
        digest=bytes.fromhex(digest),
    )


def suitable_lanes(tiles: list[TileCalls], num_layers: int, costs: Quantiser) -> int:
    """Choose log2 of the lane count so that lanes cost about half a percent."""
    groups = (group for tile in tiles for group in tile.groups)
    bits = sum(costs.bits(t, r) for group in groups for t, r in group)
    lanes = bits / 8 / len(tiles) / num_layers / BYTES_PER_LANE
    return int(np.clip(np.floor(np.log2(max(lanes, 1))), 0, 8))


def picture_header(picture: Picture, *, quality: int, structure: Structure) -> PictureHeader:
    """Declare a picture: the lowest level that holds it, sizes in as few bits as they need."""
    height, width = picture.height, picture.width
    tile_size, tiles = structure.tile_size, {}
    if tile_size is None and height * width > LARGE_PICTURE:
        tile_size = LARGE_PICTURE_TILE
    if tile_size is not None:
        units = tile_size // 64 - 1
        tiles = {"tile_grid_flag": 1, "tile_width_minus1": units, "tile_height_minus1": units}
    default = tile_size is None and not structure.layer_last_group and not structure.segment_crc
    header = PictureHeader(
        profile_idc=Profile.MAIN,
        level_idc=1,
        model_set_idc=MODEL_SET,
        picture_size_bits_minus1=max(width - 1, height - 1, 1).bit_length() - 1,
        width_minus1=width - 1,
        height_minus1=height - 1,
        monochrome_flag=int(len(picture.planes) == 1),
        **format_elements(picture),
        quality_idx=quality,
        log2_lanes=structure.log2_lanes or 0,
        default_structure_flag=int(default),
        num_layers_minus1=len(structure.layer_last_group),
        layer_last_group=structure.layer_last_group,
        segment_crc_flag=int(structure.segment_crc),
        tool_header_flag=0,
        extension_flag=0,
        **tiles,
    )
    return in_lowest_level(header)


def in_lowest_level(header: PictureHeader) -> PictureHeader:
    """Declare the lowest level whose limits are kept; the highest one where none is enough."""
    limits = [rule for rule in constraints_of(PictureHeader) if rule.requirement[:3] == "LVL"]
    candidates = [replace(header, level_idc=level_idc) for level_idc in levels()]
    kept = (level for level in candidates if all(rule.holds(level) for rule in limits))
    return next(kept, candidates[-1])
