# SPDX-License-Identifier: Apache-2.0
"""A decoder as it describes itself: how it is called, what it writes, what it can do."""

import difflib
import fnmatch
import shlex
import shutil
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from conformance.case import Case
from conformance.judge.expected import expected_planes
from conformance.judge.picture_files import SUFFIXES, Layout, unfit
from conformance.schema_check import check_document
from refdec.cli.support import UsageError
from refdec.syntax.profiles import Profile

POINTS = ("L", "S", "T")
"""Latents, samples, samples within a tolerance."""
PROFILES = tuple(profile.name.lower() for profile in Profile)
"""Each has all tools of those before it."""
LATENT_SUFFIXES = {"npy": ".npy", "npz": ".npz", "raw": ".raw", "digest": ".txt"}
NOT_RGB = frozenset({"YCbCr", "binary16"})
"""Features of pictures whose samples are no integers of R, G, B or luma."""
VERIFYING = "verifying the digests of a stream is optional, and not declared"


@dataclass(frozen=True, kw_only=True)
class Decoder:
    """A submitted decoder."""

    name: str
    command: tuple[str, ...] = ()
    """Words of its command line; empty where it is a Python function."""
    python: str = ""
    """``module:function``; empty where it is a program."""
    format: str = "ppm"
    float_format: str | None = None
    """Of pictures of binary16 numbers; None for `format`."""
    layout: Layout = field(default_factory=Layout)
    latents_command: tuple[str, ...] = ()
    latents_format: str = "npy"
    control_points_command: tuple[str, ...] = ()
    points: tuple[str, ...] = ("S",)
    profile: str | None = None
    """The highest that it has, with all before it; None for all."""
    max_level: int | None = None
    without: tuple[str, ...] = ()
    """Features that it does not have."""
    verifies: bool = False
    rejects: frozenset[int] = frozenset()
    """Exit statuses of a clean refusal; empty for any that is no crash."""
    environment: Mapping[str, str] = field(default_factory=dict)
    timeout: float | None = None
    memory: int | None = None

    def unsupported(self, case: Case) -> str:
        """Say why a case is outside the declared capabilities; empty if it is inside."""
        manifest = case.manifest
        if not within_profile(case, self.profile):
            return f"profile {manifest['profile']}"
        if self.max_level is not None and manifest["level"] > self.max_level:
            return f"level {manifest['level']}"
        for feature in manifest["features"]:
            if any(fnmatch.fnmatchcase(feature, pattern) for pattern in self.without):
                return f"feature {feature}"
        if case.needs_verifying and not self.verifies:
            return VERIFYING
        return self._unfit(case) if case.is_valid and self.command else ""

    def _unfit(self, case: Case) -> str:
        """Say why its file format cannot hold the picture of a valid case; empty if it can."""
        if "YCbCr" in case.manifest["features"] and self.format_of(case) != "raw":
            return "YCbCr: picture files differ in how they hold it; raw planes are judged"
        return unfit(self.format_of(case), expected_planes(case))

    def format_of(self, case: Case) -> str:
        """Return the format of the picture file that it shall write."""
        is_float = case.is_valid and expected_planes(case)[0].is_float
        return self.float_format or self.format if is_float else self.format

    def output_name(self, case: Case) -> str:
        """Return the name of the picture file that it shall write."""
        is_grey = case.is_valid and len(expected_planes(case)) == 1
        wanted = self.format_of(case)
        return "picture.pgm" if is_grey and wanted == "ppm" else f"picture{SUFFIXES[wanted]}"


def within_profile(case: Case, profile: str | None) -> bool:
    """Whether a case is of a profile or of one before it; of any for None.

    Raises
    ------
    UsageError
        There is no such profile.
    """
    if profile is None:
        return True
    if profile not in PROFILES:
        message = f"no profile {profile!r}; there is {', '.join(PROFILES)}"
        raise UsageError(message)
    return PROFILES.index(case.manifest["profile"]) <= PROFILES.index(profile)


def load_decoder(path: Path) -> Decoder:
    """Read a description.

    Raises
    ------
    UsageError
        It is no TOML, does not follow ``schema/decoder.schema.json``, or contradicts itself.
    OSError
        The file cannot be read.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        message = f"{path}: {error}"
        raise UsageError(message) from error
    check_document(document, "decoder", source=str(path))
    if ("command" in document) == ("python" in document):
        message = f"{path}: it shall have either command or python"
        raise UsageError(message)
    base = path.resolve().parent
    capabilities: dict[str, Any] = document.get("capabilities", {})
    latents: dict[str, Any] = document.get("latents", {})
    limits: dict[str, Any] = document.get("limits", {})
    decoder = Decoder(
        name=document.get("name", path.stem),
        command=command_words(document.get("command", ()), base),
        python=document.get("python", ""),
        format=document.get("format", "ppm"),
        float_format=document.get("float_format"),
        layout=Layout(**document.get("raw", {})),
        latents_command=command_words(latents.get("command", ()), base),
        latents_format=latents.get("format", "npy"),
        control_points_command=command_words(
            document.get("control_points", {}).get("command", ()), base
        ),
        points=tuple(capabilities.get("points", ("L", "S") if latents else ("S",))),
        profile=capabilities.get("profile"),
        max_level=capabilities.get("max_level"),
        without=tuple(capabilities.get("without", ())),
        verifies=capabilities.get("verifies", False),
        rejects=frozenset(document.get("exit_codes", {}).get("rejects", ())),
        environment=document.get("environment", {}),
        timeout=limits.get("timeout"),
        memory=limits.get("memory"),
    )
    if "L" in decoder.points and not decoder.latents_command:
        message = f"{path}: point L needs a [latents] command"
        raise UsageError(message)
    return decoder


def command_words(command: str | Sequence[str], base: Path) -> tuple[str, ...]:
    """Split a command line and make its files absolute, for it runs in another directory.

    The program, and every other word with a dot or a slash that is an existing file seen from
    `base`, becomes an absolute path.

    Raises
    ------
    UsageError
        It lacks ``{input}`` or ``{output}``, has unbalanced quotes, or there is no such program.
    """
    try:
        words = shlex.split(command) if isinstance(command, str) else list(command)
    except ValueError as error:
        message = f"the command {command!r}: {error}"
        raise UsageError(message) from error
    if not words:
        return ()
    for placeholder in ("{input}", "{output}"):
        if not any(placeholder in word for word in words):
            message = f"the command {shlex.join(words)!r} lacks {placeholder}"
            raise UsageError(message)
    named = [
        str(base / word) if ("." in word or "/" in word) and (base / word).is_file() else word
        for word in words
    ]
    program = shutil.which(named[0])
    if program is None:
        message = f"there is no program {words[0]!r}"
        raise UsageError(message)
    return str(Path(program).absolute()), *named[1:]


def check_features(decoder: Decoder, cases: Sequence[Case]) -> None:
    """Refuse features that no case of the suite has: they are likely misspelt.

    Raises
    ------
    UsageError
        Naming what comes close.
    """
    known = {feature for case in cases for feature in case.manifest["features"]}
    for name in decoder.without:
        if not any(fnmatch.fnmatchcase(feature, name) for feature in known):
            close = difflib.get_close_matches(name, known, 3) or sorted(known)[:8]
            message = f"no case has the feature {name!r}; there is {', '.join(close)}"
            raise UsageError(message)
    for case in cases[:1]:
        within_profile(case, decoder.profile)
