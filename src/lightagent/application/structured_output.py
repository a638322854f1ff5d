"""Answers with a type: the schema that the model gets, and the check of its answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from lightagent.application.answer_json import find_json
from lightagent.application.strict_json import NotStrictJsonError, read_json
from lightagent.application.tools.redaction import describe_failure
from lightagent.domain.errors import ConfigurationError, OutputError
from lightagent.domain.json_copies import same_json
from lightagent.domain.json_types import JsonObject, JsonValue

if TYPE_CHECKING:
    from pydantic import TypeAdapter
    from pydantic_core import SchemaValidator
    from typing_extensions import TypeForm, TypeIs

OutputT_co = TypeVar("OutputT_co", covariant=True)

_RESULT: Final = "result"
"""The name under which a type that is not an object is wrapped."""
_REFERENCE: Final = "#/$defs/"


class OutputType(Generic[OutputT_co]):
    """The type of an agent's final answer; without one it is text, and any text will do.

    A provider requires an object at the root of a schema; any other type (a list, a union, a number) is wrapped as
    ``{"result": …}`` and is unwrapped here.

    Raises:
        ConfigurationError: pydantic cannot make a JSON schema of the type.
    """

    def __init__(self, form: object = None, option: str = "output_type") -> None:
        self._form = form
        self._option = option
        self.is_text: bool = form is None or form is str

    @cached_property
    def _adapter(self) -> TypeAdapter[OutputT_co]:
        from pydantic import TypeAdapter

        if not self._is_form(self._form):
            raise ConfigurationError(f"{self._option}: text has no schema.")
        adapter: TypeAdapter[OutputT_co] = TypeAdapter(self._form)
        return adapter

    @cached_property
    def _validator(self) -> SchemaValidator:
        from lightagent.application.strict_validation import strict_validator

        return strict_validator(self._adapter.core_schema)

    @cached_property
    def _plain_schema(self) -> JsonObject:
        from pydantic import PydanticUserError

        try:
            return self._adapter.json_schema()
        except (PydanticUserError, TypeError) as exc:
            form, why = f"{self._form!r:.100}", str(exc).split(". ")[0].splitlines()[0]
            raise ConfigurationError(
                f"{self._option}: no JSON schema can be made of {form}. {why}.",
                guidance="Use a pydantic model, a dataclass, a TypedDict or a plain type such as list[str].",
            ) from None

    @cached_property
    def schema(self) -> JsonObject:
        """JSON Schema of the answer; an object at its root."""
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
        """Whether a type was named. The constructor's overloads ensure that it is the type parameter."""
        return form is not None

    def _is_output(self, content: object) -> TypeIs[OutputT_co]:
        """Whether the output is plain text."""
        return self.is_text and isinstance(content, str)

    def check(self, content: str) -> str:
        """The answer to keep: the JSON text of the one value in it that fits, which `parse` takes.

        Raises:
            OutputError: none fits, or several do; the message lists what is wrong, for the model to correct.
        """
        problem: NotStrictJsonError | None = None
        refusals: list[OutputError] = []
        for found in find_json(content):
            problem = problem or found.problem
            fitting = list(dict.fromkeys(self._fitting(found.values, refusals)))
            if len(fitting) == 1:
                return fitting[0]
            if fitting:
                raise OutputError(
                    f"- the answer holds {len(fitting)} different values that fit; give one, and only that."
                )
        if refusals:
            raise refusals[-1]
        if problem is not None:
            remedy = f"; {problem.remedy}" if problem.remedy else ""
            raise OutputError(
                f"- the answer {'holds' if problem.held else 'is'} {problem.problem}{remedy}."
            ) from problem
        raise OutputError("- the answer is no JSON.")

    def _fitting(self, values: list[JsonValue], refusals: list[OutputError]) -> Iterator[str]:
        """The answers that fit, as JSON; the reasons against the others are added to `refusals`."""
        for value in values:
            reasons: list[OutputError] = []
            for form, closed in self._forms(value):
                answer = json.dumps(form, ensure_ascii=False)
                try:
                    self._parse(answer, closed=closed)
                except OutputError as exc:
                    reasons.append(exc)
                else:
                    yield answer
                    break
            else:
                refusals.extend(reasons[-1:])

    def _forms(self, value: JsonValue) -> list[tuple[JsonValue, bool]]:
        """What a value may stand for, and whether unknown fields are refused then.

        It is itself, or the value that the model put under `result`.
        """
        if not (self._wrapped and isinstance(value, dict) and value.keys() == {_RESULT}):
            return [(value, False)]
        inner = (value[_RESULT], False)
        if not _has_result(self._plain_schema, self._plain_schema):
            return [inner]
        # A member of the union has such a field of its own. Another that ignores unknown fields would take it as well.
        return [(value, True), inner, (value, False)]

    def parse(self, content: str) -> OutputT_co:
        """An answer that `check` gave, as a value of the type.

        Raises:
            OutputError: it does not fit.
        """
        if self._is_output(content):
            return content
        return self._parse(content)

    def _parse(self, content: str, *, closed: bool = False) -> OutputT_co:
        from pydantic import ValidationError

        validator = self._validator  # A type without a schema is its developer's mistake, not the model's.
        try:
            value: OutputT_co = validator.validate_json(content, extra="forbid" if closed else None)
            return value
        except ValidationError as exc:
            errors = exc.errors(include_url=False, include_input=False)[:20]
            lines = (f"- {'.'.join(str(part) for part in e['loc']) or 'the answer'}: {e['msg']}" for e in errors)
            raise OutputError("\n".join(lines)) from None
        except Exception as exc:  # A validator is the user's code, and pydantic takes only ValueErrors for a refusal.
            raise OutputError(f"- the answer could not be validated: {describe_failure(exc)}") from exc


def holds_json(content: str, answer: str) -> bool:
    """Whether an answer that `OutputType.check` gave is among what it may find in `content`."""
    try:
        kept = read_json(answer)
    except NotStrictJsonError:
        return False
    values = [value for found in find_json(content) for value in found.values]
    inner = [value[_RESULT] for value in values if isinstance(value, dict) and value.keys() == {_RESULT}]
    return any(same_json(kept, value) for value in (*values, *inner))


def _has_result(schema: JsonValue, root: JsonObject) -> bool:
    """Whether an object with the field `result`, or with fields of any name, is among what a schema takes."""
    if not isinstance(schema, dict):
        return False
    properties, reference = schema.get("properties"), schema.get("$ref")
    if isinstance(properties, dict) and _RESULT in properties:
        return True
    if schema.get("type") == "object" and not properties and schema.get("additionalProperties"):
        return True
    if isinstance(reference, str) and reference.startswith(_REFERENCE):
        definitions = root.get("$defs")
        name = reference.removeprefix(_REFERENCE)
        return isinstance(definitions, dict) and _has_result(definitions.get(name), {})
    members = [schema.get(word) for word in ("anyOf", "oneOf", "allOf")]
    return any(_has_result(member, root) for group in members if isinstance(group, list) for member in group)
