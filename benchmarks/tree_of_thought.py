"""What planning finds, and what it costs: the Game of 24, by a model that only knows the rules.

    python benchmarks/tree_of_thought.py
    python benchmarks/tree_of_thought.py --instances 20 --seeds 1

Every game has an answer. The model knows all moves and what each position is worth, but for a share of the positions,
which it takes for the opposite: of all positions, or of those of unfinished games alone. Without a plan it plays by
chance until it sees the last move; the cheap mode has one such game as its plan, and a look back. What is found is
checked by arithmetic, whatever the model says.
"""

import argparse
import asyncio
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

from game24 import Model, instances, is_solved, question

from lightagent import LightAgent, TreeOfThought
from lightagent.domain.planning.plans import Planned
from lightagent.testing import ScriptedModel

BUDGET = 24
BRANCHES = 48
"""More than there are moves."""

MODES: dict[str, TreeOfThought | None] = {
    "no plan": None,
    "cheap: one plan, one look back": TreeOfThought(),
    "beam, width 1": TreeOfThought(1, BRANCHES, 3, max_model_calls=BUDGET),
    "beam, width 5": TreeOfThought(5, BRANCHES, 3, max_model_calls=BUDGET),
    "best first, width 5": TreeOfThought(5, BRANCHES, 3, "best_first", BUDGET),
}
MISTAKES = [(0.0, False), *((wrong, counts) for counts in (True, False) for wrong in (0.1, 0.2, 0.3))]
SEARCHES = [name for name, mode in MODES.items() if mode is not None and mode.depth > 1]


@dataclass
class Tally:
    """What became of some games: how many there were, how many were solved, and the model calls of each."""

    solved: list[bool] = field(default_factory=list)
    calls: list[int] = field(default_factory=list)
    planned: list[int] = field(default_factory=list)


async def play(
    mode: TreeOfThought | None, games: Sequence[tuple[int, ...]], wrong: float, seeds: int, *, counts: bool
) -> Tally:
    """All games, once with each seed of the mistakes; for the rest see `Model`."""
    tally = Tally()
    for seed in range(seeds):
        for numbers in games:
            model = Model(wrong, seed, counts=counts)
            agent = LightAgent(model=ScriptedModel(model, record=False), tree_of_thought=mode)
            result = await agent.arun_result(question(numbers))
            tally.solved.append(is_solved(numbers, result.content))
            tally.calls.append(model.calls)
            plans = [event.model_calls for event in result.journal.events if isinstance(event, Planned)]
            tally.planned.append(sum(plans))
    return tally


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--instances", type=int, default=100, help="games (default: 100)")
    parser.add_argument("--seeds", type=int, default=3, help="of the mistakes, for each share (default: 3)")
    options = parser.parse_args()
    if min(options.instances, options.seeds) < 1:
        parser.error("--instances and --seeds must be at least 1")
    games = instances(options.instances)
    print("| mode | wrong | about | found | of | model calls: mean | most | allowed for the plan |")
    print("|---|---|---|---|---|---|---|---|")
    for name, mode in MODES.items():
        for wrong, counts in MISTAKES if name in SEARCHES else MISTAKES[:1]:
            seeds = options.seeds if wrong or name not in SEARCHES else 1
            tally = asyncio.run(play(mode, games, wrong, seeds, counts=counts))
            allowed = 0 if mode is None else mode.max_model_calls
            if max(tally.planned) > allowed:
                raise SystemExit(f"{name}: a plan took {max(tally.planned)} model calls.")
            mean, most = statistics.mean(tally.calls), max(tally.calls)
            about = "-" if not wrong else "unfinished games" if counts else "all positions"
            found, of = sum(tally.solved), len(tally.solved)
            print(f"| {name} | {wrong:.0%} | {about} | {found} | {of} | {mean:.1f} | {most} | {allowed} |", flush=True)


if __name__ == "__main__":
    main()
