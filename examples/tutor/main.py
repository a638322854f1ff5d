"""A tutor that remembers what each learner finds hard, streams its lessons, and learns how to teach.

    python examples/tutor/main.py

It uses a scripted model, which needs no key and no network.
"""

import json

from lightagent import LightAgent, MemoryPolicy, SharedMemoryPool
from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.domain.conversation.messages import ContextMessage
from lightagent.ports.models import ChatRequest
from lightagent.testing import ScriptedModel

LESSON = {"text": "Show a drawing before a rule when fractions are taught.", "about": "everybody", "confidence": 0.8}


def answer(request: ChatRequest) -> str:
    """Teaches by what it is told of the learner; looks back on runs that used a drawing."""
    if "look back" in str(request.messages[0].content):
        drawn = "drawing" in str(request.messages[1].content)
        return json.dumps({"lessons": [LESSON] if drawn else []})
    known = " ".join(message.content for message in request.messages if isinstance(message, ContextMessage))
    if "bicycles" in known:
        return "Two wheels of four are a half: 2/4 = 1/2, as on your bicycles."
    if "drawing before a rule" in known:
        return "Here is a drawing: ▮▮▯▯. Two of four parts are a half."
    return "2/4 is the same as 1/2. A drawing helps: ▮▮▯▯."


def tutor(memory: SharedMemoryPool, candidates: MemoryJournalStore) -> LightAgent:
    """The tutor of one school; memories are kept apart by learner, and outlive the agent."""
    return LightAgent(
        name="tutor",
        role="You teach children, patiently and in few words.",
        model=ScriptedModel(answer),
        memory=memory,
        memory_policy=MemoryPolicy(
            namespace="school-1",
            allow_unattributed_results=False,
            min_write_length=8,
            reject_write_patterns=[r"password", r"\b\d{5,}\b"],
        ),
        self_learning=True,
        session_store=candidates,
    )


def teach(agent: LightAgent, learner: str, question: str) -> None:
    """Ask for a learner, and print the answer as it comes."""
    print(f"{learner}: {question}")
    print("  tutor: ", end="")
    for chunk in agent.stream(question, user_id=learner):
        if chunk.choices:
            print(chunk.choices[0].delta.content or "", end="")
    print()


def main() -> None:
    memory, candidates = SharedMemoryPool(), MemoryJournalStore()
    monday = tutor(memory, candidates)
    teach(monday, "ada", "I like bicycles, and fractions are hard for me.")
    teach(monday, "ben", "My password is 123456. What is a fraction?")

    tuesday = tutor(memory, candidates)
    teach(tuesday, "ada", "Can you explain fractions again?")
    teach(tuesday, "ben", "Can you explain fractions again?")

    print("The school looks at what the tutor would like to remember for all learners:")
    for candidate in tuesday.list_memory_candidates():
        if candidate["status"] == "kept":
            print(f"  {candidate['data']}", "->", tuesday.promote_memory_candidate(str(candidate["candidate_id"])))
            break

    teach(tutor(memory, candidates), "cleo", "How should I learn about fractions?")
    print("Remembered of ada:", [one["memory"] for one in memory.list_records(user_id="school-1:ada")])
    print("Remembered of ben:", [one["memory"] for one in memory.list_records(user_id="school-1:ben")])


if __name__ == "__main__":
    main()
