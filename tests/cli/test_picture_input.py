# SPDX-License-Identifier: Apache-2.0
"""Pictures that the encoder reads, converts, or refuses with a reason."""

from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms

from refdec.errors import LimitExceeded, UnsupportedFeature
from refdec.syntax.segment import MetadataType
from refenc.picture_io import read_picture

RGB = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3) * 3
GREY = RGB[..., 0].copy()


def save(path: Path, array: NDArray[Any], **options: Any) -> Path:
    """Write a picture with Pillow."""
    Image.fromarray(array).save(path, **options)
    return path


@pytest.mark.parametrize("name", ["a.png", "a.ppm", "a.tif", "a.webp"])
def test_lossless_rgb_is_read_exactly(tmp_path: Path, name: str) -> None:
    options = {"lossless": True} if name.endswith("webp") else {}
    picture = read_picture(save(tmp_path / name, RGB, **options))
    np.testing.assert_array_equal(picture.picture.samples, RGB.transpose(2, 0, 1))
    assert picture.picture.samples.dtype == np.uint8
    assert picture.picture.samples.flags.c_contiguous
    assert picture.notes == ()


@pytest.mark.parametrize("name", ["a.png", "a.pgm", "a.tif"])
def test_grey_has_one_component(tmp_path: Path, name: str) -> None:
    picture = read_picture(save(tmp_path / name, GREY))
    np.testing.assert_array_equal(picture.picture.samples, GREY[np.newaxis])


def test_jpeg_is_recognised_by_content(tmp_path: Path) -> None:
    path = save(tmp_path / "a.jpg", RGB)
    path.rename(tmp_path / "a.dat")
    assert read_picture(tmp_path / "a.dat").picture.samples.shape == (3, 4, 6)


def test_palette_bilevel_and_opaque_alpha_are_converted(tmp_path: Path) -> None:
    Image.fromarray(RGB).quantize(256).convert("P").save(tmp_path / "p.png")
    np.testing.assert_array_equal(
        read_picture(tmp_path / "p.png").picture.samples,
        np.asarray(Image.open(tmp_path / "p.png").convert("RGB")).transpose(2, 0, 1),
    )
    bilevel = save(tmp_path / "1.png", GREY > 100)
    np.testing.assert_array_equal(
        read_picture(bilevel).picture.samples[0], np.where(GREY > 100, 255, 0)
    )
    opaque = np.dstack([RGB, np.full_like(GREY, 255)])
    picture = read_picture(save(tmp_path / "a.png", opaque))
    np.testing.assert_array_equal(picture.picture.samples, RGB.transpose(2, 0, 1))


def test_alpha_is_left_out_of_the_samples(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", np.dstack([RGB, GREY]))
    np.testing.assert_array_equal(read_picture(path).picture.samples, RGB.transpose(2, 0, 1))


def test_cmyk_and_animation_are_refused(tmp_path: Path) -> None:
    Image.fromarray(RGB).convert("CMYK").save(tmp_path / "c.jpg")
    with pytest.raises(UnsupportedFeature, match="CMYK"):
        read_picture(tmp_path / "c.jpg")
    frames = [Image.fromarray(RGB), Image.fromarray(255 - RGB)]
    frames[0].save(tmp_path / "a.webp", save_all=True, append_images=frames[1:])
    with pytest.raises(UnsupportedFeature, match="animations"):
        read_picture(tmp_path / "a.webp")


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_exif_orientation_is_applied(tmp_path: Path, name: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    path = save(tmp_path / name, RGB, exif=exif)
    np.testing.assert_array_equal(
        read_picture(path).picture.samples, np.rot90(RGB, -1).transpose(2, 0, 1)
    )


def test_foreign_colour_profile_is_kept(tmp_path: Path) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ")).tobytes()
    (blob,) = read_picture(save(tmp_path / "a.png", RGB, icc_profile=profile)).metadata
    assert (blob.metadata_type, blob.payload) == (MetadataType.ICC, profile)
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert read_picture(save(tmp_path / "b.png", RGB, icc_profile=srgb)).metadata == ()
    (blob,) = read_picture(save(tmp_path / "c.png", RGB, icc_profile=b"no profile")).metadata
    assert blob.payload == b"no profile"


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp", "a.ppm", "a.tif"])
def test_every_truncation_is_an_os_error_or_a_picture(tmp_path: Path, name: str) -> None:
    data = save(tmp_path / name, RGB).read_bytes()
    cut = tmp_path / "cut"
    for length in range(len(data)):
        cut.write_bytes(data[:length])
        try:
            read_picture(cut)
        except OSError as error:
            assert "cut" in str(error)


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp", "a.ppm", "a.tif"])
def test_damage_is_never_another_exception(tmp_path: Path, name: str) -> None:
    data = save(tmp_path / name, RGB).read_bytes()
    generator = np.random.default_rng(1)
    damaged = tmp_path / "damaged"
    for _ in range(200):
        altered = bytearray(data)
        altered[generator.integers(len(data))] ^= 1 << int(generator.integers(8))
        damaged.write_bytes(bytes(altered))
        with suppress(OSError, UnsupportedFeature, LimitExceeded):
            read_picture(damaged)


def test_missing_file_directory_and_other_content(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_picture(tmp_path / "missing.png")
    with pytest.raises(OSError, match="directory"):
        read_picture(tmp_path)
    (tmp_path / "a.png").write_text("hello")
    with pytest.raises(OSError, match="not a readable picture"):
        read_picture(tmp_path / "a.png")
