"""The commands of ``lightagent``, and the module in which each of them is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True, slots=True)
class CommandPlace:
    """Where the function of a command is: ``module:function``, the module in this package.

    Attributes:
        extra_arguments: whether more arguments than the function declares are passed on to it.
    """

    place: str
    extra_arguments: bool = False


@dataclass(frozen=True, slots=True)
class GroupPlace:
    """Where the `typer.Typer` of a group of commands is, what the group is for, and commands that are elsewhere."""

    place: str
    help: str
    commands: dict[str, CommandPlace] = field(default_factory=dict)
    groups: dict[str, GroupPlace] = field(default_factory=dict)


_CONFIG: Final = GroupPlace(
    "config_commands:config_app",
    "Check, show and compare settings, without any network.",
    {"trust": CommandPlace("config_commands:trust"), "untrust": CommandPlace("config_commands:untrust")},
)
_SESSIONS: Final = GroupPlace(
    "sessions.commands:sessions_app",
    "List, show, change, fork, export and delete stored conversations.",
    {
        **{
            name: CommandPlace(f"sessions.changes:{name}") for name in ("undo", "rerun", "resume", "checkpoint", "fork")
        },
        **{name: CommandPlace(f"sessions.retention:{name}") for name in ("trim", "prune", "forget")},
    },
)
_FLOW: Final = GroupPlace(
    "flow.commands:flow_app",
    "Run flows; resume, watch, approve, fork and compare their runs.",
    {
        "list": CommandPlace("flow.records:list_runs"),
        "show": CommandPlace("flow.records:show"),
        "watch": CommandPlace("flow.records:watch"),
        "approve": CommandPlace("flow.approve:approve"),
        "cancel": CommandPlace("flow.records:cancel"),
        "graph": CommandPlace("flow.records:graph"),
        "compare": CommandPlace("flow.records:compare"),
        "codec-server": CommandPlace("flow.codec_server:codec_server"),
        "prune-payloads": CommandPlace("flow.payloads:prune_payloads"),
    },
)
_MEMORY: Final = GroupPlace(
    "memory.commands:memory_app",
    "List, search, export, copy and delete memories of agents.",
    {
        "copy": CommandPlace("memory.changes:copy"),
        "reindex": CommandPlace("memory.changes:reindex"),
        "history": CommandPlace("memory.history:history"),
        "forget": CommandPlace("memory.changes:forget"),
        "verify": CommandPlace("memory.verify:verify"),
        "adopt": CommandPlace("memory.verify:adopt"),
    },
    {
        "candidates": GroupPlace(
            "memory.candidates:candidates_app", "List, show, promote and reject lessons that agents have learned."
        )
    },
)
COMMANDS: Final[dict[str, CommandPlace | GroupPlace]] = {
    "run": CommandPlace("run_command:run", extra_arguments=True),
    "resume": CommandPlace("resume_command:resume_file"),
    "chat": CommandPlace("chat_command:chat"),
    "worker": CommandPlace("flow.worker:worker"),
    "serve": CommandPlace("serve_command:serve"),
    "verify": CommandPlace("verify_command:verify"),
    "doctor": CommandPlace("doctor.command:doctor"),
    "config": _CONFIG,
    "sessions": _SESSIONS,
    "flow": _FLOW,
    "keys": GroupPlace("keys_commands:keys_app", "Create, list and revoke the access keys of a server's clients."),
    "runs": GroupPlace("stored_run_commands:runs_app", "List, show and resume the runs that programs have stored."),
    "trace": GroupPlace("trace.commands:trace_app", "Show, list and compare the traces of runs."),
    "review": GroupPlace("review_commands:review_app", "List, show and decide approval requests."),
    "memory": _MEMORY,
    "tools": GroupPlace(
        "tools.commands:tools_app",
        "List, check and call tools, without a model.",
        {"from-openapi": CommandPlace("tools.openapi:from_openapi")},
    ),
    "skills": GroupPlace("skill_commands:skills_app", "List and check skills, without a model."),
    "policy": GroupPlace("policy_commands:policy_app", "Explain who may call which tools, without calling a model."),
    "mcp": GroupPlace("mcp.commands:mcp_app", "List and inspect MCP servers, without a model."),
    "stores": GroupPlace("adopt_command:stores_app", "Copy a store into another one, to seal, encrypt or move it."),
}
"""The commands of ``lightagent``, in the order in which ``lightagent --help`` lists them."""
