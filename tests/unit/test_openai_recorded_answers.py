"""Answers in the forms that providers document: each folds to the reply written beside it, however it is cut."""

import json
from pathlib import Path

import pytest

from lightagent.adapters.chat.openai.answers import AnswerReader
from lightagent.domain.conversation.deltas import ModelReply, fold_deltas
from tests.servers.json_values import JsonObject, as_list, as_object

FOLDER = Path(__file__).parent.parent / "support" / "recorded_answers"
MADE_UP = "*"
"""In place of an id that the server did not give."""


def recordings() -> list[tuple[str, JsonObject]]:
    files = [(file.stem, as_list(json.loads(file.read_text("utf-8")))) for file in sorted(FOLDER.glob("*.json"))]
    return [(f"{stem}: {as_object(one)['name']}", as_object(one)) for stem, them in files for one in them]


RECORDINGS = recordings()


def reply(*pieces: bytes) -> ModelReply:
    reader = AnswerReader(1_000_000)
    deltas = [delta for piece in pieces for delta in reader.feed(piece)]
    return fold_deltas([*deltas, *reader.end()])


def shown(whole: ModelReply, told: JsonObject) -> JsonObject:
    """A reply in the form of the recordings, with ids that were made up for it left out."""
    message, usage = whole.message, whole.end.usage
    wanted = [as_list(call)[0] for call in as_list(told["calls"])]
    ids = [
        MADE_UP if at < len(wanted) and wanted[at] == MADE_UP and call.id.startswith("call_") else call.id
        for at, call in enumerate(message.tool_calls)
    ]
    assert len({call.id for call in message.tool_calls}) == len(ids)
    return {
        "content": message.content,
        "calls": [[id, call.name, call.arguments] for id, call in zip(ids, message.tool_calls, strict=True)],
        "reasoning": message.reasoning,
        "refusal": message.refusal,
        "finish_reason": whole.end.finish_reason,
        "usage": None if usage is None else list(usage.to_dict().values()),
    }


def test_there_are_recordings_of_many_providers() -> None:
    assert len(RECORDINGS) >= 40
    assert len({name.partition(":")[0] for name, _ in RECORDINGS}) >= 15


@pytest.mark.parametrize("recording", [each for _, each in RECORDINGS], ids=[name for name, _ in RECORDINGS])
def test_a_recorded_answer_folds_to_its_reply_wherever_it_is_cut(recording: JsonObject) -> None:
    body = "\n".join(str(line) for line in as_list(recording["lines"])).encode()
    told = as_object(recording["reply"])
    assert shown(reply(body), told) == told
    assert shown(reply(body.replace(b"\n", b"\r\n")), told) == told
    assert shown(reply(body.replace(b"\n", b"\r")), told) == told
    assert shown(reply(*(body[at : at + 1] for at in range(len(body)))), told) == told
    for at in range(1, len(body)):
        assert shown(reply(body[:at], body[at:]), told) == told, at
