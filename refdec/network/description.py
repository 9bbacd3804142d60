# SPDX-License-Identifier: Apache-2.0
"""A network as data: named inputs, layers run in order, named outputs.

Every tensor is assigned once. Channels, range and grid of each are derived from the inputs'
declarations, so that a description that loads is one that can be executed exactly.
"""

import math
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from functools import cached_property
from typing import Any, TypeVar

from refdec.clause import clause
from refdec.errors import ModelError
from refdec.network.layers import (
    LAYERS,
    Declaration,
    Layer,
    NetworkInput,
    TensorInfo,
    ValueRange,
    check,
    infer,
)

_D = TypeVar("_D", bound=Declaration)


@dataclass(frozen=True, kw_only=True)
class NetworkDescription:
    """Inputs, layers and outputs of one network."""

    name: str
    inputs: tuple[NetworkInput, ...]
    layers: tuple[Layer, ...]
    outputs: tuple[str, ...]

    def __post_init__(self) -> None:
        """Derive every tensor's properties, or raise ModelError."""
        names = {layer.name for layer in self.layers}
        check(len(names) == len(self.layers), "NET-004", self.name, "two layers share a name")
        check(bool(self.inputs), "NET-004", self.name, "network has no inputs")
        for output in self.outputs:
            check(output in self.tensors, "NET-004", self.name, f"no layer makes {output}")

    @cached_property
    def tensors(self) -> Mapping[str, TensorInfo]:
        """Properties of every tensor by name, in the order of assignment."""
        tensors: dict[str, TensorInfo] = {}
        for item in self.inputs:
            check(item.name not in tensors, "NET-004", item.name, "input is declared twice")
            tensors[item.name] = TensorInfo(item.channels, item.range, item.stride, margin=0)
        for layer in self.layers:
            where = f"{self.name}.{layer.name}"
            least, most = layer.arity
            count = len(layer.inputs)
            check(least <= count <= most, "NET-004", where, f"{layer.op} with {count} inputs")
            for source in layer.inputs:
                check(source in tensors, "NET-004", where, f"{source} is not defined before")
            check(layer.output not in tensors, "NET-004", where, f"{layer.output} is defined twice")
            tensors[layer.output] = infer(layer, [tensors[name] for name in layer.inputs], where)
        return tensors

    @cached_property
    def granule(self) -> int:
        """Picture samples of which the padded picture's height and width are multiples."""
        return math.lcm(*(tensor.stride for tensor in self.tensors.values()))


@clause("C.3")
def parse_network(document: object) -> NetworkDescription:
    """Build a network from its JSON document.

    ``{"name", "inputs": [{"name", "channels", "range": [lo, hi], "stride": 16}], "layers":
    [{"op", "name", "inputs": [...], "output": name, ...}], "outputs": [...]}``. A layer's other
    keys are the fields of its class in `layers`; ``output`` may be left out where it is ``name``.

    Raises
    ------
    ModelError
        Unknown or missing keys (NET-001), unknown operation (NET-002), a value of the wrong type
        or out of bounds (NET-003), names (NET-004), ranges (NET-005), and see `infer`.
    """
    items = _expect(dict, document, "network")
    name = str(items.get("name"))
    known = {item.name for item in fields(NetworkDescription)}
    check(items.keys() == known, "NET-001", name, f"keys {list(items)} are not {sorted(known)}")
    layers = []
    for layer in _expect(list, items["layers"], name):
        parameters = dict(_expect(dict, layer, name))
        op = parameters.pop("op", None)
        known_op = isinstance(op, str) and op in LAYERS
        check(known_op, "NET-002", f"{name}.{parameters.get('name')}", f"unknown operation {op!r}")
        parameters.setdefault("output", parameters.get("name"))
        layers.append(_parse(LAYERS[op], parameters, name))
    return NetworkDescription(
        name=_expect(str, items["name"], name),
        inputs=tuple(
            _parse(NetworkInput, item, name) for item in _expect(list, items["inputs"], name)
        ),
        layers=tuple(layers),
        outputs=_names(items["outputs"], name),
    )


def _parse(kind: type[_D], document: object, where: str) -> _D:
    """Build a declaration whose fields are exactly the document's keys, defaults apart."""
    items = _expect(dict, document, where)
    where = f"{where}.{items.get('name')}"
    known = {item.name: item for item in fields(kind)}  # type: ignore[arg-type]
    required = {name for name, item in known.items() if item.default is MISSING}
    unknown, missing = sorted(items.keys() - known), sorted(required - items.keys())
    check(not unknown and not missing, "NET-001", where, f"unknown {unknown}, missing {missing}")
    values: dict[str, Any] = {}
    for key, value in items.items():
        place = f"{where}.{key}"
        if known[key].type is ValueRange:
            bounds = [_expect(int, bound, place) for bound in _expect(list, value, place)]
            check(len(bounds) == 2, "NET-003", place, "range is not [lo, hi]")  # noqa: PLR2004
            values[key] = ValueRange(*bounds)
        elif known[key].type in (int, str):
            values[key] = _expect(known[key].type, value, place)
        else:
            values[key] = _names(value, place)
    return kind(**values)


def _names(document: object, where: str) -> tuple[str, ...]:
    return tuple(_expect(str, item, where) for item in _expect(list, document, where))


def _expect(kind: Any, value: object, where: str) -> Any:
    """Return the value if it is of exactly this JSON type (a Boolean is no integer)."""
    if type(value) is not kind:  # the text of a large document is made only for the error
        message = f"{value!r:.60} is not of type {kind.__name__}"
        raise ModelError(message, requirement="NET-003", element=where)
    return value
