# SPDX-License-Identifier: Apache-2.0
"""Compare documents with the JSON Schemas of ``schema/``."""

import json
from typing import Any

from conformance import ROOT
from refdec.cli.support import UsageError


def load_schema(name: str) -> dict[str, Any]:
    """Read ``schema/NAME.schema.json``."""
    text = (ROOT / "schema" / f"{name}.schema.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


def check_document(document: object, schema: str, *, source: str) -> None:
    """Refuse a document that a user gave and that does not follow its schema.

    Parameters
    ----------
    schema : ``"decoder"`` or ``"report"``.
    source : the name of the file, for the message.

    Raises
    ------
    UsageError
        It does not follow; the message says where.
    """
    import jsonschema  # type: ignore[import-untyped]  # noqa: PLC0415

    validator = jsonschema.Draft202012Validator(load_schema(schema))
    error = jsonschema.exceptions.best_match(validator.iter_errors(document))
    if error is not None:
        place = ".".join(map(str, error.absolute_path)) or "the document"
        message = f"{source}: {place}: {error.message}"
        raise UsageError(message)
