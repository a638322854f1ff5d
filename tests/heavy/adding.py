"""A tiny workflow. It is a module of its own because Temporal imports a workflow's module once more, in a sandbox."""

from datetime import timedelta

from temporalio import activity, workflow


@activity.defn
async def add(first: int, second: int) -> int:
    return first + second


@workflow.defn
class Adding:
    """Adds numbers up, two at a time."""

    @workflow.run
    async def run(self, numbers: list[int]) -> int:
        total = 0
        for number in numbers:
            total = await workflow.execute_activity(
                add, args=[total, number], start_to_close_timeout=timedelta(seconds=10)
            )
        return total


@workflow.defn(name="Adding")
class AddingLate:
    """The same workflow after a careless change: it begins with something that its histories do not have."""

    @workflow.run
    async def run(self, numbers: list[int]) -> int:
        await workflow.sleep(1)
        return sum(numbers)
