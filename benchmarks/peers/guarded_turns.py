"""A turn before and behind four policies, as a reader of each library's documentation would write it.

Two policies look at the question and two at the answer; each is a line of Python. The model answers at once.
"""

from collections.abc import Callable, Mapping

from common import STORED_ANSWER, Turn
from peers.fixed_models import lightagent_model, openai_agents_model

FORBIDDEN = "forbidden"


def allowed(text: str) -> str:
    """The text itself, unless it is forbidden."""
    if FORBIDDEN in text:
        raise SystemExit("This must not be said.")
    return text


def lightagent_turns() -> Mapping[str, Turn]:
    """This project: guardrails, which may be async or not, its templates, and gates."""
    from lightagent import Gate, JsonObject, LightAgent, Passed, Phase
    from lightagent import maximum_length_guardrail as length
    from lightagent.domain.policy.phases import PHASES, PayloadT, Subject, Verdict
    from lightagent.ports.policy import HeldStream

    def sync(text: str, context: JsonObject) -> bool:
        return FORBIDDEN not in text

    async def waited(text: str, context: JsonObject) -> bool:
        return FORBIDDEN not in text

    class Open(Gate):
        policies = ("open",)
        phases: frozenset[Phase] = frozenset(PHASES)
        timeout = None

        async def review(self, phase: Phase, subject: Subject, payload: PayloadT) -> Verdict[PayloadT]:
            return Passed(payload)

        def hold(self, subject: Subject) -> HeldStream | None:
            return None

    class Idle(Open):
        phases: frozenset[Phase] = frozenset()

    def turn(
        before: list[Callable[[str, JsonObject], object]],
        behind: list[Callable[[str, JsonObject], object]],
        gate: Gate | None = None,
    ) -> Turn:
        agent = LightAgent(
            model=lightagent_model(),
            instructions="You answer.",
            gate=gate,
            input_guardrails=before,
            output_guardrails=behind,
        )

        async def ask(question: str) -> str:
            return await agent.arun(question)

        return ask

    return {
        "none": turn([], []),
        "a gate that reviews nothing": turn([], [], Idle()),
        "a gate that reviews everything": turn([], [], Open()),
        "four async": turn([waited] * 2, [waited] * 2),
        "four sync": turn([sync] * 2, [sync] * 2),
        "four sync at one boundary": turn([sync] * 4, []),
        "four templates": turn([length(999)] * 2, [length(999)] * 2),
    }


def pydantic_ai_turns() -> Mapping[str, Turn]:
    """pydantic-ai: hooks before the request, and output validators; it runs what is not async in threads."""
    from pydantic_ai import Agent
    from pydantic_ai.capabilities import Hooks
    from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart
    from pydantic_ai.models import ModelRequestContext
    from pydantic_ai.models.function import AgentInfo, FunctionModel
    from pydantic_ai.tools import RunContext

    async def answer(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        return ModelResponse(parts=[TextPart(STORED_ANSWER)])

    def sync(ctx: RunContext[None], request: ModelRequestContext) -> ModelRequestContext:
        allowed(str(request.messages[-1].parts[-1].content))
        return request

    async def waited(ctx: RunContext[None], request: ModelRequestContext) -> ModelRequestContext:
        allowed(str(request.messages[-1].parts[-1].content))
        return request

    async def allowed_waited(output: str) -> str:
        return allowed(output)

    def turn(*, count: int, is_async: bool) -> Turn:
        hooks = Hooks()
        for _ in range(count):
            hooks.on.before_model_request(waited if is_async else sync)
        capabilities = [hooks] if count else []
        agent = Agent(FunctionModel(answer), instructions="You answer.", capabilities=capabilities)
        for _ in range(count):
            agent.output_validator(allowed_waited if is_async else allowed)

        async def ask(question: str) -> str:
            return str((await agent.run(question)).output)

        return ask

    return {
        "none": turn(count=0, is_async=True),
        "four async": turn(count=2, is_async=True),
        "four sync": turn(count=2, is_async=False),
    }


def openai_agents_turns() -> Mapping[str, Turn]:
    """openai-agents: input and output guardrails. A synchronous one runs in the event loop itself."""
    import agents

    def sync(ctx: object, agent: object, text: object) -> agents.GuardrailFunctionOutput:
        return agents.GuardrailFunctionOutput(None, FORBIDDEN in str(text))

    async def waited(ctx: object, agent: object, text: object) -> agents.GuardrailFunctionOutput:
        return agents.GuardrailFunctionOutput(None, FORBIDDEN in str(text))

    def turn(*functions: object) -> Turn:
        agent = agents.Agent(
            name="bench",
            instructions="You answer.",
            model=openai_agents_model(),
            input_guardrails=[agents.InputGuardrail(function, run_in_parallel=False) for function in functions],
            output_guardrails=[agents.OutputGuardrail(function) for function in functions],
        )

        async def ask(question: str) -> str:
            return str((await agents.Runner.run(agent, question)).final_output)

        return ask

    return {"none": turn(), "four async": turn(waited, waited), "four sync": turn(sync, sync)}
