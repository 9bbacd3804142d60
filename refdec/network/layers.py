# SPDX-License-Identifier: Apache-2.0
"""The layers of a network: their parameters, and what each makes of its inputs' properties.

What a layer computes is said in `backend`; here are the declarations, and `infer`, which refuses
what cannot be exact.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, ClassVar, NamedTuple

from refdec.errors import ModelError

EXACT_LIMIT = 1 << 24
"""Integers of smaller magnitude are exact in binary32."""
RANGE_LIMIT = 1 << 23
"""Ranges stay below it in magnitude, so that the sum of two activations is exact."""
NUM_QUALITIES = 64
"""Number of values of the quality index."""
LATENT_STRIDE = 16
"""Picture samples per latent position, horizontally and vertically."""


class ValueRange(NamedTuple):
    """Inclusive bounds of a tensor's values."""

    lo: int
    hi: int

    @property
    def magnitude(self) -> int:
        """Largest absolute value."""
        return max(abs(self.lo), abs(self.hi))


@dataclass(frozen=True)
class TensorInfo:
    """What is known of a tensor (C, H, W) before any plane is seen."""

    channels: int
    range: ValueRange
    stride: int
    """Picture samples per position."""
    margin: int
    """Picture samples by which the plane exceeds the picture on each side."""


def check(condition: bool, requirement: str, element: str, message: str) -> None:  # noqa: FBT001
    """Raise ModelError with the requirement's identifier unless the condition holds."""
    if not condition:
        raise ModelError(message, requirement=requirement, element=element)


def _integer(lo: int, hi: int, **options: Any) -> Any:
    """Declare an integer parameter with inclusive bounds."""
    return field(metadata={"bounds": (lo, hi)}, **options)


class Declaration:
    """Base of declarations: checks every integer and range against its bounds."""

    name: str

    def __post_init__(self) -> None:
        """Refuse parameters out of bounds (NET-003, NET-005)."""
        for item in fields(self):  # type: ignore[arg-type]
            value, where = getattr(self, item.name), f"{self.name}.{item.name}"
            if "bounds" in item.metadata:
                lo, hi = item.metadata["bounds"]
                check(lo <= value <= hi, "NET-003", where, f"{value} is not in [{lo}, {hi}]")
            elif isinstance(value, ValueRange):
                valid = value.lo <= value.hi and value.magnitude < RANGE_LIMIT
                check(valid, "NET-005", where, f"{tuple(value)} is empty or reaches 2**23")


@dataclass(frozen=True, kw_only=True)
class NetworkInput(Declaration):
    """A tensor that the caller supplies."""

    name: str
    channels: int = _integer(1, 65535)
    range: ValueRange
    stride: int = _integer(1, 1024, default=LATENT_STRIDE)
    """Picture samples per position: 16 for latents, 64 for the hyper-latent."""


@dataclass(frozen=True, kw_only=True)
class Layer(Declaration):
    """One operation on named tensors; `op` is its name and that of the backends' method."""

    op: ClassVar[str]
    arity: ClassVar[tuple[int, int]] = (1, 1)
    """Least and largest number of inputs."""
    name: str
    inputs: tuple[str, ...]
    output: str


@dataclass(frozen=True, kw_only=True)
class Conv(Layer):
    """Convolution with stride 1 and zero padding, then requantisation."""

    op = "conv"
    kernel: int = _integer(1, 3)
    in_channels: int = _integer(1, 65535)
    out_channels: int = _integer(1, 65535)
    groups: int = _integer(1, 65535, default=1)
    splits: int = _integer(1, 256, default=1)
    """Equal parts of each group's input channels that meet the exactness bound one by one."""
    range: ValueRange

    @property
    def weight_shape(self) -> tuple[int, int, int, int]:
        """(O, I / groups, kernel, kernel); the product is the multiplications per position."""
        return (self.out_channels, self.in_channels // self.groups, self.kernel, self.kernel)


@dataclass(frozen=True, kw_only=True)
class PixelShuffle(Layer):
    """Channels to positions, in PyTorch's order."""

    op = "pixel_shuffle"
    factor: int = _integer(1, 16)


@dataclass(frozen=True, kw_only=True)
class PixelUnshuffle(Layer):
    """Positions to channels, the inverse of pixel_shuffle."""

    op = "pixel_unshuffle"
    factor: int = _integer(1, 16)


@dataclass(frozen=True, kw_only=True)
class Add(Layer):
    """Sum of two tensors, clipped."""

    op = "add"
    arity = (2, 2)
    range: ValueRange


@dataclass(frozen=True, kw_only=True)
class Lookup(Layer):
    """Entry of a table, for each value."""

    op = "lookup"
    table: str
    """Name of an int16 (N) tensor of the model set."""
    range: ValueRange


@dataclass(frozen=True, kw_only=True)
class Abs(Layer):
    """Absolute value."""

    op = "abs"


@dataclass(frozen=True, kw_only=True)
class Concat(Layer):
    """Join along the channel axis."""

    op = "concat"
    arity = (1, 256)


@dataclass(frozen=True, kw_only=True)
class Slice(Layer):
    """Some of the channels."""

    op = "slice"
    begin: int = _integer(0, 65535)
    end: int = _integer(1, 65536)


@dataclass(frozen=True, kw_only=True)
class QualityBias(Layer):
    """Add a table's entry for the quality index and channel, clipped."""

    op = "quality_bias"
    table: str
    """Name of an int16 (64, C) tensor of the model set."""
    range: ValueRange


@dataclass(frozen=True, kw_only=True)
class ShiftPad(Layer):
    """Add n mirrored positions on every side."""

    op = "shift_pad"
    n: int = _integer(1, 64)


@dataclass(frozen=True, kw_only=True)
class Crop(Layer):
    """Remove n positions on every side."""

    op = "crop"
    n: int = _integer(1, 64)


@dataclass(frozen=True, kw_only=True)
class ShiftLeft(Layer):
    """Multiply by 2**n, clipped."""

    op = "shift_left"
    n: int = _integer(0, 23)
    range: ValueRange


LAYERS: dict[str, type[Layer]] = {kind.op: kind for kind in Layer.__subclasses__()}
"""Every operation by its name in a description."""


def infer(  # noqa: C901 - one case per operation
    layer: Layer, sources: Sequence[TensorInfo], where: str
) -> TensorInfo:
    """Derive a layer's output from its inputs.

    Parameters
    ----------
    layer, sources : the layer and the properties of its inputs, as many as its arity allows.
    where : the layer's name for messages.

    Raises
    ------
    ModelError
        Channels (NET-006) or grids (NET-007) do not fit, or a product is not exact (NET-008).
    """
    source = sources[0]
    channels, values, stride, margin = source.channels, source.range, source.stride, source.margin
    grids = {(each.stride, each.margin) for each in sources}
    check(len(grids) == 1, "NET-007", where, f"inputs lie on different grids {sorted(grids)}")
    fits = True
    match layer:
        case Conv(in_channels=declared, groups=groups, splits=splits):
            check(layer.kernel in (1, 3), "NET-003", where, "kernel is neither 1 nor 3")
            fits = channels == declared and declared % (groups * splits) == 0
            fits = fits and layer.out_channels % groups == 0
            channels = layer.out_channels
        case PixelShuffle(factor=factor):
            fits = channels % factor**2 == 0
            check(stride % factor == 0, "NET-007", where, f"stride {stride} is not divisible")
            channels, stride = channels // factor**2, stride // factor
        case PixelUnshuffle(factor=factor):
            channels, stride = channels * factor**2, stride * factor
            check(2 * margin % stride == 0, "NET-007", where, f"margin {margin} does not fit")
        case Add():
            fits = channels == sources[1].channels
        case Abs():
            values = ValueRange(max(values.lo, -values.hi, 0), values.magnitude)
        case Concat():
            channels = sum(each.channels for each in sources)
            bounds = [bound for each in sources for bound in each.range]
            values = ValueRange(min(bounds), max(bounds))
        case Slice(begin=begin, end=end):
            fits = begin < end <= channels
            channels = end - begin
        case ShiftPad(n=n):
            margin += n * stride
        case Crop(n=n):
            margin -= n * stride
            check(margin >= 0, "NET-007", where, "crop reaches inside the picture")
        case ShiftLeft(n=n):
            exact = values.magnitude << n < EXACT_LIMIT
            check(exact, "NET-008", where, f"{values.magnitude} * 2**{n} reaches 2**24")
    check(fits, "NET-006", where, f"{layer} does not fit {[each.channels for each in sources]}")
    return replace(
        source,
        channels=channels,
        range=getattr(layer, "range", values),
        stride=stride,
        margin=margin,
    )
