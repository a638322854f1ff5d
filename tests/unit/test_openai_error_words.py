"""What the errors of each provider mean, and how long each asks to wait."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from lightagent.adapters._endpoints.reported_errors import reported_error, status_error
from lightagent.adapters._endpoints.retry_after import duration, in_words, retry_after
from lightagent.domain.errors import ProviderError
from lightagent.domain.json_types import JsonObject, JsonValue


def refused(status: int, body: JsonValue, headers: Mapping[str, str] | None = None) -> ProviderError:
    """The error of an answer with this body; of a status of success, what stands in place of a completion."""
    if status != 200:
        return status_error(status, headers or {}, json.dumps(body).encode())
    assert isinstance(body, dict)
    error = reported_error(dict[object, object](body.items()))
    assert error is not None, "it was taken for an answer"
    return error


def said(message: str, **more: JsonValue) -> JsonObject:
    return {"error": {"message": message, "type": "invalid_request_error", **more}}


TOO_LONG: list[tuple[int, JsonObject]] = [
    (400, said("Too long.", code="context_length_exceeded")),
    (400, said("This model's maximum context length is 2048 tokens. However, your request has 8.", code=400)),
    (400, said("Your input exceeds the context window of this model. Please adjust your input and try again.")),
    (400, said("request (9000 tokens) exceeds the available context size (4096 tokens), try increasing it", code=400)),
    (400, {"error": {"code": 400, "message": "too big", "type": "exceed_context_size_error", "n_ctx": 4096}}),
    (400, {"type": "error", "error": {"type": "x", "message": "prompt is too long: 9 tokens > 8 maximum"}}),
    (400, said("input length and `max_tokens` exceed context limit: 199759 + 8192 > 200000")),
    (400, said("The input token count (2800010) exceeds the maximum number of tokens allowed (1048575).")),
    (400, said("The input token count exceeds the maximum number of tokens allowed.", status="INVALID_ARGUMENT")),
    (400, said("<400> InternalError.Algo.InvalidParameter: Range of input length should be [1, 204800]")),
    (400, {"error": {"code": "1261", "message": "Prompt 超长"}}),
    (400, said("Invalid request: Your request exceeded model token limit: 262144 (requested: 269030)")),
    (400, said("invalid params, context window exceeds limit (2013)")),
    (200, {"choices": None, "base_resp": {"status_code": 1039, "status_msg": "token limit"}}),
    (200, {"choices": None, "base_resp": {"status_code": 2013, "status_msg": "context window exceeds limit"}}),
    (400, said("This model's maximum context length is 65536 tokens. However, you requested 69648 tokens")),
    (
        400,
        {"object": "error", "message": "Prompt contains 9 tokens, too large for model with 8 maximum context length"},
    ),
    (413, said("Request too large for model `x` on tokens per minute (TPM): Limit 10000, Requested 15088")),
    (429, said("Request too large for x on tokens per min (TPM): Limit 1, Requested 2.", code="rate_limit_exceeded")),
    (400, said("Please reduce the length of the messages or completion.")),
    (400, {"error": "prompt too long; exceeded max context length by 12 tokens"}),
    (400, {"error": "the input length exceeds the context length"}),
    (400, said("This model's maximum prompt length is 131072 but the request contains 537812 tokens.")),
    (400, {"object": "error", "message": "The input (9 tokens) is longer than the model's context length (8 tokens)."}),
    (400, {"message": "too many tokens: size limit exceeded by 19296 tokens. Try using shorter or fewer inputs."}),
    (422, {"error": "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 5000"}),
    (400, {"error": "Trying to keep the first 9000 tokens when context the overflows."}),
    (500, said("The prompt (total length 25938) is too long to fit into the model (context length 4096).")),
    (400, said("The total length of all messages is too long.")),
    (400, {"error": {"message": "输入长度超过最大长度", "code": "400"}}),
    (400, said("Provider returned error", metadata={"raw": json.dumps(said("prompt is too long: 9 > 8"))})),
    (200, {"error": {"message": "ctx", "code": "context_length_exceeded"}}),
    (400, said("Input tokens exceed the configured limit of 272000 tokens. Your messages resulted in 9 tokens.")),
    (400, said("Prompt has 9000 tokens, but the configured context size is 8192 tokens")),
    (400, said("Too many tokens in the prompt")),
    (400, said("total tokens of image and text exceed max message tokens")),
    (400, said("tokens in request more than max tokens allowed")),
    (400, said("请求的token数超过限制")),
]


@pytest.mark.parametrize(("status", "body"), TOO_LONG, ids=[str(place) for place in range(len(TOO_LONG))])
def test_a_conversation_that_is_too_long(status: int, body: JsonObject) -> None:
    error = refused(status, body)
    assert (error.code, error.retryable) == ("LA-413", False), error
    assert "context" in error.guidance


FILTERED: list[tuple[int, JsonObject]] = [
    (
        400,
        {
            "error": {
                "message": "The prompt triggered Azure OpenAI's content management policy.",
                "code": "content_filter",
                "status": 400,
                "innererror": {"code": "ResponsibleAIPolicyViolation", "content_filter_result": {}},
            }
        },
    ),
    (400, {"error": {"message": "No.", "innererror": {"code": "ResponsibleAIPolicyViolation"}}}),
    (400, said("Input data may contain inappropriate content.", code="data_inspection_failed")),
    (400, {"code": "DataInspectionFailed", "message": "Output data may contain inappropriate content."}),
    (400, {"error": {"code": "1301", "message": "系统检测到输入或生成内容可能包含不安全或敏感内容"}}),
    (400, said("The request was rejected because it was considered high risk", type="content_filter")),
    (400, said("Content Exists Risk")),
    (403, {"code": "The caller does not have permission", "error": "Content violates usage guidelines. Team: t"}),
    (403, said("This model requires moderation. Your input was flagged for violence.", code=403)),
    (400, said("Your prompt was flagged as potentially violating our usage policy.", code="invalid_prompt")),
    (200, {"choices": None, "base_resp": {"status_code": 1026, "status_msg": "input new_sensitive"}}),
    (200, {"code": 10013, "message": "input content audit failed", "sid": "s"}),
    (400, said("Output blocked by content filtering policy")),
    (451, said("censorship_blocked")),
    (400, said("The prompt contains sensitive words that violate Google's Responsible AI practices.")),
    (400, said("blocked by Bedrock guardrail")),
    (400, said("No.", code="guardrail_intervened")),
    (400, said("No.", code="SAFETY")),
    (400, said("No.", code="safety_violation")),
    (400, said("new_sensitive", code=1026)),
    (400, said("No.", code=1027)),
    (400, said("output new_sensitive")),
    (422, said("Prompt rejected by content moderation")),
    (400, said("Your request was rejected as a result of our safety system.")),
]


@pytest.mark.parametrize(("status", "body"), FILTERED, ids=[str(place) for place in range(len(FILTERED))])
def test_a_prompt_that_a_filter_refuses(status: int, body: JsonObject) -> None:
    error = refused(status, body)
    assert (error.code, error.retryable) == ("LA-403", False), error
    assert error.details["finish_reason"] == "content_filter"


NO_BALANCE: list[tuple[int, JsonObject]] = [
    (402, said("Insufficient Balance", type="unknown_error")),
    (402, {}),
    (200, {"error": {"message": "Insufficient credits", "code": 402}}),
    (
        429,
        said("You exceeded your current quota, please check your plan and billing details.", code="insufficient_quota"),
    ),
    (429, said("insufficient balance (1008)", type="insufficient_balance_error", http_code="429")),
    (429, {"error": {"code": "1113", "message": "Your account is in arrears, please recharge and try again"}}),
    (403, said("Your account is not active, organization exceeded current quota", type="exceeded_current_quota_error")),
    (400, said("Your credit balance is too low to access the Anthropic API.")),
    (400, {"error": {"code": "Arrearage", "message": "Please make sure your account is in good standing."}}),
    (403, said("用户额度不足", type="new_api_error", code="insufficient_user_quota")),
    (200, {"choices": None, "base_resp": {"status_code": 1008, "status_msg": "insufficient balance"}}),
    (429, {"code": "x", "error": "Your team has used all available credits or reached its spending limit."}),
    (200, {"code": 1113, "msg": "账户余额不足", "success": False}),
    (403, {"code": 30001, "message": "余额不足", "data": None}),
    (429, said("prepaid credits depleted")),
    (429, said("Your prepayment credits are depleted. Please go to AI Studio to manage your project and billing.")),
    (429, said("Key limit exceeded (total limit). Manage it using https://openrouter.ai/settings/keys")),
    (429, said("Free tier quota exhausted. Please upgrade your plan")),
    (429, said("No remaining quota: billing hard limit has been reached")),
    (429, said("monthly usage limit reached")),
    (403, said("Your account balance is insufficient")),
    (400, said("Credit limit exceeded, please navigate to https://api.together.ai/settings/billing")),
    (412, said("Account inactive, out of credit")),
    (400, said("Budget has been exceeded! Current cost: 1.2, Max budget: 1.0", type="budget_exceeded")),
    (403, {"code": 403, "reason": "NOT_ENOUGH_BALANCE", "message": "not enough balance"}),
    (429, said("Your account [1] has reached the set inference limit for the model.", code="SetLimitExceeded")),
    (403, said("The free tier of the model has been exhausted.", code="AllocationQuota.FreeTierOnly")),
]


@pytest.mark.parametrize(("status", "body"), NO_BALANCE, ids=[str(place) for place in range(len(NO_BALANCE))])
def test_an_account_without_money_is_not_asked_again(status: int, body: JsonObject) -> None:
    error = refused(status, body)
    assert (error.code, error.retryable) == ("LA-429", False), error
    assert "billing" in error.guidance


@pytest.mark.parametrize(
    ("status", "body", "code", "retryable"),
    [
        (400, said("max_tokens must be at most 16384, which is less than the context_window"), "LA-400", False),
        (400, said("max_tokens is too large: 9. This model supports at most 8 completion tokens."), "LA-400", False),
        (429, said("Rate limit reached on tokens per min: too many tokens: slow down"), "LA-429", True),
        (
            429,
            said("You exceeded your quota, check your plan and billing", status="RESOURCE_EXHAUSTED"),
            "LA-429",
            True,
        ),
        (429, said("The request reached the TPM rate limit", type="rate_limit_reached_error"), "LA-429", True),
        (403, said("You have no access to this project."), "LA-403", False),
        (400, said("The configured context size is not supported by this endpoint."), "LA-400", False),
        (429, said("每分钟请求的token数超过限制"), "LA-429", True),
        (429, said("Too many tokens in the prompt for your rate, slow down"), "LA-429", True),
        (400, said("max_message_tokens: total tokens must be a number"), "LA-400", False),
        (429, said("API key limit exceeded: 60 requests per minute"), "LA-429", True),
        (429, said("Free tier: 3 requests per minute. Quota resets soon"), "LA-429", True),
        (429, said("Your usage limit is 100 requests per minute"), "LA-429", True),
        (429, said("Rate limit reached. Add a payment method at /settings/billing to raise it"), "LA-429", True),
        (400, said("no credit card field may be sent"), "LA-400", False),
        (400, said("load balance: insufficient replicas named"), "LA-400", False),
        (400, said("Unknown safety_settings: SAFETY_X", code="invalid_argument"), "LA-400", False),
        (400, said("moderation is not a parameter of this model"), "LA-400", False),
        (400, said("guardrail_id: unknown guardrail"), "LA-400", False),
        (503, said("The content moderation service is unavailable"), "LA-503", True),
        (401, said("The sensitive content is not for you."), "LA-401", False),
        (529, said("Overloaded", type="overloaded_error"), "LA-500", True),
    ],
)
def test_texts_that_resemble_known_errors_have_no_meaning(
    status: int, body: JsonObject, code: str, retryable: bool
) -> None:
    error = refused(status, body)
    assert (error.code, error.retryable) == (code, retryable)
    assert "finish_reason" not in error.details
    assert "billing" not in error.guidance


@pytest.mark.parametrize(
    ("body", "message", "code"),
    [
        ({"error": "Rate limit exceeded"}, "Rate limit exceeded", "LA-429"),
        ({"error": "model 'x' not found"}, "model 'x' not found", "LA-404"),
        ({"code": 1302, "msg": "High concurrency"}, "High concurrency", "LA-429"),
        ({"code": 401, "msg": "no"}, "no", "LA-401"),
        ({"detail": "Not authenticated: invalid API key"}, "Not authenticated: invalid API key", "LA-401"),
        ({"errors": [{"code": 7003, "message": "No route"}], "success": False}, "No route", "LA-500"),
        ({"errors": ["first", "second"]}, "first; second", "LA-500"),
        ({"base_resp": {"status_code": 1002, "status_msg": "rate"}, "choices": None}, "rate", "LA-429"),
        ({"base_resp": {"status_code": 1004, "status_msg": "login fail"}, "choices": []}, "login fail", "LA-401"),
        ({"error_code": 18, "error_msg": "qps request limit reached"}, "qps request limit reached", "LA-429"),
        ({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}, "Overloaded", "LA-503"),
        ({"message": "Internal error", "request_id": "r"}, "Internal error", "LA-500"),
        ({"status": 503, "message": "down"}, "down", "LA-503"),
        ({"code": "Throttling.RateQuota", "message": "slow"}, "slow", "LA-429"),
        ({"error": {"code": "InvalidApiKey", "message": "No."}}, "No.", "LA-401"),
        ({"base_resp": {"status_code": 0, "status_msg": ""}, "success": False, "message": "died"}, "died", "LA-500"),
    ],
)
def test_errors_in_an_answer_of_status_200_keep_their_text_and_class(body: JsonObject, message: str, code: str) -> None:
    error = refused(200, body)
    assert (error.message, error.code) == (message, code)


HALF: JsonValue = [{"index": 0, "message": {"content": "Half"}, "finish_reason": "stop"}]


@pytest.mark.parametrize(
    ("beside", "message", "code"),
    [
        ({"base_resp": {"status_code": 1027, "status_msg": "output new_sensitive"}}, "output new_sensitive", "LA-403"),
        ({"base_resp": {"status_code": 1013, "status_msg": "internal error"}}, "internal error", "LA-500"),
        ({"base_resp": {"status_code": 1002, "status_msg": "rate"}}, "rate", "LA-429"),
        ({"success": False, "message": "inner failure"}, "inner failure", "LA-500"),
        ({"error_code": 336003, "error_msg": "bad"}, "bad", "LA-500"),
        ({"error_code": 336003, "error_msg": ""}, "The provider reported an error without saying which.", "LA-500"),
        ({"code": 500, "msg": "internal"}, "internal", "LA-500"),
        ({"code": -1, "msg": "internal"}, "internal", "LA-500"),
        ({"code": 10013, "message": "audit"}, "audit", "LA-403"),
        ({"status_code": 429, "detail": "slow down"}, "slow down", "LA-429"),
        ({"errors": [{"message": "No route"}]}, "No route", "LA-500"),
        ({"type": "error", "message": "boom"}, "boom", "LA-500"),
    ],
)
def test_an_error_beside_choices_is_no_success(beside: JsonObject, message: str, code: str) -> None:
    error = refused(200, {"id": "c", "model": "m", "choices": HALF, **beside})
    assert (error.message, error.code) == (message, code)


@pytest.mark.parametrize(
    "body",
    [
        {"choices": [{"message": {"content": "hi"}}], "base_resp": {"status_code": 0, "status_msg": ""}},
        {"choices": [], "usage": {"total_tokens": 1}, "base_resp": {"status_code": 0, "status_msg": ""}},
        {"choices": [{"delta": {}}], "code": 200, "message": "done"},
        {"choices": [{"delta": {}}], "code": 20000, "message": "Request processed", "status": True},
        {"choices": [{"delta": {}}], "code": "0", "msg": "成功", "success": True},
        {"choices": [{"delta": {}}], "code": 100000, "message": "Success", "error_code": 0, "error_msg": ""},
        {"choices": [{"delta": {}}], "code": "abc", "message": "a field of its own"},
        {"choices": [{"delta": {}}], "status": "completed", "detail": "cached", "errors": [], "error": None},
        {"choices": [{"delta": {}}], "base_resp": {"status_code": 0, "status_msg": "success"}},
        {"choices": [{"delta": {}}], "base_resp": None, "type": "chat.completion"},
        {"choices": [], "prompt_filter_results": [{"prompt_index": 0}]},
        {"id": "c", "object": "chat.completion.chunk", "choices": [], "error": None},
        {"code": 200, "msg": "ok", "data": None},
        {"id": "c", "object": "x", "message": "queued"},
        {"type": "ping"},
    ],
)
def test_an_answer_is_no_error(body: JsonObject) -> None:
    assert reported_error(dict[object, object](body.items())) is None


@pytest.mark.parametrize("status", [400, 200])
def test_a_call_that_the_provider_refused_is_asked_for_again(status: int) -> None:
    body = said("Failed to call a function.", code="tool_use_failed", failed_generation="<function=f>{}</function>")
    error = refused(status, body)
    assert (error.code, error.retryable) == ("LA-500", True)
    assert error.details["failed_generation"] == "<function=f>{}</function>"


def in_half_a_minute(form: str) -> str:
    moment = datetime.now(UTC) + timedelta(seconds=30)
    return {"s": str(int(moment.timestamp())), "ms": str(int(moment.timestamp() * 1000)), "iso": moment.isoformat()}[
        form
    ]


@pytest.mark.parametrize(
    ("headers", "least", "most"),
    [
        ({"retry-after": "2s"}, 2, 2),
        ({"retry-after": "1m6s"}, 66, 66),
        ({"retry-after-ms": "250"}, 0.25, 0.25),
        ({"x-ms-retry-after-ms": "300", "retry-after": "1"}, 0.3, 0.3),
        ({"retry-after": "in 30 s: iso"}, 20, 31),
        ({"x-ratelimit-reset-requests": "1m6s"}, 66, 66),
        ({"x-ratelimit-reset": "in 30 s: s"}, 20, 31),
        ({"x-ratelimit-reset": "in 30 s: ms"}, 20, 31),
        ({"X-RateLimit-Reset-After": "1.5"}, 1.5, 1.5),
        ({"ratelimit-reset": "7"}, 7, 7),
        ({"anthropic-ratelimit-tokens-reset": "in 30 s: iso"}, 20, 31),
        ({"retry-after": "3", "x-ratelimit-reset-tokens": "6m0s"}, 3, 3),
    ],
)
def test_a_pause_in_a_header(headers: dict[str, str], least: float, most: float) -> None:
    sent = {name: in_half_a_minute(value[9:]) if value[:9] == "in 30 s: " else value for name, value in headers.items()}
    told = refused(429, said("slow down"), sent).retry_after
    assert told is not None
    assert least <= told <= most


def test_the_exhausted_one_of_several_limits_counts() -> None:
    headers = {
        "x-ratelimit-remaining-requests": "14399",
        "x-ratelimit-reset-requests": "6s",
        "x-ratelimit-remaining-tokens": "0",
        "x-ratelimit-reset-tokens": "1m6s",
    }
    assert retry_after(headers) == 66
    assert retry_after(headers | {"x-ratelimit-remaining-tokens": "12"}) == 6
    assert retry_after({"x-ratelimit-reset-a": "1s", "x-ratelimit-reset-b": "2s"}) == 2


@pytest.mark.parametrize(
    ("body", "seconds"),
    [
        (said("Rate limit reached. Please try again in 2.5s. Visit us."), 2.5),
        (said("Please try again in 6m0s."), 360),
        (said("Please retry after 5 seconds."), 5),
        (said("please try again after 1 seconds"), 1),
        (said("Please retry in 34.074824224s."), 34.074824224),
        (said("slow", retry_after=7), 7),
        (said("slow", retry_after="2s"), 2),
        (said("slow", retry_after_ms=250), 0.25),
        ({"message": "slow", "retryAfter": 3}, 3),
        (said("slow", details=[{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "7s"}]), 7),
        (said("slow", details=[{"metadata": {"quotaResetDelay": "373.8ms"}}]), 0.3738),
        (said("slow", metadata={"headers": {"Retry-After": "4"}}), 4),
        (said("slow, try 3 times"), None),
        (said("slow", retry_after=None), None),
        (said("slow", retry_after=-1), None),
    ],
)
@pytest.mark.parametrize("status", [429, 200])
def test_a_pause_in_the_body(body: JsonObject, seconds: float | None, status: int) -> None:
    assert refused(status, body if "error" in body or status != 200 else {"error": body}).retry_after == seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("7", 7), ("7.5s", 7.5), ("1h2m", 3720), ("20 ms", 0.02), ("1 hour and 5 minutes", 3900), ("1d", 86400)],
)
def test_durations(text: str, seconds: float) -> None:
    assert duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "nan", "inf", "-5", "1e999", "soon", "5x", "s", "5 s and a bit"])
def test_invalid_durations(text: str) -> None:
    assert duration(text) is None


def test_words_without_a_duration() -> None:
    assert in_words("Please wait a moment and try again.") is None
    assert in_words("Retry 3 times, then try again in a minute") is None


def test_a_time_in_the_past_is_not_a_pause() -> None:
    assert retry_after({"x-ratelimit-reset": str(int(time.time()) - 60)}) == 0
