"""Patches as the integer encoder codes them with the packed model set, to train on what a decoder really gets."""

from collections.abc import Iterator

import numpy as np

from refdec.codec import get_codec
from refdec.entropy.context import decode_tile_latent
from refdec.entropy.hyper_latent import decode_hyper_features
from refdec.entropy.tables import load_residual_tables
from refenc.analysis import centred_ycc
from refenc.colour import as_picture
from refenc.encode import MODEL_SET, RATE_WEIGHT, analyse
from refenc.quantise import Quantiser
from refenc.tile import Recorder, Source

CROP = 256


def coded_patches(patches: np.ndarray, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray, int]]:
    """Yield the source planes (3, 256, 256) in sample units, float16, y_hat (512, 16, 16), and a random quality."""
    codec = get_codec(MODEL_SET, "numpy")
    rng = np.random.default_rng(seed)
    quantiser = Quantiser.of(load_residual_tables(), RATE_WEIGHT)
    for patch in patches:
        samples = np.ascontiguousarray(patch[:CROP, :CROP].transpose(2, 0, 1))
        analysed, quality = analyse(samples), int(rng.integers(0, 64))
        plane = np.full(analysed.y.shape[1:], quality, np.int32)
        state, mu = decode_hyper_features(network=codec.hyper, z_hat=analysed.z_hat, quality=plane)
        source = Source(analysed.y, state, mu, plane, analysed.masking)
        y_hat = decode_tile_latent(
            model=codec.context,
            state=state,
            mu=mu,
            quality=plane,
            source=Recorder(codec.context, quantiser, source),
            num_groups=len(codec.context.groups),
            monochrome=False,
        )
        yield centred_ycc(as_picture(samples)).astype(np.float16), y_hat, quality
