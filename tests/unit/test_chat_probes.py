"""What is asked to find out what an endpoint takes, and what is made of the answers: decided without any network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightagent.adapters.chat._inquiry import MOST_REQUESTS, USUAL_REQUESTS, inquire
from lightagent.adapters.chat._probes import Answer, Found, Probe, Refused, Taken, Unclear, judged
from lightagent.adapters.chat._profiles import UNKNOWN, EndpointProfile, TokenLimit, fitted_params, response_format
from lightagent.domain.conversation.deltas import ModelReply, ReplyEnd
from lightagent.domain.conversation.messages import AssistantMessage, ToolCall
from lightagent.domain.error_codes import ErrorCode
from lightagent.domain.errors import ProviderError
from lightagent.domain.usage import Usage

Endpoint = Callable[[Probe], Answer]


def said(text: str | None, finish: str = "stop", *, calls: bool = False, tokens: int = 5) -> Taken:
    message = AssistantMessage(text, (ToolCall("c", "get_weather", "{}"),) if calls else ())
    return Taken(ModelReply(message, ReplyEnd(finish, Usage(1, tokens, tokens + 1))))


def good(probe: Probe) -> Answer:
    """An endpoint that takes everything, also JSON beside tools."""
    request = probe.request
    if 16 in request.params.values():
        return said("1 2 3", "length", tokens=16)
    if request.tools:
        return said(None, "tool_calls", calls=True)
    return said("Hello." if response_format(probe.profile, request) is None else '{"colour": "green"}')


def ask(endpoint: Endpoint, known: EndpointProfile = UNKNOWN) -> tuple[Found | None, int]:
    inquiry, requests = inquire(known), 0
    probe = next(inquiry)
    while True:
        requests += 1
        try:
            probe = inquiry.send(endpoint(probe))
        except StopIteration as end:
            found: Found | None = end.value
            return found, requests


def form(probe: Probe) -> object:
    sent = response_format(probe.profile, probe.request)
    return None if sent is None else sent["type"]


def refuses(wrong: Callable[[Probe], bool], words: str = "not supported") -> Endpoint:
    return lambda probe: Refused(words) if wrong(probe) else good(probe)


def has(name: str) -> Callable[[Probe], bool]:
    return lambda probe: name in fitted_params(probe.profile, probe.request.params)


def ignores_json(probe: Probe) -> Answer:
    return good(probe) if probe.request.tools or form(probe) is None else said("Green is a fine colour.")


def ignores_new_limit(probe: Probe) -> Answer:
    return said("1 2 3 " * 90, tokens=500) if has("max_completion_tokens")(probe) else good(probe)


def forces_json(probe: Probe) -> Answer:
    return said('{"colour": "green"}') if form(probe) is not None else good(probe)


def calls_nothing(probe: Probe) -> Answer:
    return said("I do not know.") if probe.request.tools else good(probe)


ENDPOINTS: dict[str, tuple[Endpoint, EndpointProfile]] = {
    "everything": (good, EndpointProfile(beside_tools=True)),
    "no json_schema": (
        refuses(lambda probe: form(probe) == "json_schema"),
        EndpointProfile(structured=("json_object", "prompt"), beside_tools=True),
    ),
    "no format": (refuses(lambda probe: form(probe) is not None), EndpointProfile(structured=("prompt",))),
    "a format that is ignored": (ignores_json, EndpointProfile(structured=("prompt",))),
    "no format beside tools": (refuses(lambda probe: form(probe) is not None and bool(probe.request.tools)), UNKNOWN),
    "JSON forced upon calls": (forces_json, UNKNOWN),
    "a model that calls nothing": (calls_nothing, UNKNOWN),
    "no tools": (refuses(lambda probe: bool(probe.request.tools)), UNKNOWN),
    "no role system": (
        refuses(lambda probe: probe.profile.system_role and probe.request.messages[0].role == "system"),
        EndpointProfile(beside_tools=True, system_role=False),
    ),
    "no max_tokens": (
        refuses(has("max_tokens"), "Use max_completion_tokens instead of max_tokens."),
        EndpointProfile(beside_tools=True, token_limit="max_completion_tokens"),
    ),
    "no max_completion_tokens": (
        refuses(has("max_completion_tokens")),
        EndpointProfile(beside_tools=True, token_limit="max_tokens"),
    ),
    "max_completion_tokens ignored": (ignores_new_limit, EndpointProfile(beside_tools=True, token_limit="max_tokens")),
    "no limits": (
        refuses(lambda probe: bool(probe.request.params.keys() & set(get_args(TokenLimit))), "max_tokens: unknown"),
        EndpointProfile(beside_tools=True),
    ),
    "no parallel_tool_calls": (
        refuses(has("parallel_tool_calls")),
        EndpointProfile(beside_tools=True, parallel_calls=False),
    ),
    "no format for a stream": (
        refuses(lambda probe: probe.request.stream and form(probe) is not None),
        EndpointProfile(beside_tools=True, in_streams=False),
    ),
    "no stream_options": (
        refuses(lambda probe: probe.what == "stream_options" and probe.profile.stream_options),
        EndpointProfile(beside_tools=True, stream_options=False),
    ),
}


@pytest.mark.parametrize(("endpoint", "profile"), ENDPOINTS.values(), ids=ENDPOINTS.keys())
def test_the_profile_is_that_of_the_endpoint(endpoint: Endpoint, profile: EndpointProfile) -> None:
    found, requests = ask(endpoint)
    assert found is not None
    assert found.profile == profile
    assert requests <= USUAL_REQUESTS + 1


def test_a_refusal_is_reported_in_the_words_of_the_endpoint() -> None:
    found, _ = ask(refuses(lambda probe: form(probe) == "json_schema", "This response_format is unavailable now"))
    assert found is not None
    (refusal,) = (finding for finding in found.findings if finding.verdict == "no")
    assert (refusal.what, refusal.words) == ("json_schema", "This response_format is unavailable now")


@pytest.mark.parametrize(
    "answer", [Unclear("Nothing listens there."), Refused("The model does not exist.")], ids=["silent", "no model"]
)
def test_the_first_request_decides_whether_there_is_a_second(answer: Answer) -> None:
    assert ask(lambda probe: answer) == (None, 1)


def test_unclear_answers_leave_the_profile_as_it_was() -> None:
    known = EndpointProfile(
        structured=("json_object", "prompt"),
        beside_tools=True,
        in_streams=False,
        system_role=False,
        token_limit="max_tokens",
        parallel_calls=False,
        stream_options=False,
        reasoning_fields=("reasoning",),
    )
    found, _ = ask(lambda probe: good(probe) if probe.what == "max_tokens" else Unclear("busy"), known)
    assert found is not None
    assert found.profile == known
    assert {finding.verdict for finding in found.findings} == {"yes", "unclear"}


def test_the_profile_adapts_to_a_refused_history() -> None:
    first, second = replace(UNKNOWN, system_role=False), replace(UNKNOWN, system_role=False, reasoning_fields=())

    def endpoint(probe: Probe) -> Answer:
        if len(probe.request.messages) < 4:
            return good(probe)
        if probe.profile.reasoning_fields is not None:
            return said("Hello.")
        return Refused("so not", first if probe.profile.system_role else second)

    found, _ = ask(endpoint)
    assert found is not None
    assert found.profile == second
    assert found.findings[-1].verdict == "yes"


replies = st.builds(
    said, st.sampled_from([None, "", "{}", "text"]), st.sampled_from(["stop", "length"]), calls=st.booleans()
)
answers: st.SearchStrategy[Answer] = st.one_of(
    replies,
    st.builds(Unclear, st.just("busy")),
    st.builds(Refused, st.sampled_from(["max_tokens", "no"]), st.sampled_from([None, UNKNOWN])),
)


@given(st.lists(answers, min_size=MOST_REQUESTS, max_size=MOST_REQUESTS))
def test_there_are_never_more_requests_than_promised(given_answers: list[Answer]) -> None:
    rest = iter(given_answers)
    found, requests = ask(lambda probe: next(rest))  # One more would be a StopIteration, and a RuntimeError.
    assert requests <= MOST_REQUESTS
    assert found is None or "prompt" in found.profile.structured


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("LA-400", 400, Refused),
        ("LA-404", 404, Refused),
        ("LA-500", 500, Refused),
        ("LA-400", None, Refused),
        ("LA-400", 422, Refused),
        ("LA-401", 401, Unclear),
        ("LA-403", 400, Unclear),
        ("LA-500", 400, Unclear),
        ("LA-429", 429, Unclear),
        ("LA-503", None, Unclear),
    ],
)
def test_statuses_tell_refusals_from_failures(code: ErrorCode, status: int | None, kind: type) -> None:
    details = {} if status is None else {"status": status}
    error = ProviderError("No. (Learnt for the next request: without.)", code=code, details={**details})
    answer = judged(error, None)
    assert isinstance(answer, kind)
    assert isinstance(answer, Taken) or answer.words == "No."
