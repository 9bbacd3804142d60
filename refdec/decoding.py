# SPDX-License-Identifier: Apache-2.0
"""The decoding process: order of calls, nothing else.

::

    bytes --parse--> header, segments
    SOZ --> z_hat --hyper decoder--> state, mu --+
    SOR (layer, tile) -----------------> tile latents --> y_hat  (point L)
    y_hat --synthesis--> Y, Cb, Cr --colour--> samples            (point S)
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from refdec.arrays import I32Map
from refdec.clause import clause
from refdec.codec import Codec, get_codec
from refdec.entropy.context import Trace, decode_tile_latent
from refdec.entropy.hyper_latent import decode_hyper_features, decode_hyper_latent
from refdec.entropy.rans import make_decoder
from refdec.entropy.residual import LayeredResiduals, hyper_lanes
from refdec.entropy.tables import load_residual_tables
from refdec.errors import HashMismatch, UnsupportedFeature
from refdec.limits import Limits
from refdec.picture import Colour, Latents, Picture
from refdec.syntax.codestream import Codestream, parse_codestream
from refdec.syntax.picture_header import PictureHeader
from refdec.syntax.segment import HashPoint, SynthesisTransform
from refdec.synthesis.colour import MATRICES, convert_colour
from refdec.synthesis.transform import synthesise

Source = str | Path | bytes


@dataclass(frozen=True, kw_only=True)
class HashResult:
    """One digest of the stream beside what was decoded."""

    point: str
    expected: str
    actual: str

    @property
    def matches(self) -> bool:
        """Whether they are equal."""
        return self.expected == self.actual


def parse(source: Source) -> Codestream:
    """Read and check a codestream without decoding it.

    Raises
    ------
    RefdecError
        The stream is malformed or unsupported.
    OSError
        The file cannot be read.
    """
    data = source if isinstance(source, bytes) else Path(source).read_bytes()
    return parse_codestream(data)


def decode(
    source: Source,
    *,
    backend: str = "auto",
    threads: int | None = None,
    limits: Limits | None = None,
    synthesis: str | None = None,
    verify: bool = False,
    trace: Trace | None = None,
) -> Picture:
    """Decode a picture.

    Parameters
    ----------
    source : path or bytes of a codestream.
    backend : ``"auto"``, ``"numpy"``, ``"integer"`` or ``"torch"``; all give the same samples.
    synthesis : ``"simple"`` or ``"base"``; None takes what the stream recommends.
    verify : compare with the digests in the stream.
    trace : called with the name and value of every control point.

    Raises
    ------
    RefdecError
        The stream is malformed, unsupported, beyond `limits`, or differs from its digests.
    OSError
        The file cannot be read.
    """
    codestream, codec = _open(source, backend, threads, limits)
    transform = choose_transform(codestream, synthesis)
    latents, picture = _decode(codestream, codec, transform, trace)
    if verify:
        for result in _compare(codestream, latents, picture, transform):
            if not result.matches:
                message = f"point {result.point}: decoded {result.actual}, not {result.expected}"
                raise HashMismatch(message, requirement="DPH-006", element="digest")
    return picture


def decode_latents(
    source: Source,
    *,
    backend: str = "auto",
    threads: int | None = None,
    limits: Limits | None = None,
    trace: Trace | None = None,
) -> Latents:
    """Decode up to conformance point L; no synthesis is run. Arguments and errors as `decode`."""
    codestream, codec = _open(source, backend, threads, limits)
    return _decode_latents(codestream, codec, trace)


def verify(
    source: Source,
    *,
    backend: str = "auto",
    threads: int | None = None,
    limits: Limits | None = None,
    synthesis: str | None = None,
) -> tuple[HashResult, ...]:
    """Compare what is decoded with the digests of the stream that speak of it; may be empty."""
    codestream, codec = _open(source, backend, threads, limits)
    transform = choose_transform(codestream, synthesis)
    return _compare(codestream, *_decode(codestream, codec, transform, None), transform)


def choose_transform(codestream: Codestream, synthesis: str | None) -> SynthesisTransform:
    """Return the transform asked for, else the first recommended one at hand, else `base`.

    Raises
    ------
    ValueError
        Unknown name.
    """
    names = {"simple": SynthesisTransform.SIMPLE, "base": SynthesisTransform.BASE}
    if synthesis is not None:
        if synthesis not in names:
            message = f"unknown synthesis transform {synthesis!r}"
            raise ValueError(message)
        return names[synthesis]
    recommended = map(SynthesisTransform, codestream.tools.synthesis_transform_idc)
    return next((t for t in recommended if t in names.values()), SynthesisTransform.BASE)


def quality_plane(header: PictureHeader) -> I32Map:
    """Quality index of each latent position, (h16, w16)."""
    return np.full((header.h16, header.w16), header.quality_idx, np.int32)


def check_output_format(header: PictureHeader) -> None:
    """Refuse sample formats and colour matrices that are not implemented.

    Raises
    ------
    UnsupportedFeature
        PIH-016: the element that asks for it is named.
    """
    refused = (
        ("sample_float_flag", header.sample_float_flag, "binary16 samples"),
        ("chroma_format_idc", header.chroma_format_idc, "subsampled chroma"),
        ("full_range_flag", not header.full_range_flag, "narrow range"),
        ("matrix_coefficients", header.matrix_coefficients not in MATRICES, "this colour matrix"),
    )
    for element, is_used, what in refused:
        if is_used:
            message = f"{what} cannot be decoded yet"
            raise UnsupportedFeature(message, requirement="PIH-016", element=element)


def _open(
    source: Source, backend: str, threads: int | None, limits: Limits | None
) -> tuple[Codestream, Codec]:
    codestream = parse(source)
    header = codestream.picture_header
    (limits or Limits()).check(pixels=header.pic_width * header.pic_height, level=header.level_idc)
    return codestream, get_codec(header.model_set_idc, backend, threads)


def _decode(
    codestream: Codestream, codec: Codec, transform: SynthesisTransform, trace: Trace | None
) -> tuple[Latents, Picture]:
    header = codestream.picture_header
    check_output_format(header)
    latents = _decode_latents(codestream, codec, trace)
    picture = reconstruct_picture(
        codec=codec,
        header=header,
        y_hat=latents.y_hat,
        quality=quality_plane(header),
        transform=transform,
        trace=trace,
    )
    return latents, picture


@clause("8.1")
def _decode_latents(codestream: Codestream, codec: Codec, trace: Trace | None) -> Latents:
    """Decode z_hat, then tile by tile y_hat."""
    header, soz = codestream.picture_header, codestream.hyper_latent
    layers = header.layer_groups(len(codec.context.groups))
    z_hat = decode_hyper_latent(
        decoder=make_decoder(
            soz.payload,
            lanes=hyper_lanes(header.num_lanes),
            tables=codec.hyper_tables,
            offset=soz.offset,
        ),
        channels=len(codec.hyper_tables.bounds),
        h64=header.h64,
        w64=header.w64,
        offset=soz.offset,
    )
    if trace is not None:
        trace("z_hat", z_hat)
    quality = quality_plane(header)
    state, mu = decode_hyper_features(network=codec.hyper, z_hat=z_hat, quality=quality)
    y_hat = np.zeros((sum(codec.context.groups), header.h16, header.w16), np.int32)
    for tile_idx in range(header.num_tiles):
        rows, columns = header.tile(tile_idx).slices
        segments = [s for s in codestream.residual if s.tile_idx == tile_idx]
        y_hat[:, rows, columns] = decode_tile_latent(
            model=codec.context,
            state=np.ascontiguousarray(state[:, rows, columns]),
            mu=np.ascontiguousarray(mu[:, rows, columns]),
            quality=np.ascontiguousarray(quality[rows, columns]),
            source=LayeredResiduals(
                layers,
                [
                    make_decoder(
                        segment.payload,
                        lanes=header.num_lanes,
                        tables=load_residual_tables().tables,
                        offset=segment.offset,
                    )
                    for segment in segments
                ],
                [segment.offset for segment in segments],
            ),
            num_groups=len(codec.context.groups),
            monochrome=bool(header.monochrome_flag),
            trace=_prefixed(trace, f"tile{tile_idx}/"),
        )
    return Latents(
        y_hat=y_hat,
        z_hat=z_hat,
        step=codec.context.steps[header.quality_idx].astype(np.int32),
        model_set_idc=header.model_set_idc,
    )


@clause("9.1")
def reconstruct_picture(
    *,
    codec: Codec,
    header: PictureHeader,
    y_hat: I32Map,
    quality: I32Map,
    transform: SynthesisTransform,
    trace: Trace | None = None,
) -> Picture:
    """Synthesise a latent, crop to the picture and convert to samples."""
    planes = synthesise(
        networks=codec.synthesis(transform),
        y_hat=y_hat,
        quality=quality,
        trace=_prefixed(trace, "synthesis/"),
    )
    samples = convert_colour(
        samples=planes[: header.num_components, : header.pic_height, : header.pic_width],
        matrix=MATRICES[header.matrix_coefficients],
        bit_depth=header.bit_depth,
    )
    if trace is not None:
        trace("picture", samples.astype(np.int32))
    return Picture(
        samples=samples.astype(np.uint8) if header.bit_depth == 8 else samples,  # noqa: PLR2004
        bit_depth=header.bit_depth,
        colour=Colour(
            primaries=header.colour_primaries,
            transfer=header.transfer_characteristics,
            matrix=header.matrix_coefficients,
            full_range=bool(header.full_range_flag),
        ),
    )


def _compare(
    codestream: Codestream, latents: Latents, picture: Picture, transform: SynthesisTransform
) -> tuple[HashResult, ...]:
    decoded = {
        (HashPoint.LATENTS, SynthesisTransform.SIMPLE): ("L", latents.digest),
        (HashPoint.SAMPLES, transform): ("S", picture.digest),
    }
    results = []
    for item in codestream.hashes:
        kind = HashPoint(item.hash_point_idc), SynthesisTransform(item.synthesis_transform_idc)
        if kind in decoded:
            point, digest = decoded[kind]
            results.append(HashResult(point=point, expected=item.digest.hex(), actual=digest()))
    return tuple(results)


def _prefixed(trace: Trace | None, prefix: str) -> Trace | None:
    if trace is None:
        return None
    return lambda name, value: trace(prefix + name, value)
