# SPDX-License-Identifier: Apache-2.0
"""Two machine tasks on latents, without a picture: where the edges are, and what colour is where.

usage: python -m docs.examples.latents STREAM

With model set 3, the channels 0, 1, 2 of a latent are the means of Y, Cb, Cr of its 16 by 16
samples, in 1/32; the other channels of a component are details of its texture. The last two lines
decode the picture only to say how well that works.
"""

import sys
from pathlib import Path

import numpy as np

import refdec
from refdec.network import load_model_set

SHADES = " .:-=+*#@"
COLOURS = {
    "black": (0, 0, 0),
    "grey": (128, 128, 128),
    "white": (255, 255, 255),
    "red": (200, 40, 40),
    "yellow": (220, 200, 60),
    "green": (60, 150, 60),
    "blue": (60, 80, 180),
    "brown": (130, 85, 50),
}


def edge_strength(latents: refdec.Latents) -> np.ndarray:
    """Add up the magnitudes of the luma details of each position; (h16, w16)."""
    component = load_model_set(latents.model_set_idc).tables["component"]
    is_detail = (component == 0) & (np.arange(len(component)) > 0)
    return np.abs(latents.y_hat[is_detail]).sum(axis=0)


def block_colours(latents: refdec.Latents) -> np.ndarray:
    """Return mean red, green, blue of each position, 0 to 255; (3, h16, w16)."""
    y, cb, cr = latents.y_hat[:3] / 32
    return np.clip([y + 1.402 * cr, y - 0.344 * cb - 0.714 * cr, y + 1.772 * cb], -128, 127) + 128


def nearest_names(rgb: np.ndarray) -> np.ndarray:
    """Return the number, in COLOURS, of the colour nearest to each position."""
    palette = np.array(list(COLOURS.values()))[:, :, None, None]
    return ((palette - rgb) ** 2).sum(axis=1).argmin(axis=0)


def block_means(plane: np.ndarray) -> np.ndarray:
    """Average (H, W) over whole blocks of 16 by 16."""
    height, width = plane.shape[0] // 16, plane.shape[1] // 16
    whole = plane[: 16 * height, : 16 * width]
    return whole.reshape(height, 16, width, 16).mean(axis=(1, 3))


def main(stream: Path) -> None:
    """Print an edge map and the share of each colour, then compare with the decoded picture."""
    latents = refdec.decode_latents(stream)
    edges, names = edge_strength(latents), nearest_names(block_colours(latents))
    levels = np.searchsorted(np.quantile(edges, np.arange(1, 9) / 9), edges)
    for row in levels:
        print("".join(SHADES[level] for level in row))
    for number, name in enumerate(COLOURS):
        print(f"{name:<7}{100 * (names == number).mean():5.1f} %")

    samples = refdec.decode(stream).samples.astype(float)
    luma = samples.mean(axis=0)
    gradient = np.abs(np.diff(luma, axis=0))[:, :-1] + np.abs(np.diff(luma, axis=1))[:-1]
    wanted = block_means(np.pad(gradient, ((0, 1), (0, 1))))
    decoded = nearest_names(np.array([block_means(plane) for plane in samples]))
    height, width = wanted.shape
    correlation = np.corrcoef(edges[:height, :width].ravel(), wanted.ravel())[0, 1]
    agreement = (names[:height, :width] == decoded).mean()
    print(f"edges: correlation with the gradients of the picture {correlation:.3f}")
    print(f"colours: the same name as in the picture in {100 * agreement:.1f} % of the blocks")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
