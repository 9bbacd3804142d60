# SPDX-License-Identifier: Apache-2.0
"""Run a compiled network: layer by layer, in order, over named tensors."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from refdec.arrays import I32Map, I64Map
from refdec.clause import clause
from refdec.network.backend import Backend, CompiledNetwork, Tensor
from refdec.network.layers import (
    LATENT_STRIDE,
    NUM_QUALITIES,
    Conv,
    QualityBias,
    TensorInfo,
    ValueRange,
)


@clause("11.2")
def run_network(
    runner: CompiledNetwork,
    inputs: Mapping[str, Any],
    quality: I32Map | None = None,
    *,
    places: I64Map | None = None,
    trace: Callable[[str, Tensor], None] | None = None,
) -> dict[str, Tensor]:
    """Compute a network's outputs, everywhere or at some positions.

    Parameters
    ----------
    runner : the network, compiled for a backend.
    inputs : by name; int32 (C, H, W) arrays, or the backend's tensors as another run gave them.
    quality : (h16, w16) quality indices, 0 to 63; may be left out where no layer uses it.
    places : (n) flat indices of positions, for a network whose tensors all have one grid: the
        outputs, and all that does not reach a wide kernel, are computed there alone, (C, 1, n).
    trace : called with the name and tensor of every layer's output.

    Returns
    -------
    The outputs by name, as the backend's tensors; `Backend.to_numpy` converts.

    Raises
    ------
    ValueError
        Inputs that do not match the description: names, channels, ranges, or sizes that are not
        those of one picture whose height and width are multiples of the network's granule.
    """
    backend, description = runner.backend, runner.network.description
    names = runner.inputs
    _check(inputs.keys() == {*names}, f"{description.name} takes {names}, not {list(inputs)}")
    picture = _picture_size(inputs, description.tensors)
    _check(
        all(side > 0 and side % description.granule == 0 for side in picture),
        f"{description.name}: {picture} is no positive multiple of {description.granule}",
    )
    if quality is not None:
        quality = _check_quality(quality)
    planes = description.tensors.keys() if places is None else runner.planes
    qualities = {
        layer.name: _quality_at(
            quality,
            description.tensors[layer.output],
            picture,
            None if layer.output in planes else places,
        )
        for layer in description.layers
        if isinstance(layer, QualityBias)
    }
    with backend.session():
        tensors = {
            name: _tensor(backend, name, value, description.tensors[name].range)
            for name, value in inputs.items()
        }
        if runner.graph is not None and trace is None:
            return runner.graph(tensors, qualities, places)
        places = np.zeros(0, np.int64) if places is None else places
        for name in tensors.keys() - planes:
            tensors[name] = backend.pick(tensors[name], places)
        for step in runner.steps:
            layer = step.layer
            is_whole, is_wide = layer.output in planes, isinstance(layer, Conv) and layer.kernel > 1
            values: list[Any] = [
                backend.pick(tensors[name], places)
                if name in planes and not is_whole and not is_wide
                else tensors[name]
                for name in layer.inputs
            ]
            if isinstance(layer, QualityBias):
                values.append(qualities[layer.name])
            result = step.apply(*values)
            if is_wide and not is_whole:
                result = backend.pick(result, places)
            tensors[layer.output] = result
            if trace is not None:
                trace(layer.output, result)
            for name in step.release:
                del tensors[name]
    return {name: tensors[name] for name in description.outputs}


def _check(condition: bool, message: str) -> None:  # noqa: FBT001
    if not condition:
        raise ValueError(message)


def _tensor(backend: Backend, name: str, value: Any, limits: ValueRange) -> Tensor:
    """Check an array and convert it; a backend's tensor stays as it is."""
    if not isinstance(value, np.ndarray) or value.dtype != np.int32:
        return value
    (lo, hi), lowest, highest = limits, int(value.min()), int(value.max())
    fits = lo <= lowest and highest <= hi
    _check(fits, f"{name} shall lie in [{lo}, {hi}], not [{lowest}, {highest}]")
    return backend.from_numpy(value)


def _picture_size(inputs: Mapping[str, Any], tensors: Mapping[str, TensorInfo]) -> tuple[int, int]:
    """Return the height and width in samples on which all inputs agree."""
    sizes = set()
    for name, value in inputs.items():
        info, (channels, height, width) = tensors[name], value.shape
        _check(channels == info.channels, f"{name} has {channels} channels for {info.channels}")
        sizes.add((height * info.stride, width * info.stride))
    _check(len(sizes) == 1, f"inputs belong to pictures of different sizes {sizes}")
    return sizes.pop()


def _check_quality(quality: I32Map) -> I32Map:
    """Check the plane, and reduce one of equal indices to (1, 1)."""
    lowest, highest = int(quality.min()), int(quality.max())
    _check(quality.ndim == 2, "quality shall be (h16, w16)")  # noqa: PLR2004
    _check(0 <= lowest <= highest < NUM_QUALITIES, f"quality lies in [{lowest}, {highest}]")
    return quality[:1, :1] if lowest == highest else quality


def _quality_at(
    quality: I32Map | None, info: TensorInfo, picture: tuple[int, int], places: I64Map | None
) -> I32Map:
    """Return the index for each position of a tensor, or for its places (1, n), or (1, 1).

    A position takes the index of the latent that holds its first sample; in a margin, that of the
    nearest latent.
    """
    if quality is None:
        message = "the network needs quality indices"
        raise ValueError(message)
    if quality.size == 1:
        return quality
    axes = []
    for side, latents in zip(picture, quality.shape, strict=True):
        samples = np.arange(-info.margin, side + info.margin, info.stride)
        axes.append(np.clip(samples // LATENT_STRIDE, 0, latents - 1))
    on_grid = quality[np.ix_(*axes)]
    return on_grid if places is None else on_grid.reshape(1, -1)[:, places]
