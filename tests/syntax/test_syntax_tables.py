# SPDX-License-Identifier: Apache-2.0

import json
import re

import pytest

from docs.expressions import expression_text
from docs.syntax_requirements import STRUCTURES, syntax_requirements
from docs.syntax_tables import syntax_json, syntax_table
from refdec.syntax.declaration import elements_of
from refdec.syntax.element import given, this
from refdec.syntax.picture_header import PictureHeader
from refdec.syntax.segment import Marker, ResidualSegment


def test_table_of_the_residual_segment() -> None:
    lines = [
        "| Syntax | Descriptor | Requirements |",
        "|:--|:--|:--|",
        "| residual_segment( ) { |  |  |",
        "| &emsp;if( (NumLayers * NumTiles) > 1 ) { |  |  |",
        "| &emsp;&emsp;**layer_idx** | ue(v) | SOR-001 |",
        "| &emsp;&emsp;**tile_idx** | ue(v) | SOR-002 |",
        "| &emsp;} |  |  |",
        "| &emsp;else layer_idx = 0; tile_idx = 0 |  |  |",
        "| &emsp;byte_alignment( ) |  |  |",
        "| &emsp;**payload** | b(v) |  |",
        "| } |  |  |",
    ]
    assert syntax_table(ResidualSegment).splitlines() == lines


@pytest.mark.parametrize("structure", STRUCTURES)
def test_every_element_is_in_its_table_once(structure: type) -> None:
    read = re.findall(r"\*\*(\w+)\*\*|&rarr; (\w+)", syntax_table(structure))
    assert ["".join(name) for name in read] == [item.name for item in elements_of(structure)]


def test_every_nested_structure_has_a_table() -> None:
    nested = {item.structure for structure in STRUCTURES for item in elements_of(structure)}
    assert nested - {None} <= set(STRUCTURES)


def test_structures_have_the_json_that_tools_read() -> None:
    document = json.loads(json.dumps(syntax_json()))
    names = [entry["name"] for entry in document["structures"]["picture_header"]]
    assert names == [item.name for item in elements_of(PictureHeader)]
    entry = next(
        entry for entry in document["structures"]["picture_header"] if entry["name"] == "log2_lanes"
    )
    assert entry == {
        "name": "log2_lanes",
        "descriptor": "u(4)",
        "summary": "Base 2 logarithm of the number of entropy coder lanes.",
        "allowed": list(range(11)),
        "requirements": ["PIH-009", "LVL-005"],
    }
    named = {
        requirement
        for entries in document["structures"].values()
        for entry in entries
        for requirement in entry.get("requirements", [])
    }
    assert named <= set(document["requirements"]) == set(syntax_requirements())


def test_expressions_read_as_in_the_text() -> None:
    assert expression_text(this.num_tiles_minus1 + 1) == "num_tiles_minus1 + 1"
    assert expression_text((this.a == 0) & (this.b != Marker.SOC)) == "(a == 0) && (b != SOC)"
    assert expression_text(given.num_tiles - 1) == "NumTiles - 1"
    assert expression_text(7) == "7"
