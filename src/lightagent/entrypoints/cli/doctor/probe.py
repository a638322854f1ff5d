"""``lightagent doctor --probe``: find out with small requests what an endpoint supports, and print what to set."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from rich.console import Console
from rich.markup import escape

from lightagent.adapters.chat._inquiry import MOST_REQUESTS, USUAL_REQUESTS, inquire
from lightagent.adapters.chat._probes import Answer, Finding, Found, Probe, ProfiledModel, Taken, Unclear, judged
from lightagent.adapters.chat._profile_descriptions import as_options, as_python, as_toml
from lightagent.adapters.chat._profiles import UNKNOWN, EndpointProfile
from lightagent.compose.configured.backends import open_model
from lightagent.domain.conversation.deltas import ReplyBuilder
from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.error_mapping import classify_exception
from lightagent.domain.errors import ConfigurationError, ProviderError
from lightagent.entrypoints.cli.console import err, show_error
from lightagent.entrypoints.cli.exit_codes import ExitCode
from lightagent.entrypoints.cli.notices import key_hint, show_destination
from lightagent.entrypoints.cli.trace.labels import preview
from lightagent.ports.models import ChatModel
from lightagent.settings import Settings

MOST_REPEATS = 3
"""Requests that are repeated at most because the endpoint failed or was busy."""

_MARKS = {"yes": "[green]✓[/]", "no": "[red]✗[/]", "unclear": "[yellow]?[/]"}


@dataclass(slots=True)
class Probed:
    """The result of probing an endpoint. If `found` is None, `error` says why the endpoint did not answer.

    Attributes:
        barred: the error after which probing stopped, since the endpoint refuses all requests of the account.
    """

    known: EndpointProfile
    found: Found | None = None
    error: LightAgentErrorInfo | None = None
    requests: int = 0
    tokens: int = 0
    repeats: int = field(default=0, repr=False)
    barred: LightAgentErrorInfo | None = None


def probe_endpoint(console: Console, settings: Settings, seconds: float) -> ExitCode:
    """Probe the endpoint of the configured model, and print the findings and the profile to set.

    Args:
        seconds: timeout for each request.

    Raises:
        ConfigurationError: the model cannot be opened, or is of a kind without an endpoint.
    """
    model = open_model(settings)
    if not isinstance(model, ProfiledModel):
        raise ConfigurationError(
            f"--probe: a model of kind {settings.model.kind!r} has no endpoint to probe.",
            guidance="Choose a profile with the kind openai or litellm, or set OPENAI_BASE_URL and OPENAI_MODEL.",
        )
    show_destination(model)
    most = MOST_REQUESTS + MOST_REPEATS
    err().print(f"Sending about {USUAL_REQUESTS} small requests, at most {most}.", style="dim")
    with err().status("asking the endpoint …"):
        probed = asyncio.run(probe(settings, model.profile, seconds))
    console.print(f"model · {settings.model.kind} · {model.name}", markup=False)
    if probed.found is None:
        show_error(probed.error or LightAgentErrorInfo("LA-400", "The endpoint refuses even the smallest request.", ""))
        key_hint(model, probed.error)
        return ExitCode.FAILED
    _show(console, probed, probed.found)
    if probed.barred is not None:
        show_error(probed.barred)
        return ExitCode.FAILED
    return ExitCode.COMPLETED


async def probe(settings: Settings, known: EndpointProfile, seconds: float) -> Probed:
    """Send the requests of an inquiry one after the other, and return its findings."""
    probed, inquiry = Probed(known), inquire(known)
    request = next(inquiry)
    while True:
        answer = await _ask_twice(settings, request, seconds, probed)
        try:
            request = inquiry.send(answer)
        except StopIteration as end:
            found: Found | None = end.value
            probed.found = found
            return probed


async def _ask_twice(settings: Settings, request: Probe, seconds: float, probed: Probed) -> Answer:
    """Send a request, and repeat it once if the endpoint was busy or failed. The very first request is not repeated."""
    if probed.barred is not None:
        return Unclear(f"not asked: {probed.barred.message}")
    answer = await _ask(settings, request, seconds, probed)
    if isinstance(answer, Taken) or not _passes(probed.error) or probed.requests == 1 or probed.repeats == MOST_REPEATS:
        return answer
    probed.repeats += 1
    return await _ask(settings, request, seconds, probed)


def _passes(error: LightAgentErrorInfo | None) -> bool:
    """Return whether a repetition may succeed. If the model learnt from the error, its request would be different."""
    return error is not None and error.retryable and "learnt" not in (error.details or {})


def _bars(error: LightAgentErrorInfo) -> bool:
    """Return whether every further request would fail: the key is refused, or the account has run out of balance."""
    return error.code in ("LA-401", "LA-429") and not error.retryable


async def _ask(settings: Settings, request: Probe, seconds: float, probed: Probed) -> Answer:
    """Send one request with a new model, so that what the model learns from a refusal affects this request only."""
    model = open_model(_with_profile(settings, request.profile))
    probed.requests += 1
    try:
        async with asyncio.timeout(seconds):
            return await _reply(model, request, probed)
    except TimeoutError:
        words = f"No answer within {seconds:g} seconds."
        probed.error = LightAgentErrorInfo("LA-408", words, "Check base_url and the network, or raise --timeout.")
        return Unclear(words)
    except ProviderError as exc:
        probed.error = exc.info
        if _bars(exc.info):
            probed.barred = exc.info
        return judged(exc, _learnt(model, request.profile))
    except Exception as exc:
        probed.error = classify_exception(exc)
        return Unclear(probed.error.message)
    finally:
        await model.aclose()


async def _reply(model: ChatModel, request: Probe, probed: Probed) -> Taken:
    builder = ReplyBuilder()
    async for delta in model.stream(request.request):
        builder.add(delta)
    reply = builder.reply()
    probed.tokens += reply.end.usage.total_tokens if reply.end.usage is not None else 0
    return Taken(reply)


def _learnt(model: ChatModel, sent: EndpointProfile) -> EndpointProfile | None:
    profile = model.profile if isinstance(model, ProfiledModel) else sent
    return None if profile == sent else profile


def _with_profile(settings: Settings, profile: EndpointProfile) -> Settings:
    """Return the settings with another profile, and with token usage in streams even if the settings turn it off."""
    kept = {name: value for name, value in settings.model.options.items() if name != "stream_usage"}
    options = {**kept, "profile": as_options(profile)}
    return settings.model_copy(update={"model": settings.model.model_copy(update={"options": options})})


def _show(console: Console, probed: Probed, found: Found) -> None:
    for finding in found.findings:
        console.print(_line(finding))
    console.print(f"{probed.requests} requests, {probed.tokens} tokens.", markup=False)
    console.print()
    if found.profile == probed.known and probed.barred is None:
        console.print("The current profile fits: nothing has to be changed.", markup=False)
    if found.profile != UNKNOWN or found.profile != probed.known:
        console.print(f"In settings, under the model: profile = {as_toml(found.profile)}", markup=False)
        console.print(f"In a program: profile={as_python(found.profile)}", markup=False)


def _line(finding: Finding) -> str:
    words = f" · {preview(finding.words)}" if finding.words else ""
    return f"{_MARKS[finding.verdict]} {escape(finding.what)}{words}"
