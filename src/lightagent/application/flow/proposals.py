"""Steps that a step proposes to add below itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, Final

from lightagent.domain.errors import OutputError
from lightagent.domain.flow.definition import StepDefinition
from lightagent.domain.json_types import JsonValue

if TYPE_CHECKING:
    from pydantic import TypeAdapter

OFFERED: Final = "@"
"""Begins the names of work that is offered. It is escaped in paths, so no declared step has such a name."""


@dataclass(frozen=True, slots=True)
class ProposedStep:
    """A step that another one wants to have done below itself.

    Attributes:
        name: unique among the steps proposed together.
        work: a name that the flow offers; see `LightFlow.offer`.
        query: the query of the step.
        depends_on: the names of others that are proposed together with it.
    """

    name: str
    work: str
    query: str
    depends_on: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Proposal:
    """The result of a step that proposes further steps; an agent gives it with ``output_type=Proposal``.

    Attributes:
        steps: in the order in which they are shown.
        content: the result of the step itself.
    """

    steps: Sequence[ProposedStep] = field(default_factory=tuple)
    content: JsonValue = ""


def read_proposal(result: object, step: str) -> Proposal | None:
    """The proposal in a step's result; None: it is a plain result.

    Raises:
        OutputError: it has `steps`, and they are not a valid proposal.
    """
    if isinstance(result, Proposal):
        return result
    if not isinstance(result, Mapping) or "steps" not in result:
        return None
    from pydantic import ValidationError

    try:
        return _form().validate_python(dict(result))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise _refused(step, f"{place}: {first['msg']}") from None


def proposed(proposal: Proposal, offers: Mapping[str, StepDefinition], step: str) -> tuple[StepDefinition, ...]:
    """The proposed steps, as definitions.

    Args:
        offers: what the flow offers, by the names of the work.

    Raises:
        OutputError: it names work that the flow does not offer.
    """
    return tuple(_definition(one, offers, step) for one in proposal.steps)


def _definition(one: ProposedStep, offers: Mapping[str, StepDefinition], step: str) -> StepDefinition:
    offered = offers.get(f"{OFFERED}{one.work}")
    if offered is None:
        known = ", ".join(name.removeprefix(OFFERED) for name in offers if name.startswith(OFFERED)) or "nothing"
        raise _refused(step, f"the flow offers no work {one.work!r:.100}, but {known}")
    return replace(offered, name=one.name, query=one.query, depends_on=tuple(one.depends_on))


def _refused(step: str, problem: str) -> OutputError:
    return OutputError(
        f"The step {step!r:.100} was carried out, but what it proposes cannot be added: {problem}.",
        guidance="Return a Proposal whose steps name work that the flow offers.",
        details={"step": step},
    )


@cache
def _form() -> TypeAdapter[Proposal]:
    """Made at first use: building it takes some milliseconds."""
    from pydantic import TypeAdapter

    return TypeAdapter(Proposal)
