"""The certificates of what runs programs."""

from collections.abc import Mapping
from typing import ClassVar

import pytest

from lightagent import CodeLimits, MontyRunner, SubprocessRunner
from lightagent.domain.code.programs import MOST_COUNTED, MOST_SECONDS, CodeJob, CodeResult, CodeText
from lightagent.testing.contracts.code_runner import CodeRunnerContract


class TestMonty(CodeRunnerContract):
    kind = "monty"
    takes_arguments: ClassVar[bool] = False


@pytest.mark.needs("bubblewrap")
class TestSubprocess(CodeRunnerContract):
    kind = "subprocess"


class TestUnisolated(CodeRunnerContract):
    kind = "subprocess"
    is_isolated: ClassVar[bool] = False

    def prepare(self) -> Mapping[str, object]:
        return {"allow_unisolated": True, "bubblewrap": "/nowhere/bwrap"}


@pytest.mark.parametrize("runner", [MontyRunner, pytest.param(SubprocessRunner, marks=pytest.mark.needs("bubblewrap"))])
async def test_the_highest_limits_of_a_runner_are_as_good_as_none(
    runner: type[MontyRunner | SubprocessRunner],
) -> None:
    most = CodeLimits(MOST_SECONDS, MOST_COUNTED, MOST_COUNTED, MOST_COUNTED, MOST_COUNTED)
    assert await runner(limits=most).run(CodeJob(CodeText("print(1)"))) == CodeResult(0, "1\n")
