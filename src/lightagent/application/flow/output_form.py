"""The results of steps: checked against their types, kept as plain JSON, and read again as those types."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Generic, TypeVar

from typing_extensions import TypeForm, TypeIs

from lightagent.domain.errors import ConfigurationError, OutputError
from lightagent.domain.json_checks import require_json
from lightagent.domain.json_copies import copy_json
from lightagent.domain.json_types import JsonObject, JsonValue

if TYPE_CHECKING:
    from pydantic import TypeAdapter

T = TypeVar("T")


class OutputForm(Generic[T]):
    """The type of a step's result.

    Args:
        form: the type; a model of pydantic, a dataclass, a union and so on.
    """

    def __init__(self, form: TypeForm[T]) -> None:
        self.form = form

    @cached_property
    def _adapter(self) -> TypeAdapter[T]:
        from pydantic import PydanticUserError, TypeAdapter

        try:
            adapter: TypeAdapter[T] = TypeAdapter(self.form)
            adapter.json_schema()
        except (PydanticUserError, TypeError) as exc:
            raise ConfigurationError(f"output_type: no JSON schema can be made of {self.form!r:.100}. {exc}") from None
        return adapter

    def check(self) -> None:
        """Raise unless values of the type can be kept.

        Raises:
            ConfigurationError: pydantic can make no JSON schema of the type.
        """
        _ = self._adapter

    @property
    def schema(self) -> JsonObject:
        """The JSON Schema of the kept value."""
        return self._adapter.json_schema()

    def keep(self, value: object, step: str) -> JsonValue:
        """A value that the step gave, as plain JSON.

        Raises:
            OutputError: it is not of the type. The effects of the step remain.
        """
        from pydantic import ValidationError

        try:
            kept: JsonValue = self._adapter.dump_python(self._adapter.validate_python(value), mode="json")
        except (ValidationError, ValueError, TypeError) as exc:
            raise _refused(step, f"{_problem(exc)}.") from None
        return as_json(kept, step)

    def read(self, kept: JsonValue, step: str) -> T:
        """The value that was kept.

        Raises:
            OutputError: what is kept is not of the type.
        """
        from pydantic import ValidationError

        try:
            return self._adapter.validate_python(kept)
        except (ValidationError, ValueError, TypeError) as exc:
            raise OutputError(
                f"What the step {step!r:.100} gave is not of the type that is asked for: {_problem(exc)}.",
                guidance="Ask for the step's output_type.",
                details={"step": step},
            ) from None


def as_json(result: object, step: str) -> JsonValue:
    """The result of a step without a declared type: a copy, so that later changes do not reach the record.

    Raises:
        OutputError: it is not plain JSON. The effects of the step remain.
    """
    if type(result) is str:  # Most steps give text, which needs no copy.
        return result
    if _is_json(result, step):
        return copy_json(result)
    return None  # Not reached: `_is_json` raises.


def _is_json(value: object, step: str) -> TypeIs[JsonValue]:
    try:
        require_json(value, "its result")
    except ConfigurationError as error:
        raise _refused(step, error.message) from None
    return True


def _refused(step: str, problem: str) -> OutputError:
    return OutputError(
        f"The step {step!r:.100} was carried out, but what it gave cannot be kept: {problem}",
        guidance="Return text or plain JSON, or a value of the step's output_type.",
        details={"step": step},
    )


def _problem(error: Exception) -> str:
    from pydantic import ValidationError

    if not isinstance(error, ValidationError):
        return f"{type(error).__name__}: {error}"
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    return f"{place}: {first['msg']}" if place else first["msg"]
