"""LiteLLM as a client, through everything that an agent can be asked for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import pytest

from lightagent.domain.json_types import JsonObject, JsonValue
from tests.support.client_scene import PIXEL, ClientScene, Shown, client_scene
from tests.support.client_table import shows

litellm = pytest.importorskip("litellm", reason="the environment of openai 2 has no LiteLLM")

pytestmark = [pytest.mark.litellm, pytest.mark.filterwarnings("default"), pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def scene() -> Iterator[ClientScene]:
    with client_scene() as made:
        yield made


def asked(scene: ClientScene, content: JsonValue) -> dict[str, object]:
    """The arguments of a call of LiteLLM that asks this."""
    messages: list[JsonObject] = [{"role": "user", "content": content}]
    return {
        "model": "openai/helper",
        "api_base": scene.url,
        "api_key": "unused",
        "messages": messages,
        "max_retries": 0,
        "timeout": 30,
    }


def chunks(scene: ClientScene, question: str) -> Iterable[object]:
    told: Iterable[object] = litellm.completion(
        **asked(scene, question), stream=True, stream_options={"include_usage": True}
    )
    return told


def whole(chunks_of_it: Iterable[object]) -> JsonObject:
    """The answer that LiteLLM makes of a stream, as JSON."""
    made: JsonObject = litellm.stream_chunk_builder([*chunks_of_it]).model_dump()
    return made


def message(answer: JsonObject) -> JsonObject:
    choices = answer["choices"]
    assert isinstance(choices, list)
    assert isinstance(choices[0], dict)
    found = choices[0]["message"]
    assert isinstance(found, dict)
    return found


def both(scene: ClientScene, content: str) -> list[JsonObject]:
    """The answer, once whole and once streamed."""
    return [litellm.completion(**asked(scene, content)).model_dump(), whole(chunks(scene, content))]


@shows("litellm chat", "text")
def test_text(scene: ClientScene) -> None:
    for answer in both(scene, "Hello"):
        assert message(answer)["content"] == "You said Hello."


@shows("litellm chat", "reasoning")
def test_reasoning(scene: ClientScene) -> None:
    for answer in both(scene, "think"):
        said = message(answer)
        assert (said["reasoning_content"], said["content"]) == ("Hm. Yes.", "So be it.")


@shows("litellm chat", "tools")
@pytest.mark.parametrize("shown", ["hidden", "reasoning", "extension"])
def test_tools_are_shown_and_never_handed_over(shown: Shown) -> None:
    with client_scene(shown) as scene:
        for answer in both(scene, "add"):
            said = message(answer)
            assert (said["content"], said.get("tool_calls")) == ("It is 5.", None)
            assert ("add" in str(said.get("reasoning_content"))) == (shown == "reasoning")


@shows("litellm chat", "usage")
def test_usage(scene: ClientScene) -> None:
    for answer in both(scene, "think"):
        usage = answer["usage"]
        assert isinstance(usage, dict)
        assert (usage["prompt_tokens"], usage["completion_tokens"], usage["total_tokens"]) == (7, 3, 10)


@shows("litellm chat", "error")
def test_an_error_in_mid_stream(scene: ClientScene) -> None:
    seen = list[object]()
    with pytest.raises(Exception, match=r"The line is dead\."):
        seen.extend(chunks(scene, "break"))
    assert message(whole(seen))["content"] == "I was about"


@shows("litellm chat", "stop")
def test_stop() -> None:
    with client_scene() as scene:
        stream = litellm.completion(**asked(scene, "wait"), stream=True)
        assert next(text for chunk in stream if (text := chunk.choices[0].delta.content)) == "Well, "
        stream.close()
        assert scene.stopped()


@shows("litellm chat", "image")
def test_an_image(scene: ClientScene) -> None:
    parts: JsonValue = [
        {"type": "text", "text": "What is it?"},
        {"type": "image_url", "image_url": {"url": PIXEL}},
    ]
    answer = litellm.completion(**asked(scene, parts)).model_dump()
    assert message(answer)["content"] == "Images: 1."


@shows("litellm chat", "approval")
def test_an_approval_in_words() -> None:
    with client_scene() as scene:
        found = re.search(r"ID ([0-9a-f]{32})", str(message(whole(chunks(scene, "pay")))["content"]))
        assert found is not None
        assert scene.paid == []
        told = message(whole(chunks(scene, f"approve {found[1]}")))
        assert (told["content"], scene.paid) == ("It is 5 paid.", [5])


def test_an_approval_in_responses() -> None:
    with client_scene() as scene:
        to: dict[str, object] = {"model": "openai/helper", "api_base": scene.url, "api_key": "unused"}
        waits = litellm.responses(input="pay", **to)
        (request,) = waits.output
        assert (request.type, request.name, scene.paid) == ("mcp_approval_request", "pay", [])
        told = litellm.responses(
            input=[{"type": "mcp_approval_response", "approval_request_id": request.id, "approve": True}],
            previous_response_id=waits.id,
            **to,
        )
        assert (told.output_text, scene.paid) == ("It is 5 paid.", [5])
