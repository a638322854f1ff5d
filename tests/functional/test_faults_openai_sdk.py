"""chat/openai through the openai SDK (2 and 3): what the SDK is there for, and the same errors as without it."""

from contextlib import aclosing

import openai
import pytest

from lightagent.adapters.chat.openai import OpenAIChatModel
from lightagent.domain.conversation.deltas import ModelReply, fold_deltas
from lightagent.domain.conversation.messages import UserMessage
from lightagent.domain.errors import ConfigurationError, ProviderError
from lightagent.ports.models import ChatRequest
from tests.servers.fault_behaviours import TEXT
from tests.servers.fault_options import Option
from tests.servers.fault_server import FaultServer
from tests.servers.leaks import LeakCheck
from tests.support.loop_clock import ends_after

pytestmark = pytest.mark.openai

KEY = "sk-secret-0123456789"
MODES = pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "AZURE_OPENAI_API_KEY", "AZURE_OPENAI_AD_TOKEN"):
        monkeypatch.delenv(name, raising=False)


async def ask(model: OpenAIChatModel, *, stream: bool) -> ModelReply:
    try:
        async with aclosing(model.stream(ChatRequest((UserMessage("hi"),), stream=stream))) as deltas:
            return fold_deltas([delta async for delta in deltas])
    finally:
        await model.aclose()


async def fault_of(model: OpenAIChatModel, *, stream: bool) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        await ask(model, stream=stream)
    return caught.value


@MODES
@pytest.mark.parametrize("name", ["ok", "comments", "split", "no-done", "stale"])
async def test_a_good_answer(leaks: LeakCheck, faults: FaultServer, name: str, stream: bool) -> None:
    scenario = faults.scenario(name)
    reply = await ask(OpenAIChatModel("m", KEY, scenario.base_url, transport="sdk"), stream=stream)
    assert reply.message.content == TEXT
    assert scenario.requests[0].header("Authorization") == f"Bearer {KEY}"
    await scenario.all_closed()


@MODES
@pytest.mark.parametrize(
    ("name", "options", "code", "retryable"),
    [
        ("html", {}, "LA-404", False),
        ("malformed", {}, "LA-500", True),
        ("empty-choices", {}, "LA-500", True),
        ("error-in-stream", {}, "LA-503", True),
        ("big", {"mb": 40}, "LA-413", False),
        ("reset", {}, "LA-503", True),
        ("no-answer", {}, "LA-503", True),
        ("truncated", {}, "LA-503", True),
        ("truncated-reset", {}, "LA-503", True),
        ("status", {"code": 400}, "LA-413", False),
        ("status", {"code": 401, "message": f"no such key: {KEY}"}, "LA-401", False),
        ("status", {"code": 404}, "LA-404", False),
        ("status", {"code": 409}, "LA-400", True),
        ("status", {"code": 429, "retry_after": 3}, "LA-429", True),
        ("status", {"code": 502, "form": "html"}, "LA-503", True),
    ],
)
async def test_a_fault_has_its_type(
    leaks: LeakCheck,
    faults: FaultServer,
    name: str,
    options: dict[str, Option],
    code: str,
    retryable: bool,
    stream: bool,
) -> None:
    scenario = faults.scenario(name, **options)
    fault = await fault_of(OpenAIChatModel("m", KEY, scenario.base_url, transport="sdk"), stream=stream)
    assert (fault.code, fault.retryable) == (code, retryable), fault
    assert fault.retry_after == options.get("retry_after")
    assert KEY not in f"{fault} {fault.details} {fault.__cause__!r} {fault.__context__!r}"
    assert len(scenario.requests) == 1, "the SDK must not retry"
    await scenario.all_closed()


@MODES
@pytest.mark.parametrize("name", ["hang", "slow-body", "stall", "slowloris"])
async def test_an_attempt_ends_at_its_deadline(leaks: LeakCheck, faults: FaultServer, name: str, stream: bool) -> None:
    scenario = faults.scenario(name)
    model = OpenAIChatModel("m", KEY, scenario.base_url, transport="sdk", timeout=0.6)
    (fault,) = await ends_after(0.6, fault_of(model, stream=stream), begun=lambda: scenario.requests)
    assert (fault.code, fault.retryable) == ("LA-408", True)
    await scenario.all_closed()


@MODES
async def test_connections_fail_with_their_reason(leaks: LeakCheck, faults: FaultServer, stream: bool) -> None:
    refused = await fault_of(OpenAIChatModel("m", KEY, faults.refused_url, transport="sdk"), stream=stream)
    assert (refused.code, refused.retryable) == ("LA-503", True)
    model = OpenAIChatModel("m", KEY, faults.silent_url, transport="sdk", connect_timeout=0.4)
    silent = await fault_of(model, stream=stream)
    assert (silent.code, silent.retryable) == ("LA-408", True)


async def test_an_endpoint_on_this_machine_needs_no_key(faults: FaultServer) -> None:
    scenario = faults.scenario("ok")
    await ask(OpenAIChatModel("m", base_url=scenario.base_url, transport="sdk"), stream=False)
    assert scenario.requests[0].header("Authorization") is None


async def test_queries_headers_and_the_bill(faults: FaultServer) -> None:
    scenario = faults.scenario("ok")
    model = OpenAIChatModel(
        "m",
        KEY,
        scenario.base_url,
        default_query={"tier": "x"},
        headers={"X-Team": "blue"},
        organization="org",
        project="proj",
    )
    assert model.transport_choice().client == "sdk"
    await ask(model, stream=False)
    (request,) = scenario.requests
    assert request.path.endswith("/chat/completions?tier=x")
    names = ("X-Team", "OpenAI-Organization", "OpenAI-Project", "Content-Type")
    assert [request.header(name) for name in names] == ["blue", "org", "proj", "application/json"]


async def test_a_token_provider_is_asked_every_time(faults: FaultServer) -> None:
    scenario = faults.scenario("ok")
    tokens = iter(["first", "second"])

    async def token() -> str:
        return next(tokens)

    model = OpenAIChatModel("m", token, scenario.base_url)
    await ask(model, stream=False)
    await ask(model, stream=True)
    assert [request.header("Authorization") for request in scenario.requests] == ["Bearer first", "Bearer second"]


async def test_a_client_of_your_own_is_used_and_left_open(leaks: LeakCheck, faults: FaultServer) -> None:
    scenario = faults.scenario("status", code=500, times=1)
    async with openai.AsyncOpenAI(api_key=KEY, base_url=scenario.base_url) as client:
        model = OpenAIChatModel("m", client=client)
        assert (await fault_of(model, stream=False)).code == "LA-500"
        assert (await ask(model, stream=True)).message.content == TEXT
        assert not client.is_closed()
    assert len(scenario.requests) == 2, "the SDK must not retry"


@pytest.mark.parametrize(("deployment", "path"), [(None, "gpt-5"), ("mine", "mine")])
async def test_azure(leaks: LeakCheck, faults: FaultServer, deployment: str | None, path: str) -> None:
    scenario = faults.scenario("ok")
    model = OpenAIChatModel(
        "gpt-5",
        KEY,
        azure_endpoint=scenario.base_url.removesuffix("/v1"),
        azure_deployment=deployment,
        api_version="2024-10-21",
    )
    assert (await ask(model, stream=True)).message.content == TEXT
    (request,) = scenario.requests
    assert request.path.endswith(f"/openai/deployments/{path}/chat/completions?api-version=2024-10-21")
    assert request.header("api-key") == KEY


async def test_azure_with_tokens_of_active_directory(faults: FaultServer) -> None:
    async def token() -> str:
        return "entra"

    scenario = faults.scenario("ok")
    endpoint = scenario.base_url.removesuffix("/v1")
    await ask(OpenAIChatModel("m", token, azure_endpoint=endpoint, api_version="2024-10-21"), stream=False)
    assert scenario.requests[0].header("Authorization") == "Bearer entra"


async def test_azure_without_credentials_or_version(faults: FaultServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_VERSION", raising=False)
    with pytest.raises(ConfigurationError, match="api_version"):
        await ask(OpenAIChatModel("m", KEY, azure_endpoint="https://x.openai.azure.com"), stream=False)
    model = OpenAIChatModel("m", azure_endpoint="https://x.openai.azure.com", api_version="2024-10-21")
    fault = await fault_of(model, stream=False)
    assert (fault.code, fault.retryable) == ("LA-401", False)
    assert "AZURE_OPENAI_API_KEY" in fault.message
