"""Turns validation errors of pydantic into problems with a place and a remedy."""

from __future__ import annotations

from collections.abc import Callable
from typing import get_args, get_origin

from pydantic import BaseModel, ValidationError

from lightagent.domain.secrets.masking import shown
from lightagent.settings.origins import KeyPath, Problem, suggest


def validation_problems(
    exc: ValidationError, model: type[BaseModel], place: Callable[[KeyPath], str], what: str
) -> list[tuple[KeyPath, Problem]]:
    """Return every error of `exc` with its path.

    Args:
        model: the validated model, for the names and descriptions of its fields.
        place: returns the place of a path, for people.
        what: introduces the keys of `model`, such as ``'openai' takes``.
    """
    problems: list[tuple[KeyPath, Problem]] = []
    for error in exc.errors(include_url=False, include_input=False, include_context=False):
        path = tuple(str(part) for part in error["loc"])
        # List indexes are not fields; they are integers, while a key that looks like a number is a text.
        names, description = _described(model, [part for part in error["loc"] if isinstance(part, str)])
        if error["type"] == "extra_forbidden":
            remedy = suggest(path[-1], names, what if len(path) == 1 else f"'{'.'.join(path[:-1])}' takes")
            problems.append((path, Problem(place(path), f"Unknown option {shown(path[-1])}.", remedy)))
        else:
            message = error["msg"].removeprefix("Value error, ").rstrip(".")
            problems.append((path, Problem(place(path), f"{message}.", f"It is: {description}" if description else "")))
    return problems


def _described(model: type[BaseModel], keys: list[str]) -> tuple[list[str], str]:
    """Return the field names beside the last of `keys`, and the description of that field, if known."""
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
    """Return the model of a table: its own type, that of an optional one, or that of each entry of a mapping."""
    if isinstance(form, type) and issubclass(form, BaseModel):
        return form
    return next((found for part in get_args(form) if (found := _model_in(part)) is not None), None)
