# SPDX-License-Identifier: Apache-2.0
"""Properties that hold for every declared structure, whatever it declares."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.strategies import illegal_values, picture_headers, structures
from docs.syntax_requirements import STRUCTURES
from refdec.bits import BitReader
from refdec.errors import RefdecError, TruncatedStream
from refdec.syntax.declaration import Element, elements_of
from refdec.syntax.element import ElementRow, parse_structure
from refdec.syntax.picture_header import PictureHeader
from refdec.syntax.segment import DEFAULT_TOOL_HEADER
from tests.syntax.streams import payload_of

VARIABLES = {"num_layers": 3, "num_tiles": 5, "picture_size_bits": 7}
ALL_STRUCTURES = sorted(STRUCTURES, key=lambda structure: structure.__name__)


def any_structure(structure: type) -> st.SearchStrategy[Any]:
    if structure is PictureHeader:
        return picture_headers()
    few = {"num_hashes_minus1": st.integers(0, 1)}  # there are but four different hashes
    return structures(structure, VARIABLES, few)


def parse(structure: type, payload: bytes, rows: list[ElementRow] | None = None) -> Any:
    reader = BitReader(payload)
    return parse_structure(structure, reader, segment="XYZ", variables=VARIABLES, rows=rows)


@pytest.mark.parametrize("structure", ALL_STRUCTURES)
def test_round_trip_with_rows_that_tile_the_bits(structure: type) -> None:
    @given(any_structure(structure))
    def check(value: Any) -> None:
        payload = payload_of(value, VARIABLES)
        rows: list[ElementRow] = []
        assert parse(structure, payload, rows) == value
        position = 0
        for row in rows:
            assert row.bit_offset == position or (position % 8 and row.bit_offset % 8 == 0)
            position = row.bit_offset + row.width
        assert 8 * len(payload) - position < 8

    check()


@pytest.mark.parametrize("structure", ALL_STRUCTURES)
def test_bytes_never_raise_anything_but_our_errors(structure: type) -> None:
    @given(st.binary(max_size=40))
    def check(payload: bytes) -> None:
        try:
            parse(structure, payload)
        except RefdecError as error:
            assert error.requirement is not None
            assert error.element is not None
            assert error.offset is not None

    check()


@pytest.mark.parametrize(
    "structure",
    [item for item in ALL_STRUCTURES if "payload" not in {e.name for e in elements_of(item)}],
)
def test_every_truncation_is_an_error_that_names_the_element(structure: type) -> None:
    @given(any_structure(structure))
    def check(value: Any) -> None:
        payload = payload_of(value, VARIABLES)
        with pytest.raises(TruncatedStream) as caught:
            parse(structure, payload[:-1])
        assert caught.value.requirement == "BIT-001"
        assert caught.value.element in {item.name for item in _all_elements(structure)}

    check()


def _all_elements(structure: type) -> Iterator[Element]:
    for item in elements_of(structure):
        yield item
        if item.structure is not None:
            yield from _all_elements(item.structure)


@pytest.mark.parametrize(
    ("structure", "name"),
    [
        (structure, item.name)
        for structure in ALL_STRUCTURES
        for item in elements_of(structure)
        if item.requirement
    ],
)
def test_values_next_to_the_legal_ones_break_the_requirement(structure: type, name: str) -> None:
    item = next(item for item in elements_of(structure) if item.name == name)
    raised: set[type[RefdecError]] = set()

    @given(any_structure(structure))
    def check(value: Any) -> None:
        context = vars(value) | {"_params": VARIABLES}
        payload = payload_of(value, VARIABLES)
        rows: list[ElementRow] = []
        parse(structure, payload, rows)
        row = next((row for row in rows if row.element.split("[")[0] == name), None)
        for illegal in illegal_values(item, context) if row else []:
            with pytest.raises(item.error) as caught:
                parse(structure, _replace_bits(payload, row, illegal, item))
            assert (caught.value.requirement, caught.value.element) == (item.requirement, name)
            assert caught.value.offset == row.bit_offset // 8
            raised.add(type(caught.value))

    check()
    assert raised == {item.error}


def _replace_bits(payload: bytes, row: ElementRow, value: int, item: Element) -> bytes:
    """Put another value in the place of one element; what follows may no longer make sense."""
    bits = "".join(f"{byte:08b}" for byte in payload)
    if item.descriptor.name == "ue":
        code = f"{value + 1:b}"
        code = "0" * (len(code) - 1) + code
    else:
        code = f"{value:0{row.width}b}"
    bits = bits[: row.bit_offset] + code + bits[row.bit_offset + row.width :]
    size = -(-len(bits) // 8)
    return int(bits.ljust(8 * size, "0"), 2).to_bytes(size, "big")


def test_what_no_bits_can_say_is_a_value_error() -> None:
    header = replace(DEFAULT_TOOL_HEADER, num_synthesis_minus1=0, synthesis_transform_idc=(1,))
    with pytest.raises(ValueError, match="fit"):
        payload_of(replace(header, synthesis_transform_idc=(4,)))
    with pytest.raises(ValueError, match="1 elements"):
        payload_of(replace(header, synthesis_transform_idc=(1, 2)))
