# SPDX-License-Identifier: Apache-2.0
"""Model sets: one safetensors file of integer tensors whose metadata describes the networks.

``spec/tables/model_sets.json`` lists the files with their SHA-256, so that a decoder never runs
on altered weights: ``{"model_sets": [{"model_set_idc", "file", "sha256"}]}``, the file's path
relative to ``spec/``.
"""

import functools
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load

from refdec.clause import clause
from refdec.errors import ModelError, UnsupportedFeature
from refdec.network.description import parse_network
from refdec.network.exactness import Network
from refdec.network.layers import Conv, check
from refdec.resources import spec_path

METADATA_KEY = "jai"
"""Key of the safetensors metadata that holds the JSON document."""


@dataclass(frozen=True, kw_only=True)
class ModelSet:
    """The networks and tables that a value of model_set_idc stands for."""

    model_set_idc: int
    networks: Mapping[str, Network]
    tables: Mapping[str, NDArray[Any]]
    """Every tensor that is no convolution's weight, bias or shift."""
    metadata: Mapping[str, Any]
    """The JSON document: model_set_idc, version, networks, and what the entropy coder reads."""
    sha256: str
    """Of the file."""


@functools.cache
@clause("C.1")
def load_model_set(model_set_idc: int) -> ModelSet:
    """Read and check the model set that a picture header asks for; read once per process.

    Raises
    ------
    UnsupportedFeature
        The list of model sets has no such entry (NET-016).
    ModelError
        List or file is missing or malformed (NET-014), the file's hash is not the listed one
        (NET-015), or its content is refused (see `parse_model_set`).
    """
    listing = spec_path("tables", "model_sets.json")
    try:
        entries = {
            entry["model_set_idc"]: (entry["file"], entry["sha256"])
            for entry in json.loads(listing.read_bytes())["model_sets"]
        }
    except (OSError, ValueError, KeyError, TypeError) as error:
        message = f"list of model sets {listing} cannot be read: {error!r}"
        raise ModelError(message, requirement="NET-014", element=listing.name) from error
    if model_set_idc not in entries:
        message = f"model set {model_set_idc} is none of {sorted(entries)}"
        raise UnsupportedFeature(message, requirement="NET-016", element="model_set_idc")
    file, sha256 = entries[model_set_idc]
    model_set = read_model_set(spec_path(*file.split("/")), sha256=sha256)
    check(
        model_set.model_set_idc == model_set_idc,
        "NET-016",
        "model_set_idc",
        f"{file} holds model set {model_set.model_set_idc}",
    )
    return model_set


def read_model_set(path: Path, *, sha256: str | None = None) -> ModelSet:
    """Read a file that need not be listed; `sha256` in hexadecimal is checked if given.

    Raises
    ------
    ModelError
        As `load_model_set`.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        message = f"model set cannot be read: {error}"
        raise ModelError(message, requirement="NET-014", element=path.name) from error
    return parse_model_set(data, sha256=sha256)


@clause("C.2")
def parse_model_set(data: bytes, *, sha256: str | None = None) -> ModelSet:
    """Interpret the bytes of a model set file, of the given SHA-256 in hexadecimal.

    Raises
    ------
    ModelError
        Another hash (NET-015), no safetensors file with a JSON document (NET-014), or networks that
        are malformed or not exact (NET-001 to NET-013).
    """
    digest = hashlib.sha256(data).hexdigest()
    matches = sha256 in (None, digest)
    check(matches, "NET-015", METADATA_KEY, f"SHA-256 is {digest}, not {sha256}")
    try:
        tensors = load(data)
        size = int.from_bytes(data[:8], "little")
        document = json.loads(json.loads(data[8 : 8 + size])["__metadata__"][METADATA_KEY])
        model_set_idc, descriptions = document["model_set_idc"], dict(document["networks"])
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        message = f"model set is malformed: {error!r}"
        raise ModelError(message, requirement="NET-014", element=METADATA_KEY) from error
    networks = {
        name: Network(description=parse_network(description), tensors=tensors)
        for name, description in descriptions.items()
    }
    used: set[str] = set()
    for name, network in networks.items():
        check(network.description.name == name, "NET-004", name, "network has another name inside")
        used.update(
            f"{name}.{layer.name}.{part}"
            for layer in network.description.layers
            if isinstance(layer, Conv)
            for part in ("weight", "bias", "shift")
        )
    return ModelSet(
        model_set_idc=model_set_idc,
        networks=networks,
        tables={name: tensor for name, tensor in tensors.items() if name not in used},
        metadata=document,
        sha256=digest,
    )
