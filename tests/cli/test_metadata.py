# SPDX-License-Identifier: Apache-2.0
"""Metadata from a picture file into the stream, out of it, and into a picture file again."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms, PngImagePlugin

from refdec.cli.main import main as refdec
from refdec.cli.png_chunks import SIGNATURE, chunk_bytes, chunks_of
from refdec.syntax.parser import MAX_METADATA, parse_codestream
from refdec.syntax.segment import MetadataType
from refenc.cli import main as refenc

ICC = ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ")).tobytes()
XMP = "<x:xmpmeta xmlns:x='adobe:ns:meta/'/>"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A picture with ICC profile, Exif (turned by 180 degrees) and XMP."""
    path = tmp_path / "source.png"
    pixels = np.arange(16 * 24 * 3, dtype=np.uint8).reshape(16, 24, 3)
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 3, "maker"
    text = PngImagePlugin.PngInfo()
    text.add_itxt("XML:com.adobe.xmp", XMP)
    Image.fromarray(pixels).save(path, icc_profile=ICC, exif=exif, pnginfo=text)
    return path


def encoded(source: Path, *options: str) -> Path:
    stream = source.with_suffix(".jai")
    assert refenc(["encode", str(source), "-o", str(stream), "--quality", "9", *options]) == 0
    return stream


def blobs(stream: Path) -> dict[int, bytes]:
    metadata = parse_codestream(stream.read_bytes()).metadata
    return {blob.metadata_type: blob.payload for blob in metadata}


def test_all_of_it_comes_through(source: Path, tmp_path: Path) -> None:
    stream, output = encoded(source), tmp_path / "out.png"
    assert refdec(["decode", str(stream), "-o", str(output)]) == 0
    with Image.open(output) as image:
        assert image.info["icc_profile"] == ICC
        assert image.info["XML:com.adobe.xmp"] == XMP
        exif = image.getexif()
        assert exif[0x010F] == "maker"
        assert 0x0112 not in exif, "the picture stands upright in the stream"


def test_stripping_leaves_the_colour_profile(source: Path) -> None:
    assert blobs(encoded(source, "--strip-metadata")) == {MetadataType.ICC: ICC}


def test_added_metadata_takes_the_place_of_the_files_own(source: Path, tmp_path: Path) -> None:
    for name in ("new.xmp", "box.jumbf"):
        (tmp_path / name).write_text(name)
    options = (f"--metadata=xmp={tmp_path}/new.xmp", f"--metadata=jumbf={tmp_path}/box.jumbf")
    found = blobs(encoded(source, *options))
    assert found[MetadataType.XMP] == b"new.xmp"
    assert found[MetadataType.JUMBF] == b"box.jumbf"
    assert found[MetadataType.ICC] == ICC


@pytest.mark.parametrize("text", ["xmp", "xmp=", "exiff=a", "=a"])
def test_what_is_not_type_and_file_is_a_usage_error(source: Path, text: str) -> None:
    stream = source.with_suffix(".jai")
    assert refenc(["encode", str(source), "-o", str(stream), f"--metadata={text}"]) == 2
    assert not stream.exists()


def test_too_much_metadata_is_refused(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    large = tmp_path / "large"
    large.write_bytes(bytes(MAX_METADATA + 1))
    assert refenc(["encode", str(source), f"--metadata=user={large}"]) == 2
    assert str(MAX_METADATA) in capsys.readouterr().err


def test_list_and_extract(source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stream, parts = encoded(source), tmp_path / "parts"
    capsys.readouterr()
    assert refdec(["metadata", "list", str(stream)]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == [
        "icc",
        "exif",
        "xmp",
    ]
    assert refdec(["metadata", "extract", str(stream), "-o", str(parts)]) == 0
    assert (parts / "source.icc").read_bytes() == ICC
    assert (parts / "source.xmp").read_text() == XMP
    assert (parts / "source.exif").read_bytes()[:2] in {b"II", b"MM"}
    only = tmp_path / "only"
    assert refdec(["metadata", "extract", str(stream), "--type", "icc", "-o", str(only)]) == 0
    assert [path.name for path in only.iterdir()] == ["source.icc"]
    assert refdec(["metadata", "extract", str(stream), "--type", "user", "-o", str(only)]) == 2


def test_colour_description_of_a_png_is_kept(source: Path, tmp_path: Path) -> None:
    cicp = bytes([12, 13, 0, 1])
    first, *rest = chunks_of(source.read_bytes())
    chunks = (chunk_bytes(*chunk) for chunk in (first, (b"cICP", cicp), *rest))
    source.write_bytes(SIGNATURE + b"".join(chunks))
    stream, output = encoded(source), tmp_path / "out.png"
    header = parse_codestream(stream.read_bytes()).picture_header
    assert (header.colour_primaries, header.transfer_characteristics) == (12, 13)
    assert refdec(["decode", str(stream), "-o", str(output)]) == 0
    assert dict(chunks_of(output.read_bytes()))[b"cICP"] == cicp
