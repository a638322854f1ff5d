"""Traces of runs in a file, what people think of a run beside them, and what two runs do differently.

    python examples/traces.py

It prints where the file is, which `lightagent trace list`, `show` and `diff` read: the last one tells what the two runs
do differently with `FILE#monday FILE#tuesday`. It uses a scripted model, which needs no key and no network.
"""

import tempfile
from pathlib import Path

from lightagent import HumanFeedback, JsonlTraceExporter, LightAgent, TraceRecorder, export_trace, tool
from lightagent.testing import ScriptedModel, call_tool

PRICING = {"input_per_million": 2.0, "output_per_million": 8.0}


@tool
def weather(city: str) -> str:
    """Tell the weather in a city."""
    return f"It rains in {city}."


def main() -> None:
    path = Path(tempfile.mkdtemp()) / "traces.jsonl"
    exporter = JsonlTraceExporter(path)
    recorder = TraceRecorder(enabled=True)

    asks = ScriptedModel([call_tool("weather", city="Rome"), "It rains in Rome."])
    agent = LightAgent(name="forecast", model=asks, tools=[weather], telemetry=[recorder])
    first = agent.run_result("How is the weather in Rome?", trace=True, trace_id="monday")
    recorder.record_feedback(HumanFeedback(first.trace_id, label="correct", reviewer_id="qa-17"))
    recorder.export(exporter, pricing=PRICING, metadata={"environment": "example"})

    guesses = LightAgent(name="forecast", model=ScriptedModel(["It is always sunny in Rome."]), tools=[weather])
    second = guesses.run_result("How is the weather in Rome?", trace=True, trace_id="tuesday")
    export_trace(second.trace, exporter, pricing=PRICING)

    for result in (first, second):
        print(f"{result.trace_id}: {[event['type'] for event in result.trace]}")
    print(recorder.summarize(pricing=PRICING).to_dict()["review_counts"])
    print(f"lightagent trace list {path}")


if __name__ == "__main__":
    main()
