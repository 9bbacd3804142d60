# SPDX-License-Identifier: Apache-2.0
"""Which golden streams exercise which requirement.

An invalid stream breaks the requirements that its manifest lists. A valid stream keeps a
requirement when the check of it was passed while the stream was parsed and decoded: the element
under the requirement was read, or the condition under which the error is raised was looked at.
That is measured.
"""

import sys
from collections.abc import Callable
from functools import cache
from types import CodeType, FrameType
from typing import Any

from conformance.case import Case, load_suite
from docs.code_facts import ROOT, Site, callers, requirement_sites
from docs.syntax_requirements import STRUCTURES
from refdec.codec import Codec, get_codec
from refdec.decoding import decode
from refdec.entropy.tables import load_residual_tables
from refdec.errors import RefdecError
from refdec.lossless.tables import load_lossless_tables
from refdec.network import load_model_set
from refdec.syntax.declaration import elements_of, requirements_of
from refdec.syntax.parser import inspect_codestream
from refdec.syntax.segment import SynthesisTransform
from refenc.encode import MODEL_SET

_ROOT = f"{ROOT.as_posix()}/"


@cache
def valid_cases() -> tuple[Case, ...]:
    """Return the streams that a decoder shall decode."""
    return tuple(case for case in load_suite() if case.is_valid)


@cache
def breaking_streams() -> dict[str, tuple[str, ...]]:
    """Return the invalid streams by the requirements that they break."""
    found: dict[str, list[str]] = {}
    for case in load_suite():
        if not case.is_valid:
            for requirement in case.manifest["invalid"]["requirements"]:
                found.setdefault(requirement, []).append(case.id)
    return {requirement: tuple(names) for requirement, names in found.items()}


@cache
def keeping_streams() -> dict[str, tuple[str, ...]]:
    """Return the valid streams by the requirements whose checks they pass."""
    runs = {case.id: _run_by_decoding(case) for case in valid_cases()}
    read = {case.id: _elements_under(case) for case in valid_cases()}
    ever = frozenset().union(*runs.values())
    found = {}
    for requirement, sites in requirement_sites().items():
        checks = frozenset().union(*(_checks(site, ever) for site in sites))
        found[requirement] = tuple(
            name for name in runs if requirement in read[name] or checks & runs[name]
        )
    return found


def _checks(site: Site, ever: frozenset[str]) -> frozenset[str]:
    """Return the condition of a site, as ``file:line``, or the function that makes the check.

    Where the function only runs to report an error, or the site is a constant of a module, it is
    who uses it; a declaration has none.
    """
    if site.name in ever:
        lines = frozenset(f"{site.file}:{line}" for line in site.check)
        return lines or frozenset({site.name})
    if not site.is_function and "." in site.owner:
        return frozenset()
    return callers(site.owner.rpartition(".")[2]) & ever


def _elements_under(case: Case) -> frozenset[str]:
    """Return the requirements on the elements, and on the arrays, that a stream contains."""
    rows, _ = inspect_codestream(case.stream)
    arrays = {row.element.partition("[")[0] for row in rows if "[" in row.element}
    own = {requirement for row in rows for requirement in row.requirements}
    return frozenset(own).union(
        *(
            requirements_of(structure, item)
            for structure in STRUCTURES
            for item in elements_of(structure)
            if item.structure is not None and item.name in arrays
        )
    )


def _run_by_decoding(case: Case) -> frozenset[str]:
    """Return what runs while a stream is decoded and verified.

    Raises
    ------
    ValueError
        The decoder refuses the stream.
    """
    try:
        names = _run_by(lambda: decode(case.stream, verify=True))
    except RefdecError as error:
        message = f"{case.id} is not decoded: {error}"
        raise ValueError(message) from error
    segments = {row.segment for row in inspect_codestream(case.stream)[0]}
    if "SOZ" in segments:
        names |= _run_by_loading_models()
    if "SOE" in segments:
        names |= _run_by(load_lossless_tables.__wrapped__)
    return names


@cache
def _run_by_loading_models() -> frozenset[str]:
    """Return what runs while a model set is read, which happens once per process."""

    def load() -> None:
        load_residual_tables.__wrapped__()
        codec = Codec(load_model_set.__wrapped__(MODEL_SET), get_codec(MODEL_SET, "numpy").backend)
        _ = codec.hyper_tables, codec.hyper, codec.context
        codec.synthesis(SynthesisTransform.BASE)

    return _run_by(load)


def _run_by(action: Callable[[], Any]) -> frozenset[str]:
    """Return what of this repository runs during an action.

    Functions as ``file::name``; of those that name a requirement the lines, too, as ``file:line``.
    """
    traced = {site.name for sites in requirement_sites().values() for site in sites}
    codes: dict[CodeType, str] = {}
    lines: set[tuple[CodeType, int]] = set()

    def record_line(frame: FrameType, event: str, _: object) -> Any:
        if event == "line":
            lines.add((frame.f_code, frame.f_lineno))
        return record_line

    def record(frame: FrameType, _event: str, _: object) -> Any:
        code = frame.f_code
        if code not in codes:
            name = code.co_qualname.replace(".<locals>", "")
            codes[code] = f"{code.co_filename.removeprefix(_ROOT)}::{name}"
        return record_line if codes[code] in traced else None

    before = sys.gettrace()
    sys.settrace(record)
    try:
        action()
    finally:
        sys.settrace(before)
    functions = (name for code, name in codes.items() if code.co_filename.startswith(_ROOT))
    return frozenset(functions) | {
        f"{code.co_filename.removeprefix(_ROOT)}:{line}" for code, line in lines
    }
