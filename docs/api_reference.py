# SPDX-License-Identifier: Apache-2.0
"""The page of the Python interface, from the public names of the packages."""

import inspect
from types import ModuleType

import refdec
from docs.code_facts import marked_functions
from docs.spec_text import clauses
from docs.table import table
from refdec.decoding import Options
from refdec.reconstruction import Region

_KINDS = (("Functions", inspect.isfunction), ("Classes", inspect.isclass))


def api_page() -> str:
    """Return the page in Markdown; Sphinx fills in the docstrings."""
    parts = [
        "# Python interface",
        "What `import refdec` offers. Everything else may change without notice.",
        *_module(refdec, list(refdec.__all__)),
        "## Types",
        (
            "The fields of headers and segments are the syntax elements of "
            "[clause 6](../../spec/06-codestream-syntax.md), under the same names."
        ),
        *(_directive(value) for value in (Options, Region)),
        "## Functions of the decoding process",
        "Each implements the clause in its row; comments in the code repeat the numbered steps.",
        table(
            ("Clause", "Title", "Function", "File"),
            [
                (
                    clauses()[item.clause].link.replace("](", "](../../spec/"),
                    clauses()[item.clause].title,
                    f"`{item.name}`",
                    f"`{item.file}`",
                )
                for item in sorted(marked_functions(), key=lambda item: _order(item.clause))
            ],
        ),
    ]
    return "\n\n".join(parts) + "\n"


def _order(number: str) -> list[tuple[bool, int, str]]:
    return [
        (not part.isdigit(), int(part) if part.isdigit() else 0, part) for part in number.split(".")
    ]


def _module(module: ModuleType, names: list[str]) -> list[str]:
    """Return directives that show the functions, classes and errors of a module."""
    found = {name: getattr(module, name) for name in names}
    errors = {name for name, value in found.items() if _is_error(value)}
    parts = []
    for title, is_kind in _KINDS:
        shown = [name for name in names if is_kind(found[name]) and name not in errors]
        parts += [
            f"## {title}",
            *(_directive(found[name], f"{module.__name__}.{name}") for name in shown),
        ]
    parts += [
        "## Errors",
        *(_directive(found[name], f"{module.__name__}.{name}") for name in sorted(errors)),
    ]
    return parts


def _is_error(value: object) -> bool:
    return inspect.isclass(value) and issubclass(value, Exception)


def _directive(value: object, name: str = "") -> str:
    """Return a directive for a function or class; `name` is the public one."""
    name = name or f"{value.__module__}.{value.__qualname__}"  # type: ignore[attr-defined]
    if not inspect.isclass(value):
        return f"```{{eval-rst}}\n.. autofunction:: {name}\n```"
    options = "   :show-inheritance:" if _is_error(value) else "   :members:"
    return f"```{{eval-rst}}\n.. autoclass:: {name}\n{options}\n```"
