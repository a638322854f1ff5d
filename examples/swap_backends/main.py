"""One program whose agent remembers in SQLite, in Qdrant or in Neo4j: the profile says where.

    python examples/swap_backends/main.py
    python examples/swap_backends/main.py --profile staging
    NEO4J_URL=neo4j://localhost:7687 python examples/swap_backends/main.py --profile prod

The backends are in lightagent.toml beside this file. SQLite is built in; the others need `lightagent[qdrant]`, which
serves a folder without a server, and `lightagent[neo4j]` with one. The model is scripted, so it needs no key: it says
the first memory that it is given.
"""

import argparse
from pathlib import Path

from lightagent import MemoryPolicy, load_settings, open_app
from lightagent.domain.conversation.messages import ContextMessage
from lightagent.ports.models import ChatRequest
from lightagent.testing import ScriptedModel

FACTS = {
    "My dog is called Rex.": "What is the name of my dog?",
    "I am allergic to peanuts.": "Which food am I allergic to?",
    "I work as a nurse in Leeds.": "Where do I work?",
    "My sister lives in Porto.": "In which city does my sister live?",
    "I play the cello on Tuesdays.": "On which day do I play the cello?",
    "My car is a red Volvo.": "What colour is my car?",
    "I was born in 1984.": "In which year was I born?",
    "My favourite book is Middlemarch.": "What is my favourite book?",
    "I drink tea without milk.": "How do I drink my tea?",
    "My flight to Oslo leaves on Friday.": "When does my flight to Oslo leave?",
}
"""What the user says on one day, and what they ask on another."""


def first_memory(request: ChatRequest) -> str:
    """The first memory that the model was given for a question; facts are noted."""
    told = [message.content for message in request.messages if isinstance(message, ContextMessage)]
    asked = str(request.messages[-1].content)
    if asked in FACTS:
        return "Noted."
    found = [line for text in told for line in text.splitlines() if any(fact in line for fact in FACTS)]
    return found[0] if found else "I do not know."


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--profile", default="dev", help="dev, staging or prod (default: dev)")
    profile = parser.parse_args().profile
    settings = load_settings(Path(__file__).with_name("lightagent.toml"), profile=profile)
    with open_app(settings) as app:
        # A server that was just started is slow at first; runs go on without their memories after 5 s otherwise.
        agent = app.agent(model=ScriptedModel(first_memory), memory_policy=MemoryPolicy(recall_timeout=60))
        for fact in FACTS:
            agent.run(fact, tenant="example", user_id="ann")
        right = 0
        for fact, question in FACTS.items():
            answer = agent.run(question, tenant="example", user_id="ann")
            right += fact in answer
            print(f"{question} {answer}")
        print(f"{profile}: the right fact came first for {right} of {len(FACTS)} questions.")


if __name__ == "__main__":
    main()
