# SPDX-License-Identifier: Apache-2.0
"""The decoding process as a caller sees it.

::

    bytes --parse--> header, segments
    SOZ --> z_hat --hyper decoder--> state, mu --+
    SOR (layer, tile) ----------------------------> y_hat     (point L, `refdec.latents`)
    y_hat --synthesis--> Y, Cb, Cr --colour--> samples        (point S, `refdec.reconstruction`)
    SOE (tile) ---------------------samples--> samples        (point E, `refdec.enhancement`)
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypedDict, Unpack

import numpy as np

from refdec.arrays import I16Map, I32Map
from refdec.codec import Codec, get_codec
from refdec.enhancement import bounding_region, enhance_picture, tiles_in
from refdec.entropy.context import Trace
from refdec.errors import HashMismatch, TruncatedStream, UnsupportedFeature
from refdec.latents import LatentBands, decode_latent_planes
from refdec.limits import Limits
from refdec.picture import Latents, Picture
from refdec.reconstruction import (
    LatentWindow,
    Region,
    crop,
    reconstruct_picture,
    trace_picture,
    whole_picture,
)
from refdec.syntax.codestream import Codestream, parse_codestream
from refdec.syntax.picture_header import PictureHeader
from refdec.syntax.segment import HashPoint, SynthesisTransform
from refdec.synthesis.colour import LIFTED, MATRICES

Source = str | Path | bytes
SYNTHESIS_NAMES = {"simple": SynthesisTransform.SIMPLE, "base": SynthesisTransform.BASE}
CHUNK = 1 << 12


class Options(TypedDict, total=False):
    """How to decode; every choice but `layers` and `synthesis` leaves the samples as they are."""

    backend: str
    """``"auto"`` (the default), ``"numpy"``, ``"integer"`` or ``"torch"``."""
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


@dataclass(frozen=True, kw_only=True)
class HashResult:
    """One digest of the stream beside what was decoded."""

    point: str
    """``"L"``, ``"S"`` or ``"E"``."""
    expected: str
    actual: str

    @property
    def matches(self) -> bool:
        """Whether they are equal."""
        return self.expected == self.actual


def parse(source: Source, *, tolerant: bool = False) -> Codestream:
    """Read and check a codestream without decoding it.

    Raises
    ------
    RefdecError
        The stream is malformed or unsupported.
    OSError
        The file cannot be read.
    """
    data = source if isinstance(source, bytes) else Path(source).read_bytes()
    return parse_codestream(data, tolerant=tolerant)


def decode(
    source: Source, *, verify: bool = False, trace: Trace | None = None, **options: Unpack[Options]
) -> Picture:
    """Decode a picture.

    Parameters
    ----------
    source : path or bytes of a codestream.
    verify : compare with the digests in the stream.
    trace : called with the name and value of every control point.
    options : fields of `Options`.

    Raises
    ------
    RefdecError
        The stream is malformed, unsupported, beyond the limits, or differs from its digests.
    OSError
        The file cannot be read.
    ValueError
        An option has no meaning: unknown backend or transform, a region outside the picture.
    TypeError
        There is no such option.
    """
    job = _Job(source, options)
    decoded = job.decode(trace, with_latents=verify)
    if verify:
        for result in job.compare(decoded):
            if not result.matches:
                message = f"point {result.point}: decoded {result.actual}, not {result.expected}"
                raise HashMismatch(message, requirement="DPH-006", element="digest")
    return decoded.picture


def decode_latents(
    source: Source, *, trace: Trace | None = None, **options: Unpack[Options]
) -> Latents:
    """Decode up to conformance point L; no synthesis is run. Errors as `decode`."""
    return _Job(source, options).latents(trace)


def verify(source: Source, **options: Unpack[Options]) -> tuple[HashResult, ...]:
    """Compare what is decoded with the digests of the stream that speak of it; may be empty."""
    job = _Job(source, options)
    return job.compare(job.decode(None, with_latents=True))


def decode_progressive(file: BinaryIO, **options: Unpack[Options]) -> Iterator[Picture]:
    """Yield a picture each time another layer has arrived, the hyper-latent's preview first.

    Of an enhancement the last picture is the first sign, where a lossy picture comes before it.

    Raises
    ------
    RefdecError
        As `decode`; a stream that ends early raises after its last picture.
    """
    options["tolerant"] = True
    data, seen, complete = b"", (-1, False), False
    while chunk := file.read(CHUNK):
        data += chunk
        try:
            job = _Job(data, options)
        except TruncatedStream:
            continue
        complete = job.codestream.is_complete
        if (stage := (job.num_layers, job.is_enhanced)) > seen:
            seen = stage
            yield job.decode(None, with_latents=False).picture
    if not complete:
        parse_codestream(data)  # says where and why


class _Job:
    """A parsed stream, the options, and what follows from both."""

    def __init__(self, source: Source, options: Options) -> None:
        if unknown := options.keys() - Options.__annotations__.keys():
            message = f"no such options: {sorted(unknown)}"
            raise TypeError(message)
        self.codestream = parse(source, tolerant=options.get("tolerant", False))
        self.options = options
        header = self.header
        limits = options.get("limits") or Limits()
        limits.check(pixels=header.pic_width * header.pic_height, level=header.level_idc)
        self.num_layers = len(self.codestream.residual) // header.num_tiles
        if (layers := options.get("layers")) is not None:
            self.num_layers = min(self.num_layers, max(layers, 0))
        self.region = options.get("region") or whole_picture(header)
        require_inside(self.region, header)
        synthesis = options.get("synthesis")
        self.is_enhanced = applies_enhancement(self.codestream, synthesis, self.num_layers)
        self.transform = (
            SynthesisTransform(self.codestream.tools.base_transform_idc)
            if self.is_enhanced
            else choose_transform(self.codestream, synthesis)
        )

    @property
    def header(self) -> PictureHeader:
        return self.codestream.picture_header

    @property
    def codec(self) -> Codec:
        backend, threads = self.options.get("backend", "auto"), self.options.get("threads")
        return get_codec(self.header.model_set_idc, backend, threads)

    @property
    def has_base(self) -> bool:
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

    def _latent_options(self, region: Region) -> dict[str, Any]:
        return {
            "codestream": self.codestream,
            "codec": self.codec,
            "num_layers": self.num_layers,
            "tiles": LatentWindow.of(region, self.header).tiles(self.header),
        }

    def decode(self, trace: Trace | None, *, with_latents: bool) -> "_Decoded":
        """Decode whatever the stream has, up to the last point; the latents only if wanted."""
        check_output_format(self.header)
        region, latents, lossy, enhanced = self.region, None, None, None
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
        return _Decoded(latents, lossy, enhanced)

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
        return Picture.of(self.header, crop(samples, self.header, region, self.region))

    def compare(self, decoded: "_Decoded") -> tuple[HashResult, ...]:
        """Digests of the whole picture speak of nothing less."""
        is_whole = self.region == whole_picture(self.header)
        if not is_whole or (self.has_base and self.num_layers < self.header.num_layers):
            return ()
        points: dict[tuple[int, int], tuple[str, Latents | Picture | None]] = {
            (HashPoint.LATENTS, SynthesisTransform.SIMPLE): ("L", decoded.latents),
            (HashPoint.SAMPLES, self.transform): ("S", decoded.lossy),
            (HashPoint.ENHANCED, SynthesisTransform.SIMPLE): ("E", decoded.enhanced),
        }
        results = []
        for item in self.codestream.hashes:
            kind = item.hash_point_idc, item.synthesis_transform_idc
            point, value = points.get(kind, ("", None))
            if value is not None:
                expected = item.digest.hex()
                results.append(HashResult(point=point, expected=expected, actual=value.digest()))
        return tuple(results)


@dataclass(frozen=True)
class _Decoded:
    """What a stream gave at each conformance point, in the order L, S, E."""

    latents: Latents | None
    lossy: Picture | None
    enhanced: Picture | None

    @property
    def picture(self) -> Picture:
        picture = self.enhanced or self.lossy
        if picture is None:
            message = "neither a lossy nor an enhanced picture was decoded"
            raise RuntimeError(message)
        return picture


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


def require_inside(region: Region, header: PictureHeader) -> None:
    """Refuse an empty region or one that leaves the picture.

    Raises
    ------
    ValueError
        Such a region.
    """
    if (
        min(region.x, region.y) < 0
        or min(region.width, region.height) < 1
        or region.x + region.width > header.pic_width
        or region.y + region.height > header.pic_height
    ):
        message = (
            f"region {','.join(map(str, region))} is not inside the picture of "
            f"{header.pic_width}x{header.pic_height} samples"
        )
        raise ValueError(message)


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
