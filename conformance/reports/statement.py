# SPDX-License-Identifier: Apache-2.0
"""What may be claimed after a run, and how two runs differ."""

from dataclasses import dataclass, field

from conformance.judge.decoder import PROFILES, VERIFYING
from conformance.judge.verdict import FAULTS, Verdict
from conformance.reports.document import Document, failing


class NoClaim(Exception):
    """The report does not allow a statement; the message says why."""


def statement(document: Document) -> str:
    """Return the sentence that a report allows.

    Raises
    ------
    NoClaim
        The run was partial, a case failed, known or not, or a feature was left out.
    """
    if document["partial"]:
        message = f"the run was partial: {'; '.join(document['partial_reasons'])}"
        raise NoClaim(message)
    if wrong := failing(document):
        message = f"{len(wrong)} cases failed, the first is {wrong[0]['id']}"
        raise NoClaim(message)
    left_out = [case for case in document["cases"] if case["verdict"] == Verdict.UNSUPPORTED]
    reasons = sorted({case["detail"] for case in left_out} - {VERIFYING})
    if reasons:
        message = (
            f"the decoder declares that it lacks {', '.join(reasons)}; "
            "ask for a profile and level without them (--profile, --level)"
        )
        raise NoClaim(message)
    if not document["conforms"]:
        message = "nothing was judged"
        raise NoClaim(message)
    asked = document["asked"]
    highest = max(PROFILES.index(case["profile"]) for case in document["cases"])
    profile = asked["profile"] or PROFILES[highest]
    level = asked["level"] or max(case["level"] for case in document["cases"])
    points = asked["points"]
    return (
        f"{document['subject']['name']} conforms to JAI edition {document['edition']}, "
        f"{profile.capitalize()} profile, level {level}, "
        f"point{'s' if len(points) > 1 else ''} {' and '.join(points)}, "
        f"suite {document['suite_version']}"
    )


@dataclass
class Changes:
    """How the cases of a report differ from those of an older one."""

    broken: list[str] = field(default_factory=list)
    """No longer right."""
    mended: list[str] = field(default_factory=list)
    """Right now."""
    other: list[str] = field(default_factory=list)
    """Wrong, or not judged, in another way."""
    added: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What makes the two hard to compare."""

    @property
    def is_worse(self) -> bool:
        """Whether a case that was right is not any more, or a new one is wrong."""
        return bool(self.broken)


def compare_documents(old: Document, new: Document) -> Changes:
    """Compare two reports case by case."""
    changes = Changes()
    before = {case["id"]: case for case in old["cases"]}
    after = {case["id"]: case for case in new["cases"]}
    for name in ("edition", "suite_version", "asked"):
        if old[name] != new[name]:
            changes.notes.append(f"{name}: {old[name]} before, {new[name]} now")
    changes.removed = sorted(before.keys() - after.keys())
    for name in sorted(after):
        verdict = after[name]["verdict"]
        if name not in before:
            changes.added.append(f"{name}: {verdict}")
            if verdict in FAULTS:
                changes.broken.append(f"{name}: new, {verdict}")
            continue
        was = before[name]["verdict"]
        if before[name]["stream_sha256"] != after[name]["stream_sha256"]:
            changes.notes.append(f"{name}: another stream than before")
        if was == verdict:
            continue
        text = f"{name}: {was} -> {verdict}"
        if was == Verdict.PASS:
            changes.broken.append(text)
        elif verdict == Verdict.PASS:
            changes.mended.append(text)
        else:
            changes.other.append(text)
    return changes
