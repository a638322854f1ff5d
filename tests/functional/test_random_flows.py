"""Random flows end as a model says, whatever the order, wherever they are cut, however they are disturbed.

TEST_RANDOM_FLOWS sets how many flows are made up.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from random import Random

import pytest

from lightagent.domain.flow.definition import FlowDefinition
from lightagent.domain.flow.events import CancelRequested, FlowStarted, Forked, RerunRequested, Resumed
from lightagent.domain.flow.limits import FlowLimits
from lightagent.domain.flow.projection import flow_record
from lightagent.domain.flow.record import FlowRecord
from lightagent.domain.flow.state import fold
from lightagent.domain.flow.validation import validate
from tests.support.random_flows.definitions import random_flow
from tests.support.random_flows.driver import Driver
from tests.support.random_flows.model import Model, differences
from tests.support.random_flows.world import MAX_DEPTH, World

FLOWS = int(os.environ.get("TEST_RANDOM_FLOWS", "60"))
CHUNK = 20
LIMITS = FlowLimits(max_added=10_000, max_depth=MAX_DEPTH)
SEEDS = [range(first, min(first + CHUNK, FLOWS)) for first in range(0, FLOWS, CHUNK)]


def made(seeds: range) -> Iterator[tuple[int, FlowDefinition, World, FlowStarted]]:
    for seed in seeds:
        definition = random_flow(Random(seed))
        assert not validate(definition).errors
        yield seed, definition, World(seed), FlowStarted("run", definition, "input", limits=LIMITS)


def compare(definition: FlowDefinition, world: World, record: FlowRecord, *, attempts: bool = True) -> None:
    ends = Model(world).body(definition.steps, "", {}, {})
    assert not list(differences(record.steps, ends, attempts=attempts))
    failed = any(end.status == "failed" for end in ends.values())
    assert record.status == ("failed" if failed else "success")


@pytest.mark.parametrize("seeds", SEEDS, ids=str)
def test_any_order_gives_the_record_of_the_model(seeds: range) -> None:
    for seed, definition, world, started in made(seeds):
        records = []
        for order in range(4):
            driver = Driver.start(world, started, Random(f"{seed} {order}"), most=1 + 3 * order)
            driver.run()
            records.append(flow_record(driver.state))
        compare(definition, world, records[0])
        assert all(record == records[0] for record in records)


@pytest.mark.parametrize("seeds", SEEDS, ids=str)
def test_a_run_that_is_cut_anywhere_ends_as_one_that_is_not(seeds: range) -> None:
    for seed, definition, world, started in made(seeds):
        driver = Driver.start(world, started, Random(seed), strict=False)
        driver.run()
        whole = flow_record(driver.state)
        compare(definition, world, whole)
        for cut in range(1, len(driver.log)):
            going_on = Driver(world, driver.log[:cut], Random(f"{seed} {cut}"), strict=False)
            going_on.run()
            assert flow_record(going_on.state) == whole


@pytest.mark.parametrize("seeds", SEEDS, ids=str)
def test_a_failed_run_that_is_resumed_and_cut_anywhere_ends_as_one_that_is_not(seeds: range) -> None:
    for seed, definition, world, started in made(seeds):
        driver = Driver.start(world, started, Random(seed), strict=False)
        driver.run()
        if driver.state.status != "failed":
            continue
        begun = len(driver.log)
        driver.strict = True
        driver.tell(Resumed())
        driver.run()
        whole = flow_record(driver.state)
        compare(definition, world, whole, attempts=False)
        for cut in range(begun + 1, len(driver.log)):
            going_on = Driver(world, driver.log[:cut], Random(f"{seed} {cut}"), strict=False)
            going_on.run()
            assert flow_record(going_on.state) == whole


@pytest.mark.parametrize("seeds", SEEDS, ids=str)
def test_a_run_that_is_disturbed_ends_as_one_that_is_not(seeds: range) -> None:
    for seed, definition, world, started in made(seeds):
        for order in range(3):
            driver = Driver.start(world, started, Random(f"{seed} {order}"))
            disturb(driver, Random(f"disturb {seed} {order}"))
            compare(definition, world, flow_record(driver.state), attempts=False)
            assert flow_record(fold(driver.log)) == flow_record(driver.state)


def disturb(driver: Driver, rng: Random) -> None:
    """Up to six times a step is run again, or the run cancelled and resumed, forked, or torn from its process."""
    for _ in range(rng.randint(1, 6)):
        for _ in range(rng.randint(0, 12)):
            if is_open(driver):
                driver.one()
        rng.choice((rerun, rerun, cancel, fork, crash, resume))(driver, rng)
    driver.run()


def is_open(driver: Driver) -> bool:
    return driver.state.status in ("running", "waiting")


def cancel(driver: Driver, rng: Random) -> None:
    if is_open(driver):
        driver.tell(CancelRequested())
        if rng.random() < 0.3:
            driver.crash()
        driver.run()
        assert driver.state.status == "cancelled"
        driver.tell(Resumed())


def fork(driver: Driver, rng: Random) -> None:
    # Attempts go on in the run that it comes from, and begin anew in the fork.
    driver.begun.clear()
    driver.late.clear()
    driver.tell(Forked(f"{driver.state.run_id}f", driver.state.run_id, len(driver.log)))


def crash(driver: Driver, rng: Random) -> None:
    driver.crash()


def resume(driver: Driver, rng: Random) -> None:
    if driver.state.status != "success":
        driver.tell(Resumed())


def rerun(driver: Driver, rng: Random) -> None:
    begun = [node for node in driver.state.nodes.values() if node.status != "pending" and node.why != "upstream"]
    if begun:
        driver.tell(RerunRequested(rng.choice(begun).path))
