"""A day at the service desk: leave that is booked, a payment that is approved, and one that is not.

    python examples/service_desk/main.py

It uses rules in the place of models, which need no key and no network, and a file that is gone afterwards. `decide`
stands in for a person; `lightagent chat --swarm examples/service_desk/desk.py:desk` asks you.
"""

import tempfile
from pathlib import Path

from books import Books
from desk import make_agents, swarm_of

from lightagent import ApprovalDecision, JsonObject, LightAgent

QUESTIONS = (
    "How many days of leave does Ann have?",
    "Book 3 days of leave for Ann.",
    "Pay invoice A-17, please.",
    "Pay invoice A-18, please.",
    "Which invoices are there?",
)


def decide(arguments: JsonObject) -> ApprovalDecision:
    """Up to 5,000 euros are paid."""
    amount = arguments.get("amount")
    small = isinstance(amount, int) and amount <= 5_000
    return ApprovalDecision.approve(actor="cfo") if small else ApprovalDecision.reject("Too much.", actor="cfo")


def answer(frontdesk: LightAgent, question: str) -> str:
    """The answer, with who gave it; payments are decided about on the way."""
    result = frontdesk.run_result(question)
    while waiting := [call for call in result.tool_calls if call.status == "waiting"]:
        decisions = {call.id: decide(call.arguments or {}) for call in waiting}
        print(f"  cfo: {', '.join(f'{call.name} {decisions[call.id].action}' for call in waiting)}")
        result = frontdesk.resume(result.journal, decisions)
    return f"{result.journal.run.head.name}: {result.content}"


def main() -> None:
    """Ask one question after the other."""
    with tempfile.TemporaryDirectory() as folder:
        books = Books(Path(folder) / "service_desk.db")
        agents = make_agents(books, rules=True)
        frontdesk = swarm_of(agents).member(agents[0])
        for question in QUESTIONS:
            print(question)
            print(f"  {answer(frontdesk, question)}")


if __name__ == "__main__":
    main()
