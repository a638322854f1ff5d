"""Words that programs compare are literals: error codes and statuses."""

from typing import assert_never, assert_type

from lightagent import (
    ERROR_TAXONOMY,
    CallStatus,
    ErrorCode,
    FlowStatus,
    LightAgentError,
    LightAgentErrorInfo,
    LightFlowResult,
    LightFlowStepResult,
    ProviderError,
    Review,
    ReviewStatus,
    RunInfo,
    RunResult,
    RunStatus,
    SessionInfo,
    SessionStatus,
    StepStatus,
    StoredRunStatus,
    ToolCallRecord,
)


def codes(error: LightAgentError, info: LightAgentErrorInfo, text: str) -> ErrorCode:
    assert_type(error.code, ErrorCode)
    assert_type(info.code, ErrorCode)
    if error.code == "LA-429":
        return "LA-503"
    assert_type(ERROR_TAXONOMY[text].code, ErrorCode)
    return LightAgentErrorInfo(ERROR_TAXONOMY[text].code, "It rains.").code


def raised() -> None:
    raise ProviderError("Busy.", code="LA-429")


def how_it_ended(result: RunResult) -> str:
    status: RunStatus = result.outcome.kind
    assert status
    match result.outcome.kind:
        case "completed" | "suspended":
            return result.content
        case "blocked" | "budget_exhausted" | "failed":
            return "no answer"
        case "cancelled":
            return "given up"
        case _:
            assert_never(result.outcome.kind)


def calls(record: ToolCallRecord) -> bool:
    assert_type(record.status, CallStatus)
    return record.status in ("ok", "answered")


def flows(result: LightFlowResult, step: LightFlowStepResult) -> None:
    assert_type(result.status, FlowStatus)
    assert_type(step.status, StepStatus)


def stored(run: RunInfo, session: SessionInfo, review: Review) -> None:
    assert_type(run.status, StoredRunStatus)
    assert_type(session.status, SessionStatus)
    assert_type(review.status, ReviewStatus)
