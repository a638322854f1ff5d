"""What agents have learned, decided about at the command line."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from lightagent import HumanFeedback, JsonObject, LightAgent, MemoryPolicy
from lightagent.adapters.journals.sqlite import SqliteJournalStore
from lightagent.adapters.system import SystemClock
from lightagent.application.feedback.lesson_log import KIND
from lightagent.bootstrap import open_app
from lightagent.domain.conversation.messages import AssistantMessage, ContextMessage
from lightagent.domain.journals.streams import Draft, StreamKey
from lightagent.domain.scopes import Scope
from lightagent.entrypoints.cli.app import app
from lightagent.human_review import ReviewStore
from lightagent.ports.models import ChatRequest
from lightagent.settings import load_settings
from lightagent.testing import ScriptedModel

OWN = "Offer a window seat \x1b[2J\u202eFirst."
GENERAL = "Confirm dates before anything is booked."
QUERY = "Please book a seat to Lyon for me."
SETTINGS = """
[default.agent]
name = "clerk"
[default.journals]
kind = "sqlite"
path = "{place}/journals.db"
[default.memory]
kind = "sqlite"
path = "{place}/memory.db"
[default.self_learning]
enabled = true
unused_after = 2
"""


class Earlier(SystemClock):
    """The clock of this machine, so many seconds ago."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def now(self) -> float:
        return super().now() - self._seconds


class Desk:
    """A folder with settings, an agent that learned in it, and the command line."""

    def __init__(self, folder: Path) -> None:
        self.settings = folder / "lightagent.toml"
        self.settings.write_text(SETTINGS.format(place=folder))
        self.told: list[str] = []
        self.ago = 0.0

    def __call__(self, *arguments: str) -> Result:
        command = ["memory", "candidates", *arguments, "--config", str(self.settings)]
        return CliRunner().invoke(app, command, env={"COLUMNS": "300"})

    def run(
        self, query: str, *lessons: tuple[str, str], tenant: str = "red", policy: MemoryPolicy | None = None
    ) -> str:
        def answer(request: ChatRequest) -> AssistantMessage:
            if "look back" in str(request.messages[0].content):
                taught = [{"text": text, "about": about, "confidence": 0.5} for text, about in lessons]
                return AssistantMessage(json.dumps({"lessons": taught}))
            self.told = [one.content for one in request.messages if isinstance(one, ContextMessage)]
            return AssistantMessage("Booked.")

        with open_app(load_settings(self.settings, environ={}), environ={}) as opened:
            agent: LightAgent = opened.agent(model=ScriptedModel(answer), memory_policy=policy, clock=Earlier(self.ago))
            result = agent.run(query, user_id="ann", tenant=tenant, result_format="object")
        assert result.error is None
        return result.trace_id

    def rate(self, trace_id: str, *, helpful: bool) -> None:
        with open_app(load_settings(self.settings, environ={}), environ={}) as opened:
            assert opened.journals is not None
            ReviewStore(opened.journals, tenant="red").add_feedback(HumanFeedback(trace_id, helpful=helpful))

    def found(self, *arguments: str) -> list[JsonObject]:
        found = json.loads(self("list", "--json", *arguments).stdout)
        assert isinstance(found, list)
        return found

    def ids(self) -> Sequence[str]:
        return [str(one["candidate_id"]) for one in self.found("--status", "all", "--tenant", "red")]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    desk = Desk(tmp_path)
    desk.run(QUERY, (OWN, "user"), (GENERAL, "everybody"))
    return desk


def test_what_was_learned_is_listed_by_tenant_user_agent_and_status(desk: Desk) -> None:
    assert len(desk.ids()) == 2
    lines = desk("list", "--tenant", "red").stdout.splitlines()
    assert [("kept" in one, "agent clerk" in one) for one in lines] == [(True, True)] * 2
    assert "for user ann of tenant red" in lines[0]
    assert "for all users of tenant red" in lines[1]
    assert "\x1b" not in "".join(lines)
    for wanted in (["--tenant", "blue"], [], ["--tenant", "red", "--user", "bob"], ["--tenant", "red", "--agent", "x"]):
        assert desk("list", *wanted).stdout == "No candidates found.\n"
        assert desk.found(*wanted) == []
    assert desk.found("--tenant", "red", "--status", "promoted", "--namespace", "") == []
    wrong = desk("list", "--status", "done")
    assert wrong.exit_code == 2
    assert "open, all, candidate, kept" in wrong.stderr.replace("\n", " ")


def test_a_candidate_is_shown_with_whom_it_would_be_told_to_and_what_decided(desk: Desk) -> None:
    own, general = desk.ids()
    shown = desk("show", own, "--tenant", "red").stdout
    assert "Offer a window seat [2JFirst." in shown, "what cannot be seen is no part of a lesson"
    for line in (
        "status     kept; it can be decided",
        "for        user ann of tenant red",
        "nothing has decided",
    ):
        assert line in shown
    known = json.loads(desk("show", general, "--tenant", "red", "--json").stdout)
    assert (known["for_everybody"], known["decision"]["rule"], known["uses"]) == (True, "undecided", None)
    assert QUERY not in json.dumps(known), "what the user said stays where it is"
    for tenant in ("blue", ""):
        refused = desk("show", own, "--tenant", tenant)
        assert refused.exit_code == 2
        assert "No memory candidate" in refused.stderr


def test_a_promoted_candidate_reaches_later_runs_and_its_use_is_shown(desk: Desk) -> None:
    own, general = desk.ids()
    promoted = desk("promote", general, "--tenant", "red", "--as", "carl", "--reason", "It is true.")
    assert promoted.exit_code == 0, promoted.stderr
    assert f"{general} · promoted" in promoted.stdout
    trace_id = desk.run("Are dates confirmed?")
    assert [GENERAL in one for one in desk.told] == [True]
    desk.rate(trace_id, helpful=True)
    shown = desk("show", general, "--tenant", "red").stdout
    assert "promoted by a person (carl)" in shown
    assert "reason     It is true." in shown
    assert "recalled by 1 runs, used by 0; 1 rated, 1 of them well" in shown
    rejected = desk("reject", own, "No.", "--tenant", "red")
    assert f"{own} · rejected" in rejected.stdout
    for command in (["promote", own], ["reject", general]):
        late = desk(*command, "--tenant", "red")
        assert late.exit_code == 1
        assert "the first decision holds" in late.stderr.replace("\n", " ")
    assert desk("list", "--tenant", "red").stdout == "No candidates found.\n"


def test_a_text_that_tells_of_the_user_is_refused_by_the_rule_and_another_one_is_taken(desk: Desk) -> None:
    _, general = desk.ids()
    refused = desk("promote", general, "--tenant", "red", "--text", "Ann wants dates to be confirmed.")
    assert refused.exit_code == 1
    assert "--text" in refused.stderr
    shown = desk("show", general, "--tenant", "red").stdout
    assert "blocked by it repeats what a user said" in shown
    assert "It names the user." in shown
    taken = desk("promote", general, "--tenant", "red", "--text", "Confirm dates.")
    assert taken.exit_code == 0, taken.stderr
    assert "It was promoted with a different text" in desk("show", general, "--tenant", "red").stdout
    own, _ = desk.ids()
    desk("promote", own, "--tenant", "red", "--text", OWN)
    shown = desk("show", own, "--tenant", "red").stdout
    assert "\\u001b[2J\\u202eFirst." in shown, "what cannot be seen is written out"
    desk.run("Are dates confirmed?")
    assert [GENERAL in one for one in desk.told] == [False]


def test_what_a_policy_decided_is_told_by_its_name(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    policy = MemoryPolicy(namespace="n", memory_promotion_admission=lambda candidate, context: "It is private.")
    desk.run(QUERY, (GENERAL, "everybody"), policy=policy)
    (known,) = desk.found("--tenant", "red", "--status", "rejected", "--namespace", "n")
    decision = known["decision"]
    assert isinstance(decision, dict)
    assert (decision["by"], decision["rule"], decision["reason"]) == (
        "policy",
        "memory_promotion_admission",
        "It is private.",
    )


def test_an_option_that_is_empty_stands_for_nothing_else(desk: Desk) -> None:
    """Such as one of a variable of the shell that is not set."""
    own, general = desk.ids()
    for text in ("", " "):
        refused = desk("promote", own, "--tenant", "red", "--text", text)
        assert (refused.exit_code, "--text must not be empty" in refused.stderr) == (2, True)
    desk("promote", general, "--tenant", "red")
    for _ in range(2):
        desk.run("Are dates confirmed?")
    refused = desk("expire", "--tenant", "red", "--agent", "")
    assert (refused.exit_code, "--agent NAME" in refused.stderr) == (2, True)
    assert len(desk.found("--tenant", "red", "--status", "promoted")) == 1


def test_a_lesson_whose_counts_were_damaged_hides_no_other(desk: Desk) -> None:
    own, general = desk.ids()
    for one in (own, general):
        desk("promote", one, "--tenant", "red")
    for _ in range(2):
        desk.run("Are dates confirmed, and a window seat?")

    async def damage() -> None:
        store = SqliteJournalStore(desk.settings.parent / "journals.db")
        key = StreamKey(Scope("red", "ann"), KIND, own)
        head = (await store.read(key, -1, 1)).stream.head
        await store.append(key, [Draft('{"what": "nonsense"}', 1)], expected=head, at=0.0)
        await store.aclose()

    asyncio.run(damage())
    listed = desk("list", "--tenant", "red", "--status", "all")
    assert [one in listed.stdout for one in (own, general)] == [True, True]
    ended = desk("expire", "--tenant", "red")
    assert f"{general} · unused_after\nExpired: 1 lesson\n" in ended.stdout
    for incomplete in (listed, ended):
        assert incomplete.exit_code == 1
        assert "The listing is not complete" in incomplete.stderr.replace("\n", " ")


def test_stale_lessons_are_removed_on_demand(desk: Desk) -> None:
    _, general = desk.ids()
    desk("promote", general, "--tenant", "red")
    for _ in range(2):
        desk.run("Are dates confirmed?")
    assert desk("expire").stdout == "Expired: 0 lessons\n"
    dry = desk("expire", "--tenant", "red", "--dry-run").stdout
    assert dry == f"{general} · unused_after\nWould have expired: 1 lesson\n"
    assert desk("expire", "--tenant", "red").stdout == f"{general} · unused_after\nExpired: 1 lesson\n"
    assert desk("expire", "--tenant", "red").stdout == "Expired: 0 lessons\n"
    assert f"{general} · expired" in desk("list", "--tenant", "red", "--status", "expired").stdout
    assert "it expired by unused_after" in desk("show", general, "--tenant", "red").stdout
    late = desk("promote", general, "--tenant", "red")
    assert "has expired (unused_after)" in late.stderr.replace("\n", " ")


RULES: dict[str, tuple[str, int | None]] = {
    "they learn": ("enabled = true\n", 1),
    "they do not, and lessons end": ("enabled = false\nexpires_after = 3_600\n", 1),
    "they do not, and lessons are kept for ever": ("enabled = false\nexpires_after = 0\n", 0),
    "they do not, and no rule is told": ("enabled = false\nmost_lessons = 2\n", None),
    "there is no table": ("", None),
}
"""What the table says of lessons, and how many of one that was last of use 100 days ago are stale; None: refused."""


@pytest.mark.parametrize("name", RULES)
def test_lessons_end_by_the_rules_of_the_table_whether_agents_of_the_settings_learn_or_not(
    tmp_path: Path, name: str
) -> None:
    table, stale = RULES[name]
    desk = Desk(tmp_path)
    desk.ago = 100 * 86_400.0
    policy = MemoryPolicy(memory_promotion_admission=lambda candidate, context: True)
    desk.run(QUERY, (GENERAL, "everybody"), policy=policy)
    said = SETTINGS.format(place=tmp_path).partition("[default.self_learning]")[0]
    desk.settings.write_text(f"{said}[default.self_learning]\n{table}" if table else said)
    for dry in (["--dry-run"], []):
        ended = desk("expire", "--tenant", "red", *dry)
        if stale is None:
            assert ended.exit_code == 2
            assert "[default.self_learning]" in ended.stderr.replace("\n", " ")
        else:
            assert f"{stale} lesson" in ended.stdout, ended.stderr
    left = desk.found("--tenant", "red", "--status", "promoted")
    assert len(left) == (0 if stale else 1)


def test_settings_without_stores_are_told_what_is_missing(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.settings.write_text("")
    missing = desk("list")
    assert missing.exit_code == 2
    assert "[default.journals]" in missing.stderr.replace("\n", " ")
    desk.settings.write_text(f'[default.journals]\nkind = "sqlite"\npath = "{tmp_path}/journals.db"\n')
    missing = desk("promote", "x")
    assert "No memory candidate 'x'" in missing.stderr.replace("\n", " ")
    assert "--agent" in desk("expire").stderr
