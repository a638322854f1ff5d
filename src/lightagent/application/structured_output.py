"""Answers with a type: the schema the model is shown, and the check its answer must pass."""

from __future__ import annotations

import json
import re
from functools import cached_property
from typing import TYPE_CHECKING, Generic, TypeVar

from lightagent.application.strict_json import NotStrictJsonError, read_json
from lightagent.application.tools.describe_failure import describe_failure
from lightagent.domain.errors import ConfigurationError, OutputError
from lightagent.domain.json_types import JsonObject, JsonValue

if TYPE_CHECKING:
    from pydantic import TypeAdapter
    from typing_extensions import TypeForm, TypeIs

OutputT_co = TypeVar("OutputT_co", covariant=True)

_FENCE = "```"
_OPENING = re.compile(r"```(?:json)?[^\S\n]*\n")


class OutputType(Generic[OutputT_co]):
    """The type of an agent's final answer; without one it is text, and any text will do.

    A provider wants an object at the root of a schema; a type that is none (a list, a union, a number) travels as
    ``{"result": …}`` and is unwrapped here.

    Raises:
        ConfigurationError: pydantic can make no JSON schema of the type.
    """

    def __init__(self, form: object = None) -> None:
        self._form = form
        self.is_text = form is None or form is str

    @cached_property
    def _adapter(self) -> TypeAdapter[OutputT_co]:
        from pydantic import TypeAdapter

        if not self._is_form(self._form):
            raise ConfigurationError("output_type: text has no schema.")
        adapter: TypeAdapter[OutputT_co] = TypeAdapter(self._form)
        return adapter

    @cached_property
    def _plain_schema(self) -> JsonObject:
        from pydantic import PydanticUserError

        try:
            return self._adapter.json_schema()
        except (PydanticUserError, TypeError) as exc:
            raise ConfigurationError(f"output_type: no JSON schema can be made of {self._form!r}. {exc}") from None

    @cached_property
    def schema(self) -> JsonObject:
        """JSON Schema of what the model is asked for; an object at its root."""
        plain = dict(self._plain_schema)
        if not self._wrapped:
            return plain
        definitions = plain.pop("$defs", None)
        wrapped: JsonObject = {"type": "object", "properties": {"result": plain}, "required": ["result"]}
        return wrapped if definitions is None else {**wrapped, "$defs": definitions}

    @property
    def _wrapped(self) -> bool:
        return self._plain_schema.get("type") != "object"

    def _is_form(self, form: object) -> TypeIs[TypeForm[OutputT_co]]:
        """Whether a type was named. That it is the type parameter's, the constructor's overloads make sure."""
        return form is not None

    def _is_output(self, content: object) -> TypeIs[OutputT_co]:
        """Whether text as such is what was asked for."""
        return self.is_text and isinstance(content, str)

    def check(self, content: str) -> str:
        """The answer to keep: the JSON text of the value alone, which `parse` takes.

        Raises:
            OutputError: it is no value of the type; the message lists what is wrong, for the model to mend.
        """
        value = _json_in(content)
        if self._wrapped and isinstance(value, dict) and set(value) == {"result"}:
            value = value["result"]
        answer = json.dumps(value, ensure_ascii=False)
        self.parse(answer)
        return answer

    def parse(self, content: str) -> OutputT_co:
        """An answer that `check` gave, as a value of the type.

        Raises:
            OutputError: it is none.
        """
        if self._is_output(content):
            return content
        from pydantic import ValidationError

        adapter = self._adapter  # A type without a schema is its developer's mistake, and none of the model's.
        try:
            return adapter.validate_json(content, strict=True)
        except ValidationError as exc:
            errors = exc.errors(include_url=False, include_input=False)[:20]
            lines = (f"- {'.'.join(str(part) for part in e['loc']) or 'the answer'}: {e['msg']}" for e in errors)
            raise OutputError("\n".join(lines)) from None
        except Exception as exc:  # A validator is the user's code, and pydantic takes only ValueErrors for a refusal.
            raise OutputError(f"- the answer could not be validated: {describe_failure(exc)}") from exc


def _json_in(content: str) -> JsonValue:
    """The JSON value in an answer; models like to put it in a fenced block."""
    for text in (content, _fenced(content)):
        try:
            return read_json(text)
        except NotStrictJsonError as exc:
            if exc.held or exc.is_json:  # All of it is the answer, and what is wrong can be named.
                remedy = f"; {exc.remedy}" if exc.remedy else ""
                raise OutputError(f"- the answer {'holds' if exc.held else 'is'} {exc.problem}{remedy}.") from exc
    raise OutputError("- the answer is no JSON.")


def _fenced(content: str) -> str:
    """The text of the first fenced block, or nothing where there is none or where it is not closed."""
    opening = _OPENING.search(content)
    if opening is None:
        return ""
    # The closing fence is looked for once: an expression for the whole block would look for it again from every fence.
    end = content.find(_FENCE, opening.end())
    return "" if end < 0 else content[opening.end() : end]
