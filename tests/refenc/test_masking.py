# SPDX-License-Identifier: Apache-2.0
"""Visual masking: which positions hide errors."""

import numpy as np

from refenc.masking import CLASS_PITCH, CLASSES, masking_classes, weights_of_classes

LUMA = np.array([True, False, True, True])


def latent(activity: np.ndarray) -> np.ndarray:
    """A latent (4, h, w) whose luma has this activity, and whose mean and chroma are large."""
    y = np.full((4, *activity.shape), 1e4, np.float32)
    y[2] = np.sqrt(8 * activity)
    y[3] = -y[2]
    return y


def test_an_even_picture_is_one_class() -> None:
    for activity in (0.0, 5.0, 1e6):
        classes = masking_classes(latent(np.full((3, 5), activity)), LUMA)
        assert (classes == CLASSES // 2).all()


def test_texture_gets_less_weight_than_smooth_parts() -> None:
    activity = np.array([[0.0, 1e3, 1e7]])
    classes = masking_classes(latent(activity), LUMA)[0]
    assert classes[0] > classes[1] > classes[2]


def test_weights_are_a_geometric_series_about_the_given_one() -> None:
    weights = weights_of_classes(8.0)
    assert weights[CLASSES // 2] == 8
    np.testing.assert_allclose(weights[1:] / weights[:-1], 2**CLASS_PITCH)
