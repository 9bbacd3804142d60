# SPDX-License-Identifier: Apache-2.0
"""Blocks of the guides that come from running what they show."""

import contextlib
import io
import json
import struct
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from conformance.case import load_suite
from docs.examples import latents
from refdec.cli.main import main
from refdec.resources import spec_path
from refenc.encode import MODEL_SET


def first_picture_block() -> str:
    """Decode the photograph of the demonstration as ``make demo`` does; show all but the time."""
    stream = load_suite(["photo/still-photo-1"])[0].stream_path
    output = io.StringIO()
    with tempfile.TemporaryDirectory() as place, contextlib.redirect_stdout(output):
        picture = Path(place) / "still-photo-1.png"
        if main(["decode", "--verify", str(stream), "-o", str(picture)]):
            message = f"{stream} does not decode"
            raise RuntimeError(message)
    lines = output.getvalue().replace(place, "out").splitlines()
    return "\n".join(["```text", *(line for line in lines if line[:4] != "time"), "```"])


def latents_example_block() -> str:
    """Run the example on the photograph of the demonstration."""
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        latents.main(load_suite(["photo/still-photo-1"])[0].stream_path)
    return f"```text\n{output.getvalue()}```"


def tensor_places(data: bytes) -> tuple[dict[str, Any], list[tuple[str, str, str, int, int]]]:
    """Return the header of a model set file, and name, type, shape, place and size of its tensors.

    The tensors stand in the order of their places; a place counts from the start of the file.
    """
    (size,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8 : 8 + size])
    rows = []
    for name, entry in header.items():
        if name != "__metadata__":
            begin, end = entry["data_offsets"]
            shape = "x".join(map(str, entry["shape"]))
            rows.append((name, entry["dtype"], shape, 8 + size + begin, end - begin))
    return header, sorted(rows, key=lambda row: row[3])


def model_set_file_block() -> str:
    """Show what common tools print for the model set file."""
    listing = json.loads(spec_path("tables", "model_sets.json").read_bytes())["model_sets"]
    entry = next(entry for entry in listing if entry["model_set_idc"] == MODEL_SET)
    path = spec_path(*entry["file"].split("/"))
    data = path.read_bytes()
    _, rows = tensor_places(data)
    (size,) = struct.unpack_from("<Q", data)
    name, _, shape, place, _ = next(row for row in rows if row[0] == "hyper.a.weight")
    values = " ".join(f"{value:4d}" for value in struct.unpack_from("<16b", data, place))
    return f"""```text
$ head -c 8 {path.name} | od -An -tu8                # length of the header
{size:>21}
$ tail -c +9 {path.name} | head -c {size} | jq -c '."{name}"'
{{"dtype":"I8","shape":[{shape.replace("x", ",")}],"data_offsets":[{place - 8 - size},...]}}
$ grep {name} tensors.csv | cut -d, -f4              # 8 + {size} + {place - 8 - size}
{place}
$ od -An -td1 -j {place} -N 16 {path.name}           # its first 16 values
{values}
```"""


GUIDE_BLOCKS: dict[str, Callable[[], str]] = {
    "first picture": first_picture_block,
    "latents example": latents_example_block,
    "model set file": model_set_file_block,
}
"""Every generated block of ``docs/guides`` by name; filled in when the site is built."""
