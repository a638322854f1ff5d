"""The description of a tool and its parameters in its docstring; detects Google, NumPy and Sphinx styles.

griffe is loaded when a tool is first shown to a model and only where there is something to parse: it costs 100 ms.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from lightagent.application.tools.docstring_layout import lay_out

# The headings and fields of the three styles. In a text without any of them, all of it is the description.
_SECTIONS = re.compile(
    r"^[ \t]*(?::\w[^:\n]*:|(?:Args|Arguments|Params|Parameters|Keyword Args|Keyword Arguments|Other Parameters|"
    r"Returns?|Yields?|Raises|Examples?|Notes?|Attributes|Warns|Receives)[ \t]*(?::[ \t]*$|\n[ \t]*-{3,}))",
    re.MULTILINE,
)
_QUIET = {"warnings": False}


@dataclass(frozen=True, slots=True)
class Described:
    """A docstring, taken apart.

    Attributes:
        text: what the tool is for, without its sections.
        parameters: what each parameter means, in one line each.
    """

    text: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)


def read_docstring(doc: str) -> Described:
    """The description and what each parameter means; a text in no known style is taken as the description."""
    text = inspect.cleandoc(doc)
    laid_out = lay_out(text).strip("\n")
    if not _SECTIONS.search(laid_out):
        return Described(text)
    return _parse(laid_out)


def _parse(text: str) -> Described:
    from griffe import Docstring, DocstringSectionParameters, DocstringSectionText, infer_docstring_style, parse

    style, _ = infer_docstring_style(Docstring(f".\n\n{text}"))  # It knows no heading on the first line.
    if style is None:
        return Described(text)
    # And it takes the indentation off what stands below a first line.
    docstring = Docstring(f"\n{text}" if style == "google" else text)
    paragraphs: list[str] = []
    parameters: dict[str, str] = {}
    for section in parse(docstring, style, **_QUIET):
        if isinstance(section, DocstringSectionText):
            paragraphs.append(section.value.strip())
        elif isinstance(section, DocstringSectionParameters):
            parameters.update((item.name.lstrip("*"), " ".join(item.description.split())) for item in section.value)
    return Described("\n\n".join(paragraphs), parameters)
