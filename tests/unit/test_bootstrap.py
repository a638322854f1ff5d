"""From settings to an open app: backends composed, their errors placed, everything closed again."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from lightagent.adapters.chat.offline import OfflineModel
from lightagent.adapters.chat.scripted import ScriptedModel
from lightagent.agent import LightAgent
from lightagent.application.agent_options.self_learning import SelfLearning
from lightagent.application.agent_options.tool_selection import ToolSelection
from lightagent.bootstrap import App, open_app
from lightagent.compose.configured.backends import open_model
from lightagent.domain.conversation.deltas import Delta
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_types import JsonValue
from lightagent.ports.models import ChatModel, ChatRequest
from lightagent.settings import (
    AgentSettings,
    Backend,
    ContextSettings,
    LoggingSettings,
    SelfLearningSettings,
    Settings,
    ToolSelectionSettings,
    load_settings,
)

TRUSTED = {"LIGHTAGENT_TRUST_CONFIG": "1"}

CANARY = "sk-canary-1234567890"


class Closable(ChatModel):
    """A model that notes when it is closed, and may fail to."""

    def __init__(self, log: list[str], fails: bool = False) -> None:
        self.log = log
        self.fails = fails

    @property
    def name(self) -> str:
        return "closable"

    async def stream(self, request: ChatRequest) -> AsyncIterator[Delta]:
        raise NotImplementedError
        yield

    async def aclose(self) -> None:
        self.log.append("model")
        if self.fails:
            raise OSError("the model does not close")


def scripted(*replies: JsonValue) -> Backend:
    return Backend(kind="scripted", options={"replies": list(replies)})


async def test_an_app_runs_an_agent_as_the_settings_describe_it() -> None:
    agent_settings = AgentSettings(name="Ada", instructions="Be short.", role="A clerk", metadata={"temperature": 0})
    async with open_app(Settings(model=scripted("yes"), agent=agent_settings)) as app:
        assert await app.agent().arun("well?") == "yes"
        assert isinstance(app.model, ScriptedModel)
        (request,) = app.model.requests
    assert request.messages[0].content == "A clerk\n\nBe short."
    assert request.params == {"temperature": 0}


async def test_settings_say_how_tools_are_selected() -> None:
    chosen = ToolSelectionSettings(threshold=3, tokens=500, most=20, always=["pay"], search=False)
    for settings, expected in (
        (Settings(model=scripted("Hi")), ToolSelection()),
        (Settings(model=scripted("Hi"), tool_selection=chosen), ToolSelection(3, 500, 20, ("pay",), search=False)),
        (Settings(model=scripted("Hi"), tool_selection=ToolSelectionSettings(enabled=False)), None),
    ):
        async with open_app(settings) as app:
            selector = app.agent().means.selector
            assert (None if selector is None else selector.options) == expected


LEARNER = AgentSettings(name="clerk")


async def test_settings_say_what_agents_learn() -> None:
    kept = Settings(
        model=scripted("Hi"), agent=LEARNER, journals=Backend(kind="memory"), memory=Backend(kind="process")
    )
    async with open_app(kept) as app:
        assert "lessons" not in app.agent().means.conclusions
    chosen = SelfLearningSettings(enabled=True, most_lessons=1, timeout=5.0, expires_after=0, useless_after=0)
    async with open_app(kept.model_copy(update={"self_learning": chosen})) as app:
        assert app.agent_options()["self_learning"] == SelfLearning(None, 1, 5.0, None, None, None)
        assert "lessons" in app.agent().means.conclusions
        assert "lessons" not in app.agent(self_learning=False).means.conclusions


async def test_another_model_of_the_same_backend_looks_back() -> None:
    model = Backend(kind="openai", options={"model": "large", "api_key": "k", "base_url": "http://127.0.0.1:9/v1"})
    chosen = SelfLearningSettings(enabled=True, model="small")
    settings = Settings(
        model=model,
        agent=LEARNER,
        journals=Backend(kind="memory"),
        memory=Backend(kind="process"),
        self_learning=chosen,
    )
    async with open_app(settings) as app:
        learning = app.agent_options()["self_learning"]
        assert isinstance(learning, SelfLearning)
        assert learning.model is not None
        assert (learning.model.name, app.model.name) == ("small", "large")
    with pytest.raises(ConfigurationError, match="model"):
        open_app(settings.model_copy(update={"model": scripted("Hi")}))


async def test_what_is_learned_has_a_place_and_an_owner() -> None:
    learning = SelfLearningSettings(enabled=True)
    async with open_app(Settings(model=scripted("Hi"), self_learning=learning)) as app:
        with pytest.raises(ConfigurationError) as raised:
            app.agent()
        for missing in ("[default.journals]", "[default.memory]", "[default.agent]"):
            assert missing in str(raised.value)
        with pytest.raises(ConfigurationError) as raised:
            app.agent(name="clerk")
        assert "[default.agent]" not in str(raised.value)
        app.agent(self_learning=True)  # A program may learn for as long as it lives.


async def test_settings_give_agents_a_context_budget() -> None:
    context = ContextSettings(max_tokens=5_000, strategy="spill", target_tokens=2_000)
    journals = Backend(kind="memory")
    async with open_app(Settings(model=scripted("Hi"), journals=journals, context=context)) as app:
        budget = app.agent().means.budget
        assert budget is not None
        assert (budget.max_tokens, budget.strategy, budget.target) == (5_000, "spill", 2_000)
        assert budget.counter is not None
        assert budget.counter.name == "estimate"
        assert budget.store is app.journals
    async with open_app(Settings(model=scripted("Hi"))) as app:
        assert app.agent().means.budget is None
    counted = Settings(model=scripted("Hi"), context=ContextSettings(max_tokens=5_000, counter="tiktoken"))
    async with open_app(counted) as app:
        budget = app.agent().means.budget
        assert budget is not None
        assert budget.counter is not None
        assert budget.counter.name == "tiktoken:o200k_base"
    for context, wrong in (
        (ContextSettings(max_tokens=5_000, counter="guess"), "context.counter.kind: no tokens adapter 'guess'"),
        (ContextSettings(max_tokens=10, target_tokens=20), "target_tokens and summary_tokens are at most max_tokens"),
        (ContextSettings(max_tokens=10, strategy="spill"), "but none is set"),
    ):
        async with open_app(Settings(model=scripted("Hi"), context=context)) as app:
            with pytest.raises(ConfigurationError, match=wrong):
                app.agent()


async def test_options_of_a_program_override_the_settings() -> None:
    settings = Settings(model=scripted("1", "2"), agent=AgentSettings(instructions="Be short.", max_tool_iterations=3))
    async with open_app(settings) as app:
        result = await app.agent(instructions="Be long.", name="Bob").arun("well?", result_format="object")
        typed = LightAgent(output_type=int, **app.agent_options())
        number = await typed.arun("how many?", result_format="object")
    started = result.journal.started
    assert (started.head.name, started.limits.max_tool_iterations) == ("Bob", 3)
    assert started.head.instructions.content == "Be long."
    assert number.output == 2


def test_an_app_works_without_async_too() -> None:
    with open_app(Settings(model=scripted("yes"))) as app:
        assert app.agent().run("well?") == "yes"


async def test_everything_is_closed_in_reverse_order_even_when_one_fails() -> None:
    log: list[str] = []

    async def close_last() -> None:
        log.append("last opened")

    app = App(Settings(), Closable(log, fails=True))

    async def fail() -> None:
        log.append("failing")
        raise RuntimeError("no")

    app.on_close(fail)
    app.on_close(close_last)
    with pytest.raises(OSError, match="does not close"):
        async with app:
            pass
    assert log == ["last opened", "failing", "model"]


def test_closing_from_synchronous_code() -> None:
    log: list[str] = []
    with pytest.raises(KeyError), App(Settings(), Closable(log)):
        raise KeyError
    assert log == ["model"]


def test_without_anything_the_offline_model_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".git").mkdir()
    monkeypatch.chdir(tmp_path)
    assert isinstance(open_app(environ={}).model, OfflineModel)


def test_logs_go_where_the_settings_say(tmp_path: Path) -> None:
    log = tmp_path / "agent.log"
    with open_app(Settings(model=scripted("yes"), logging=LoggingSettings(level="INFO", file=log))) as app:
        app.agent().run("well?")
    assert "run_end" in log.read_text(encoding="utf-8")


BAD = {
    "unknown kind": ('kind = "opneai"', {}, "default.model.kind (lightagent.toml:2)", "Did you mean 'openai'?"),
    "dotted path": ('kind = "os.system"', {}, "default.model.kind (lightagent.toml:2)", "Use one of: fallback, "),
    "dotted path in the environment": (
        "",
        {"LIGHTAGENT__MODEL__KIND": "os.system"},
        "(environment variable LIGHTAGENT__MODEL__KIND): invalid kind 'os.system'",
        "never a path to code",
    ),
    "path in the environment": ("", {"LIGHTAGENT__MODEL__KIND": "../x"}, "LIGHTAGENT__MODEL__KIND", "Use one of"),
    "unknown option": (
        'kind = "openai"\nmodel = "m"\ntimeuot = 3',
        {},
        "default.model.timeuot (lightagent.toml:4)",
        "Did you mean 'timeout'",
    ),
    "option of another adapter": (
        'kind = "offline"\nreplies = []',
        {},
        "default.model.replies (lightagent.toml:3)",
        "'offline' takes: none.",
    ),
    "wrong type": (
        'kind = "openai"\nmodel = "m"\ntimeout = "soon"',
        {},
        "default.model.timeout (lightagent.toml:4)",
        "It is: Seconds",
    ),
    "wrong type in the environment": (
        'kind = "openai"\nmodel = "m"',
        {"LIGHTAGENT__MODEL__TIMEOUT": "soon"},
        "model.timeout (environment variable LIGHTAGENT__MODEL__TIMEOUT)",
        "It is: Seconds",
    ),
    "no model": ('kind = "openai"', {}, "default.model.model (lightagent.toml:2)", "The model's name"),
    "bad URL": (
        'kind = "openai"\nmodel = "m"\nbase_url = "htp:/x"',
        {},
        "default.model.base_url (lightagent.toml:4)",
        "Where the API begins",
    ),
    "variable that is not set": (
        'kind = "openai"\nmodel = "m"\napi_key = { env = "MY_KEY" }',
        {},
        "default.model.api_key (lightagent.toml:4): The environment variable MY_KEY is not set.",
        "export MY_KEY=…",
    ),
    "model of a fallback": (
        'kind = "fallback"\nmodels = [{ kind = "opneai" }]',
        {},
        "default.model (lightagent.toml:2): model.models[0].kind",
        "Did you mean 'openai'?",
    ),
}


@pytest.mark.parametrize(("text", "environ", "place", "remedy"), BAD.values(), ids=BAD.keys())
def test_bad_backends_name_place_and_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, environ: dict[str, str], place: str, remedy: str
) -> None:
    (tmp_path / "lightagent.toml").write_text(f"[default.model]\n{text}\n")
    monkeypatch.chdir(tmp_path)
    settings = load_settings(environ=TRUSTED | environ)
    with pytest.raises(ConfigurationError) as caught:
        open_model(settings, environ=environ)
    assert place in str(caught.value)
    assert remedy in str(caught.value)


def test_an_error_does_not_repeat_a_secret_that_was_looked_up() -> None:
    options: dict[str, JsonValue] = {"model": "m", "base_url": {"env": "URL"}, "headers": {"X": {"env": "KEY"}}}
    settings = Settings(model=Backend(kind="openai", options=options))
    with pytest.raises(ConfigurationError) as caught:
        open_model(settings, environ={"URL": f"htp://{CANARY}", "KEY": CANARY})
    assert "model.base_url: " in str(caught.value)
    assert CANARY not in str(caught.value)


def test_references_are_looked_up_when_the_backend_is_opened() -> None:
    replies: list[JsonValue] = [{"env": "REPLY"}]
    settings = Settings(model=Backend(kind="scripted", options={"replies": replies}))
    with open_app(settings, environ={"REPLY": "from the environment"}) as app:
        assert app.agent().run("well?") == "from the environment"
