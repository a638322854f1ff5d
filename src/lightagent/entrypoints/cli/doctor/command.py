"""``lightagent doctor``: check whether everything that is configured works, and print what to do if it does not."""

from __future__ import annotations

import asyncio
import platform
import time
from importlib.metadata import PackageNotFoundError, version
from os import environ
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from lightagent.bootstrap import App
from lightagent.compose.configured.backends import (
    open_code,
    open_embedding,
    open_journals,
    open_memory,
    open_model,
    open_telemetry,
)
from lightagent.compose.configured.flows import open_flow_engine, open_flow_store
from lightagent.domain.conversation.deltas import ReplyBuilder
from lightagent.domain.conversation.messages import UserMessage
from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.error_mapping import classify_exception
from lightagent.domain.errors import ConfigurationError, ProviderError
from lightagent.domain.json_types import JsonObject
from lightagent.entrypoints.cli.console import err, out, show_error
from lightagent.entrypoints.cli.doctor.backends import (
    Diagnosis,
    examine_code,
    examine_embedder,
    examine_flow_engine,
    examine_journals,
    examine_memory,
    examine_telemetry,
)
from lightagent.entrypoints.cli.doctor.probe import probe_endpoint
from lightagent.entrypoints.cli.doctor.tools import examine_tools
from lightagent.entrypoints.cli.exit_codes import ExitCode, guarded
from lightagent.entrypoints.cli.notices import key_hint, show_destination
from lightagent.entrypoints.cli.options import Config, Debug, Profile, TrustConfig, settings_for
from lightagent.entrypoints.cli.trace.labels import preview
from lightagent.ports.flushable_sink import ProbedSink
from lightagent.ports.models import ChatModel, ChatRequest
from lightagent.settings import Settings
from lightagent.settings.backends import open_backend
from lightagent.settings.origins import printable, short_path

QUESTION = "Reply with the word OK."
MAX_TOKENS = 16


@guarded
def doctor(
    config: Config = None,
    profile: Profile = None,
    timeout: Annotated[float, typer.Option("--timeout", help="Seconds to wait for each answer.", min=0.1)] = 30.0,
    probe: Annotated[
        bool, typer.Option("--probe", help="Find out what the model's endpoint supports, and print the profile to set.")
    ] = False,
    debug: Debug = False,
    trust_config: TrustConfig = False,
) -> ExitCode:
    """Test every configured backend with one real request, and print what to do if it fails.

    The files of the tools directory are run, MCP servers are started or connected to and list their tools, and a code
    runner runs one line.
    The model is asked for a word or two, which may cost a fraction of a cent. For a store in SQLite it also says how
    large the write-ahead log is, and which process keeps it from shrinking.

    With `--probe`, about ten small requests find out what the model's endpoint supports instead: JSON output with and
    without tools, roles and parameters. Differences are printed as the option `profile`, for settings and for programs.
    Refused requests are expected; the command fails if the endpoint does not answer.

    **Examples**

    `lightagent doctor`

    `lightagent doctor --profile prod --timeout 10`

    `OPENAI_BASE_URL=http://localhost:8000/v1 OPENAI_MODEL=qwen3 lightagent doctor --probe`
    """
    settings = settings_for(config, profile, debug, trust_config)
    console = out()
    _show_surroundings(console, settings)
    if probe:
        return probe_endpoint(console, settings, timeout)
    for section, backend in settings.backends().items():
        try:
            open_backend(settings, section, environ)
        except ConfigurationError as exc:
            console.print(f"✗ {section} · {backend.kind}", style="red", markup=False)
            show_error(exc.info)
            return ExitCode.USAGE
    telemetry = open_telemetry(settings)
    model, journals = open_model(settings), open_journals(settings)
    memory = open_memory(settings, journals=journals)
    embedder, code = open_embedding(settings), open_code(settings)
    flow_store, flow_engine = open_flow_store(settings), open_flow_engine(settings)
    app = App(
        *(settings, model, journals),
        embedder=embedder,
        code=code,
        memory=memory,
        telemetry=telemetry,
        flow_store=flow_store,
        flow_engine=flow_engine,
    )
    show_destination(app.model)
    with err().status("asking the model …"):
        found, others = asyncio.run(_examine(app, timeout))
    _show_diagnosis(console, _name(settings.model.kind, app.model.name), found)
    key_hint(app.model, found.error)
    for section, other in others.items():
        chosen = settings.backends().get(section)
        _show_diagnosis(console, section if chosen is None else f"{section} · {chosen.kind}", other)
    usable = examine_tools(console, settings, timeout) and examine_code(console, app.code)
    failed = any(one.error for one in (found, *others.values()))
    return ExitCode.FAILED if failed or not usable else ExitCode.COMPLETED


async def _examine(app: App, seconds: float) -> tuple[Diagnosis, dict[str, Diagnosis]]:
    """Return the diagnosis of the model, and those of the other backends by settings section."""
    others: dict[str, Diagnosis] = {}
    async with app:
        found = await examine_model(app.model, seconds)
        if app.journals is not None:
            others["journals"] = await examine_journals(app.journals, seconds)
        if app.flows.engine is not None:
            others["flow.engine"] = await examine_flow_engine(app.flows.engine, seconds)
        elif app.flows.store not in (None, app.journals):
            others["flow.store"] = await examine_journals(app.flows.store, seconds)
        if app.memory is not None:
            others["memory"] = await examine_memory(app.memory, seconds)
        if app.embedder is not None:
            others["embedding"] = await examine_embedder(app.embedder, seconds)
        if isinstance(app.telemetry, ProbedSink):
            others["telemetry"] = await examine_telemetry(app.telemetry, seconds)
    return found, others


async def examine_model(model: ChatModel, seconds: float) -> Diagnosis:
    """Send one tiny request to the model. Failures are returned as part of the diagnosis, not raised."""
    start = time.monotonic()
    try:
        async with asyncio.timeout(seconds):
            answer = await _round_trip(model)
    except TimeoutError:
        info = LightAgentErrorInfo(
            "LA-408", f"No answer within {seconds:g} seconds.", "Check base_url and the network, or raise --timeout."
        )
        return Diagnosis("", time.monotonic() - start, info)
    except Exception as exc:
        return Diagnosis("", time.monotonic() - start, classify_exception(exc))
    return Diagnosis(answer, time.monotonic() - start)


async def _round_trip(model: ChatModel) -> str:
    try:
        return await _ask(model, {"max_tokens": MAX_TOKENS})
    except ProviderError as exc:
        # Some models only accept max_completion_tokens, which is not a fault.
        if exc.code != "LA-400" or "max_tokens" not in exc.message:
            raise
        return await _ask(model, {})


async def _ask(model: ChatModel, params: JsonObject) -> str:
    builder = ReplyBuilder()
    deltas = model.stream(ChatRequest((UserMessage(QUESTION),), params=params))
    async for delta in deltas:
        builder.add(delta)
    return builder.reply().message.content or ""


def _show_surroundings(console: Console, settings: Settings) -> None:
    provenance = settings.provenance
    file = short_path(provenance.file) if provenance.file else "no lightagent.toml, the built-in settings"
    console.print(f"lightagent {_version()} · Python {platform.python_version()} · {platform.system()}", markup=False)
    console.print(f"{file} · profile {provenance.profile}", markup=False)


def _show_diagnosis(console: Console, name: str, found: Diagnosis) -> None:
    took = f"{found.seconds * 1000:.0f} ms"
    if found.error is None:
        console.print(f"[green]✓[/] {escape(name)} · {took} · {preview(found.answer) or '(an empty answer)'}")
        for note in found.notes:
            if note.advice:
                console.print(printable(f"! {note.text}"), style="yellow", markup=False)
                console.print(printable(f"  → {note.advice}"), style="yellow", markup=False)
            else:
                console.print(printable(f"  {note.text}"), style="dim", markup=False)
        return
    console.print(f"✗ {name} · {took}", style="red", markup=False)
    show_error(found.error)


def _name(kind: str, model: str) -> str:
    return f"model · {kind}" if model == kind else f"model · {kind} · {model}"


def _version() -> str:
    try:
        return version("lightagent")
    except PackageNotFoundError:
        return "(not installed)"
