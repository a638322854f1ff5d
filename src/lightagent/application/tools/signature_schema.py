"""Compile the types of a function's parameters to a JSON schema and strict validation with pydantic.

Imported when a typed tool is first shown to a model or called, since importing pydantic is slow.
"""

from __future__ import annotations

from collections.abc import Mapping
from inspect import Parameter
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, create_model
from pydantic.errors import PydanticUndefinedAnnotation, PydanticUserError
from pydantic.fields import FieldInfo

from lightagent.application.strict_validation import strict_validator
from lightagent.application.tools.annotations import Hints, resolve_hints, text_of
from lightagent.application.tools.arguments import Check, CompiledTool, bad_arguments, dump_arguments, refused
from lightagent.application.tools.docstrings import read_docstring
from lightagent.application.tools.plain_json import PlainJson
from lightagent.application.tools.pydantic_errors import known_names, validation_problems
from lightagent.application.tools.schema_shape import forbid_unknown, has_integer_choices, takes_unknown, tidy
from lightagent.application.tools.signature import Function, Signature, read_doc
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_types import JsonObject, JsonValue

_CONFIG = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, protected_namespaces=())


def compile_typed(function: Function, signature: Signature) -> CompiledTool:
    """Return the compiled tool that a typed function declares.

    Raises:
        ConfigurationError: an annotation cannot be resolved, or a type cannot be validated from JSON.
    """
    hints = resolve_hints(function, signature)
    described = read_docstring(read_doc(function))
    model = _arguments_model(signature, hints)
    schema = tidy(_schema_of(signature.name, model))
    lenient = takes_unknown(schema)
    if not lenient:
        forbid_unknown(schema)
    texts = {name: text for name, hint in hints.types.items() if (text := text_of(hint))}
    _complete(schema, signature, {**described.parameters, **texts})
    description = described.text or signature.name.replace("_", " ").replace("-", " ").capitalize() + "."
    return CompiledTool(description, schema, _checker(model, schema, lenient=lenient), hints.context)


def _arguments_model(signature: Signature, hints: Hints) -> type[BaseModel]:
    # Fields are numbered and the names are aliases, so that a parameter may be called `json`, `copy` or `_x`.
    fields: dict[str, Any] = {
        f"p{number}": (hint, _field(signature, signature.parameters[name]))
        for number, (name, hint) in enumerate(hints.types.items())
    }
    try:
        model: type[BaseModel] = create_model("Arguments", __config__=_CONFIG, **fields)
    except (PydanticUserError, PydanticUndefinedAnnotation, TypeError) as exc:
        raise _unfit(signature.name, hints, exc) from exc
    return model


def _field(signature: Signature, parameter: Parameter) -> object:
    if isinstance(parameter.default, FieldInfo):
        raise ConfigurationError(
            f"Tool {signature.name!r}: Field() as the default of {parameter.name!r} would reach the function as it is; "
            "write Annotated[type, Field(...)] = default."
        )
    # The value does not matter: if an argument is left out, the function's own default applies.
    required = parameter.default is parameter.empty
    return Field(alias=parameter.name) if required else Field(alias=parameter.name, default=None)


def _schema_of(tool: str, model: type[BaseModel]) -> JsonObject:
    try:
        schema: JsonObject = model.model_json_schema()
    except PydanticUserError as exc:
        raise ConfigurationError(f"Tool {tool!r}: its parameters have no JSON schema: {_first_line(exc)}") from exc
    return schema


def _complete(schema: JsonObject, signature: Signature, meanings: Mapping[str, str]) -> None:
    """Write the function's defaults and the descriptions in its docstring into the schema."""
    properties = schema.setdefault("properties", {})
    if not isinstance(properties, dict):
        return
    for name, shown in properties.items():
        if not isinstance(shown, dict):
            continue
        shown.pop("default", None)
        default = _shown_default(signature.parameters[name])
        if default is not None:
            shown["default"] = default
        if meanings.get(name):
            shown.setdefault("description", meanings[name])


def _shown_default(parameter: Parameter) -> JsonValue:
    """Return the default if it is short and plain JSON, which is enough for a model; otherwise None."""
    if parameter.default is Parameter.empty or not isinstance(
        parameter.default, str | int | float | list | tuple | dict
    ):
        return None
    plain = PlainJson(1_000)
    default = plain.convert(parameter.default)
    return None if plain.incomplete else default


def _checker(model: type[BaseModel], schema: JsonObject, *, lenient: bool) -> Check:
    names = {name: field.alias or name for name, field in model.model_fields.items()}
    validate = strict_validator(model.__pydantic_core_schema__).validate_json
    hint = known_names(schema)
    same_in_python = has_integer_choices(schema)

    def check(arguments: JsonObject) -> Mapping[str, object]:
        text = dump_arguments(arguments)
        try:
            found: BaseModel = validate(text, extra=None if lenient else "forbid")
        except ValidationError as exc:
            raise bad_arguments(validation_problems(exc, arguments, schema), hint) from exc
        except Exception as exc:  # A user's validator failed: the run survives it.
            raise refused(f"The arguments could not be checked: {type(exc).__name__}: {str(exc)[:500]}") from exc
        if same_in_python and ("true" in text or "false" in text):
            _refuse_booleans_as_integers(schema, arguments)
        return {names[name]: getattr(found, name) for name in found.model_fields_set}

    return check


def _refuse_booleans_as_integers(schema: JsonObject, arguments: JsonObject) -> None:
    """Raise for booleans as integer choices: to pydantic, true is a valid Literal[1]; in JSON Schema it is not."""
    from lightagent.application.tools.schema_validation import schema_check

    schema_check("arguments", schema)(arguments)


def _unfit(tool: str, hints: Hints, exc: Exception) -> ConfigurationError:
    for name, hint in hints.types.items():
        try:
            TypeAdapter(hint)
        except (PydanticUserError, PydanticUndefinedAnnotation, TypeError) as found:
            return ConfigurationError(
                f"Tool {tool!r}: parameter {name!r} is of a type that cannot come from JSON: {_first_line(found)}",
                guidance="Take str, int, float, bool, list, dict, a dataclass, a TypedDict or a pydantic model; what "
                "the program itself gives to tools comes in a RunContext.",
            )
    return ConfigurationError(f"Tool {tool!r}: its parameters cannot be checked: {_first_line(exc)}")


def _first_line(exc: Exception) -> str:
    return str(exc).strip().partition("\n")[0].partition(" Set `arbitrary_types_allowed")[0]
