"""What a function gave is remembered for the values that it was called with last, and for no others."""

from __future__ import annotations

from lightagent.domain.last_results import MOST, LastResults


class Counted:
    """Counts what it is called with."""

    def __init__(self) -> None:
        self.calls = list[tuple[int, ...]]()

    def __call__(self, value: tuple[int, ...]) -> int:
        self.calls.append(value)
        return len(value)


def test_a_value_is_worked_out_once() -> None:
    counted = Counted()
    length = LastResults(counted)
    one, same = (1, 2), tuple(range(1, 3))
    assert [length(one), length(one), length(same)] == [2, 2, 2]
    assert [value is one for value in counted.calls] == [True, False], "it was found by what it equals"


def test_the_oldest_is_forgotten() -> None:
    counted = Counted()
    length = LastResults(counted)
    values = [(number, number) for number in range(MOST + 1)]
    for value in (*values, *values[1:]):
        length(value)
    assert len(counted.calls) == MOST + 1
    length(values[0])
    assert len(counted.calls) == MOST + 2


def test_what_fails_is_not_remembered() -> None:
    quotient = LastResults[list[float], float](lambda value: value[0] / value[1])
    value = [1.0, 0.0]
    try:
        quotient(value)
    except ZeroDivisionError:
        value[1] = 2.0
    assert quotient(value) == 0.5
