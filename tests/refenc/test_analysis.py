# SPDX-License-Identifier: Apache-2.0
"""The encoder's float transforms: layouts, padding, colour."""

import numpy as np
import pytest

from refenc.analysis import centred_ycc, load_analysis, shuffle, unshuffle
from refenc.colour import as_picture
from refenc.encode import MODEL_SET
from tests.pictures import noise, photograph


def test_unshuffle_gathers_blocks_and_shuffle_undoes_it() -> None:
    x = np.arange(2 * 4 * 6, dtype=np.float32).reshape(2, 4, 6)
    blocks = unshuffle(x, 2)
    assert blocks.shape == (8, 2, 3)
    # Channel 5 is channel 1, row 0 of the block, column 1.
    np.testing.assert_array_equal(blocks[5], x[1, 0::2, 1::2])
    np.testing.assert_array_equal(shuffle(blocks, 2), x)


@pytest.mark.parametrize(
    ("rgb", "ycc"),
    [
        ((0, 0, 0), (-128, 0, 0)),
        ((255, 255, 255), (127, 0, 0)),
        ((255, 0, 0), (-51.755, -43.028, 127.5)),
        ((0, 0, 255), (-98.93, 127.5, -20.735)),
    ],
)
def test_colour_is_that_of_bt601(rgb: tuple[int, ...], ycc: tuple[float, ...]) -> None:
    samples = np.array(rgb, np.uint8).reshape(3, 1, 1)
    planes = centred_ycc(as_picture(samples))
    assert planes.shape == (3, 16, 16)
    np.testing.assert_allclose(planes[:, 15, 15], ycc, atol=3e-3)


def test_pictures_are_padded_with_their_last_row_and_column() -> None:
    samples = noise(3, 17, 15)
    planes, whole = centred_ycc(as_picture(samples)), centred_ycc(as_picture(samples[:, :16, :]))
    assert planes.shape == (3, 32, 16)
    np.testing.assert_array_equal(planes[:, :16], whole)
    np.testing.assert_array_equal(planes[:, 17:], np.repeat(planes[:, 16:17], 15, axis=1))
    np.testing.assert_array_equal(planes[:, :, 15], planes[:, :, 14])


def test_grey_has_no_chroma() -> None:
    grey = photograph(1, 16, 32)
    planes = centred_ycc(as_picture(grey))
    np.testing.assert_allclose(planes[0], grey[0] - 128.0, atol=1e-3)
    np.testing.assert_allclose(planes[1:], 0, atol=1e-3)


@pytest.mark.parametrize("size", [(16, 16), (16, 80), (64, 64), (96, 48)])
def test_latents_have_the_sizes_of_the_codestream(size: tuple[int, int]) -> None:
    analysis = load_analysis(MODEL_SET)
    y = analysis.latent(centred_ycc(as_picture(photograph(3, *size))))
    z = analysis.hyper_latent(y)
    h16, w16 = size[0] // 16, size[1] // 16
    assert y.shape[1:] == (h16, w16)
    assert z.shape[1:] == (-(-h16 // 4), -(-w16 // 4))
    assert z.dtype == np.int32
    assert np.abs(z).max() <= 127


def test_the_hyper_latent_is_clipped_to_its_range() -> None:
    analysis = load_analysis(MODEL_SET)
    y = analysis.latent(centred_ycc(as_picture(noise(3, 64, 64))))
    for scale in (1e3, 1e6):
        assert np.abs(analysis.hyper_latent(y * np.float32(scale))).max() <= 127
