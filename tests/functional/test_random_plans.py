"""Whatever a model says that plans: each run ends, offers no tool that the agent lacks, and goes on the same when cut.

TEST_RANDOM_PLANS sets how many runs are made up.
"""

from __future__ import annotations

import json
import os
from hashlib import sha256
from random import Random

import pytest

from lightagent import BudgetLimits, Journal, JsonObject, LightAgent, Tool, TreeOfThought, tool
from lightagent.adapters.chat.scripted import Reply, ScriptedModel, call_tool
from lightagent.domain.conversation.messages import SystemMessage, ToolMessage
from lightagent.domain.conversation.sequence import check_conversation
from lightagent.domain.errors import ProviderError
from lightagent.domain.planning.plans import Planned
from lightagent.domain.planning.thoughts import Strategy
from lightagent.ports.models import ChatRequest
from tests.support.planners import kind_of, look_back, plan, proposals

RUNS = int(os.environ.get("TEST_RANDOM_PLANS", "60"))
TOOLS = ("one", "two", "three")
WRONG: tuple[Reply, ...] = ("", "no", "{", '{"scores": []}', ProviderError("No.", code="LA-400"))
STRATEGIES: tuple[Strategy, ...] = ("beam", "best_first")


class Chance:
    """A model that says anything, the same whenever it is asked the same."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.requests: list[ChatRequest] = []

    def __call__(self, request: ChatRequest) -> Reply:
        self.requests.append(request)
        text = json.dumps([message.to_openai() for message in request.messages], sort_keys=True)
        chance = Random(f"{self.seed} {sha256(text.encode()).hexdigest()}")
        if kind_of(request) != "act":
            if chance.random() < 0.2:
                return chance.choice(WRONG)
            match kind_of(request):
                case "propose":
                    return proposals(*(self._plan(chance) for _ in range(chance.randint(0, 4))))
                case "score":
                    return json.dumps({"scores": [chance.random() for _ in range(chance.randint(0, 6))]})
                case _:
                    return look_back(self._plan(chance))
        count = sum(isinstance(message, ToolMessage) for message in request.messages)
        calls = [call_tool(chance.choice((*TOOLS, "none"))) for _ in range(chance.randint(1, 3))]
        return calls if count < 8 and chance.random() < 0.8 else "Done."

    def _plan(self, chance: Random) -> JsonObject:
        names = chance.sample((*TOOLS, *TOOLS, "none"), chance.randint(0, 2))
        steps = [(f"Step {chance.randint(0, 9)}.", *dict.fromkeys(names)) for _ in range(chance.randint(0, 3))]
        return plan(*steps, complete=chance.random() < 0.5)


def how(chance: Random) -> TreeOfThought:
    return TreeOfThought(
        width=chance.randint(1, 3),
        branches=chance.randint(1, 3),
        depth=chance.randint(1, 3),
        strategy=chance.choice(STRATEGIES),
        max_model_calls=chance.randint(1, 9),
        reflect=chance.random() < 0.7,
        min_score=chance.choice([0.0, 0.4]),
        filter_tools=chance.random() < 0.8,
        most_replans=chance.randint(0, 3),
    )


def agent_of(seed: int, model: Chance) -> LightAgent[None, str]:
    def made(name: str) -> Tool[object]:
        @tool(name=name, idempotent=True)
        def work() -> str:
            """Works, or not."""
            if Random(f"{seed} {name}").random() < 0.4:
                raise ValueError(name)
            return name

        return work

    tools = [made(name) for name in TOOLS]
    return LightAgent(
        name="planner",
        model=ScriptedModel(model, record=False),
        tools=tools,
        tree_of_thought=how(Random(seed)),
        budgets=BudgetLimits(model_calls=Random(seed).choice([3, 12, 200])),
    )


@pytest.mark.timeout(max(300, RUNS // 2))
def test_every_run_ends_offers_what_there_is_and_goes_on_the_same_when_cut() -> None:
    ends = set[str]()
    for seed in range(RUNS):
        model = Chance(seed)
        result = agent_of(seed, model).run("?", result_format="object")
        ends.add(result.outcome.kind)
        plans = [event for event in result.journal.events if isinstance(event, Planned)]
        settings = how(Random(seed))
        assert 1 <= len(plans) <= 1 + settings.most_replans
        assert all(event.model_calls <= settings.max_model_calls for event in plans)
        assert all(event.plan is not None or event.error is not None for event in plans)
        for request in model.requests:
            check_conversation([one for one in request.messages if not isinstance(one, SystemMessage)], "request")
            assert {spec.name for spec in request.tools} <= set(TOOLS)
            assert sum("A plan for this task" in str(one) for one in request.messages) <= 1
            if kind_of(request) == "act":
                assert request.tools, "a plan that names no tool keeps none back"
        cut = Journal(result.journal.events[: Random(seed).randint(1, len(result.journal.events) - 1)])
        again = agent_of(seed, Chance(seed)).resume(Journal.from_json(cut.to_json()))
        if result.outcome.kind == "completed" == again.outcome.kind:  # What is asked again counts again.
            assert again.content == result.content
    assert ends == {"completed", "budget_exhausted"}
