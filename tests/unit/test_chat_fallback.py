"""chat/fallback: who is asked, when, and what is told when all fail."""

from collections.abc import AsyncIterator

import pytest

from lightagent.adapters.registry import open_adapter
from lightagent.domain.conversation.deltas import Delta, ModelReply, ReplyEnd, TextDelta, fold_deltas
from lightagent.domain.conversation.messages import UserMessage
from lightagent.domain.errors import ConfigurationError, LightAgentError, MissingExtraError, ProviderError
from lightagent.ports.models import ChatModel, ChatRequest
from lightagent.testing import FallbackModel, Reply, ScriptedModel

QUESTION = ChatRequest((UserMessage("Hi"),))


async def ask(model: ChatModel) -> ModelReply:
    return fold_deltas([delta async for delta in model.stream(QUESTION)])


async def listen(model: ChatModel, heard: list[Delta]) -> None:
    stream = model.stream(QUESTION)
    while (delta := await anext(stream, None)) is not None:
        heard.append(delta)


def scripted(*replies: Reply, name: str = "m") -> ScriptedModel:
    return ScriptedModel(replies, name)


@pytest.mark.parametrize(
    "failure",
    [ProviderError(code=code) for code in ("LA-408", "LA-429", "LA-500", "LA-503")]
    + [TimeoutError("slow"), ConnectionResetError("gone")],
    ids=repr,
)
async def test_the_next_model_is_asked_after_a_transient_failure(failure: Exception) -> None:
    first, second, third = scripted(failure), scripted("From the second"), scripted()
    assert (await ask(FallbackModel([first, second, third]))).message.content == "From the second"
    assert [len(model.requests) for model in (first, second, third)] == [1, 1, 0]


@pytest.mark.parametrize(
    "failure", [ProviderError(code="LA-401"), ConfigurationError("wrong"), ZeroDivisionError("bug"), OSError("disk")]
)
async def test_another_failure_passes_through(failure: Exception) -> None:
    second = scripted("unused")
    with pytest.raises(type(failure)) as caught:
        await ask(FallbackModel([scripted(failure), second]))
    assert caught.value is failure
    assert not second.requests


async def test_after_the_first_delta_an_error_passes_through() -> None:
    failure, second = ProviderError(code="LA-503"), scripted("unused")
    heard: list[Delta] = []
    with pytest.raises(ProviderError) as caught:
        await listen(FallbackModel([scripted([TextDelta("Half"), failure]), second]), heard)
    assert caught.value is failure
    assert heard == [TextDelta("Half")]
    assert not second.requests


async def test_when_all_fail_the_last_error_names_them_all() -> None:
    last = ProviderError("Slow down.", code="LA-429", details={"status": 429})
    last.retry_after = 7.0
    model = FallbackModel([scripted(ProviderError(code="LA-503"), name="a"), scripted(last, name="b")])
    with pytest.raises(ProviderError) as caught:
        await ask(model)
    error = caught.value
    assert (error.code, error.message, error.retryable, error.retry_after) == ("LA-429", "Slow down.", True, 7.0)
    assert error.__cause__ is last
    assert error.details == {
        "status": 429,
        "tried": [
            {"model": "a", "code": "LA-503", "message": "The provider cannot be reached."},
            {"model": "b", "code": "LA-429", "message": "Slow down."},
        ],
    }
    assert last.details == {"status": 429}, "the model's own error is its own"


async def test_any_exception_of_the_last_model_gets_a_code() -> None:
    with pytest.raises(LightAgentError) as caught:
        await ask(FallbackModel([scripted(TimeoutError())]))
    assert caught.value.code == "LA-408"


async def test_the_codes_can_be_chosen() -> None:
    models = [scripted(ProviderError(code="LA-401")), scripted("Second")]
    assert (await ask(FallbackModel(models, on=["LA-401"]))).message.content == "Second"


async def test_an_answer_of_nothing_is_an_answer() -> None:
    second = scripted("unused")
    assert (await ask(FallbackModel([scripted([]), second]))).end == ReplyEnd()
    assert not second.requests


class Held(ChatModel):
    """Knows whether its streams and itself were closed."""

    def __init__(self) -> None:
        self.open_streams = 0
        self.closed = False

    @property
    def name(self) -> str:
        return "held"

    async def stream(self, request: ChatRequest) -> AsyncIterator[Delta]:
        self.open_streams += 1
        try:
            yield TextDelta("one")
            yield TextDelta("two")
        finally:
            self.open_streams -= 1

    async def aclose(self) -> None:
        self.closed = True
        raise ConnectionError("already gone")


async def test_closing_the_stream_closes_that_of_the_model() -> None:
    held = Held()
    stream = FallbackModel([held]).stream(QUESTION)
    assert await anext(stream) == TextDelta("one")
    assert held.open_streams == 1
    close = getattr(stream, "aclose", None)
    assert close is not None
    await close()
    assert held.open_streams == 0


async def test_all_are_closed_even_where_one_cannot() -> None:
    models = [Held(), Held()]
    with pytest.raises(ConnectionError):
        await FallbackModel(models).aclose()
    assert all(model.closed for model in models)


def test_at_least_one_model_is_required() -> None:
    with pytest.raises(ConfigurationError, match="at least one model"):
        FallbackModel([])


async def test_it_is_opened_from_settings() -> None:
    backends = [{"kind": "scripted", "replies": ["Hi"], "name": "a"}, {"kind": "offline"}]
    model = open_adapter("chat", "fallback", {"models": backends}, at="model")
    assert isinstance(model, FallbackModel)
    assert model.name == "fallback(a, offline)"
    assert (await ask(model)).message.content == "Hi"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "model.models: Field required"),
        ({"models": []}, "model.models: List should have at least 1 item"),
        ({"models": [{"kind": "offline"}, {"kind": "offlin"}]}, "model.models[1].kind: no chat adapter 'offlin'"),
        ({"models": [{"kind": "os.system"}]}, "model.models[0].kind: invalid kind 'os.system'"),
        ({"models": [{"name": "x"}]}, "model.models[0].kind: missing"),
        ({"models": [{"kind": "scripted", "replys": []}]}, "model.models[0].replys: 'scripted' has no option 'replys'"),
        ({"models": [{"kind": "offline"}], "on": ["LA-999"]}, "'LA-999' is not an error code"),
    ],
)
def test_wrong_settings_are_named(options: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        open_adapter("chat", "fallback", options, at="model")
    assert said in str(caught.value)
    assert not isinstance(caught.value, MissingExtraError)
