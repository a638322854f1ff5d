"""Problems in the settings: where, what and what to do, also those that pydantic finds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import get_args, get_origin

from pydantic import BaseModel, ValidationError

from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_types import JsonValue
from lightagent.domain.secrets.masking import shown, unless_key
from lightagent.settings.origins import KeyPath


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem in the settings.

    Attributes:
        place: what to correct: dotted path with file and line, or environment variable.
        message: what is wrong with it.
        remedy: what to write or do instead.
        error: the class to raise if it is the only problem.
    """

    place: str
    message: str
    remedy: str = ""
    error: type[ConfigurationError] = ConfigurationError

    def __str__(self) -> str:
        text = f"{self.place}: {self.message}" if self.place else self.message
        return f"{text} {self.remedy}" if self.remedy else text

    def redacted(self, redact: Callable[[str], str]) -> Problem:
        """The same problem, its message and its remedy without secrets."""
        return replace(self, message=redact(self.message), remedy=redact(self.remedy))


def raise_problems(problems: Sequence[Problem]) -> None:
    """Raise all problems as one error; does nothing without problems.

    Raises:
        ConfigurationError: its details list every problem as text.
    """
    if not problems:
        return
    texts: list[JsonValue] = [str(problem) for problem in problems]
    first = problems[0]
    if len(problems) == 1:
        message = f"{first.place}: {first.message}" if first.place else first.message
        guidance = first.remedy or "`lightagent config check` checks the whole file."
        raise first.error(message, guidance=guidance, details={"problems": texts})
    listed = "\n".join(f"  - {text}" for text in texts)
    raise ConfigurationError(
        f"{len(problems)} problems in the configuration:\n{listed}",
        guidance="`lightagent config check` lists them again.",
        details={"problems": texts},
    )


def problem_of(error: ConfigurationError, place: str = "", known: str = "") -> Problem:
    """The problem of a raised error, at `place`.

    Args:
        known: a beginning of the error's text that `place` makes redundant.
    """
    return Problem(place, error.message.removeprefix(known), error.guidance, type(error))


def unset_variable(place: str, variable: str, otherwise: str = "") -> Problem:
    """The problem of a reference to an environment variable that is not set.

    Args:
        otherwise: what can be done instead of setting it.
    """
    name = unless_key(variable)
    instead = f", or {otherwise}." if otherwise else ""
    return Problem(place, f"The environment variable {name} is not set.", f"Type: export {name}=…{instead}")


def suggest(name: str, known: Sequence[str], what: str) -> str:
    """Return a remedy for an unknown name: the nearest known ones, else all of them."""
    near = get_close_matches(name, known, n=2, cutoff=0.6)
    if near:
        return f"Did you mean {' or '.join(repr(one) for one in near)}?"
    return f"{what}: {', '.join(known)}." if known else f"{what}: none."


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
