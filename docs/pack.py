# SPDX-License-Identifier: Apache-2.0
"""Make the implementers' pack: one archive with everything a decoder in any language needs.

usage: python -m docs.pack [FILE]

``docs/guides/pack.md`` says what is in it. Needs what `docs.book` has written.
"""

import csv
import io
import json
import sys
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from conformance import ROOT as SUITE_ROOT
from conformance.case import load_suite
from docs.book import FOLDER, HTML_NAME, PDF_NAME
from docs.code_facts import ROOT, requirement_errors
from docs.guide_blocks import GUIDE_BLOCKS, tensor_places
from docs.spec_text import fill_blocks, statements
from docs.syntax_tables import syntax_json
from docs.worked_example import worked_example_text
from docs.worked_values import values_document, worked_values
from refdec.network.model_set import METADATA_KEY
from refdec.resources import spec_path

PLACE = ROOT / "build" / "jai-spec-pack.zip"
_TOP = "jai-spec-pack"
_DATE = (1980, 1, 1, 0, 0, 0)
"""Of every file, so that the archive depends on the contents alone."""


def pack_files() -> Iterator[tuple[str, bytes]]:
    """Yield the name and the content of every file but the two of `docs.book`."""
    guide = (ROOT / "docs" / "guides" / "pack.md").read_text(encoding="utf-8")
    yield "README.md", fill_blocks(guide, lambda name: GUIDE_BLOCKS[name]()).encode()
    yield "LICENSE", (ROOT / "LICENSE").read_bytes()
    yield "syntax.json", _json(syntax_json())
    yield "requirements.csv", _requirements()
    yield from _tables()
    yield from _model_sets()
    for case in load_suite():
        for path in sorted(case.directory.iterdir()):
            yield f"streams/{case.id}/{path.name}", path.read_bytes()
    yield "case.schema.json", (SUITE_ROOT / "schema" / "case.schema.json").read_bytes()
    values = worked_values()
    yield "worked-example/README.md", worked_example_text(values).encode()
    yield "worked-example/stream.jai", values.stream
    yield "worked-example/values.json", json.dumps(values_document(values)).encode()


def _json(document: Any) -> bytes:
    return (json.dumps(document, indent=1) + "\n").encode()


def _csv(heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(heads)
    writer.writerows(rows)
    return text.getvalue().encode()


def _requirements() -> bytes:
    errors = requirement_errors()
    rows = [
        (item.requirement, item.clause.number, " ".join(errors[item.requirement]), item.sentence)
        for item in sorted(statements(), key=lambda item: item.requirement)
    ]
    return _csv(("requirement", "clause", "errors", "sentence"), rows)


def _tables() -> Iterator[tuple[str, bytes]]:
    """Give each table as it is, and each of its keys as CSV."""
    for path in sorted(spec_path("tables").glob("*.json")):
        yield f"tables/{path.name}", path.read_bytes()
        document = json.loads(path.read_bytes())
        scalars = [(key, value) for key, value in document.items() if not isinstance(value, list)]
        if scalars:
            yield f"tables/{path.stem}.csv", _csv(("key", "value"), scalars)
        for key, value in document.items():
            if isinstance(value, list):
                yield f"tables/{path.stem}.{key}.csv", _list_csv(value)


def _list_csv(items: list[Any]) -> bytes:
    """Write objects as columns, lists as (index, position, value), numbers as (index, value)."""
    if items and isinstance(items[0], dict):
        heads = list(items[0])
        return _csv(heads, [[item.get(name) for name in heads] for item in items])
    if items and isinstance(items[0], list):
        rows = [(i, j, value) for i, item in enumerate(items) for j, value in enumerate(item)]
        return _csv(("index", "position", "value"), rows)
    return _csv(("index", "value"), list(enumerate(items)))


def _model_sets() -> Iterator[tuple[str, bytes]]:
    """Give each model set with the places of its tensors and its document."""
    listing = json.loads(spec_path("tables", "model_sets.json").read_bytes())["model_sets"]
    for entry in listing:
        path = spec_path(*entry["file"].split("/"))
        folder, data = f"model-set-{entry['model_set_idc']}", path.read_bytes()
        header, rows = tensor_places(data)
        heads = ("tensor", "dtype", "shape", "byte", "num_bytes")
        yield f"{folder}/{path.name}", data
        yield f"{folder}/tensors.csv", _csv(heads, rows)
        document = json.loads(header["__metadata__"][METADATA_KEY])
        yield f"{folder}/networks.json", _json(document)


def write_pack(place: Path, files: Iterable[tuple[str, bytes]]) -> None:
    """Write an archive that depends on the names and contents alone."""
    place.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, content in sorted(files):
            info = zipfile.ZipInfo(f"{_TOP}/{name}", _DATE)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o644 << 16
            archive.writestr(info, content)


def main(place: Path = PLACE) -> None:
    """Write the archive."""
    files = dict(pack_files())
    for name in (HTML_NAME, PDF_NAME):
        files[f"specification/{name}"] = (FOLDER / name).read_bytes()
    write_pack(place, files.items())
    size = place.stat().st_size
    sys.stdout.write(f"{place.relative_to(Path.cwd())}: {len(files)} files, {size:,} bytes\n")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:2]))
