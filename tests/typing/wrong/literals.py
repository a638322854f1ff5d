"""Codes and statuses that do not exist."""

from lightagent import (
    HookContext,
    LightAgentError,
    LightAgentErrorInfo,
    LightFlowResult,
    ProviderError,
    RunInfo,
    RunResult,
    Runs,
    ToolCallRecord,
)


def use(value: object) -> None: ...


def codes(error: LightAgentError) -> None:
    use(error.code == "LA-492")  # wrong
    use(LightAgentErrorInfo("429", "Busy."))  # wrong
    raise ProviderError("Busy.", code="LA-4290")  # wrong


def phases(context: HookContext) -> None:
    use(context.phase == "before_tool")  # wrong


def statuses(result: RunResult, call: ToolCallRecord, flow: LightFlowResult, run: RunInfo, runs: Runs) -> None:
    use(result.outcome.kind == "complete")  # wrong
    use(call.status == "error")  # wrong
    use(flow.status == "succeeded")  # wrong
    use(run.status == "stopped")  # wrong
    use(runs.list(status="interupted"))  # wrong
