"""What to call next: the steps of a question, what each has reached, and the calls that can be made now."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from lightagent.adapters.chat.offline import find_values
from lightagent.adapters.chat.offline.arithmetic import wants_number
from lightagent.adapters.chat.offline.choose import Offer, Profile
from lightagent.adapters.chat.offline.fill import Filled, Sources, fill
from lightagent.adapters.chat.offline.steps import Step, explore, is_search, plan_steps
from lightagent.adapters.chat.offline.transcript import Done, Transcript
from lightagent.domain.json_types import JsonObject
from lightagent.domain.messages import ToolCall
from lightagent.domain.tools import ToolSpec

_MOST_ATTEMPTS = 2
_RESCUE = 99
"""The item number of a search for a file that was not where the question says."""


@dataclass(slots=True)
class Plan:
    """What comes next, and what there is to say when nothing does.

    Attributes:
        calls: the calls to make now.
        answers: calls that served, each with its clause, in the order of the question.
        gaps: why a step was not done, in sentences.
    """

    calls: list[ToolCall] = field(default_factory=list)
    answers: list[tuple[str, Done]] = field(default_factory=list)
    gaps: list[str] = field(default_factory=list)


def make_plan(transcript: Transcript, tools: tuple[ToolSpec, ...]) -> Plan:
    """The plan for the last question, as far as it has come. The same conversation gives the same plan."""
    offer = Offer(tools)
    steps = plan_steps(transcript.question, offer)
    exploring = [] if any(step.profile for step in steps) else explore(transcript.question, offer)
    plan = _Planner(transcript, offer, exploring or steps).plan()
    if exploring:
        # What was read is the answer; how it was found is in the trace.
        read = [one for one in plan.answers if one[0] == transcript.question and not one[1].failed]
        plan.answers = read or plan.answers
    return plan


class _Planner:
    def __init__(self, transcript: Transcript, offer: Offer, steps: list[Step]) -> None:
        self._transcript = transcript
        self._offer = offer
        self._steps = steps
        self._plan = Plan()
        self._open = False
        self._known: list[tuple[str, Done]] = [("", done) for done in transcript.before]
        self._asked: list[tuple[str, JsonObject]] = []
        self._searching = False
        self._unanswered = ""

    def plan(self) -> Plan:
        foreign = [("", done) for done in self._transcript.done if done.clause < 0]
        self._known += foreign
        self._asked += [(done.tool, done.arguments) for _, done in foreign]
        for step in self._steps:
            self._advance(step)
        self._plan.answers = foreign + self._plan.answers
        return self._plan

    def _advance(self, step: Step) -> None:
        mine = [done for done in self._transcript.done if done.clause == step.number]
        if step.profile is None:
            self._quote_for(step)
            return
        if self._open and self._must_wait(step):
            return
        if wants_number(step.clause):
            self._quote_for(step)
        # Results of this very step count for nothing but a search that was made to rescue it.
        rescue = [(step.clause, done) for done in mine if done.item == _RESCUE]
        filled = fill(step.profile, Sources(step.clause, self._transcript.question, (*self._known, *rescue)))
        if not filled.items and not mine:
            self._lack(step, step.profile, filled)
            return
        for item in range(
            max(len(filled.items), 1 + max((done.item for done in mine if done.item != _RESCUE), default=-1))
        ):
            alternatives = filled.items[item] if item < len(filled.items) else ()
            self._advance_item(step, step.profile, item, alternatives, mine)
        self._known += [(step.clause, done) for done in mine]

    def _quote_for(self, step: Step) -> None:
        """A clause that rests on the latest result, or on the next: what is quoted of that should show it."""
        if self._plan.answers:
            clause, done = self._plan.answers[-1]
            self._plan.answers[-1] = (f"{clause}, {step.clause}", done)
        else:
            self._unanswered += f"{step.clause}, "

    def _answer(self, clause: str, done: Done) -> None:
        self._plan.answers.append((f"{self._unanswered}{clause}", done))
        self._unanswered = ""

    def _must_wait(self, step: Step) -> bool:
        """Whether earlier steps, not yet finished, may give what this one needs."""
        if step.profile is None:
            return False
        roles = {one.role for one in step.profile.required}
        bare = "file" in roles and any("/" not in name for name in find_values.files(step.clause) or [""])
        filled = fill(step.profile, Sources(step.clause, step.clause))
        return (bare and self._searching) or not filled.items or ("expression" in roles and wants_number(step.clause))

    def _advance_item(
        self, step: Step, profile: Profile, item: int, alternatives: tuple[JsonObject, ...], mine: list[Done]
    ) -> None:
        tried = [done for done in mine if done.item == item]
        self._asked += [(done.tool, done.arguments) for done in tried]
        if tried and not _wants_correction(tried[-1], profile):
            self._answer(step.clause, tried[-1])
            return
        fresh = [one for one in alternatives if one not in [done.arguments for done in tried]]
        if not tried and (profile.tool.name, fresh[0]) in self._asked:
            self._share(step, profile, fresh[0])
            return
        if fresh and len(tried) < _MOST_ATTEMPTS:
            self._call(profile, fresh[0], step.number, item, len(tried))
        elif tried and not self._rescue(step, tried, mine):
            self._answer(step.clause, tried[-1])

    def _share(self, step: Step, profile: Profile, arguments: JsonObject) -> None:
        """An earlier clause asked for the same call: its result answers this one too."""
        self._plan.answers = [
            (
                f"{clause}, {step.clause}" if (done.tool, done.arguments) == (profile.tool.name, arguments) else clause,
                done,
            )
            for clause, done in self._plan.answers
        ]

    def _call(self, profile: Profile, arguments: JsonObject, step: int, item: int, attempt: int) -> None:
        self._open = True
        self._searching = self._searching or is_search(profile)
        self._asked.append((profile.tool.name, arguments))
        text = json.dumps(arguments, ensure_ascii=False)
        self._plan.calls.append(ToolCall(self._transcript.call_id(step, item, attempt), profile.tool.name, text))

    def _rescue(self, step: Step, tried: list[Done], mine: list[Done]) -> bool:
        """A file that is not there is searched for, once, where a tool can search."""
        searched = [done for done in mine if done.item == _RESCUE]
        if len(tried) >= _MOST_ATTEMPTS or len(searched) >= _MOST_ATTEMPTS or any(not done.empty for done in searched):
            return False
        name = next((name for name in find_values.files(step.clause)), "").rpartition("/")[2]
        search = next((one for one in self._offer.profiles if name and is_search(one)), None)
        if search is None or search is step.profile:
            return False
        filled = fill(search, Sources(f"find {name}", f"find {name}"))
        asked = [done.arguments for done in searched]
        fresh = [one for item in filled.items for one in item if one not in asked]
        if fresh:
            self._call(search, fresh[0], step.number, _RESCUE, len(searched))
        return bool(fresh)

    def _lack(self, step: Step, profile: Profile, filled: Filled) -> None:
        if step.number and step.clause == self._transcript.question:
            self._plan.gaps.append("I found no file whose name fits the question.")
            return
        names = " and ".join(f"`{name}`" for name in filled.missing) or "its arguments"
        self._plan.gaps.append(f"`{profile.tool.name}` fits “{step.clause}”, but I found nothing for {names}.")


def _wants_correction(done: Done, profile: Profile) -> bool:
    if done.failed:
        return not done.refused
    return done.empty and is_search(profile)
