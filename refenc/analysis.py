# SPDX-License-Identifier: Apache-2.0
"""Analysis transform and hyper-encoder: picture to latent. Informative, float, NumPy."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from refdec.arrays import I32Map
from refdec.picture import Picture
from refdec.resources import spec_path
from refenc.colour import network_planes

F32 = NDArray[np.float32]
BLOCK = 16


@dataclass(frozen=True)
class Analysis:
    """Float weights of the encoder side of a model set."""

    tensors: dict[str, F32]

    def latent(self, planes: F32) -> F32:
        """Transform (3, H, W) planes, sides multiples of 16, into a latent (C, H/16, W/16)."""
        bias: F32 = self.tensors["analysis.bias"][:, None, None]
        return self.linear(planes) + bias

    def linear(self, planes: F32) -> F32:
        """Transform as `latent` does a difference of planes."""
        padded = np.pad(planes, ((0, 0), (8, 8), (8, 8)), mode="symmetric")
        blocks = unshuffle(padded, BLOCK).reshape(3, 256, -1)
        kernels = self.tensors["pre.weight"].reshape(3, 256, 256)
        side = (padded.shape[1] // BLOCK, padded.shape[2] // BLOCK)
        lapped = shuffle(np.matmul(kernels, blocks).reshape(768, *side), BLOCK)[:, 8:-8, 8:-8]
        blocks = unshuffle(lapped, BLOCK)
        weight = self.tensors["analysis.weight"].reshape(-1, 768)
        y: F32 = weight @ blocks.reshape(768, -1)
        return y.reshape(-1, *blocks.shape[1:])

    def hyper_latent(self, y: F32) -> I32Map:
        """Return the rounded hyper-latent (Z, ceil(h/4), ceil(w/4)) of a latent (C, h, w)."""
        pad = ((0, 0), (0, -y.shape[1] % 4), (0, -y.shape[2] % 4))
        y = np.pad(y, pad, mode="edge")
        t, side = self.tensors, (y.shape[1] // 4, y.shape[2] // 4)
        low = y[: t["hyper_linear.weight"].shape[1]]
        weight = t["hyper_linear.weight"].reshape(t["hyper_linear.weight"].shape[0], -1)
        linear = (
            weight @ unshuffle(low, 4).reshape(weight.shape[1], -1)
            + t["hyper_linear.bias"][:, None]
        )
        x = np.log2(np.abs(y) / 8 + 1).reshape(y.shape[0], -1)
        x = np.maximum(self.dense("hyper_activity.0", x), 0)
        x = x.reshape(-1, side[0], 4, side[1], 4).mean((2, 4)).reshape(x.shape[0], -1)
        x = np.maximum(self.dense("hyper_activity.3", x), 0)
        z = linear + self.dense("hyper_activity.5", x)
        rounded: I32Map = np.clip(np.rint(z), -127, 127).astype(np.int32)
        return rounded.reshape(-1, *side)

    def dense(self, name: str, x: F32) -> F32:
        """1x1 convolution of (C, N)."""
        weight = self.tensors[name + ".weight"]
        out: F32 = weight.reshape(weight.shape[0], -1) @ x + self.tensors[name + ".bias"][:, None]
        return out


@cache
def load_analysis(model_set: int) -> Analysis:
    """Read the encoder weights that belong to a model set."""
    tensors = load_file(spec_path("models", f"set{model_set}_encoder.safetensors"))
    return Analysis({name: value.astype(np.float32) for name, value in tensors.items()})


def unshuffle(x: F32, r: int) -> F32:
    """Gather r x r blocks into channels, (C, H, W) to (C r r, H / r, W / r)."""
    c, h, w = x.shape
    blocks = x.reshape(c, h // r, r, w // r, r).transpose(0, 2, 4, 1, 3)
    return blocks.reshape(c * r * r, h // r, w // r)


def shuffle(x: F32, r: int) -> F32:
    """Inverse of `unshuffle`."""
    c, h, w = x.shape
    blocks = x.reshape(c // (r * r), r, r, h, w).transpose(0, 3, 1, 4, 2)
    return blocks.reshape(c // (r * r), h * r, w * r)


def centred_ycc(picture: Picture) -> F32:
    """Return Y - 128, Cb, Cr in units of an 8-bit sample, padded to multiples of 16."""
    pad = ((0, 0), (0, -picture.height % BLOCK), (0, -picture.width % BLOCK))
    return np.pad(network_planes(picture), pad, mode="edge")
