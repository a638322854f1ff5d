"""Events of streams taken for others, and misspelt names in what they hold."""

from typing import assert_never

from lightagent import ContentEvent, DoneEvent, FlowStreamEvent, LightFlow, StepContentEvent, StreamEvent


def use(value: object) -> None: ...


def misspelt(event: StreamEvent) -> None:
    if event.type == "content":
        use(event.data["txt"])  # wrong
    if event.type == "tool_call":
        use(event.data["argument"])  # wrong
        use(event.data["output"])  # wrong
    if event.type == "done":
        use(event.data["usage"]["tokens"])  # wrong
        use(event.data["result"])  # wrong
    if isinstance(event, ContentEvent):
        use(event.text)  # wrong


def not_narrowed(event: StreamEvent) -> None:
    use(event.data["text"])  # wrong
    use(event.step)  # wrong


def not_exhaustive(event: StreamEvent) -> None:
    match event:
        case ContentEvent():
            use(event.data["text"])
        case _:
            assert_never(event)  # wrong


def of_another_type(event: StreamEvent) -> None:
    if event.type == "tool_result":
        number: int = event.data["output"]  # wrong
        use(number)
    match event:
        case DoneEvent(data=done):
            words: str = done["usage"]  # wrong
            use(words)
        case _:
            pass


def made() -> None:
    use(ContentEvent({"txt": "Hi"}, "t"))  # wrong
    use(ContentEvent({"text": 3}, "t"))  # wrong
    use(StreamEvent("content", {"text": "Hi"}, "t"))  # wrong


def changed(event: ContentEvent) -> None:
    event.trace_id = "other"  # wrong


def of_flows(event: FlowStreamEvent, flow: LightFlow) -> None:
    if event.type == "step_end":
        use(event.data["result"])  # wrong
    if event.type == "flow_start":
        use(event.data["attempt"])  # wrong
    if isinstance(event, StepContentEvent):
        use(event.data["content"])  # wrong
    agents: StreamEvent = next(flow.stream_events("?"))  # wrong
    use(agents)
