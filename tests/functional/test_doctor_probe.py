"""`lightagent doctor --probe` against endpoints that refuse what their providers refuse, and runs by what it prints."""

from __future__ import annotations

import asyncio
import json
import re
import tomllib
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from pydantic import BaseModel

from lightagent import JsonObject, LightAgent
from lightagent.adapters.chat._profile_lookup import named_profile
from lightagent.adapters.chat._profiles import UNKNOWN
from lightagent.adapters.chat.openai import EndpointProfile, OpenAIChatModel
from lightagent.adapters.registry import open_adapter
from lightagent.entrypoints.cli.doctor.probe import probe
from lightagent.ports.models import ChatModel
from lightagent.settings import Backend, Settings
from tests.functional.test_cli import Cli, cli, configure, folder
from tests.servers.leaks import LeakCheck
from tests.servers.smollm import SmolLM
from tests.servers.strict.answers import Said, SaidCall
from tests.servers.strict.endpoint import Director, StrictServer, strict_server
from tests.servers.strict.provider import Provider
from tests.servers.strict.request import Request

__all__ = ["cli", "folder"]

KEY = "sk-canary-0123456789"


class Colour(BaseModel):
    colour: str


def director(provider: Provider, request: Request) -> Said:
    """A model that keeps to its limits, calls the tool that is offered, and answers in JSON where it is asked to."""
    if 16 in (request.body.get("max_tokens"), request.body.get("max_completion_tokens")):
        return Said("1 2 3", finish="length")
    if request.tools:
        return Said(calls=(SaidCall("callabc12", "get_weather", '{"city": "Paris"}'),))
    return Said('{"colour": "green"}' if request.response_format or "json" in str(request.body).lower() else "Hello.")


def ignores_formats(provider: Provider, request: Request) -> Said:
    """A model that answers in prose, whatever it is asked for."""
    said = director(provider, request)
    return said if said.calls or said.finish else Said("Green is a colour.")


async def doctor(cli: Cli, folder: Path, server: StrictServer, provider: str) -> CompletedProcess[str]:
    configure(
        folder,
        f'[default.model]\nkind = "openai"\nmodel = "m"\napi_key = {{ env = "MY_KEY" }}\n'
        f'base_url = "{server.base_url(provider)}"\nstream_usage = false\n',
    )
    return await asyncio.to_thread(cli, "doctor", "--probe", MY_KEY=KEY)


def printed_table(done: CompletedProcess[str]) -> dict[str, object]:
    """The option that settings are to have; empty where nothing is to be set."""
    found = re.search(r"^In settings, under the model: (profile = .+)$", done.stdout, re.MULTILINE)
    table: dict[str, object] = tomllib.loads(found[1])["profile"] if found else {}
    return table


FORMS: dict[str, tuple[Director, dict[str, object]]] = {
    "openai": (director, {"beside_tools": True}),
    "openai-reasoning": (director, {"beside_tools": True, "token_limit": "max_completion_tokens"}),
    "deepseek": (director, {"structured": ["json_object", "prompt"], "beside_tools": True}),
    "gemini": (director, {}),
    "groq": (director, {"in_streams": False}),
    "anthropic": (ignores_formats, {"structured": ["prompt"]}),
    "mistral": (
        director,
        {
            "beside_tools": True,
            "token_limit": "max_tokens",
            "stream_options": False,
            "call_ids": "nine_letters",
            "user_after_tools": False,
        },
    ),
    "deepseek-thinking": (
        director,
        {
            "structured": ["json_object", "prompt"],
            "beside_tools": True,
            "call_reasoning": ["reasoning_content", ""],
        },
    ),
    "vllm-alternating": (director, {"beside_tools": True, "alternating": True}),
}


@pytest.mark.parametrize(("provider", "form"), FORMS.items(), ids=FORMS.keys())
async def test_the_printed_profile_is_that_of_the_endpoint(
    cli: Cli, folder: Path, provider: str, form: tuple[Director, dict[str, object]]
) -> None:
    asked, expected = form
    async with strict_server(asked) as server:
        done = await doctor(cli, folder, server, provider)
    assert done.returncode == 0, done.stdout + done.stderr
    assert printed_table(done) == expected
    assert expected or "nothing has to be changed" in done.stdout
    assert KEY not in done.stdout + done.stderr


async def test_it_says_how_many_requests_it_sends_and_what_they_cost(cli: Cli, folder: Path) -> None:
    async with strict_server(director) as server:
        done = await doctor(cli, folder, server, "deepseek")
        sent = server.requests
    assert "Sending about 11 small requests, at most 19." in done.stderr
    assert f"{sent} requests, " in done.stdout
    assert sent <= 19


async def test_a_refusal_is_shown_in_the_words_of_the_endpoint(cli: Cli, folder: Path) -> None:
    async with strict_server(director) as server:
        done = await doctor(cli, folder, server, "deepseek")
    (line,) = (line for line in done.stdout.splitlines() if " json_schema" in line)
    assert line.startswith("✗ json_schema · ")
    assert "This response_format type is unavailable now" in line
    assert "Learnt for" not in done.stdout


async def test_runs_by_the_printed_profile_are_not_refused(cli: Cli, folder: Path) -> None:
    async with strict_server(director) as server:
        done = await doctor(cli, folder, server, "deepseek")
        refused_before = len(server.refusals)
        assert refused_before > 0
        options = {"model": "m", "api_key": KEY, "base_url": server.base_url("deepseek")}
        by_settings = open_adapter("chat", "openai", {**options, "profile": printed_table(done)})
        assert isinstance(by_settings, ChatModel)
        written = re.search(r"^In a program: profile=(EndpointProfile\(.+\))$", done.stdout, re.MULTILINE)
        assert written is not None
        profile: object = eval(written[1], {"EndpointProfile": EndpointProfile})
        assert isinstance(profile, EndpointProfile)
        by_program = OpenAIChatModel("m", KEY, server.base_url("deepseek"), profile=profile)
        for model in (by_settings, by_program):
            agent = LightAgent(model=model, output_type=Colour)
            assert (await agent.arun("Which colour?", result_format="object")).unwrap() == Colour(colour="green")
            await model.aclose()
        assert len(server.refusals) == refused_before


async def test_an_endpoint_that_is_busy_once_is_asked_once_more(cli: Cli, folder: Path) -> None:
    busy: list[str] = []

    def now_and_then(provider: Provider, request: Request) -> Said:
        if request.response_format and not busy:
            busy.append(json.dumps(request.response_format))
            return Said(status=503)
        return director(provider, request)

    async with strict_server(now_and_then) as server:
        done = await doctor(cli, folder, server, "openai")
    assert busy
    assert printed_table(done) == {"beside_tools": True}


async def test_an_endpoint_that_stays_busy_leaves_what_was_known(cli: Cli, folder: Path) -> None:
    def busy(provider: Provider, request: Request) -> Said:
        return director(provider, request) if 16 in request.body.values() else Said(status=503)

    async with strict_server(busy) as server:
        done = await doctor(cli, folder, server, "openai")
        assert server.requests <= 19
    assert done.returncode == 0
    assert "? json_schema · " in done.stdout
    assert "nothing has to be changed" in done.stdout


@pytest.mark.parametrize(
    ("status", "message", "code"),
    [
        (402, "Insufficient Balance", "LA-429"),
        (401, "Your key was revoked.", "LA-401"),
    ],
)
async def test_an_account_that_may_ask_no_more_midway_ends_it_and_is_no_success(
    cli: Cli, folder: Path, status: int, message: str, code: str
) -> None:
    asked: list[Request] = []

    def spent(provider: Provider, request: Request) -> Said:
        asked.append(request)
        return director(provider, request) if len(asked) < 5 else Said(message, status=status)

    async with strict_server(spent) as server:
        done = await doctor(cli, folder, server, "openai")
    assert len(asked) == 5
    assert done.returncode == 1
    assert f"[{code}]" in done.stderr
    assert message in done.stderr
    assert "? tools · not asked" in done.stdout
    assert "nothing has to be changed" not in done.stdout


@pytest.mark.parametrize(("status", "code"), [(401, "LA-401"), (404, "LA-404"), (400, "LA-400")])
async def test_what_stands_in_the_way_of_any_answer_ends_it_at_once(
    cli: Cli, folder: Path, status: int, code: str
) -> None:
    async with strict_server(lambda provider, request: Said(status=status)) as server:
        done = await doctor(cli, folder, server, "openai")
        assert server.requests == 1
    assert done.returncode == 1
    assert f"[{code}]" in done.stderr
    assert "→ " in done.stderr


def test_an_endpoint_out_of_reach_is_told(cli: Cli) -> None:
    done = cli("doctor", "--probe", OPENAI_BASE_URL="http://127.0.0.1:9/v1", OPENAI_MODEL="m", OPENAI_API_KEY=KEY)
    assert done.returncode == 1
    assert "[LA-503]" in done.stderr
    assert "Traceback" not in done.stderr
    assert KEY not in done.stdout + done.stderr


@pytest.mark.parametrize("options", [("--probe",), ()], ids=["probe", "round trip"])
def test_a_missing_key_is_told_with_the_variable_of_the_provider(cli: Cli, options: tuple[str, ...]) -> None:
    done = cli("doctor", *options, OPENAI_BASE_URL="https://api.deepseek.com/v1", OPENAI_MODEL="m")
    assert done.returncode == 1
    assert "[LA-401]" in done.stderr
    assert 'api_key = { env = "DEEPSEEK_API_KEY" }' in done.stderr


def test_a_model_without_an_endpoint_is_a_wrong_call(cli: Cli) -> None:
    done = cli("doctor", "--probe", LIGHTAGENT__MODEL__KIND="offline")
    assert done.returncode == 2
    assert "'offline' has no endpoint" in done.stderr


@pytest.mark.litellm
@pytest.mark.filterwarnings("default")
async def test_an_endpoint_behind_litellm() -> None:
    async with strict_server(director) as server:
        options: JsonObject = {"model": "openai/m", "api_key": KEY, "base_url": server.base_url("deepseek")}
        probed = await probe(Settings(model=Backend(kind="litellm", options=options)), UNKNOWN, 30.0)
    assert probed.found is not None, probed.error
    assert probed.found.profile.structured == ("json_object", "prompt")
    (refusal,) = (finding for finding in probed.found.findings if finding.what == "json_schema")
    assert "This response_format type is unavailable now" in refusal.words


@pytest.mark.timeout(300)
async def test_a_server_that_nobody_here_wrote(leaks: LeakCheck, smollm: SmolLM) -> None:
    """llama.cpp takes the form that most endpoints take, as its line in the table says."""
    options: JsonObject = {"model": smollm.model, "base_url": smollm.base_url, "api_key": "none"}
    probed = await probe(Settings(model=Backend(kind="openai", options=options)), UNKNOWN, 140.0)
    assert probed.found is not None, probed.error
    assert probed.found.profile == UNKNOWN == named_profile("llama.cpp")
    assert {finding.verdict for finding in probed.found.findings} == {"yes"}
    assert probed.tokens > 100
