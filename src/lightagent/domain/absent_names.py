"""Names and options that a program may expect, and that are not here: what to say of each.

Some are of the 0.9 line and have another form now, some are of parts that do not exist yet, and some are what other
frameworks call an option.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_EVALUATION: Final = "Evaluation is planned and does not exist yet. Until then, assert on RunResult in a test of yours."
_CONNECTORS: Final = "Connectors do not exist here: tools, skills and MCP servers are given to an agent directly."
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
    "HookManager": "A manager of hooks is not needed: LightAgent(hooks=[...]) calls them in order.",
    "GuardrailManager": "A manager is not needed: pass input_guardrails=, tool_guardrails=, output_guardrails=.",
    "LoggerManager": "Logs are those of Python's logging: LightAgent(debug=True, log_level=..., log_file=...).",
    "MCPClientManager": "Use agent.setup_mcp(...), or LightAgent(tools=[mcp_tools(McpServer(...))]).",
    "LiteLLMClient": 'Use LightAgent(provider="litellm"), or a model of your own.',
    "SharedMemoryRecord": "SharedMemoryPool.list_records() gives dictionaries; a memory is a MemoryRecord.",
    **{
        name: f"It stands in a module of its own: from {module} import {name}."
        for module, names in {
            "lightagent.adapters.journals.sqlite": ("SqliteJournalStore",),
            "lightagent.adapters.journals.files": ("JsonFilesJournalStore",),
            "lightagent.adapters.journals.postgres": ("PostgresJournalStore",),
            "lightagent.adapters.journals.memory": ("MemoryJournalStore",),
            "lightagent.adapters.memory.sqlite": ("SqliteMemory",),
            "lightagent.adapters.chat.openai": ("EndpointProfile",),
            "lightagent.testing": ("ScriptedModel", "call_tool"),
        }.items()
        for name in names
    },
    "Agent": "It is called LightAgent.",
    "Swarm": "It is called LightSwarm.",
    "Flow": "It is called LightFlow.",
    "function_tool": "It is called tool: from lightagent import tool; a typed function needs none.",
    "upload_file_to_oss": "Tools for one cloud are not included: write a typed function and pass it in tools=.",
}
"""Names at the top of the package."""

AGENT_METHODS: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        ("invoke", "chat", "ask", "generate", "query", "execute", "run_sync", "kickoff", "complete"),
        "An agent is asked by agent.run(query), or agent.run_result(query) for all that came of it.",
    ),
    **dict.fromkeys(("ainvoke", "run_async", "achat"), "It is called await agent.arun(query)."),
    **dict.fromkeys(("run_stream", "stream_run"), "It is called agent.stream(query), or agent.stream_events(query)."),
    **dict.fromkeys(
        ("add_tool", "register_tool", "tool"),
        "Tools are given when it is made, LightAgent(tools=[...]), or to a run, agent.run(query, tools=[...]).",
    ),
    "model": "It is agent.means.model.",
    "tools": "Their declarations are in agent.preview(query).",
    "history": "That of a run is result.history().",
    "memory": "It is the object that was passed as memory=.",
}
"""Methods that agents do not have."""

SWARM_METHODS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("add_agent", "add_agents", "add", "register", "register_agents"), "It is called register_agent."),
    **dict.fromkeys(
        ("resume", "aresume", "as_tool", "invoke"),
        "An agent of it does that: swarm.member(agent).{name}(...).",
    ),
}
"""Methods that swarms do not have."""


def absent_method(owner: str, name: str, told: Mapping[str, str]) -> AttributeError:
    """The exception for a method that an object does not have; `told` says of some what there is instead."""
    text = told.get(name, "").replace("{name}", name)
    return AttributeError(f"{owner!r} object has no attribute {name!r}{text and f'. {text}'}", name=name)


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
    "guardrails": "There are three kinds: input_guardrails=, tool_guardrails= and output_guardrails=.",
    "skills": "It is called skills_directories=.",
    "mcp": "Use await agent.setup_mcp(...), or tools=[mcp_tools(McpServer(...))].",
    "mcp_servers": "Use await agent.setup_mcp(...), or tools=[mcp_tools(McpServer(...))].",
    "agents": "Agents work together in a LightSwarm, or as tools: tools=[other.as_tool(name, description)].",
    "backstory": "It is called role= or instructions=.",
    "goal": "It is called role= or instructions=.",
    "description": "It is called role= or instructions=.",
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
        for name in ("role", "model", "output_type", "deps_type", "memory", "hooks")
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

FLOW_OPTIONS: Final[Mapping[str, str]] = {
    "steps": "Steps are added to it: LightFlow().step(name, agent=...).",
    "agents": "They are given to its steps: LightFlow().step(name, agent=...).",
    "max_retry": "Give it to a step: .step(name, agent=..., max_retry=...).",
    "timeout": "Give it to a step: .step(name, agent=..., timeout=...).",
    "checkpoint": 'Runs are kept in a store: LightFlow(store=JsonLightFlowStore("runs")).',
}
"""Options that `LightFlow` does not have."""

STEP_OPTIONS: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        ("func", "function", "fn", "action", "handler", "task", "run"),
        "It is called agent=, which takes functions as well.",
    ),
    **dict.fromkeys(("depends", "after", "needs", "dependencies"), "It is called depends_on=[...]."),
    **dict.fromkeys(("retries", "max_retries", "attempts"), "It is called max_retry=."),
    **dict.fromkeys(("input", "prompt", "message"), "It is called query=."),
    **dict.fromkeys(("condition", "run_if", "only_if"), "It is called when=."),
    **dict.fromkeys(("approval", "human", "approve"), "It is called requires_approval=True."),
    "fallback": "It is called fallback_agent=.",
}
"""Options that steps of flows do not have."""

FLOW_RUN_OPTIONS: Final[Mapping[str, str]] = {
    "stream": "This method gives no stream: flow.stream_events(query) does, astream_events(query) in async programs.",
    "session_id": "A flow keeps runs, not conversations: name the run with run_id=.",
    "user": "It is called user_id=.",
    "deps": "Runs of flows are given none; let the functions of steps close over what they need.",
    "history": "A flow begins from its query alone; put what was said into it.",
    "max_retry": "It belongs to a step: .step(name, agent=..., max_retry=...).",
    "timeout": "It belongs to a step: .step(name, agent=..., timeout=...).",
}
"""Options that runs of flows do not have."""
