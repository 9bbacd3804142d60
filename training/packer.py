"""Write a model set: networks, integer tensors and metadata in one safetensors file.

The bytes are read back by `refdec.network` before anything is written, so a set that breaks the
exactness bound, or any other requirement on networks, never reaches `spec/`.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from refdec.network import parse_model_set
from refdec.network.model_set import METADATA_KEY
from refdec.resources import spec_path


def model_set_bytes(
    *,
    model_set_idc: int,
    version: str,
    descriptions: Iterable[Mapping[str, Any]],
    tensors: Mapping[str, NDArray[Any]],
    metadata: Mapping[str, Any],
) -> bytes:
    """Return the file of a model set; the same arguments always give the same bytes.

    Parameters
    ----------
    descriptions : JSON documents of the networks, see `refdec.network.parse_network`.
    tensors : by full name: the convolutions' weights, biases and shifts, and all tables.
    metadata : further keys of the JSON document.

    Raises
    ------
    ModelError
        A network is malformed, its tensors do not fit, or it is not exact (NET-001 to NET-013).
    """
    networks = {document["name"]: document for document in descriptions}
    document = {
        **metadata,
        "model_set_idc": model_set_idc,
        "version": version,
        "networks": networks,
    }
    text = json.dumps(document, sort_keys=True, separators=(",", ":"))
    data = save(
        {name: np.ascontiguousarray(t) for name, t in tensors.items()}, {METADATA_KEY: text}
    )
    parse_model_set(data)
    return data


def pack_model_set(
    *,
    model_set_idc: int,
    version: str,
    descriptions: Iterable[Mapping[str, Any]],
    tensors: Mapping[str, NDArray[Any]],
    metadata: Mapping[str, Any],
    spec: Path | None = None,
) -> Path:
    """Write ``models/set<idc>.safetensors`` and its entry in ``tables/model_sets.json``.

    Parameters
    ----------
    model_set_idc, version, descriptions, tensors, metadata : see `model_set_bytes`.
    spec : folder of the normative data, by default the package's.

    Returns
    -------
    Path of the file.

    Raises
    ------
    ModelError
        As `model_set_bytes`; nothing has been written then.
    """
    data = model_set_bytes(
        model_set_idc=model_set_idc,
        version=version,
        descriptions=descriptions,
        tensors=tensors,
        metadata=metadata,
    )
    spec = spec_path() if spec is None else spec
    file = f"models/set{model_set_idc}.safetensors"
    listing = spec / "tables" / "model_sets.json"
    entries = json.loads(listing.read_text())["model_sets"] if listing.exists() else []
    entries = [entry for entry in entries if entry["model_set_idc"] != model_set_idc]
    entries.append(
        {"model_set_idc": model_set_idc, "file": file, "sha256": hashlib.sha256(data).hexdigest()}
    )
    entries.sort(key=lambda entry: entry["model_set_idc"])
    _replace(spec / file, data)
    _replace(listing, (json.dumps({"model_sets": entries}, indent=1) + "\n").encode())
    return spec / file


def _replace(path: Path, data: bytes) -> None:
    """Write a file as a whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}")
    temporary.write_bytes(data)
    temporary.replace(path)
