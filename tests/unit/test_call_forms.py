"""Names, arguments and ids of calls, as they go back to a server."""

import json
import re

import pytest

from lightagent.domain.conversation.call_forms import IdForm, resolve_called_name, sent_arguments, sent_id, sent_name
from lightagent.domain.conversation.messages import AssistantMessage, ToolCall, ToolMessage

NAMES = ("now", "get_weather", "my_server_find")


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ('{"city":"Oslo"}', '{"city":"Oslo"}'),
        (' {"city": "Zürich 😀", "n": 1.50}\n', ' {"city": "Zürich 😀", "n": 1.50}\n'),
        ('{"a":"\\ud83d\\ude00"}', '{"a":"\\ud83d\\ude00"}'),
        ("", "{}"),
        ("  \n", "{}"),
        ("null", "{}"),
        ('""', "{}"),
        ("[1]", "{}"),
        ("true", "{}"),
        ('{"city": "Oslo"', "{}"),
        ("{'city': 'Oslo'}", "{}"),
        ('{"a":1}{"b":2}', "{}"),
        ('{"a": NaN}', "{}"),
        ('{"a": -Infinity}', "{}"),
        ('{"a": 1e999}', "{}"),
        ('{"a":' + "9" * 5000 + "}", "{}"),
        ("[" * 100_000, "{}"),
        ('\ufeff{"a":1}', "{}"),
        ('"{\\"city\\":\\"Oslo\\"}"', '{"city": "Oslo"}'),
        ('"no object"', "{}"),
        ('{"city":"Os\nlo"}', '{"city": "Os\\nlo"}'),
        ('{"a":"\\ud83d"}', '{"a": "\ufffd"}'),
        ('{"a":"\ud83d"}', '{"a": "\ufffd"}'),
    ],
    ids=lambda text: ascii(text[:30]),
)
def test_arguments_go_back_as_an_object_that_every_server_can_parse(written: str, sent: str) -> None:
    assert sent_arguments(written) == sent
    assert isinstance(json.loads(sent.encode()), dict)
    assert sent_arguments(sent) == sent


@pytest.mark.parametrize(
    ("written", "sent", "meant"),
    [
        ("now", "now", "now"),
        ("functions.now", "now", "now"),
        (" now", "now", "now"),
        ("now\n", "now", "now"),
        ("now<|channel|>commentary", "now", "now"),
        ("now<|end|>", "now", "now"),
        ("functions.now<|channel|>json", "now", "now"),
        ("functions.now:0", "now", "now"),
        ("commentary to=functions.now", "now", "now"),
        ("default_api.get_weather", "get_weather", "get_weather"),
        ("default_api:get_weather", "get_weather", "get_weather"),
        ("tools.now", "now", "now"),
        ("functions.functions.now", "now", "now"),
        ("now()", "now", "now"),
        ('"now"', "now", "now"),
        ("my.server.find", "my_server_find", "my_server_find"),
        ("other.now", "other_now", "other.now"),
        ("wetter für Oslo", "wetter_f_r_Oslo", "wetter für Oslo"),
        ("天气", "_", "天气"),
        ("", "unknown_tool", ""),
        ("<|channel|>", "unknown_tool", "<|channel|>"),
        ("x" * 100, "x" * 64, "x" * 100),
    ],
)
def test_a_name_goes_back_valid_and_finds_the_tool_that_is_meant(written: str, sent: str, meant: str) -> None:
    assert sent_name(written) == sent
    assert re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", sent)
    assert resolve_called_name(written, NAMES) == meant


def test_a_tool_that_is_really_called_so_wins_and_nothing_is_chosen_between_two() -> None:
    assert resolve_called_name("functions.now", ("functions.now", "now")) == "functions.now"
    assert resolve_called_name("functions.now:1", ("now", "now_1")) == "now"
    assert resolve_called_name("now", ("later",)) == "now"


@pytest.mark.parametrize("written", ["call_1", "functions.now:0", "a", "x" * 40])
def test_an_id_that_servers_take_is_left_alone(written: str) -> None:
    assert sent_id(written) == written


@pytest.mark.parametrize("written", ["", "x" * 41, "chatcmpl-tool-" + "0" * 32, "call 1", "anruf_ü", "a\nb", "\ud83d"])
def test_an_id_that_servers_refuse_is_another_one_the_same_in_the_call_and_its_result(written: str) -> None:
    call = AssistantMessage(None, (ToolCall(written, "now", "{}"),)).to_openai()["tool_calls"]
    result = ToolMessage(written, "noon").to_openai()["tool_call_id"]
    assert isinstance(call, list)
    assert isinstance(call[0], dict)
    assert call[0]["id"] == result
    assert re.fullmatch(r"call_[0-9a-f]{24}", str(result))
    assert json.loads(ToolMessage(written, "noon").encoded())["tool_call_id"] == result


@pytest.mark.parametrize(("form", "pattern"), [("word", r"[a-zA-Z0-9_-]{1,40}"), ("nine_letters", r"[a-zA-Z0-9]{9}")])
def test_an_id_has_the_form_that_its_server_takes(form: IdForm, pattern: str) -> None:
    written = [
        "call_1",
        "functions.now:0",
        "functions.now:1",
        "",
        "x" * 41,
        "anruf_ü",
        "\ud83d",
        "abcDEF123",
        "abcDEF124",
    ]
    sent = [sent_id(one, form) for one in written]
    assert all(re.fullmatch(pattern, one) for one in sent)
    assert len(set(sent)) == len(written)
    assert sent == [sent_id(one, form) for one in written]
    assert sent[-2:] == written[-2:]
