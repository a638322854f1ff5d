"""A flow as data: its steps, what they depend on, and their policies. Work is named, never held."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from lightagent.domain.flow.retrying import NO_RETRY, RetryPolicy
from lightagent.domain.json_types import JsonObject

StepKind: TypeAlias = Literal["task", "map", "loop", "wait"]
"""What a step is.

* task: one piece of work, of an agent, a swarm, a flow or a callable.
* map: its body once for each item of a list, independently.
* loop: its body again and again, until its code ends it, or its bound is reached.
* wait: for a time, or for an event from outside.
"""


@dataclass(frozen=True, slots=True)
class CodeDigest:
    """The code of a step, as far as a digest covers it: `field` is the option that it was given as.

    Attributes:
        field: such as `agent`, `query` or `condition`.
        digest: of its canonical syntax tree; with a prefix such as `code-3.11:` if the source is missing, so that only
            the same version of Python can compare it.
    """

    field: str
    digest: str


@dataclass(frozen=True, slots=True)
class Growth:
    """A step may add steps below itself.

    Attributes:
        accept: who decides whether the proposed steps are added: `code` (a callable or a policy) or a `person`.
        most: steps that it may add at once; the run's limits hold besides.
    """

    accept: Literal["code", "person"] = "code"
    most: int = 20


@dataclass(frozen=True, slots=True)
class WaitFor:
    """The condition of a step of kind wait.

    Attributes:
        seconds: the time from the moment when it begins; for an event, the time after which it has failed.
        event: the name of the event from outside; empty: it waits for the time alone. Names are unique a wait.
        asks: code is asked for the moment, in seconds of the clock, instead of `seconds`.
    """

    seconds: float | None = None
    event: str = ""
    asks: bool = False


@dataclass(frozen=True, slots=True)
class StepDefinition:
    """One step.

    Attributes:
        name: unique among its neighbours.
        kind: what it is.
        depends_on: the names of neighbours that have to be over before it.
        work: the name of the work, under which the flow has registered it. Of a step of the definition
            its declared path unless given; steps that are added below another must name it.
        body: the steps of an item of a map, or of a round of a loop.
        condition: code is asked whether it runs; if not, it is skipped.
        approval: a person is asked before it runs.
        approvers: who may decide; empty: everyone who may decide about the run.
        retry: how often it is tried, and when.
        timeout: seconds that an attempt may take.
        fallback: there is other work for it, once its own attempts are used up.
        verify: its result is verified before it counts.
        doubt: what follows if the verification cannot decide: accept, ask a person, or fail.
        growth: whether it may add steps below itself.
        wait: what a wait waits for.
        rounds: the bound of a loop; None: the run's limit.
        repeatable: an attempt that was interrupted may be made again; otherwise its outcome is unknown, and it fails.
        query: the text of its query; None: code makes it, or its input and the outputs that it depends on.
        output_schema: a JSON Schema that its output must match.
        metadata: data of the user.
        code: the digests of its code.
    """

    name: str
    kind: StepKind = "task"
    depends_on: tuple[str, ...] = ()
    work: str = ""
    body: tuple[StepDefinition, ...] = ()
    condition: bool = False
    approval: bool = False
    approvers: tuple[str, ...] = ()
    retry: RetryPolicy = NO_RETRY
    timeout: float | None = None
    fallback: bool = False
    verify: bool = False
    doubt: Literal["accept", "person", "fail"] = "accept"
    growth: Growth | None = None
    wait: WaitFor | None = None
    rounds: int | None = None
    repeatable: bool = True
    query: str | None = None
    output_schema: JsonObject | None = None
    metadata: JsonObject = field(default_factory=dict)
    code: tuple[CodeDigest, ...] = ()


POLICY_FIELDS: Final = frozenset(("retry", "timeout", "fallback", "doubt", "approvers", "repeatable", "metadata"))
"""The parts of a step that may change at any time, since their decisions are on record."""


@dataclass(frozen=True, slots=True)
class FlowDefinition:
    """The steps of a flow, in the order in which they were declared."""

    name: str
    steps: tuple[StepDefinition, ...]
