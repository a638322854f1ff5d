"""What a step does, as digests: so that a run which is resumed with other code is refused by step and field.

Code that only decides something has none: what it said is on record, so it may change.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Final

from lightagent.application.flow.flow_step import LightFlowStep
from lightagent.domain.flow.definition import CodeDigest, FlowDefinition, StepDefinition
from lightagent.domain.json_bytes import encode_json
from lightagent.domain.json_types import JsonValue

TEXT_PREFIX: Final = "text-1:"
"""Digests of what is no code, such as instructions."""


def text_digest(field: str, value: JsonValue) -> CodeDigest:
    """The digest of plain data."""
    return CodeDigest(field, TEXT_PREFIX + sha256(encode_json(value)).hexdigest())


def take_code(step: LightFlowStep, levels: int = 8) -> None:
    """Read the source of a step's code now, when it is declared: the file that is edited later is not what runs."""
    step.work.declared(levels)
    if step.query is not None:
        step.query.digest()
    for inner in step.body:
        take_code(inner, levels)


def coded_definition(name: str, steps: Iterable[LightFlowStep]) -> FlowDefinition:
    """A flow as data, with the digests of what its steps do now."""
    return FlowDefinition(name, tuple(_coded(step) for step in steps if not step.offered))


def _coded(step: LightFlowStep) -> StepDefinition:
    told = step.definition
    schema = told.output_schema if step.output is None else step.output.schema
    body = tuple(_coded(inner) for inner in step.body) if told.body else ()
    return replace(told, code=step_code(step), output_schema=schema, body=body)


def step_code(step: LightFlowStep, levels: int = 8) -> tuple[CodeDigest, ...]:
    """What does the work of a step, and what makes its query.

    Args:
        levels: flows within flows that are looked into.
    """
    work = step.work.digests(levels)
    return work if step.query is None else (*work, CodeDigest("query", step.query.digest()))


def steps_code(steps: Sequence[LightFlowStep], levels: int) -> tuple[CodeDigest, ...]:
    """The same of the steps of a flow that is a step itself, each under the name of its step."""
    found: list[CodeDigest] = []
    for step in (one for one in steps if not one.offered):
        told = step.definition
        asked: JsonValue = [[*told.depends_on], told.query, told.kind]
        found.append(text_digest(f"{told.name}/declared", asked))
        found += [CodeDigest(f"{told.name}/{one.field}", one.digest) for one in step_code(step, levels)]
        found += [CodeDigest(f"{told.name}/{one.field}", one.digest) for one in steps_code(step.body, levels)]
    return tuple(found)
