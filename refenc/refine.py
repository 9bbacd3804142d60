# SPDX-License-Identifier: Apache-2.0
"""Analysis by synthesis: move the encoder's latent by what the decoded picture lacks.

The analysis transform knows neither the filter of `base` nor that samples end at 0 and 255; what
it makes of the decoder's own error corrects for both.
"""

import numpy as np
from numpy.typing import NDArray

from refdec.arrays import I32Map
from refdec.codec import Codec
from refdec.entropy.block_transform import LATENT_MAX
from refdec.picture import Picture
from refdec.reconstruction import reconstruct_picture
from refdec.syntax.picture_header import PictureHeader
from refdec.syntax.segment import SynthesisTransform
from refenc.analysis import centred_ycc, load_analysis

F32 = NDArray[np.float32]


def ideal_latent(
    codec: Codec,
    header: PictureHeader,
    picture: Picture,
    y_hat: I32Map,
    quality: I32Map,
) -> F32:
    """Return the latent (C, h16, w16) that lacks nothing, seen from `y_hat` (1/2 units).

    Were synthesis the inverse of analysis, this would be the latent of `picture`, whatever `y_hat`.
    """
    decoded = reconstruct_picture(
        codec=codec,
        header=header,
        y_hat=y_hat,
        quality=quality,
        transform=SynthesisTransform.BASE,
    )
    analysis = load_analysis(header.model_set_idc)
    lacking = analysis.linear(centred_ycc(picture) - centred_ycc(decoded))
    return lacking + y_hat.astype(np.float32) * np.float32(0.5)


def without_quantisation(y: F32) -> I32Map:
    """Return a latent as if it had been coded without loss, 1/2 units."""
    rounded: I32Map = np.clip(np.rint(2 * y), -LATENT_MAX, LATENT_MAX).astype(np.int32)
    return rounded
