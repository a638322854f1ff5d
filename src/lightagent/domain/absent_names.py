"""Names and options that a program may expect, and that are not here: what to say of each.

Some are of the 0.9 line and have another form now, some are of parts that do not exist yet, and some are what other
frameworks call an option.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_EVALUATION: Final = "Evaluation is planned and does not exist yet. Until then, assert on RunResult in a test of yours."
_CONNECTORS: Final = "There are no connectors: tools, skills and MCP servers are given to an agent directly."
_CODE: Final = "Tools that run code are off unless added: LightAgent(tools=[CodeTools(MontyRunner())])."

ABSENT_NAMES: Final[Mapping[str, str]] = {
    **dict.fromkeys(("LightEvaluator", "EvaluationCase", "EvaluationCaseResult", "EvaluationReport"), _EVALUATION),
    **dict.fromkeys(
        (
            "ConnectorDiagnostic",
            "ConnectorManifest",
            "ConnectorValidationReport",
            "ConnectorValidator",
            "validate_connector",
        ),
        _CONNECTORS,
    ),
    **dict.fromkeys(("execute_python_code", "execute_python_code_stream", "execute_python_file"), _CODE),
    "HookManager": "There is no manager of hooks: LightAgent(hooks=[...]) calls them in order.",
    "GuardrailManager": "There is no manager: pass input_guardrails=, tool_guardrails=, output_guardrails=.",
    "LoggerManager": "Logs are those of Python's logging: LightAgent(debug=True, log_level=..., log_file=...).",
    "MCPClientManager": "Use agent.setup_mcp(...), or LightAgent(tools=[mcp_tools(McpServer(...))]).",
    "LiteLLMClient": 'Use LightAgent(provider="litellm"), or a model of your own.',
    "SharedMemoryRecord": "SharedMemoryPool.list_records() gives dictionaries; a memory is a MemoryRecord.",
    "upload_file_to_oss": "There are no tools for one cloud: write a typed function and pass it in tools=.",
}
"""Names at the top of the package."""

_RUN_ONLY: Final = "It is given to a run: agent.run(query, {name}=...)."
_PARAMETER: Final = "It is a parameter of the model's request: metadata={{{name!r}: ...}}, of the agent or of a run."

AGENT_OPTIONS: Final[Mapping[str, str]] = {
    "websocket_base_url": "Models are asked over HTTP alone; leave it out.",
    "system_prompt": "It is called instructions=.",
    "system": "It is called instructions=.",
    "prompt": "It is called instructions=.",
    "functions": "They are called tools=.",
    "verbose": "It is called debug=.",
    "llm": "It is called model=.",
    "model_name": "It is called model=.",
    "response_format": "It is called output_type=.",
    "result_type": "It is called output_type=.",
    "stream": "It is given to a run: agent.stream(query), or agent.run(query, stream=True).",
    "max_retry": "Give it to a run, agent.run(query, max_retry=...), or to all: limits=Limits(max_retry=...).",
    "max_tool_iterations": "Give it to a run, or to all runs of the agent: limits=Limits(max_tool_iterations=...).",
    "timeout": "Give it to a run, agent.run(query, timeout=...), or to all: limits=Limits(timeout=...).",
    "deps": "The type is given to the agent, deps_type=..., and the value to each run: agent.run(query, deps=...).",
    **{
        name: _RUN_ONLY.format(name=name)
        for name in ("user_id", "history", "session_id", "tenant", "trace", "journal", "use_skills")
    },
    **{
        name: _PARAMETER.format(name=name)
        for name in ("temperature", "max_tokens", "top_p", "seed", "stop", "reasoning_effort")
    },
}
"""Options that `LightAgent` does not have."""

RUN_OPTIONS: Final[Mapping[str, str]] = {
    "approval_id": "Decisions are given to resume(): agent.resume(result.journal, ApprovalDecision.approve()).",
    "light_swarm": "A swarm runs its agents: LightSwarm().run(agent=..., query=...).",
    "stream": "This method gives no stream: stream() and stream_events() do, astream() and astream_events() in async "
    "programs, and run(stream=True) as in the 0.9 line.",
    "result_format": "This method gives one form: run() gives the text, run_result() a RunResult, stream() chunks, "
    "stream_events() events, and their async twins begin with a.",
    "user": "It is called user_id=.",
    "session": "It is called session_id=.",
    "messages": "They are called history=.",
    "context": "It is called deps=, and its type is given to the agent: deps_type=.",
    "max_retries": "It is called max_retry=.",
    "max_iterations": "It is called max_tool_iterations=.",
    "callbacks": "Use hooks= or telemetry= of the agent, or watch stream_events().",
    **{
        name: _PARAMETER.format(name=name)
        for name in ("temperature", "max_tokens", "top_p", "seed", "stop", "reasoning_effort")
    },
    **{
        name: f"It belongs to the agent: LightAgent({name}=...)."
        for name in ("instructions", "role", "model", "output_type", "deps_type", "memory", "hooks")
    },
}
"""Options that runs do not have."""

RESUME_OPTIONS: Final[Mapping[str, str]] = {
    "stream": "resume() gives no stream; aresume_events() does, of journal events.",
    "user_id": "Whose run it is stands in its journal.",
    "session_id": "Which session it belongs to stands in its journal.",
    "approve": "Pass the decision: agent.resume(journal, ApprovalDecision.approve()).",
}
"""Options that going on with a run does not have."""

SWARM_OPTIONS: Final[Mapping[str, str]] = {
    "agents": "Agents are added to it: swarm = LightSwarm(); swarm.register_agent(first, second).",
    "handoffs": "Each agent of a swarm may hand over to each other; register_handoff(Handoff(...)) says how.",
    "max_handoffs": "It is a limit: limits=HandoffLimits(max_handoffs=...).",
    "name": "A swarm has no name; its agents have: LightAgent(name=...).",
    "model": "Its agents bring their models: LightAgent(model=...).",
    "session_store": "Its agents bring it: LightAgent(session_store=...).",
}
"""Options that `LightSwarm` does not have."""
