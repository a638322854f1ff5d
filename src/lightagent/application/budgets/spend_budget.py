"""Reserves what a run is about to spend, on every budget that it belongs to, and settles the actual amount.

Calls are spent once they are reserved; tokens and costs are estimated, and settled by the event that reports them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from lightagent.aiokits.cancellation import current_task
from lightagent.application.budgets.meter import RunMeter
from lightagent.application.budgets.spent import spent_by
from lightagent.application.budgets.tenant_meter import TenantMeter
from lightagent.application.foreign_code import FAILURES, failure
from lightagent.domain.budgets.budget import Exceeded
from lightagent.domain.budgets.prices import NO_PRICES, PriceTable
from lightagent.domain.budgets.spending import (
    THOUGHT,
    Used,
    message_size,
    model_names,
    most_output,
    request_size,
    seconds_taken,
    used_in,
)
from lightagent.domain.conversation.messages import Message
from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.error_mapping import classify_exception
from lightagent.domain.json_types import JsonObject
from lightagent.domain.outcomes import BudgetExhausted, Failed
from lightagent.domain.policy.phases import Phase, Stopped
from lightagent.domain.policy.rulings import EndRun, ended
from lightagent.domain.runs.events import (
    Concluded,
    ContextReplaced,
    Event,
    ModelFailed,
    ModelReplied,
    ModelRequested,
    Noted,
)
from lightagent.domain.runs.state import Run
from lightagent.domain.usage import Usage
from lightagent.ports.budgets import NO_LIMITS, Budgets, Meter
from lightagent.ports.system import Clock

POLICY: Final = "budgets"
"""The name under which budgets are on record among the policies of a run."""


class Spending:
    """What one run spends, counted on its own budgets and on those of the runs around it.

    Args:
        budgets: of the agent; None if only the runs around it have any.
        around: the meters that the runs around it share with it.
        level: how many agents lead to this run from the outermost one.
        past: the earlier events of a run that goes on.

    Attributes:
        shared: the meters that the runs which it calls share with it.
        resumed: whether it goes on with a run that was begun before.
    """

    def __init__(
        self,
        budgets: Budgets | None,
        around: tuple[Meter, ...],
        clock: Clock,
        *,
        run: Run,
        level: int,
        past: Sequence[Event] = (),
    ) -> None:
        self._clock = clock
        self._level = level
        self._began = clock.monotonic()
        self._wanted: Used | None = None
        self._sizes: dict[int, tuple[Message, int]] = {}
        self._earlier = 0.0
        self._timed: tuple[float, RunMeter] | None = None
        self._own: tuple[RunMeter, ...] = ()
        self.resumed: bool = len(past) > 1
        self.shared: tuple[Meter, ...] = around
        own = () if budgets is None else self._begin(budgets, run, past)
        self._meters = (*self._own, *own, *around)

    def _begin(self, budgets: Budgets, run: Run, past: Sequence[Event]) -> tuple[Meter, ...]:
        """The meters of the agent's own budgets, except those in memory."""
        prices = budgets.prices or NO_PRICES
        self._earlier = seconds_taken(past)
        meters = {
            name: RunMeter(name, limits, prices, self._taken, self._level, spent_by(past, prices, nested=nested))
            for name, limits, nested in (("tree", budgets.tree, True), ("run", budgets.run, False))
            if limits != NO_LIMITS
        }
        self._own = tuple(meters.values())
        timed = [(meter.limits.seconds, meter) for meter in self._own if meter.limits.seconds is not None]
        self._timed = min(timed, key=lambda one: one[0], default=None)
        if "tree" in meters:
            self.shared = (meters["tree"], *self.shared)
        if budgets.tenant is None or budgets.tenant.accounts is None:
            return ()
        tenant = TenantMeter(budgets.tenant, budgets.tenant.accounts, run.started.scope, prices, self._clock)
        if any(meter.account == tenant.account for meter in self.shared):
            return ()  # A run around this one counts on the same account already.
        self.shared = (*self.shared, tenant)
        return (tenant,)

    @property
    def is_timed(self) -> bool:
        """Whether its seconds are limited."""
        return self._timed is not None

    def seconds_left(self) -> float:
        """The seconds that the run may take from its beginning or resumption on; `inf` without a limit."""
        return math.inf if self._timed is None else max(self._timed[0] - self._earlier, 0.0)

    def out_of_time(self) -> BudgetExhausted | None:
        """The outcome of a run that exceeded its budget of seconds; None without such a limit."""
        return None if self._timed is None else _exhausted(self._timed[1].exceeded("seconds"))

    def _taken(self) -> float:
        return self._earlier + self._clock.monotonic() - self._began

    async def reserve_request(
        self, run: Run, params: JsonObject, request: ModelRequested | None = None
    ) -> Stopped | None:
        """Reserve one attempt at a request to the model; returns the end of the run if a budget is exhausted.

        Args:
            request: the one that is about to be put on record; None if it is on record.
        """
        asked = run if request is None else run._replace(request=request)
        given = request_size(asked, self._size)
        made = most_output(params)
        return await self._reserve(
            "model_request", Used(1, 0, Usage(given, made, given + made), model_names(run.head.model))
        )

    async def reserve_aside(self, run: Run, tokens: int, priced_as: str = "") -> Stopped | None:
        """Reserve one request beside the conversation, of so many tokens.

        Args:
            priced_as: the name of the model whose price it has; by default that of the agent.
        """
        names = model_names(priced_as or run.head.model)
        return await self._reserve("model_request", Used(1, 0, Usage(tokens, 0, tokens), names))

    async def reserve_calls(self, count: int, *, of_agents: bool) -> Stopped | None:
        """Reserve all calls of a turn that are about to begin, or none of them."""
        return await self._take("tool_call", Used(tool_calls=count, depth=int(of_agents)))

    def release_calls(self, count: int) -> None:
        """Release calls that were reserved and do not begin, since the run was cancelled meanwhile."""
        if count:
            for meter in self._meters:
                meter.release(Used(tool_calls=count))

    async def _reserve(self, phase: Phase, wanted: Used) -> Stopped | None:
        self._give_back()
        stopped = await self._take(phase, wanted)
        if stopped is None:
            self._wanted = wanted
        return stopped

    async def _take(self, phase: Phase, wanted: Used) -> Stopped | None:
        taken: list[Meter] = []
        stopped: Stopped | None = None
        done = False
        try:
            for meter in self._meters:
                exceeded = await meter.reserve(wanted, self._level)
                if exceeded is not None:
                    outcome = _exhausted(exceeded)
                    stopped = ended(phase, POLICY, EndRun(outcome, outcome.error.message))
                    break
                taken.append(meter)
            done = stopped is None
        except FAILURES as raised:  # Accounts may be foreign code, and a model may have no price: the run ends.
            error = classify_exception(failure(raised))
            stopped = ended(phase, POLICY, EndRun(Failed(error), "It could not be told whether there is room."))
        finally:
            if not done:
                for meter in taken:
                    meter.release(wanted)
        return stopped

    def see(self, run: Run, event: Event) -> None:
        """Settle what an event of the run tells; `run` is its state before."""
        tells = isinstance(event, (ModelReplied, ModelFailed, ContextReplaced, Concluded))
        if not (tells or (isinstance(event, Noted) and event.kind == THOUGHT)) or self._wanted is None:
            return
        wanted, self._wanted = self._wanted, None
        used = used_in(run, event, self._size)
        for meter in self._meters:
            meter.settle(wanted, used)

    async def flush(self) -> None:
        """Write settled amounts for other processes. If the store fails, the estimate stays on the account."""
        for meter in self._meters:
            try:
                await meter.flush()
            except FAILURES as raised:  # Accounts may be foreign code: the answer is there all the same.
                failure(raised)

    async def close(self) -> None:
        """The run stops here: release what was reserved and not used."""
        self._give_back()
        if current_task() is not None:  # Otherwise it is being closed without an event loop, and must not await.
            await self.flush()

    def _give_back(self) -> None:
        """The tokens of a request without an event about its usage; the request itself counts."""
        wanted, self._wanted = self._wanted, None
        if wanted is not None:
            for meter in self._meters:
                meter.settle(wanted, Used(models=wanted.models))

    def _size(self, message: Message) -> int:
        known = self._sizes.get(id(message))
        if known is None or known[0] is not message:
            known = self._sizes[id(message)] = message, message_size(message)
        return known[1]


def own_budgets(budgets: Budgets | None) -> tuple[str, ...]:
    """The name of an agent's budgets among the policies of its runs, so that none is resumed without them."""
    return () if budgets is None else (POLICY,)


def known_prices(budgets: Budgets | None, of_agent: PriceTable | None, around: PriceTable | None) -> PriceTable:
    """The prices of models that a run has: its own, else those of its agent, else those of the run around it."""
    own = None if budgets is None else budgets.prices
    return own or of_agent or around or NO_PRICES


_WHOSE: Final = {"tree": "this run and the agents that it calls", "run": "this run"}
_WHAT: Final = {"cost": "a cost of {}", "depth": "a depth of {}"}


def _exhausted(exceeded: Exceeded) -> BudgetExhausted:
    limit, allowed = exceeded.limit, exceeded.allowed
    whose = _WHOSE.get(exceeded.budget, exceeded.budget)
    what = _WHAT.get(limit, "{} " + limit.replace("_", " ")).format(f"{allowed:,.12g}")
    text = f"The budget of {whose} allows {what}, of which nothing is left."
    details: JsonObject = {
        "budget": exceeded.budget,
        "limit": limit,
        "allowed": allowed,
        "spent": exceeded.spent.to_dict(),
    }
    guidance = "Raise the limit, or make the task smaller."
    if exceeded.retry_after is not None:
        details["retry_after"] = exceeded.retry_after
        guidance = f"Try again in {exceeded.retry_after:,.0f} s, or raise the limit."
    return BudgetExhausted(LightAgentErrorInfo("LA-BUDGET", text, guidance, details))
