# SPDX-License-Identifier: Apache-2.0
"""A case of the suite as it lies on disk: ``streams/<suite>/<name>/`` with two files."""

import fnmatch
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from conformance import STREAMS

STREAM_FILE = "stream.jai"
MANIFEST_FILE = "case.json"


class SuiteError(Exception):
    """The suite itself cannot be read or is not what it should be."""


@dataclass(frozen=True)
class Case:
    """A stream and its manifest."""

    directory: Path
    manifest: dict[str, Any]

    @property
    def id(self) -> str:
        """Suite and name."""
        return str(self.manifest["id"])

    @property
    def is_valid(self) -> bool:
        """Whether a decoder shall decode the stream."""
        return bool(self.manifest["verdict"] == "valid")

    @property
    def needs_verifying(self) -> bool:
        """Whether only a decoder that verifies hashes can reject the stream."""
        return not self.is_valid and self.manifest["invalid"]["detected_by"] == "verify"

    @property
    def stream_path(self) -> Path:
        """The stream's file."""
        return self.directory / STREAM_FILE

    @cached_property
    def stream(self) -> bytes:
        """The stream."""
        return self.stream_path.read_bytes()


def load_suite(patterns: Sequence[str] = (), root: Path = STREAMS) -> list[Case]:
    """Read the manifests, in order of id.

    Parameters
    ----------
    patterns : ids or parts of ids, or shell patterns of whole ids; empty for all cases.

    Raises
    ------
    SuiteError
        A manifest is missing, is not JSON, or names another place.
    """
    directories = sorted(path for path in root.glob("*/*") if path.is_dir())
    cases = [load_case(directory, root) for directory in directories]
    return [case for case in cases if matches(case.id, patterns)]


def load_case(directory: Path, root: Path = STREAMS) -> Case:
    """Read one manifest. Errors as `load_suite`."""
    place = directory / MANIFEST_FILE
    expected = directory.relative_to(root).as_posix()
    try:
        manifest = json.loads(place.read_text(encoding="utf-8"))
        is_right = manifest["id"] == expected and manifest["verdict"] in {"valid", "invalid"}
    except (OSError, ValueError, KeyError, TypeError) as error:
        message = f"{place}: {error!r}"
        raise SuiteError(message) from error
    if not is_right:
        message = f"{place}: id or verdict is wrong"
        raise SuiteError(message)
    return Case(directory, manifest)


def matches(case_id: str, patterns: Sequence[str]) -> bool:
    """Whether a case is selected."""
    return not patterns or any(
        pattern in case_id or fnmatch.fnmatchcase(case_id, pattern) for pattern in patterns
    )


def repaired(broken: bytes, repair: dict[str, Any]) -> bytes:
    """Apply a replacement."""
    start = repair["offset"]
    return broken[:start] + bytes.fromhex(repair["insert"]) + broken[start + repair["remove"] :]


def manifest_text(manifest: dict[str, Any]) -> str:
    """Return the text of a manifest file."""
    return json.dumps(manifest, indent=1, ensure_ascii=False) + "\n"
