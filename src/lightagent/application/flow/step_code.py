"""Digests of what steps do, so that a run that is resumed with other code is refused, naming step and field.

Code that only decides something has no digest: its decision is on record, so the code may change.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from operator import is_
from typing import Final

from lightagent.application.flow.flow_step import LightFlowStep
from lightagent.application.flow.step_work import StepWork
from lightagent.domain.flow.changes import FALLBACK_CODE, OFFERED_CODE
from lightagent.domain.flow.definition import CodeDigest, FlowDefinition, StepDefinition
from lightagent.domain.json_bytes import encode_json
from lightagent.domain.json_types import JsonValue

TEXT_PREFIX: Final = "text-1:"
"""Prefix of digests of what is not code, such as instructions."""


def text_digest(field: str, value: JsonValue) -> CodeDigest:
    """The digest of plain data."""
    return CodeDigest(field, TEXT_PREFIX + sha256(encode_json(value)).hexdigest())


def take_code(step: LightFlowStep, levels: int = 8) -> None:
    """Read the source of a step's code now, when it is declared: the file that is edited later is not what runs."""
    step.work.declared(levels)
    if step.fallback is not None:
        step.fallback.declared(levels)
    if step.query is not None:
        step.query.digest()
    for inner in step.body:
        take_code(inner, levels)


class CodedDefinitions:
    """A flow as data, with the digests of what its steps do now.

    An agent may change between two runs, so the digests are taken anew for each. If they are unchanged, so
    is the definition, and the same object is returned: what was computed for it, such as whether it is valid, the graph
    of its steps and its JSON text, is reused by the next run.

    Args:
        name: of the flow.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._known: dict[int, tuple[LightFlowStep, StepDefinition]] = {}
        self._last = FlowDefinition(name, ())
        self._offers: tuple[CodeDigest, ...] = ()

    def __call__(self, steps: Sequence[LightFlowStep]) -> FlowDefinition:
        """The definition that these steps are now."""
        now: dict[int, tuple[LightFlowStep, StepDefinition]] = {}
        self._offers = tuple([_offered_code(step) for step in steps if step.offered])
        coded = tuple([self._coded(step, now) for step in steps if not step.offered])
        last, self._known = self._last, now
        if not _are_same(coded, last.steps):
            self._last = last = FlowDefinition(self._name, coded)
        return last

    def _coded(self, step: LightFlowStep, now: dict[int, tuple[LightFlowStep, StepDefinition]]) -> StepDefinition:
        told, code = step.definition, step_code(step)
        if step.fallback is not None:
            code = (*code, *_fallback_code(step.fallback))
        if told.growth is not None:
            code = (*code, *self._offers)
        body = tuple([self._coded(inner, now) for inner in step.body]) if told.body else ()
        before = self._known.get(id(step))  # The step is kept with it, so no other one has its identity.
        if before is not None and before[1].code == code and _are_same(before[1].body, body):
            now[id(step)] = before
            return before[1]
        schema = told.output_schema if step.output is None else step.output.schema
        coded = replace(told, code=code, output_schema=schema, body=body)
        now[id(step)] = step, coded
        return coded


def _are_same(some: tuple[StepDefinition, ...], others: tuple[StepDefinition, ...]) -> bool:
    return len(some) == len(others) and all(map(is_, some, others))


def step_code(step: LightFlowStep, levels: int = 8) -> tuple[CodeDigest, ...]:
    """The digests of a step's work, and of the code that makes its query.

    Args:
        levels: how many levels of nested flows are included.
    """
    work = step.work.digests(levels)
    return work if step.query is None else (*work, CodeDigest("query", step.query.digest()))


def _fallback_code(fallback: StepWork) -> tuple[CodeDigest, ...]:
    return tuple([CodeDigest(f"{FALLBACK_CODE}{one.field}", one.digest) for one in fallback.digests(8)])


def _offered_code(step: LightFlowStep) -> CodeDigest:
    """One digest of all offered work, for the steps that may add it."""
    schema = step.definition.output_schema if step.output is None else step.output.schema
    told: JsonValue = [[one.field, one.digest] for one in step_code(step)]
    return text_digest(f"{OFFERED_CODE}{step.definition.work}", [told, schema])


def steps_code(steps: Sequence[LightFlowStep], levels: int) -> tuple[CodeDigest, ...]:
    """The same for the steps of a nested flow, each under the name of its step."""
    found: list[CodeDigest] = []
    for step in (one for one in steps if not one.offered):
        told = step.definition
        asked: JsonValue = [[*told.depends_on], told.query, told.kind]
        found.append(text_digest(f"{told.name}/declared", asked))
        found += [CodeDigest(f"{told.name}/{one.field}", one.digest) for one in step_code(step, levels)]
        found += [CodeDigest(f"{told.name}/{one.field}", one.digest) for one in steps_code(step.body, levels)]
    return tuple(found)
