"""What pydantic finds wrong, as problems with a place and a remedy."""

from __future__ import annotations

from collections.abc import Callable
from typing import get_args, get_origin

from pydantic import BaseModel, ValidationError

from lightagent.domain.masking import shown
from lightagent.settings.origins import KeyPath, Problem, suggest


def validation_problems(
    exc: ValidationError, model: type[BaseModel], place: Callable[[KeyPath], str], what: str
) -> list[tuple[KeyPath, Problem]]:
    """Every error of `exc` with the path it is about.

    Args:
        model: what was validated, for the names and descriptions of its fields.
        place: names the place of a path.
        what: says whose keys `model` holds, such as ``'openai' takes``.
    """
    problems: list[tuple[KeyPath, Problem]] = []
    for error in exc.errors(include_url=False, include_input=False, include_context=False):
        path = tuple(str(part) for part in error["loc"])
        # Places in a list have no fields of their own; they are numbers, while a key may be text that looks like one.
        names, description = _described(model, [part for part in error["loc"] if isinstance(part, str)])
        if error["type"] == "extra_forbidden":
            remedy = suggest(path[-1], names, what if len(path) == 1 else f"'{'.'.join(path[:-1])}' takes")
            problems.append((path, Problem(place(path), f"There is no option {shown(path[-1])} here.", remedy)))
        else:
            message = error["msg"].removeprefix("Value error, ").rstrip(".")
            problems.append((path, Problem(place(path), f"{message}.", f"It is: {description}" if description else "")))
    return problems


def _described(model: type[BaseModel], keys: list[str]) -> tuple[list[str], str]:
    """The field names beside the last of `keys`, and the description of the field it names, where known."""
    fields = dict(model.model_fields)
    description = ""
    while keys:
        field = fields.get(keys.pop(0))
        description = (field.description or "") if field else ""
        if field is None or not keys:
            break
        inner = _model_in(field.annotation)
        fields = {} if inner is None else dict(inner.model_fields)
        if get_origin(field.annotation) is dict:
            keys.pop(0)  # A name of the user's own.
    return list(fields), description


def _model_in(form: object) -> type[BaseModel] | None:
    """The model that a table has: by itself, as one that may be left out, or as that of each entry."""
    if isinstance(form, type) and issubclass(form, BaseModel):
        return form
    return next((found for part in get_args(form) if (found := _model_in(part)) is not None), None)
