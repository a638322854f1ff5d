"""Read the description of a tool and its parameters from a docstring in Google, NumPy or Sphinx style.

griffe is imported when a tool is first shown to a model, and only if there is something to parse: it takes 100 ms.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from lightagent.application.tools.docstring_normalization import lay_out

# The headings and fields of the three styles. A text without any of them is a description as a whole.
_SECTIONS = re.compile(
    r"^[ \t]*(?::\w[^:\n]*:|(?:Args|Arguments|Params|Parameters|Keyword Args|Keyword Arguments|Other Parameters|"
    r"Returns?|Yields?|Raises|Examples?|Notes?|Attributes|Warns|Receives)[ \t]*(?::[ \t]*$|\n[ \t]*-{3,}))",
    re.MULTILINE,
)
_QUIET = {"warnings": False}


@dataclass(frozen=True, slots=True)
class Described:
    """A parsed docstring.

    Attributes:
        text: the tool's description, without the sections.
        parameters: the description of each parameter, in one line each.
    """

    text: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)


def read_docstring(doc: str) -> Described:
    """Return the descriptions of the tool and its parameters; a text in no known style is the tool's description."""
    text = inspect.cleandoc(doc)
    laid_out = lay_out(text).strip("\n")
    if not _SECTIONS.search(laid_out):
        return Described(text)
    return _parse(laid_out)


def _parse(text: str) -> Described:
    from griffe import Docstring, DocstringSectionParameters, DocstringSectionText, infer_docstring_style, parse

    style, _ = infer_docstring_style(Docstring(f".\n\n{text}"))  # griffe ignores a heading on the first line.
    if style is None:
        return Described(text)
    # griffe also removes the indentation below a first line.
    docstring = Docstring(f"\n{text}" if style == "google" else text)
    paragraphs: list[str] = []
    parameters: dict[str, str] = {}
    for section in parse(docstring, style, **_QUIET):
        if isinstance(section, DocstringSectionText):
            paragraphs.append(section.value.strip())
        elif isinstance(section, DocstringSectionParameters):
            parameters.update((item.name.lstrip("*"), " ".join(item.description.split())) for item in section.value)
    return Described("\n\n".join(paragraphs), parameters)
