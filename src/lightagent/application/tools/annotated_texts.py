"""The description in a parameter's annotation: ``Annotated[str, "text"]`` and ``Annotated[str, Doc("text")]``."""

from __future__ import annotations

import inspect
from types import UnionType
from typing import Annotated, Union, get_args, get_origin


def text_of(hint: object) -> str:
    """The text an annotation carries, or nothing; `Doc` counts before bare text, and the outermost before the rest.

    `Doc` is known by its form, since typing_extensions and annotated_doc each have one. What `pydantic.Field` says
    is none of this: pydantic writes it into the schema itself.
    """
    origin = get_origin(hint)
    if origin is Annotated:
        inner, *extras = get_args(hint)
        documented = [text for extra in extras if isinstance(text := _documentation(extra), str)]
        bare = [extra for extra in extras if isinstance(extra, str)]
        return next((inspect.cleandoc(text) for text in (*documented, *bare) if text.strip()), "") or text_of(inner)
    if origin in (Union, UnionType):
        return next((text for part in get_args(hint) if (text := text_of(part))), "")
    return ""


def _documentation(extra: object) -> object:
    return getattr(extra, "documentation", None) if type(extra).__name__ == "Doc" else None
