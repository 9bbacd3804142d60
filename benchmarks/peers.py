# SPDX-License-Identifier: Apache-2.0
"""The codecs that are compared: JAI and its peers, each with the settings it is run at.

Peers come from PyPI's wheels (the extra `bench`), so that a version is what `pip` says it is. All but mozjpeg are
Pillow's writers and readers. Encoders run with one thread, but x265, which cannot be told to through libheif.
"""

import hashlib
import importlib
import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
from PIL import Image, features

import refdec
import refenc
from benchmarks.metrics import Rgb
from refdec.network import load_model_set
from refenc.encode import EFFORT, MODEL_SET, THOROUGH, encode


@dataclass(frozen=True, kw_only=True)
class Codec:
    """An encoder with fixed settings but one, and its decoder."""

    name: str
    """In the table of measurements."""
    label: str
    """In reports."""
    settings: str
    """What is fixed; after a semicolon, what the ladder is of."""
    version: Callable[[], str]
    """Raises PackageNotFoundError or ImportError where the codec is not installed."""
    ladder: tuple[float, ...]
    """Values of the one free setting, by rising rate."""
    encode: Callable[[Rgb, float], bytes]
    decode: Callable[[bytes], Rgb]

    @property
    def installed_version(self) -> str | None:
        """Version and settings, what measurements depend on; None where the codec is not installed."""
        try:
            return f"{self.version()}; {self.settings}"
        except (PackageNotFoundError, ImportError):
            return None


def coded_bytes(data: bytes) -> int:
    """Return the size of a file; of AVIF and HEIF only what is coded, without the boxes around it.

    Those are about 270 bytes that do not belong to the compression, a tenth of a small picture at a low rate.
    """
    if data[4:8] != b"ftyp":
        return len(data)
    size, position = 0, 0
    while position < len(data):
        length, kind = int.from_bytes(data[position : position + 4]), data[position + 4 :][:4]
        if kind == b"mdat":
            size += length - 8
        elif kind == b"meta" and (parameters := data.find(b"hvcC", position)) >= 0:
            size += int.from_bytes(data[parameters - 4 : parameters]) - 8
        position += length or len(data)
    return size


def jai_version() -> str:
    """Return the model set, and a digest of its file and of the sources of encoder and decoder."""
    sources = [p for room in (refdec, refenc) for p in Path(room.__file__).parent.rglob("*.py")]
    weights = load_model_set(MODEL_SET).sha256
    digest = hashlib.sha256(weights.encode())
    for path in sorted(sources):
        digest.update(path.read_bytes())
    return f"model set {MODEL_SET} {weights[:8]}, sources {digest.hexdigest()[:8]}"


def at_effort(effort: int) -> Codec:
    """Return JAI at an effort of its encoder."""
    return Codec(
        name=f"jai-{effort}",
        label=f"JAI, effort {effort}",
        settings=f"`refenc encode --quality --effort {effort}`, decoded by `refdec` (transform base)",
        version=jai_version,
        ladder=tuple(range(0, 64, 7)),
        encode=lambda rgb, quality: encode(
            rgb.transpose(2, 0, 1).copy(), quality=int(quality), effort=effort
        ),
        decode=lambda data: refdec.decode(data).interleaved,
    )


JAI = replace(at_effort(EFFORT), name="jai", label="JAI")
THOROUGH_JAI = at_effort(THOROUGH)


def read_with_pillow(data: bytes) -> Rgb:
    """Decode with Pillow or one of its plugins."""
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB"))


def pillow_peer(
    form: str,
    options: Callable[[float], dict[str, object]],
    *,
    plugin: Callable[[], object] | None = None,
    **fields: object,
) -> Codec:
    """Return a codec that is a format of Pillow; `plugin` imports and registers it."""

    def write(rgb: Rgb, setting: float) -> bytes:
        if plugin is not None:
            plugin()
        buffer = io.BytesIO()
        Image.fromarray(rgb).save(buffer, form, **options(setting))
        return buffer.getvalue()

    return Codec(encode=write, decode=read_with_pillow, **fields)


def pillow_version(library: str, feature: str) -> str:
    """Version of a library inside Pillow."""
    found = features.version(feature)
    if found is None:
        message = f"Pillow without {library}"
        raise ImportError(message)
    return f"{library} {found} (Pillow {version('pillow')})"


def aom_version() -> str:
    """Versions of libaom and libavif inside Pillow."""
    codecs = dict(
        entry.split(":")
        for entry in importlib.import_module("PIL._avif").codec_versions().split(", ")
    )
    return f"libaom {codecs['aom [enc]']}, {pillow_version('libavif', 'avif')}"


def write_mozjpeg(rgb: Rgb, quality: float) -> bytes:
    """Encode with mozjpeg, inside libvips."""
    import pyvips  # noqa: PLC0415

    return pyvips.Image.new_from_array(rgb).jpegsave_buffer(
        Q=int(quality),
        subsample_mode="on",
        optimize_coding=True,
        interlace=True,
        trellis_quant=True,
        overshoot_deringing=True,
        optimize_scans=True,
        quant_table=3,
        keep="none",
    )


def register_heif() -> None:
    """Make Pillow write HEIF."""
    import pillow_heif  # noqa: PLC0415

    pillow_heif.register_heif_opener()


def x265_version() -> str:
    """Versions of x265 and libheif inside pillow-heif."""
    import pillow_heif  # noqa: PLC0415

    info = pillow_heif.libheif_info()
    return (
        f"{info['HEIF']}, libheif {info['libheif']} (pillow-heif {version('pillow-heif')})".replace(
            "HEVC encoder ", ""
        )
    )


JPEG_LADDER = (2, 7, 16, 34, 62, 84, 95)


def hevc(chroma: str) -> Codec:
    """HEVC intra in HEIF."""
    dotted = ":".join(chroma)
    return pillow_peer(
        "HEIF",
        lambda q: {
            "quality": int(q),
            "chroma": chroma,
            "enc_params": {"preset": "slow", "tune": "psnr"},
        },
        plugin=register_heif,
        name=f"hevc-{chroma}",
        label=f"HEVC intra (x265, {dotted})",
        settings=f"{dotted}, 8 bit, preset slow, tune=psnr; quality",
        version=x265_version,
        ladder=(0, 12, 24, 36, 50, 66),
    )


PEERS = (
    pillow_peer(
        "JPEG",
        lambda q: {"quality": int(q), "subsampling": "4:2:0", "optimize": True},
        name="jpeg",
        label="JPEG (libjpeg-turbo)",
        settings="4:2:0, optimised Huffman tables; quality",
        version=lambda: pillow_version("libjpeg-turbo", "libjpeg_turbo"),
        ladder=JPEG_LADDER,
    ),
    Codec(
        name="mozjpeg",
        label="JPEG (mozjpeg)",
        settings="4:2:0, progressive, trellis, optimised scans, table 3; quality",
        version=lambda: f"mozjpeg (pyvips-binary {version('pyvips-binary')})",
        ladder=JPEG_LADDER,
        encode=write_mozjpeg,
        decode=read_with_pillow,
    ),
    pillow_peer(
        "JPEG2000",
        lambda bpp: {
            "quality_mode": "rates",
            "quality_layers": [24 / bpp],
            "irreversible": True,
            "mct": 1,
            "no_jp2": True,
        },
        name="jpeg2000",
        label="JPEG 2000 (OpenJPEG)",
        settings="9/7, one layer, one tile, codestream without boxes; bits per pixel",
        version=lambda: pillow_version("OpenJPEG", "jpg_2000"),
        ladder=(0.05, 0.11, 0.25, 0.5, 1.0, 2.05),
    ),
    pillow_peer(
        "WEBP",
        lambda q: {"quality": int(q), "method": 6},
        name="webp",
        label="WebP",
        settings="method 6; quality",
        version=lambda: pillow_version("libwebp", "webp"),
        ladder=(0, 10, 30, 60, 84, 95),
    ),
    pillow_peer(
        "JXL",
        lambda q: {"quality": int(q), "effort": 7, "num_threads": 1},
        plugin=lambda: importlib.import_module("pillow_jxl"),
        name="jpegxl",
        label="JPEG XL (libjxl)",
        settings="XYB, effort 7; quality",
        version=lambda: f"libjxl (pillow-jxl-plugin {version('pillow-jxl-plugin')})",
        ladder=(1, 15, 40, 65, 84, 94),
    ),
    hevc("420"),
    hevc("444"),
    pillow_peer(
        "AVIF",
        lambda q: {
            "quality": int(q),
            "speed": 6,
            "max_threads": 1,
            "codec": "aom",
            "subsampling": "4:2:0",
            "advanced": {"tune": "ssim"},
        },
        name="avif",
        label="AVIF (aom)",
        settings="4:2:0, speed 6, tune=ssim; quality",
        version=aom_version,
        ladder=(1, 14, 30, 48, 68, 88),
    ),
)
