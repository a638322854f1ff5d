"""An instance of a JSON Schema, filled from texts as far as rules can."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass

from lightagent.adapters.chat.offline.formats import shaped
from lightagent.adapters.chat.offline.recall import parsed_result
from lightagent.adapters.chat.offline.roles import Parameter, properties
from lightagent.adapters.chat.offline.schemas import as_list, as_object, plain, type_of
from lightagent.adapters.chat.offline.take import take, to_number
from lightagent.adapters.chat.offline.words import readable, words
from lightagent.domain.json_types import JsonObject, JsonValue

_DEEP = 6


@dataclass(frozen=True, slots=True)
class Texts:
    """What is known: the question, and the results of tools, the latest first."""

    question: str
    results: tuple[str, ...] = ()


def instance_text(schema: JsonObject, texts: Texts) -> str:
    """An instance as the answer's text."""
    return json.dumps(build(schema, schema, texts), ensure_ascii=False)


def build(
    schema: JsonValue, root: JsonObject, texts: Texts, parameter: Parameter | None = None, depth: int = 0
) -> JsonValue:
    """An instance of `schema`, the value of `parameter` if it stands in an object."""
    resolved = plain(schema, root)
    if "const" in resolved:
        return resolved["const"]
    known = [value for value in _known(parameter, texts) if _fits(value, resolved)] if parameter else []
    kind = type_of(resolved)
    if kind == "object":
        return _object(resolved, root, texts, depth)
    if kind == "array":
        return _array(resolved, root, texts, parameter, depth)
    if known:
        return known[0]
    if "default" in resolved:
        return resolved["default"]
    if "enum" in resolved:
        return _choice(resolved, texts)
    return _scalar(kind, resolved, texts, parameter)


def _object(schema: JsonObject, root: JsonObject, texts: Texts, depth: int) -> JsonValue:
    built: JsonObject = {}
    for one in properties(schema, root):
        if one.required or (depth < _DEEP and _known(one, texts)):
            built[one.name] = build(one.schema, root, texts, one, depth + 1)
    return built


def _array(schema: JsonObject, root: JsonObject, texts: Texts, parameter: Parameter | None, depth: int) -> JsonValue:
    found = next((value for value in _known(parameter, texts) if isinstance(value, list)), []) if parameter else []
    items = plain(schema.get("items"), root)
    kept = [item for item in found if _fits(item, items)]
    fixed = as_list(schema.get("prefixItems"))
    if fixed:
        kept = [build(one, root, texts, None, depth + 1) for one in fixed]
    least, most = _number(schema, "minItems", 0), _number(schema, "maxItems", math.inf)
    while len(kept) < least:
        kept.append(_another(build(items, root, texts, None, depth + 1), len(kept), schema))
    return kept[: int(min(most, len(kept)))]


def _another(item: JsonValue, number: int, schema: JsonObject) -> JsonValue:
    """Unlike the items before it, where they must differ."""
    if not schema.get("uniqueItems"):
        return item
    if isinstance(item, int | float) and not isinstance(item, bool):
        return item + number
    return f"{item}{number or ''}" if isinstance(item, str) else item


def _known(parameter: Parameter, texts: Texts) -> list[JsonValue]:
    """What results and question say for a property: a field of that name first, then what looks like it."""
    fields = [value for result in texts.results for value in _fields(parameter.name, parsed_result(result))]
    # Tools bring figures; of whom and of what they were asked, the question says.
    order = (*texts.results, texts.question) if parameter.role == "number" else (texts.question, *texts.results)
    return [*fields, *(value for text in order for value in take(parameter, readable(text)))]


def _fields(name: str, value: JsonValue) -> list[JsonValue]:
    if isinstance(value, list):
        return [found for item in value for found in _fields(name, item)]
    own = [one for key, one in as_object(value).items() if words(key) == words(name)]
    return own + [found for one in as_object(value).values() if isinstance(one, dict) for found in _fields(name, one)]


def _choice(schema: JsonObject, texts: Texts) -> JsonValue:
    options = as_list(schema.get("enum"))
    parameter = Parameter("", schema, True, "choice", "")
    said = [value for text in (*texts.results, texts.question) for value in take(parameter, readable(text))]
    return said[0] if said else next(iter(options), None)


def _scalar(kind: str, schema: JsonObject, texts: Texts, parameter: Parameter | None) -> JsonValue:
    if kind == "null":
        return None
    if kind == "boolean":
        return False
    if kind in ("integer", "number"):
        return _bounded(kind, schema, texts if parameter is None else Texts(""))
    return shaped(schema, texts.question)


def _bounded(kind: str, schema: JsonObject, texts: Texts) -> int | float:
    said = take(Parameter("", schema, True, "number", ""), texts.question)
    fitting = [value for value in said if _fits(value, schema) and isinstance(value, int | float)]
    if fitting:
        return fitting[0]
    step = _number(schema, "multipleOf", 1 if kind == "integer" else 0)
    low = max(_number(schema, "minimum", -math.inf), _above(schema, step))
    high = min(_number(schema, "maximum", math.inf), _number(schema, "exclusiveMaximum", math.inf) - (step or 1e-6))
    value = min(max(0.0, low), high)
    if step:
        value = math.ceil(value / step) * step if value >= 0 or low > -math.inf else math.floor(value / step) * step
    return int(value) if value == int(value) else value


def _above(schema: JsonObject, step: float) -> float:
    bound = _number(schema, "exclusiveMinimum", -math.inf)
    return bound + (step or 1e-6)


def _number(schema: JsonObject, name: str, otherwise: float) -> float:
    value = schema.get(name)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else otherwise


def _fits(value: JsonValue, schema: JsonObject) -> bool:
    if "const" in schema or "enum" in schema:
        allowed = as_list(schema["enum"]) if "enum" in schema else [schema["const"]]
        return any(value == one and type(value) is type(one) for one in allowed)
    kind = type_of(schema)
    if kind in ("integer", "number"):
        return _is_within(value, kind, schema)
    if kind == "string":
        return isinstance(value, str) and bool(value) and shaped(schema, value) == value
    checks = {"boolean": bool, "object": dict, "array": list, "null": type(None)}
    return isinstance(value, checks.get(kind, object))


def _is_within(value: JsonValue, kind: str, schema: JsonObject) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    if kind == "integer" and to_number(str(value), kind) is None:
        return False
    step = _number(schema, "multipleOf", 0)
    return (
        _number(schema, "minimum", -math.inf) <= value <= _number(schema, "maximum", math.inf)
        and _number(schema, "exclusiveMinimum", -math.inf) < value < _number(schema, "exclusiveMaximum", math.inf)
        and (not step or abs(value / step - round(value / step)) < 1e-9)
    )
