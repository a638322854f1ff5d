"""The questions to a model that plans, and how its answers are read."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar, assert_never

from lightagent.application.prompts import Prompts
from lightagent.application.run_loop.summarize_context import cut_to, transcript
from lightagent.application.structured_output import OutputType
from lightagent.domain.budgets.token_estimate import estimate_tokens
from lightagent.domain.conversation.call_forms import resolve_called_name
from lightagent.domain.errors import OutputError
from lightagent.domain.planning.plans import Plan, PlanStep
from lightagent.domain.planning.thoughts import Proposal, Propose, Question, Reflect, Score
from lightagent.domain.runs.state import Run
from lightagent.domain.tools.spec import ToolSpec

AnswerT = TypeVar("AnswerT")

MOST_CONVERSATION: Final = 12_000
"""Tokens of the conversation that a model is shown; a longer one loses its middle."""

MOST_TOOLS: Final = 8_000
"""Tokens of the list of tools."""

MOST_COMPARED: Final = 20_000
"""Tokens of the plans that one question has compared; each loses its middle where they are more."""

MOST_ANSWER: Final = 500_000
"""Characters of an answer that are looked at; one that is longer is none."""


@dataclass(frozen=True, slots=True)
class Proposals:
    """The answer of a model that proposes ways to go on.

    Attributes:
        proposals: the best first.
    """

    proposals: tuple[Proposal, ...]


@dataclass(frozen=True, slots=True)
class Scores:
    """The answer of a model that compares plans.

    Attributes:
        scores: of each plan, in their order, from 0 to 1.
    """

    scores: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Revision:
    """The answer of a model that revises a plan.

    Attributes:
        steps: of the whole plan, after revision.
        goal: of the plan.
    """

    steps: tuple[PlanStep, ...]
    goal: str = ""


_PROPOSALS: Final = OutputType[Proposals](Proposals)
_SCORES: Final = OutputType[Scores](Scores)
_REVISION: Final = OutputType[Revision](Revision)


def instructions(question: Question, prompts: Prompts, depth: int) -> str:
    """The instructions of the planning model.

    Args:
        depth: how often a thought may be thought further; 1 where plans are proposed as a whole.
    """
    match question:
        case Propose(count=count):
            text = prompts.propose_plans if depth == 1 else prompts.propose_steps
            return text.format(schema=_schema(_PROPOSALS), count=count)
        case Score():
            return prompts.score_plans.format(schema=_schema(_SCORES))
        case Reflect():
            return prompts.reflect_on_plan.format(schema=_schema(_REVISION))
        case _:
            assert_never(question)


def question_text(question: Question) -> str:
    """The part of the prompt that differs between questions."""
    match question:
        case Propose(thought=thought):
            return f"The steps until now:\n{numbered(thought.steps)}" if thought.steps else ""
        case Score(thoughts=thoughts):
            most = MOST_COMPARED // max(len(thoughts), 1)
            return "\n\n".join(
                f"Plan {number}:\n{cut_to(numbered(thought.steps), most)}" for number, thought in enumerate(thoughts, 1)
            )
        case Reflect(plan=plan, unknown=unknown):
            wrong = f"\nThese tools do not exist: {', '.join(unknown)}." if unknown else ""
            return f"The plan:\nGoal: {plan.goal}\n{numbered(plan.steps)}{wrong}"
        case _:
            assert_never(question)


def material(run: Run, specs: Sequence[ToolSpec]) -> str:
    """The part that all questions share: the agent's instructions, conversation and tools, and a plan that failed."""
    said = tuple(message for message in run.messages if message != run.plan_message)
    parts = [
        f"The conversation:\n{transcript(said, MOST_CONVERSATION)}",
        f"The tools of the assistant:\n{_tools(specs)}",
    ]
    if not run.head.silent:
        parts.insert(0, f"The assistant is told:\n{run.head.instructions.content}")
    if run.plan is not None:
        parts.append(f"A step of this plan has failed, so it needs another one:\n{numbered(run.plan.steps)}")
    return "\n\n".join(parts)


def numbered(steps: Sequence[PlanStep]) -> str:
    """Steps as a model reads them."""
    return "\n".join(f"{number}. {step.text.strip()}{_tools_of(step)}" for number, step in enumerate(steps, 1))


def _tools_of(step: PlanStep) -> str:
    return f" [tools: {', '.join(step.tools)}]" if step.tools else ""


def read_proposals(answer: str, names: Collection[str]) -> tuple[Proposal, ...]:
    """The proposals in an answer; names of tools as the agent has them.

    Raises:
        OutputError: it holds none.
    """
    found = _parsed(_PROPOSALS, answer).proposals
    return tuple(Proposal(_with_resolved_tools(one.steps, names), one.goal, one.complete) for one in found)


def read_scores(answer: str) -> tuple[float, ...]:
    """The scores in an answer.

    Raises:
        OutputError: it holds none.
    """
    return _parsed(_SCORES, answer).scores


def read_plan(answer: str, names: Collection[str], former: Plan) -> Plan:
    """The plan in an answer, with the former goal if the answer names none.

    Raises:
        OutputError: it holds none.
    """
    found = _parsed(_REVISION, answer)
    return Plan(found.goal.strip() or former.goal, _with_resolved_tools(found.steps, names))


def _parsed(form: OutputType[AnswerT], answer: str) -> AnswerT:
    if len(answer) > MOST_ANSWER:
        raise OutputError(f"The answer has more than {MOST_ANSWER:,} characters.")
    return form.parse(form.check(answer))


def _schema(form: OutputType[object]) -> str:
    return json.dumps(form.schema, ensure_ascii=False)


def _with_resolved_tools(steps: Sequence[PlanStep], names: Collection[str]) -> tuple[PlanStep, ...]:
    return tuple(
        PlanStep(
            step.text, tuple(dict.fromkeys(resolve_called_name(name, names) for name in dict.fromkeys(step.tools)))
        )
        for step in steps
    )


def _tools(specs: Sequence[ToolSpec]) -> str:
    """The list of tools. If it is too long, the ends of descriptions are cut first, so that each tool is named."""
    texts = ("\n".join(_described(spec, most) for spec in specs) for most in _DESCRIPTIONS)
    fitting = next((text for text in texts if estimate_tokens(text) <= MOST_TOOLS), None)
    return "none" if not specs else fitting or cut_to("\n".join(spec.name for spec in specs), MOST_TOOLS)


_DESCRIPTIONS: Final = (2_000, 400, 80)
"""Characters shown of a description, as long as there is room."""


def _described(spec: ToolSpec, most: int) -> str:
    properties = spec.parameters.get("properties")
    names = ", ".join(properties) if isinstance(properties, dict) else ""
    return f"- {spec.name}({names[:most]}): {' '.join(spec.description.split())[:most]}"
