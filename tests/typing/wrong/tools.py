"""Tools with options that do not exist, called with what they do not take, or given other dependencies."""

from lightagent import ApprovalDecision, RunContext, Tool, tool


class Deps:
    token: str


@tool
def plain(city: str) -> int:
    """A forecast."""
    return len(city)


@tool
def with_context(ctx: RunContext[Deps], city: str) -> str:
    """A forecast."""
    len(ctx.deps.password)  # wrong
    ctx.user_id = "other"  # wrong
    ctx.report(5)  # wrong
    return ctx.deps.token + city


plain(5)  # wrong
plain()  # wrong
text: str = plain("Bern")  # wrong
needs: Tool[int] = with_context  # wrong
tool(timeout="5")(len)  # wrong
tool(retries=5)(len)  # wrong
tool("a name")  # wrong
ApprovalDecision("maybe")  # wrong
ApprovalDecision.edit("Bern")  # wrong

fits: Tool[Deps] = with_context
number: int = plain("Bern")
