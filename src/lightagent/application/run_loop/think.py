"""Carries out `Think`: has a model make a plan, before the agent acts or when a step of its plan has failed."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final, Generic, assert_never

from lightagent.application.active_run.active_run import ActiveRun
from lightagent.application.agent_options.tree_of_thought import TreeOfThought
from lightagent.application.run_loop.ask_aside import AsideReply, ask_aside
from lightagent.application.run_loop.deliver_mail import deliver_mail
from lightagent.application.run_loop.finish_answer import finish
from lightagent.application.run_loop.keep_budget import leaves_room
from lightagent.application.run_loop.offer_tools import offer_tools
from lightagent.application.run_loop.plan_questions import (
    instructions,
    material,
    numbered,
    question_text,
    read_plan,
    read_proposals,
    read_scores,
)
from lightagent.application.tools.deps import DepsT
from lightagent.domain.budgets.spending import THOUGHT, THOUGHT_REQUESTED
from lightagent.domain.budgets.token_estimate import estimate_tokens
from lightagent.domain.conversation.messages import ContextMessage, UserMessage
from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.error_mapping import classify_exception
from lightagent.domain.errors import OutputError
from lightagent.domain.outcomes import BudgetExhausted, Failed, outcome_error
from lightagent.domain.planning.plans import PLAN_SOURCE, Plan, Planned
from lightagent.domain.planning.search import Search, begin_search, next_question, proposed, reflected, scored
from lightagent.domain.planning.thoughts import Propose, Question, Reflect, Score
from lightagent.domain.policy.capabilities import Requester
from lightagent.domain.policy.phases import Decision, Stopped
from lightagent.domain.runs.events import Noted
from lightagent.domain.tools.choice import chosen_tools
from lightagent.domain.tools.spec import OWN_PROVIDER, ToolSpec
from lightagent.domain.usage import Usage
from lightagent.ports.context import Aside

SUBJECT: Final = "plan"
"""The subject of reviews of a request for a part of a plan, and of the answer."""

_TOO_LARGE: Final = "The plan takes more than half of what the context budget leaves the conversation."

_MOST_GOAL: Final = 200
"""Characters of the query that stand for a goal where the model names none."""


async def think(live: ActiveRun[DepsT]) -> None:
    """Ends with `Planned`, whether there is a plan or not, or with an event that ends the run.

    A model that fails, or whose answers cannot be used, leaves the run unchanged.
    """
    if not await deliver_mail(live):  # The plan takes messages of other agents into account.
        return
    planning = live.acting.planning
    if planning is None:
        error = LightAgentErrorInfo("LA-CONFIG", "The agent does not plan here any more.")
        await live.tell(Planned(None, error=error, at=live.clock.now()))
        return
    try:
        names, selected = await offer_tools(live)
        specs = await live.specs(names)
    except Exception as error:  # Foreign code: without the source's tools the model cannot be asked.
        live.record.cause = error
        await finish(live, Failed(classify_exception(error)))
        return
    if selected is not None:
        await live.tell(selected)
    thinking = _Thinking(live, planning, _allowed(live, specs))
    search = await thinking.search()
    await live.tell(await thinking.event(search))
    if thinking.stopped is not None:
        await finish(live, thinking.stopped.outcome, thinking.stopped.decisions)


def _allowed(live: ActiveRun[DepsT], specs: Sequence[ToolSpec]) -> Sequence[ToolSpec]:
    """The tools that the run may call. Denied ones are not offered, so they are not planned with."""
    policy = live.acting.capabilities
    if policy is None:
        return specs
    origin = live.origin()
    requester = Requester(origin.scope.user, origin.agent_name, origin.scope.tenant)
    return tuple(spec for spec in specs if policy.decide(requester, spec).access != "deny")


class _Thinking(Generic[DepsT]):
    """The search for one plan.

    Attributes:
        stopped: the verdict of a policy that ends the run.
    """

    def __init__(self, live: ActiveRun[DepsT], planning: TreeOfThought, specs: Sequence[ToolSpec]) -> None:
        self._live = live
        self._planning = planning
        self._specs = specs
        self._names = frozenset(spec.name for spec in specs)
        self._material = material(live.run, specs)
        self._model = planning.model or live.acting.model
        self._model_name = self._model.name
        self._error: LightAgentErrorInfo | None = None
        self._usage: Usage | None = None
        self._decisions: tuple[Decision, ...] = ()
        self._spent = False
        self.stopped: Stopped | None = None

    async def search(self) -> Search:
        """Ask until the search is over, the budgets of the run are spent, or a policy ends it."""
        search = begin_search(self._planning.limits, self._names)
        while (question := next_question(search)) is not None:
            reply = await self._ask(question)
            if self.stopped is not None or self._spent:
                break
            search = self._answered(search, question, reply)
        return search

    async def event(self, search: Search) -> Planned:
        """The result of the search."""
        live, plan = self._live, None if self.stopped is not None else search.plan
        message = None if plan is None else self._message(plan)
        offered = None if plan is None else self._offered(plan)
        error = self._error if plan is not None else self._why_none(search)
        names = tuple(spec.name for spec in self._specs)
        if message is not None and not await leaves_room(live, message, names if offered is None else offered):
            plan, message, offered, error = None, None, None, LightAgentErrorInfo("LA-BUDGET", _TOO_LARGE)
        return Planned(
            plan,
            message,
            offered,
            error,
            search.figures(),
            self._model_name,
            search.calls,
            self._usage,
            self._decisions,
            live.clock.now(),
        )

    async def _ask(self, question: Question) -> AsideReply:
        planning, prompts = self._planning, self._live.acting.prompts
        text = "\n\n".join(part for part in (self._material, question_text(question)) if part)
        told = instructions(question, prompts, planning.depth)
        aside = Aside(SUBJECT, told, text, self._model, planning.timeout)
        reply = await ask_aside(self._live, aside, THOUGHT_REQUESTED, priced_as=self._model_name)
        await self._count(reply, told + text)
        self._decisions += reply.decisions
        stopped = reply.stopped
        if stopped is None:
            return reply
        self._error = outcome_error(stopped.outcome)
        if isinstance(stopped.outcome, BudgetExhausted):
            self._spent = True  # The agent's own requests check the remaining room themselves.
            self._decisions += stopped.decisions
        else:
            self.stopped = stopped
        return reply

    async def _count(self, reply: AsideReply, asked: str) -> None:
        """Put the cost of a request on record; usage that the provider does not report is estimated."""
        usage = reply.usage
        if usage is not None:
            self._usage = usage if self._usage is None else self._usage + usage
        if self._live.spending is None or (usage is None and not reply.text):
            return
        if usage is None:
            given, made = estimate_tokens(asked), estimate_tokens(reply.text)
            usage = Usage(given, made, given + made)
        await self._live.tell(Noted(THOUGHT, {"model": self._model_name, **usage.to_dict()}, self._live.clock.now()))

    def _answered(self, search: Search, question: Question, reply: AsideReply) -> Search:
        """The search with an answer, or without one if it cannot be used."""
        error = reply.error
        try:
            if error is None:
                return _read(search, question, reply.text, self._names)
        except OutputError as unreadable:
            error = unreadable
        self._error = classify_exception(error)
        match question:
            case Propose():
                return proposed(search, question, ())
            case Score():
                return scored(search, question, ())
            case Reflect():
                return reflected(search, None)
            case _:
                assert_never(question)

    def _why_none(self, search: Search) -> LightAgentErrorInfo:
        unknown = () if search.best is None else search.unknown_tools(search.best.steps)
        if self._error is not None:
            return self._error
        if unknown:
            text = f"The plan needs tools that are not offered: {', '.join(unknown[:20])}."
            return LightAgentErrorInfo("LA-OUTPUT", text[:500])
        return LightAgentErrorInfo("LA-OUTPUT", "No plan was proposed that can be carried out.")

    def _message(self, plan: Plan) -> ContextMessage:
        """The plan for the agent. It is as trusted as everything that the model was shown."""
        run = self._live.run
        query = run.query.text if isinstance(run.query, UserMessage) else ""
        goal = plan.goal or " ".join(query.split())[:_MOST_GOAL]
        text = self._live.acting.prompts.plan.format(goal=goal, steps=numbered(plan.steps))
        return ContextMessage(PLAN_SOURCE, text, "untrusted" if run.untrusted else "trusted")

    def _offered(self, plan: Plan) -> tuple[str, ...] | None:
        """The tools that stay on offer: those that the plan or the request names, and those of the framework."""
        if not self._planning.filter_tools or not plan.tools:
            return None
        needed = {*plan.tools, *chosen_tools(self._live.run.head.params)}
        return tuple(spec.name for spec in self._specs if spec.name in needed or spec.provider == OWN_PROVIDER)


def _read(search: Search, question: Question, answer: str, names: Collection[str]) -> Search:
    """The search with an answer.

    Raises:
        OutputError: it cannot be read.
    """
    match question:
        case Propose():
            return proposed(search, question, read_proposals(answer, names))
        case Score():
            return scored(search, question, read_scores(answer))
        case Reflect(plan=plan):
            return reflected(search, read_plan(answer, names, plan))
        case _:
            assert_never(question)
