# SPDX-License-Identifier: Apache-2.0
"""Write animations: an animated PNG, Netpbm pictures in one file, or numbered files of any kind."""

import io
import re
import struct
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path

from refdec.animation import Frame
from refdec.cli.picture_io import FORMATS, picture_format, write_picture
from refdec.cli.png_chunks import SIGNATURE, Chunk, chunk_bytes, chunks_of
from refdec.cli.support import UsageError, atomic_file
from refdec.syntax.picture_header import PictureHeader

SEQUENCES = (".pgm", ".ppm", ".pnm", ".pam")
"""Netpbm: a file may hold pictures one after another."""
PATTERN = re.compile(r"%0?\d*d")
MAX_DELAY = (1 << 16) - 1
"""Largest numerator and denominator of a duration in PNG."""
_REPLACE = (0, 0)
"""Keep what is shown, and write over it."""


def is_pattern(output: Path) -> bool:
    """Whether a name stands for numbered files, such as ``out_%04d.png``."""
    return len(PATTERN.findall(output.name)) == 1


def check_animation_output(output: Path, header: PictureHeader, *, has_alpha: bool) -> None:
    """Refuse what cannot hold an animation, before long work starts.

    Raises
    ------
    UsageError
        Neither a PNG or Netpbm file nor a pattern of names, or one that cannot hold the frames.
    """
    picture_format(output, header, has_alpha=has_alpha)
    if not is_pattern(output) and output.suffix.lower() not in (".png", *SEQUENCES):
        message = (
            f"{output}: {output.suffix} cannot hold an animation; write a .png or .pam, numbered "
            f"files such as {output.stem}_%04d{output.suffix}, or one --frame"
        )
        raise UsageError(message)


def write_animation(
    output: Path,
    frames: Iterable[Frame],
    *,
    num_frames: int,
    loop_count: int,
    chunks: Sequence[Chunk] = (),
) -> None:
    """Write frames as they come, to one file or to the files of a pattern.

    `chunks` go into PNG files.
    """
    if output.suffix.lower() in SEQUENCES and not is_pattern(output):
        with atomic_file(output) as file:
            for frame in frames:
                FORMATS[output.suffix.lower()].write(file, frame.picture)
        return
    if not is_pattern(output):
        with atomic_file(output) as file:
            parts = animated_png(
                frames, num_frames=num_frames, loop_count=loop_count, chunks=chunks
            )
            for part in parts:
                file.write(part)
        return
    for number, frame in enumerate(frames):
        pattern = PATTERN.findall(output.name)[0]
        path = output.with_name(output.name.replace(pattern, pattern % number))
        write_picture(path, frame.picture, chunks)


def animated_png(
    frames: Iterable[Frame], *, num_frames: int, loop_count: int, chunks: Iterable[Chunk] = ()
) -> Iterator[bytes]:
    """Yield the parts of an animated PNG, each frame whole; `loop_count` 0 is for ever."""
    sequence = 0
    yield SIGNATURE
    for number, (picture, seconds) in enumerate(frames):
        file = io.BytesIO()
        FORMATS[".png"].write(file, picture)
        written = list(chunks_of(file.getvalue()))
        data = [content for kind, content in written if kind == b"IDAT"]
        if number == 0:
            header = [chunk for chunk in written if chunk[0] not in {b"IDAT", b"IEND"}]
            yield from (chunk_bytes(*chunk) for chunk in (*header[:1], *chunks, *header[1:]))
            yield chunk_bytes(b"acTL", struct.pack(">2I", num_frames, loop_count))
        place = sequence, picture.width, picture.height, 0, 0
        control = struct.pack(">5I2H2B", *place, *png_delay(seconds), *_REPLACE)
        yield chunk_bytes(b"fcTL", control)
        sequence += 1
        for content in data:
            if number == 0:
                yield chunk_bytes(b"IDAT", content)
            else:
                yield chunk_bytes(b"fdAT", sequence.to_bytes(4, "big") + content)
                sequence += 1
    yield chunk_bytes(b"IEND", b"")


def png_delay(seconds: Fraction) -> tuple[int, int]:
    """Return numerator and denominator of a duration, as near as PNG holds it."""
    near = seconds.limit_denominator(MAX_DELAY)
    if near.numerator > MAX_DELAY:
        near = Fraction(min(round(seconds), MAX_DELAY))
    return near.numerator, near.denominator
