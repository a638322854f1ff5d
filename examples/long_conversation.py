"""A conversation that outgrows its context: every request keeps within a budget of tokens, and nothing is lost.

    python examples/long_conversation.py

The agent reads ten days of a log and is asked about them in one session. Results that are too large are put aside in
the store, where the model can read them back; the oldest turns become a summary. It uses the offline model, which needs
no key and no network. Where OPENAI_API_KEY or OPENAI_BASE_URL is set it uses that model instead; OPENAI_MODEL names it.
"""

import asyncio
import os

from lightagent import ContextBudget, LightAgent
from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.domain.runs.events import ContextReplaced

BUDGET = ContextBudget(max_tokens=2_500, strategy="spill_and_summarize")


def read_log(day: int) -> str:
    """Reads the log of a day.

    Args:
        day: its number, from 1.
    """
    lines = [
        f"{hour:02}:{minute:02} day {day}: request {hour * 60 + minute} served"
        for hour in range(6)
        for minute in range(12)
    ]
    return "\n".join(lines)


async def main() -> None:
    offline = not (os.environ.get("OPENAI_API_KEY") or os.environ.get("OPENAI_BASE_URL"))
    agent = LightAgent(
        name="log-reader",
        provider="offline" if offline else "openai",
        instructions="You answer questions about a log. Read a day with the tool before you answer.",
        tools=[read_log],
        session_store=MemoryJournalStore(),
        context_budget=BUDGET,
    )
    for day in range(1, 11):
        result = await agent.arun_result(f"Read the log of day {day}.", session_id="log", user_id="ann")
        steps = [event for event in result.journal.events if isinstance(event, ContextReplaced)]
        told = "; ".join(f"{step.source}: {step.count} messages for {len(step.messages)}" for step in steps)
        print(f"day {day:2}  {result.usage.input_tokens:6} tokens in  {told or 'nothing gave way'}")
        assert result.success, result.error
    await agent.aclose()


if __name__ == "__main__":
    asyncio.run(main())
