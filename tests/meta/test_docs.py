# SPDX-License-Identifier: Apache-2.0
"""The documents against the programs: what a page shows is what happens."""

import io
import json
import re
import shlex
import zipfile
from pathlib import Path

import numpy as np
import pytest

import docs.traceability
from conformance.__main__ import build_parser as conformance_parser
from conformance.case import load_suite
from docs.cli_reference import cli_page
from docs.code_facts import ROOT
from docs.examples import latents
from docs.figures import DRAWINGS, FIGURES
from docs.golden import breaking_streams
from docs.guide_blocks import tensor_places
from docs.link_check import broken_links
from docs.pack import pack_files, write_pack
from docs.references import link_clauses
from docs.spec_text import mark_tables
from docs.worked_example import worked_example_text
from docs.worked_values import CASE, Values, values_document, worked_values
from refdec.cli.main import build_parser as refdec_parser
from refdec.network import load_model_set
from refdec.resources import spec_path
from refenc.cli import build_parser as refenc_parser
from refenc.encode import MODEL_SET

GUIDES = sorted((ROOT / "docs" / "guides").glob("*.md"))
PARSERS = {
    "refdec": refdec_parser,
    "refenc": refenc_parser,
    "jai-conformance": conformance_parser,
}


@pytest.fixture(scope="module")
def values() -> Values:
    return worked_values()


def command_lines() -> list[str]:
    """Give the command lines of our programs in the guides' shell blocks and the README."""
    found = []
    for page in [*GUIDES, ROOT / "README.md"]:
        for block in re.findall(r"```sh\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
            lines = block.replace("\\\n", " ").splitlines()
            found += [line for line in lines if line.partition(" ")[0] in PARSERS]
    return found


@pytest.mark.parametrize("line", command_lines())
def test_command_lines_of_the_guides_are_accepted(line: str) -> None:
    program, *arguments = shlex.split(line, comments=True)
    PARSERS[program]().parse_args(arguments)


@pytest.mark.parametrize("name", ["first-stream", "latents"])
def test_python_of_the_guides_runs(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    page = (ROOT / "docs" / "guides" / f"{name}.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert blocks
    for block in blocks:
        exec(compile(block, name, "exec"), {})  # noqa: S102


def test_the_guides_use_every_program() -> None:
    assert {line.partition(" ")[0] for line in command_lines()} == set(PARSERS)


def test_every_option_is_on_the_page_of_the_command_lines() -> None:
    page = cli_page()
    for build in PARSERS.values():
        for option in re.findall(r"--[a-z-]+", build().format_help()):
            assert option in {"--help", "--version"} or f"`{option}" in page
    assert "`--region X,Y,W,H`" in page
    assert "### refenc encode" in page


@pytest.mark.parametrize("name", DRAWINGS)
def test_figures_are_what_their_program_draws(name: str) -> None:
    drawn = (FIGURES / name).read_text(encoding="utf-8")
    assert drawn == DRAWINGS[name](), "run python -m docs.figures"


def test_the_worked_example_shows_what_the_stream_holds(values: Values) -> None:
    page = worked_example_text(values)
    manifest = load_suite([CASE])[0].manifest["valid"]
    assert manifest["digests"]["L"] in page
    assert manifest["digests"]["S"]["base"] in page
    symbols = [symbol for part in values.substreams for symbol in part.symbols]
    assert [symbol.value for symbol in values.substreams[0].symbols] == values.points[
        "z_hat"
    ].ravel().tolist()
    for symbol in symbols:
        assert f"| {symbol.state_before} | {symbol.slot} | {symbol.symbol} |" in page
        assert 0 <= symbol.slot - symbol.cumulative < symbol.frequency


def test_the_worked_values_have_every_tensor_of_every_network(values: Values) -> None:
    document = json.loads(json.dumps(values_document(values)))
    networks = load_model_set(MODEL_SET).networks
    assert {run["network"] for run in document["networks"]} == networks.keys()
    for run in document["networks"]:
        assert run["tensors"].keys() == networks[run["network"]].description.tensors.keys()


def test_the_latents_of_the_example_show_edges_and_colours(
    capsys: pytest.CaptureFixture[str],
) -> None:
    latents.main(load_suite(["photo/still-photo-1"])[0].stream_path)
    output = capsys.readouterr().out
    correlation = float(re.findall(r"picture (0\.\d+)", output)[0])
    agreement = float(re.findall(r"in (\d+\.\d) % of the blocks", output)[0])
    assert correlation > 0.9
    assert agreement > 85


def test_a_requirement_that_nothing_exercises_is_a_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    known = docs.traceability.known_requirements() | {"XYZ-001"}
    monkeypatch.setattr(docs.traceability, "known_requirements", lambda: known)
    assert docs.traceability.untraced() == [
        "XYZ-001 is in the code, but not stated",
        "XYZ-001 is neither exercised nor waived",
    ]


def test_invalid_streams_break_what_their_manifests_say() -> None:
    assert "invalid/soc-002-text-mode" in breaking_streams()["SOC-002"]


@pytest.mark.parametrize(
    ("text", "linked"),
    [
        ("as 8.4.2 says", "as [8.4.2](08-decoding.md#842-scale-index-derivation-process) says"),
        ("`8.4.2` and 99.9", "`8.4.2` and 99.9"),
        ("## 8.4.2 Title", "## 8.4.2 Title"),
        ("[8.4.2](x.md)", "[8.4.2](x.md)"),
    ],
)
def test_references_to_clauses_become_links(text: str, linked: str) -> None:
    assert link_clauses(text) == linked


@pytest.mark.parametrize(
    ("table", "classes"),
    [
        ("| x |\n|:--|\n| &emsp;y |\n", "{.indented .short}\n"),
        ("| x |\n|:--|\n| y |\n", "{.short}\n"),
        ("| x |\n|:--|\n" + "| y |\n" * 60, ""),
        ("| x " * 9 + "|\n" + "|:--" * 9 + "|\n", "{.short .wide}\n"),
    ],
)
def test_tables_get_classes_for_style_sheets(table: str, classes: str) -> None:
    assert mark_tables(f"a\n\n{table}\nb\n") == f"a\n\n{classes}{table}\nb\n"


def test_broken_links_of_a_site_are_found(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(
        '<a href="b.html#there"><a href="b.html#not"><a href="c.html"><a href="https://x.org/">'
    )
    (tmp_path / "b.html").write_text('<p id="there"><a href="#there"><img src="no.svg">')
    assert list(broken_links(tmp_path)) == [
        ("a.html", "b.html#not"),
        ("a.html", "c.html"),
        ("b.html", "no.svg"),
    ]


def test_the_places_of_tensors_hold_the_tensors() -> None:
    data = spec_path("models", f"set{MODEL_SET}.safetensors").read_bytes()
    _, rows = tensor_places(data)
    step = load_model_set(MODEL_SET).tables["step"]
    name, dtype, shape, place, size = next(row for row in rows if row[0] == "step")
    assert (name, dtype, shape, size) == (
        "step",
        "I16",
        "x".join(map(str, step.shape)),
        2 * step.size,
    )
    read = np.frombuffer(data, "<i2", step.size, place).reshape(step.shape)
    assert np.array_equal(read, step)


def test_the_pack_is_what_its_guide_says_and_the_same_each_time(tmp_path: Path) -> None:
    files = dict(pack_files())
    assert {case.id for case in load_suite()} == {
        name.removeprefix("streams/").removesuffix("/stream.jai")
        for name in files
        if name.startswith("streams/") and name.endswith(".jai")
    }
    guide = files["README.md"].decode()
    for name in files:
        top = name.partition("/")[0]
        assert top in {"LICENSE", "README.md"} or top.replace(f"-{MODEL_SET}", "-N") in guide
    archives = [tmp_path / "a.zip", tmp_path / "b.zip"]
    some = [item for item in files.items() if not item[0].startswith(("streams/", "model-set"))]
    write_pack(archives[0], some)
    write_pack(archives[1], reversed(some))
    assert archives[0].read_bytes() == archives[1].read_bytes()
    with zipfile.ZipFile(io.BytesIO(archives[0].read_bytes())) as archive:
        assert archive.testzip() is None
