"""The description in a parameter's annotation: ``Annotated[str, "text"]`` and ``Annotated[str, Doc("text")]``."""

from __future__ import annotations

import inspect
from types import UnionType
from typing import Annotated, Union, get_args, get_origin


def text_of(hint: object) -> str:
    """Return the description in an annotation, or an empty string. `Doc` wins over a plain string, outer over inner.

    `Doc` is recognized by its shape, since typing_extensions and annotated_doc each define one. Descriptions in
    `pydantic.Field` are not read here: pydantic writes them into the schema itself.
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
