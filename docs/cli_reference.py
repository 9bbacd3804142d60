# SPDX-License-Identifier: Apache-2.0
"""The page of the command lines, from their option parsers."""

import argparse
from collections.abc import Iterator

from conformance.__main__ import build_parser as conformance_parser
from refdec.cli.main import build_parser as refdec_parser
from refenc.cli import build_parser as refenc_parser

_WIDTH = 88
"""Columns of a usage line."""


def cli_page() -> str:
    """Return the page in Markdown."""
    parsers = (refdec_parser(), refenc_parser(), conformance_parser())
    lines = ["# Command lines", "", "Generated from the option parsers of the programs.", ""]
    for parser in parsers:
        lines += _program(parser)
    return "\n".join(lines) + "\n"


def _program(parser: argparse.ArgumentParser) -> Iterator[str]:
    yield from (f"## {parser.prog}", "", parser.description or "", "")
    if parser.epilog:
        yield from (" ".join(parser.epilog.split()), "")
    for action in parser._actions:  # noqa: SLF001
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            for command in action.choices.values():
                yield from _command(command)


def _command(parser: argparse.ArgumentParser) -> Iterator[str]:
    yield from (f"### {parser.prog}", "", parser.description or "", "")
    usage = parser._get_formatter()  # noqa: SLF001
    usage._width = _WIDTH  # type: ignore[attr-defined]  # noqa: SLF001
    usage.add_usage(parser.usage, parser._actions, parser._mutually_exclusive_groups, "")  # noqa: SLF001
    yield from ("```text", usage.format_help().strip(), "```", "")
    for action in parser._actions:  # noqa: SLF001
        yield from (_names(action), f": {_help(parser, action)}", "")


def _names(action: argparse.Action) -> str:
    if action.nargs == 0:
        return ", ".join(f"`{option}`" for option in action.option_strings)
    value = action.metavar or "{" + ",".join(map(str, action.choices or ())) + "}"
    if not action.option_strings:
        return f"`{value}`"
    return ", ".join(f"`{option} {value}`" for option in action.option_strings)


def _help(parser: argparse.ArgumentParser, action: argparse.Action) -> str:
    text = (action.help or "the file to read") % {**vars(action), "prog": parser.prog}
    words = text[0].upper() + text[1:]
    return f"{words}. Required." if action.required and action.option_strings else f"{words}."
