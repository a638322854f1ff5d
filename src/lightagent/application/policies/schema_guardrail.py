"""A guardrail that requires answers to be JSON that fits a schema."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from lightagent.application.strict_json import NotStrictJsonError, read_json
from lightagent.domain.json_types import JsonObject
from lightagent.domain.policy.guardrails import GuardrailDecision

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator

NAME = "output_schema"


class SchemaGuardrail:
    """Blocks an answer that is not JSON, or does not fit.

    Args:
        schema: a JSON Schema (Draft 2020-12) that refers to nothing outside of itself.
        reason: why it blocks.

    Raises:
        ConfigurationError: it is not such a schema.
    """

    name = NAME

    def __init__(self, schema: JsonObject, reason: str) -> None:
        from lightagent.application.tools.schema_validation import check_schema

        check_schema(NAME, schema)
        self._schema = schema
        self._reason = reason

    @cached_property
    def _validator(self) -> Draft202012Validator:
        from lightagent.application.tools.schema_validation import StrictValidator

        return StrictValidator(self._schema)

    def __call__(self, text: str, context: JsonObject) -> GuardrailDecision:
        """Whether the answer fits."""
        try:
            value = read_json(text)
        except NotStrictJsonError:
            return GuardrailDecision(False, self._reason)
        return GuardrailDecision(bool(self._validator.is_valid(value)), self._reason)
