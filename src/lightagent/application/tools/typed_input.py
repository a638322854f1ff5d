"""The arguments of a call as one value of a type: its schema and its strict validation."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from lightagent.application.tools.arguments import bad_arguments, dump_arguments, refused
from lightagent.application.tools.redaction import describe_failure
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_types import JsonObject

if TYPE_CHECKING:
    from pydantic import TypeAdapter
    from pydantic_core import SchemaValidator
    from typing_extensions import TypeForm

_DEFINITIONS: Final = "#/$defs/"

InputT_co = TypeVar("InputT_co", covariant=True)


class TypedInput(Generic[InputT_co]):
    """Validates arguments as a value of a pydantic model, a dataclass or a TypedDict.

    Args:
        form: the type.
        owner: what takes the arguments, for error messages.

    Raises:
        ConfigurationError: pydantic cannot create a JSON schema of the type, or its values are not objects.
    """

    def __init__(self, form: TypeForm[InputT_co], owner: str) -> None:
        from pydantic import TypeAdapter, ValidationError
        from pydantic.errors import PydanticUndefinedAnnotation, PydanticUserError

        from lightagent.application.tools.schema_shape import forbid_unknown, has_integer_choices, takes_unknown, tidy

        try:
            adapter: TypeAdapter[InputT_co] = TypeAdapter(form)
            schema = tidy(_at_the_root(adapter.json_schema()))
        except (PydanticUserError, PydanticUndefinedAnnotation, TypeError) as exc:
            reason = str(exc).strip().partition("\n")[0]
            raise ConfigurationError(f"{owner}: no JSON schema can be made of {form!r:.100}. {reason}") from exc
        if schema.get("type") != "object":
            raise ConfigurationError(
                f"{owner}: {form!r:.100} is not an object in JSON.",
                guidance="Use a pydantic model, a dataclass or a TypedDict.",
            )
        self._lenient = takes_unknown(schema)
        if not self._lenient:
            forbid_unknown(schema)
        self._has_integer_choices = has_integer_choices(schema)
        self._adapter = adapter
        self._refusal = ValidationError
        self.schema: JsonObject = schema
        """The JSON Schema of the arguments."""

    @cached_property
    def _validator(self) -> SchemaValidator:
        from lightagent.application.strict_validation import strict_validator

        return strict_validator(self._adapter.core_schema)

    def parse(self, arguments: JsonObject) -> InputT_co:
        """Return the arguments as a value of the type.

        Raises:
            ToolError: the arguments are invalid; the message tells the model what is wrong.
        """
        from lightagent.application.tools.pydantic_errors import known_names, validation_problems
        from lightagent.application.tools.schema_validation import schema_check

        text = dump_arguments(arguments)
        try:
            value: InputT_co = self._validator.validate_json(text, extra=None if self._lenient else "forbid")
        except self._refusal as exc:
            raise bad_arguments(validation_problems(exc, arguments, self.schema), known_names(self.schema)) from exc
        except Exception as exc:  # A user's validator failed: the run survives it.
            raise refused(f"The arguments could not be checked: {describe_failure(exc)}") from exc
        if self._has_integer_choices and ("true" in text or "false" in text):
            schema_check("arguments", self.schema)(arguments)  # pydantic accepts true for Literal[1].
        return value


def _at_the_root(schema: JsonObject) -> JsonObject:
    """Return the schema with a reference at its root, as recursive types have, replaced by its definition."""
    reference, definitions = schema.get("$ref"), schema.get("$defs")
    if not isinstance(reference, str) or not isinstance(definitions, dict):
        return schema
    root = definitions.get(reference.removeprefix(_DEFINITIONS))
    return {**root, "$defs": definitions} if isinstance(root, dict) else schema
