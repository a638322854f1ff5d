"""Whether a run may go on with a changed definition, and what prevents it.

Three rules: what has happened folds over the new definition; no step that has succeeded, or whose attempt is open, does
other work; no step that has begun depends on others. Policies may change at any time, since what they decided is on
record, and so may steps that have failed or not begun: fixing them is why people resume.

Steps are compared field by field, so that a refusal names the step and the field; the fold is the final check.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple, TypeAlias

from lightagent.domain.flow.definition import FlowDefinition, StepDefinition
from lightagent.domain.flow.events import DefinitionChanged, FlowEvent
from lightagent.domain.flow.nodes import CLOSED, Node, Scope
from lightagent.domain.flow.paths import declared_path
from lightagent.domain.flow.progress import Progress
from lightagent.domain.flow.refusals import Refused
from lightagent.domain.flow.state import fold

DECIDING_CODE: Final = frozenset(
    ("condition", "cancel_if", "again", "until", "verify", "grow", "fallback", "approval_handler")
)
"""The options whose code only decides something: its decision is on record, so it may change. Other code does work."""

FALLBACK_CODE: Final = "fallback."
"""The prefix of the fields of a fallback's code. It counts if the fallback did the work, or is doing it."""

OFFERED_CODE: Final = "offers/"
"""The prefix of the fields of offered work, in a step that may add it. It counts if it was added."""

_SINCE: Final = (FALLBACK_CODE, OFFERED_CODE, "agent.sources")
"""Fields that records of former releases lack; a missing field holds nothing back."""


class ChangeFault(NamedTuple):
    """What keeps a run from going on with a changed definition.

    Attributes:
        path: the step.
        field: the part that has changed, such as `depends_on`, or the option whose code has.
        text: why that does not fit, in a sentence.
        acceptable: the caller may declare that the step's result still counts (`DefinitionChanged.accepted`).
        outermost: the step of the run itself within which that is; empty: the step is one of the run's own.
    """

    path: str
    field: str
    text: str
    acceptable: bool = False
    outermost: str = ""

    def around(self, path: str) -> ChangeFault:
        """The same fault as one of a run in which the flow is the step at a path."""
        return self._replace(path=f"{path}/{self.path}" if self.path else path, outermost=path)


Within: TypeAlias = Callable[[Node, tuple[str, ...]], tuple[ChangeFault, ...] | None]
"""What keeps a nested flow from going on as it is declared now, given the paths within it that are accepted;
None if no flow was begun there, and the step's own digests tell whether it does other work."""


def change_faults(
    events: Iterable[FlowEvent],
    definition: FlowDefinition,
    accepted: tuple[str, ...] = (),
    within: Within | None = None,
) -> tuple[ChangeFault, ...]:
    """What keeps the run of these events from going on with this definition; empty: it may.

    Args:
        accepted: paths of steps, as in the run or as in the definition, whose results count although they did other
            work; of a step within a flow that is a step, as in ``outer/inner``.
        within: compares flows that are steps and whose attempts are open step by step, as this one is.
    """
    told = list(events)
    state = fold(told)
    faults = tuple(_compare(state.root, definition.steps, _Accepted(frozenset(accepted), within)))
    if faults:
        return faults
    try:
        fold([*told, DefinitionChanged(definition, accepted)])
    except Refused as refusal:
        return (ChangeFault(refusal.path, "steps", f"What has happened does not fit: {refusal.info.message}"),)
    return ()


def held_by(state: Progress, faults: tuple[ChangeFault, ...]) -> str:
    """Faults as a text, with what frees the run."""
    listed = " ".join(f"{fault.path} ({fault.field}): {fault.text}" for fault in faults)
    frees = "Fork the run from before these steps"
    if any(fault.acceptable for fault in faults):
        frees = "Accept the results by the steps' names, run the steps again, or fork the run from before them"
    return f"The definition of {state.definition.name!r:.100} has changed since run {state.run_id}: {listed} {frees}."


class _Accepted(NamedTuple):
    """The accepted paths, and the comparison of nested flows."""

    paths: frozenset[str]
    within: Within | None

    def has(self, path: str) -> bool:
        return path in self.paths or declared_path(path) in self.paths

    def faults_within(self, node: Node) -> tuple[ChangeFault, ...] | None:
        """The faults in a nested flow whose attempt is open, or of which a part is done again."""
        if self.within is None or node.status in CLOSED or not (node.kept or node.notes):
            return None
        begin = f"{node.path}/"
        found = self.within(node, tuple(path.removeprefix(begin) for path in self.paths if path.startswith(begin)))
        return None if found is None else tuple(one.around(node.path) for one in found)


def _compare(scope: Scope, steps: tuple[StepDefinition, ...], accepted: _Accepted) -> Iterator[ChangeFault]:
    by_name = {step.name: step for step in steps}
    for node in scope.nodes:
        if not _has_begun(node):
            yield from accepted.faults_within(node) or ()
            continue
        new = by_name.get(node.step.name)
        if new is None:
            yield ChangeFault(node.path, "name", f"It is {node.status}, and the flow no longer has this step.")
            continue
        yield from _compare_step(node, new, accepted)
        if new.kind == node.step.kind and node.step.kind != "task":
            for inner in node.scopes:
                yield from _compare(inner, new.body, accepted)
        elif new.kind == node.step.kind and node.scopes:
            yield from _compare_added(node, node.step, new, accepted)


def _compare_added(node: Node, old: StepDefinition, new: StepDefinition, accepted: _Accepted) -> Iterator[ChangeFault]:
    """The steps that a step has added, and those that they have added: each is work that the flow offers.

    Args:
        old, new: the step of the definition below which they are; it has the digests of what is offered.
    """
    before, after = _digests(old), _digests(new)
    for one in (added for scope in node.scopes for added in scope.nodes):
        field = f"{OFFERED_CODE}{one.step.work}"
        known = before.get(field)
        changed = known is not None and known != after.get(field)
        if changed and _counts(one) and not accepted.has(one.path):
            what = "was changed" if field in after else "is not offered any more"
            yield ChangeFault(one.path, "work", f"It is {one.status}, and its work {what}.", acceptable=True)
        yield from _compare_added(one, old, new, accepted)


def _digests(step: StepDefinition) -> dict[str, str]:
    return {one.field: one.digest for one in step.code if one.field not in DECIDING_CODE}


def _has_begun(node: Node) -> bool:
    return node.status != "pending" and node.why != "upstream" and not _is_next(node)


def _is_next(node: Node) -> bool:
    """Whether its turn has come, and it has no event on record yet."""
    if node.attempt > (node.status == "ready") or node.cut or node.decision is not None or node.request_id:
        return False
    match node.status:
        case "asking":
            # Whether a loop goes on is asked once a round is over, which is on record.
            return node.question == "when" or (node.question != "again" and not node.step.condition)
        case "gate" | "ready" | "begin_wait":
            return node.question is None
        case "inside":
            inner = [one for scope in node.scopes for one in scope.nodes]
            return node.question is None and not any(map(_has_begun, inner))
        case _:
            return False


def _compare_step(node: Node, new: StepDefinition, accepted: _Accepted) -> Iterator[ChangeFault]:
    old = node.step
    path = node.path
    if frozenset(old.depends_on) != frozenset(new.depends_on):
        yield ChangeFault(path, "depends_on", f"It is {node.status}, and depends on other steps now.")
    if old.kind != new.kind:
        yield ChangeFault(path, "kind", f"It is {node.status} as a {old.kind}, and is a {new.kind} now.")
        return
    yield from _compare_questions(node, new)
    if not _counts(node) or accepted.has(path):
        return
    within = accepted.faults_within(node)
    yield from within or ()
    for field in _other_work(node, new):
        if within is None or field in _OF_STEPS:
            yield ChangeFault(path, field, f"It is {node.status}, and does other work now.", acceptable=True)


def _compare_questions(node: Node, new: StepDefinition) -> Iterator[ChangeFault]:
    """The questions that a step was asked, or skipped, on the way to its status."""
    old = node.step
    path = node.path
    if old.condition != new.condition:
        yield ChangeFault(path, "condition", f"It is {node.status}; a condition is asked before that.")
    if old.approval != new.approval and node.status != "skipped" and not _asks_condition(node):
        yield ChangeFault(path, "approval", f"It is {node.status}; approval comes before that.")
    if old.verify != new.verify and (node.status == "success" or node.question == "verify"):
        yield ChangeFault(path, "verify", f"It is {node.status}; its result is verified before that.")
    if node.proposed and _accepts(old) != _accepts(new):
        yield ChangeFault(path, "growth", f"It is {node.status}, and what it proposes is accepted otherwise now.")
    if new.rounds is not None and len(node.scopes) > new.rounds and old.kind == "loop":
        yield ChangeFault(path, "rounds", f"It has made {len(node.scopes)} rounds, and may make {new.rounds} now.")


def _accepts(step: StepDefinition) -> str:
    return "" if step.growth is None else step.growth.accept


def _asks_condition(node: Node) -> bool:
    return node.question == "when" and (node.status == "asking" or node.why == "asked")


def _counts(node: Node) -> bool:
    """Whether it has succeeded or has an attempt open, so that its work must stay what it is."""
    return node.status in ("success", "running", "inside", "timed") or node.cut


_OF_STEPS: Final = frozenset(("work", "query", "output_schema", "wait"))
"""The code of a step besides its work. The code that makes its query has been called by the time it is open."""


def _other_work(node: Node, new: StepDefinition) -> Iterator[str]:
    """The fields in which a step did other work than it does now."""
    old = node.step
    if old.work != new.work:
        yield "work"
    if old.query != new.query:
        yield "query"
    if old.output_schema != new.output_schema:
        yield "output_schema"
    if old.wait != new.wait:
        yield "wait"
    before, after = _digests(old), _digests(new)
    changed = (field for field in before.keys() | after.keys() if before.get(field) != after.get(field))
    yield from sorted(field for field in changed if _matters(node, field, known=field in before))


def _matters(node: Node, field: str, *, known: bool) -> bool:
    """Whether the step has run code that has changed."""
    if field.startswith(OFFERED_CODE) or (not known and field.startswith(_SINCE)):
        return False  # Offered work is compared for each added step.
    return node.fallback or not field.startswith(FALLBACK_CODE)
