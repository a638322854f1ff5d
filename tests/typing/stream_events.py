"""The events of streams: each type and each class narrows what an event holds, and a match can be exhaustive."""

from typing import Literal, assert_never, assert_type

from lightagent import (
    ApprovalRequiredData,
    ApprovalRequiredEvent,
    ContentEvent,
    DoneData,
    DoneEvent,
    ErrorData,
    ErrorEvent,
    FlowDoneData,
    FlowStartData,
    FlowStreamEvent,
    JsonObject,
    JsonValue,
    LightAgent,
    LightFlow,
    LightSwarm,
    NoteEvent,
    ReasoningEvent,
    StepEndData,
    StreamEvent,
    StreamEventType,
    TextData,
    ToolCallData,
    ToolCallEvent,
    ToolPartData,
    ToolPartEvent,
    ToolResultData,
    ToolResultEvent,
    UsageData,
)


def by_class(event: StreamEvent) -> None:
    match event:
        case ContentEvent() | ReasoningEvent():
            assert_type(event.data, TextData)
        case ToolCallEvent(data=call):
            assert_type(call["arguments"], JsonObject)
        case ToolPartEvent(data=part):
            assert_type(part, ToolPartData)
        case ToolResultEvent(data=result):
            assert_type(result, ToolResultData)
        case ApprovalRequiredEvent(data=asked, path=path):
            assert_type(asked, ApprovalRequiredData)
            assert_type(path, tuple[str, ...])
        case NoteEvent(data=note):
            assert_type(note["kind"], JsonValue)
        case ErrorEvent(data=error):
            assert_type(error, ErrorData)
        case DoneEvent(data=done):
            assert_type(done["usage"], UsageData)
        case _:
            assert_never(event)


def by_type(event: StreamEvent) -> None:
    match event.type:
        case "content" | "reasoning":
            assert_type(event.data["text"], str)
        case "tool_call":
            assert_type(event.data, ToolCallData)
        case "tool_part":
            assert_type(event.data["text"], str)
        case "tool_result":
            assert_type(event.data["output"], str)
        case "approval_required":
            assert_type(event.data["request"], JsonObject)
        case "note":
            assert_type(event.data, JsonObject)
        case "error":
            assert_type(event.data["message"], str)
        case "done":
            assert_type(event.data, DoneData)
        case _:
            assert_never(event.type)


def by_if(event: StreamEvent) -> int:
    if event.type == "tool_call":
        return len(event.data["name"])
    if event.type == "done":
        assert_type(
            event.data["outcome"],
            Literal["completed", "suspended", "blocked", "budget_exhausted", "cancelled", "failed"],
        )
        return event.data["usage"]["total_tokens"]
    assert_type(event.trace_id, str)
    assert_type(event.to_dict(), JsonObject)
    return 0


def forwarded(event: StreamEvent) -> StreamEventType:
    return event.type


def any_object(event: object) -> str:
    return event.type if isinstance(event, StreamEvent) else ""


def of_agents_and_swarms(agent: LightAgent, swarm: LightSwarm) -> None:
    for event in agent.stream_events("?"):
        assert_type(event, StreamEvent)
        if event.type == "content":
            assert_type(event.data["text"], str)
    for event in swarm.run(agent, "?", stream=True, result_format="event"):
        if isinstance(event, ToolResultEvent):
            assert_type(event.data["output"], str)


async def of_flows(flow: LightFlow) -> None:
    async for event in flow.astream_events("?"):
        assert_type(event, FlowStreamEvent)
        match event.type:
            case "flow_start":
                assert_type(event.data, FlowStartData)
            case "step_start" | "step_restart":
                assert_type(event.data["attempt"], int)
            case "step_end":
                assert_type(event.data, StepEndData)
                assert_type(event.data["output"], JsonValue)
            case "content" | "reasoning" | "tool_part":
                assert_type(event.data["text"], str)
            case "tool_call" | "tool_result" | "note" | "approval_required":
                assert_type(event.path, tuple[str, ...])
            case "approval_decided":
                assert_type(event.data["action"], Literal["approve", "reject", "edit", "respond"])
            case "done":
                assert_type(event.data, FlowDoneData)
            case _:
                assert_never(event.type)
