"""What pydantic finds wrong, as problems with a place and a remedy."""

from __future__ import annotations

from collections.abc import Callable
from typing import get_args

from pydantic import BaseModel, ValidationError
from typing_extensions import TypeIs

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
        names, description = _described(model, path)
        if error["type"] == "extra_forbidden":
            remedy = suggest(path[-1], names, what if len(path) == 1 else f"'{'.'.join(path[:-1])}' takes")
            problems.append((path, Problem(place(path), f"There is no option {shown(path[-1])} here.", remedy)))
        else:
            message = error["msg"].removeprefix("Value error, ").rstrip(".")
            problems.append((path, Problem(place(path), f"{message}.", f"It is: {description}" if description else "")))
    return problems


def _described(model: type[BaseModel], path: KeyPath) -> tuple[list[str], str]:
    """The field names beside the last part of `path`, and the description of the field it names, where known."""
    fields = dict(model.model_fields)
    description = ""
    for depth, name in enumerate(path):
        field = fields.get(name)
        description = (field.description or "") if field else ""
        if field is None or depth == len(path) - 1:
            break
        named = next((part for part in get_args(field.annotation) if _is_model(part)), None)
        if named is not None:  # A table of tables that users name.
            return _described(named, path[depth + 2 :]) if len(path) > depth + 2 else ([], description)
        fields = dict(field.annotation.model_fields) if _is_model(field.annotation) else {}
    return list(fields), description


def _is_model(annotation: object) -> TypeIs[type[BaseModel]]:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)
