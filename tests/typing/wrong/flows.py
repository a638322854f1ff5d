"""Programs with flows that do not type-check, each in exactly the marked line."""

from lightagent import LightAgent, LightFlow, StepContext


class Needed:
    """What an agent depends on."""


def two(query: str, limit: int) -> str:
    return query * limit


def read(context: StepContext) -> int:
    return context["input"]  # wrong


def flows(needy: LightAgent[Needed, str], flow: LightFlow) -> None:
    flow.step("a")  # wrong
    flow.step("a", agent="name")  # wrong
    flow.step("a", agent=needy)  # wrong
    flow.step("a", agent=two)  # wrong
    flow.step("a", agent=str.upper, timeout="3")  # wrong
    flow.step("a", agent=str.upper, depends=["b"])  # wrong
    flow.step("a", agent=str.upper, query=3)  # wrong
    flow.run(3)  # wrong
    flow.run("x", result_format="json")  # wrong
    flow.resume("r", run_id="r")  # wrong
    LightFlow(store="runs")  # wrong
    flow.map("m", 3, agent=str.upper)  # wrong
    flow.map("m", ["a"], agent=needy)  # wrong
    flow.loop("l", agent=str.upper, until=True)  # wrong
    flow.sleep("s", "3")  # wrong
    flow.sleep("s", 3, max_retry=3)  # wrong
    flow.wait_for("w", 3)  # wrong
    flow.step("v", agent=str.upper, verify="judge")  # wrong
    flow.step("v", agent=str.upper, on_doubt="maybe")  # wrong
    flow.step("v", agent=str.upper, accept_steps="anybody")  # wrong
    flow.step("v", agent=str.upper, retry=3)  # wrong
    flow.signal("r", "paid", object())  # wrong
