"""When a fact holds, and which newer fact has taken its place."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightagent.domain.errors import ConfigurationError
from lightagent.domain.memory.recall_filter import RecallFilter
from lightagent.domain.memory.records import MemoryOwner, MemoryRecord
from lightagent.domain.memory.validity import Version, ends_of, line_of, named_with, superseded_ids, version_of

TIMES = st.floats(0, 100)
SIBLINGS = st.lists(st.tuples(TIMES, TIMES), min_size=1, max_size=8)


@given(SIBLINGS, st.randoms())
def test_of_those_who_correct_one_fact_exactly_one_holds_at_any_time(
    times: list[tuple[float, float]], chance: Random
) -> None:
    versions = [Version(str(place), since, at, ("root",)) for place, (since, at) in enumerate(times)]
    shuffled = list(versions)
    chance.shuffle(shuffled)
    ends = ends_of(shuffled)
    assert ends == ends_of(versions)
    for moment in (*(one.since for one in versions), 1000.0):
        holding = [one for one in versions if one.since <= moment < ends.get(one.memory_id, 2000.0)]
        assert [one.order for one in holding] == [max(one.order for one in versions if one.since <= moment)]


def test_a_chain_ends_each_state_where_the_next_begins_also_where_it_begins_before() -> None:
    chain = [version_of("0", {}, 0.0)]
    for number in range(1, 20):
        named = [*named_with(chain[-1].memory_id, {"supersedes": list(chain[-1].supersedes)})]
        chain.append(version_of(str(number), {"supersedes": named}, float(number)))
    ends = ends_of(chain)
    assert [ends[one.memory_id] for one in chain[:-1]] == [later.since for _, later in pairwise(chain)]
    assert all(len(one.supersedes) <= 4 for one in chain)
    assert line_of(chain[7], chain) == {one.memory_id for one in chain}
    retroactive = version_of("20", {"supersedes": ["19"], "valid_from": 3}, 20.0)
    assert ends_of([*chain, retroactive])["19"] == 3.0


def test_two_who_name_each_other_leave_the_later_one() -> None:
    one, other = version_of("a", {"supersedes": "b"}, 1.0), version_of("b", {"supersedes": "a"}, 2.0)
    assert ends_of([one, other]) == {"a": 2.0}


@pytest.mark.parametrize("said", [5, None, {"a": "b"}, [1, None, ["a"]], "", [""], "own", ["own"], b"x"])
def test_what_names_no_other_memory_supersedes_none(said: object) -> None:
    assert superseded_ids("own", {"supersedes": said}) == ()


def test_a_memory_that_names_too_many_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="at most 100"):
        MemoryRecord("m", MemoryOwner(), "text", {"supersedes": [str(number) for number in range(101)]})


@pytest.mark.parametrize("moment", [float("nan"), float("inf"), -float("inf")])
def test_a_search_is_as_of_a_time_that_there_is(moment: float) -> None:
    with pytest.raises(ConfigurationError, match="finite"):
        RecallFilter(1.0, valid_at=moment)
    with pytest.raises(ConfigurationError, match="finite"):
        RecallFilter(moment)
