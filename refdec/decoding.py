# SPDX-License-Identifier: Apache-2.0
"""The decoding process as a caller sees it.

::

    bytes --parse--> header, segments
    SOZ --> z_hat --hyper decoder--> state, mu --+
    SOR (layer, tile) ----------------------------> y_hat     (point L, `refdec.latents`)
    y_hat --synthesis--> Y, Cb, Cr --colour--> samples        (point S, `refdec.reconstruction`)
    SOE (tile) ---------------------samples--> samples        (point E, `refdec.enhancement`)
    SOA (tile) ------------------------------> alpha          (point A, `refdec.enhancement`)
    FRH (frame) --samples, alpha of a frame--> what is shown  (`refdec.animation`)
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, Unpack

from refdec.animation import (
    Frame,
    check_frame,
    duration,
    frames_until,
    place_of,
    show_frame,
    stills,
)
from refdec.entropy.context import Trace
from refdec.errors import TruncatedStream
from refdec.latents import prefixed
from refdec.picture import Latents, Picture
from refdec.reconstruction import Region, whole_picture
from refdec.still import HashResult, Job, Options
from refdec.syntax.codestream import Codestream
from refdec.syntax.parser import parse_codestream
from refdec.syntax.picture_header import PictureHeader

Source = str | Path | bytes
CHUNK = 1 << 12


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
    stream, number = _opened(source, options)
    *_, picture = _pictures(
        stream, frames_until(stream, number), options, verify=verify, trace=trace
    )
    return picture


def decode_strips(source: Source, **options: Unpack[Options]) -> Iterator[Picture]:
    """Yield a picture in strips of its width from the top down, so that it is never held whole.

    Some come in one piece: with an enhancement, alpha or subsampled chroma, and frames of an
    animation. Errors as `decode`, from the first strip on.
    """
    stream, _ = _opened(source, options)
    if stream.frames:
        yield decode(source, **options)
        return
    job, _ = next(_jobs(stream, range(1), options))
    if job is not None:
        yield from job.strips()


def decode_frames(
    source: Source, *, verify: bool = False, **options: Unpack[Options]
) -> Iterator[Frame]:
    """Yield what an animation shows, frame by frame; a still is one. Errors as `decode`."""
    stream, _ = _opened(source, options)
    numbers = range(len(stills(stream)))
    for number, picture in enumerate(_pictures(stream, numbers, options, verify=verify)):
        yield Frame(picture, duration(stream, number))


def decode_latents(
    source: Source, *, trace: Trace | None = None, **options: Unpack[Options]
) -> Latents:
    """Decode up to conformance point L; no synthesis is run. Errors as `decode`.

    Of an animation they are those of the frame's own picture.
    """
    stream, number = _opened(source, options)
    job, _ = next(_jobs(stream, range(number, number + 1), options))
    if job is None:
        message = f"frame {number} does not reach the region"
        raise ValueError(message)
    return job.latents(trace)


def verify(source: Source, **options: Unpack[Options]) -> tuple[HashResult, ...]:
    """Compare what is decoded with the digests of the stream that speak of it; may be empty.

    Of an animation all frames are compared, or the one that is asked for.
    """
    stream, number = _opened(source, options)
    chosen = range(number, number + 1) if "frame" in options else range(len(stills(stream)))
    return tuple(
        replace(result, frame=frame)
        for frame, (job, _) in zip(chosen, _jobs(stream, chosen, options), strict=True)
        for result in (job.compare(job.decode(None, with_latents=True)) if job else ())
    )


def decode_progressive(file: BinaryIO, **options: Unpack[Options]) -> Iterator[Picture]:
    """Yield a picture each time another layer has arrived, the hyper-latent's preview first.

    Alpha is opaque until it is there; of an enhancement the last picture is the first sign, where a
    lossy picture comes before it. Of an animation one frame is decoded.

    Raises
    ------
    RefdecError
        As `decode`; a stream that ends early raises after its last picture.
    """
    options["tolerant"] = True
    data, seen, complete = b"", (-1, False, False), False
    while chunk := file.read(CHUNK):
        data += chunk
        try:
            stream, number = _opened(data, options)
        except TruncatedStream:
            continue
        complete = stream.is_complete
        still = stills(stream)[number]
        stage = Job(still, options, whole_picture(still.picture_header)).stage
        if stage > seen:
            seen = stage
            yield decode(data, **options)
    if not complete:
        parse_codestream(data)  # says where and why


def _opened(source: Source, options: Options) -> tuple[Codestream, int]:
    """Parse a stream; return it and the frame that the options ask for."""
    if unknown := options.keys() - Options.__annotations__.keys():
        message = f"no such options: {sorted(unknown)}"
        raise TypeError(message)
    stream = parse(source, tolerant=options.get("tolerant", False))
    return stream, check_frame(stream, options.get("frame", 0))


def _jobs(
    stream: Codestream, numbers: range, options: Options
) -> Iterator[tuple["Job | None", Region]]:
    """Yield what is to be decoded of each frame, and where it is shown; None for nothing."""
    shown = options.get("region") or whole_picture(stream.picture_header)
    require_inside(shown, stream.picture_header)
    for number in numbers:
        still = stills(stream)[number]
        place = place_of(still)
        part = shown.intersection(place)
        local = part and part._replace(x=part.x - place.x, y=part.y - place.y)
        yield Job(still, options, local) if local else None, part or shown


def _pictures(
    stream: Codestream,
    numbers: range,
    options: Options,
    *,
    verify: bool = False,
    trace: Trace | None = None,
) -> Iterator[Picture]:
    """Yield what is shown with each of these frames, of which the first is whole."""
    shown = options.get("region") or whole_picture(stream.picture_header)
    canvas: Picture | None = None
    for number, (job, part) in zip(numbers, _jobs(stream, numbers, options), strict=True):
        if job is not None:
            named = prefixed(trace, f"frame{number}/" if stream.frames else "")
            decoded = job.decode(named, with_latents=verify)
            if verify:
                job.require_match(decoded)
            canvas = show_frame(
                header=stream.picture_header,
                canvas=canvas,
                picture=decoded.picture,
                part=part,
                shown=shown,
            )
        if canvas is not None:
            yield canvas


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
