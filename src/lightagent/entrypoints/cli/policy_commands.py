"""``lightagent policy``: explain who may call which tools according to the settings, without a model."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated

import typer

from lightagent.application.tools.catalogue import Catalogue
from lightagent.application.tools.foreign_tool import declared
from lightagent.application.tools.function_tool import as_tool
from lightagent.application.tools.loader import ToolLoader
from lightagent.compose.configured.tools import open_tools
from lightagent.domain.json_types import JsonObject
from lightagent.domain.policy.capabilities import MCP, NOT_OFFERED, CapabilityPolicy, Permission, Requester
from lightagent.domain.tools.foreign_names import called_by_models
from lightagent.domain.tools.spec import ToolSpec
from lightagent.entrypoints.cli.console import out, write_answer
from lightagent.entrypoints.cli.exit_codes import ExitCode, guarded
from lightagent.entrypoints.cli.options import AsJson, Config, Profile, Tools, TrustConfig, settings_for
from lightagent.entrypoints.cli.tools.files import load_tools
from lightagent.settings.origins import printable
from lightagent.settings.sections.mcp import McpServerSettings

policy_app: typer.Typer = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown")


@policy_app.callback()
def policy() -> None:
    """Explain who may call which tools."""


@policy_app.command()
@guarded
def explain(
    tool: Annotated[str, typer.Option("--tool", help="The name of the tool.")],
    user: Annotated[str, typer.Option("--user", "-u", help="Whose run it is.")] = "",
    agent: Annotated[str, typer.Option("--agent", help="The agent that calls it.")] = "",
    tenant: Annotated[str, typer.Option("--tenant", help="The tenant whose run it is.")] = "",
    tools: Tools = None,
    directory: Annotated[
        Path | None, typer.Option("--directory", "-d", metavar="DIR", help="A directory of tools. Its files are run.")
    ] = None,
    as_json: AsJson = False,
    config: Config = None,
    profile: Profile = None,
    trust_config: TrustConfig = False,
) -> ExitCode:
    """Explain what `[default.policy]` decides about a call: the rule that decides, and why the others do not.

    The declarations of the tool are read from `--tools`, `--directory` or `[default.tools]` of the settings. A tool
    that is not among them is denied. Without any of these, and for tools of MCP servers (`SERVER/TOOL`), which are not
    connected to, the tool counts as one without declarations.

    **Examples**

    `lightagent policy explain --user ann --tool send_mail --tools my_tools.py`

    `lightagent policy explain --user ann --tool files/read_file`

    `lightagent policy explain --user ann --agent clerk --tool delete_file --json | jq .access`
    """
    settings = settings_for(config, profile, False, trust_config)
    chosen = settings.policy.capabilities()
    loader = ToolLoader(directory) if directory is not None else None if tools else open_tools(settings)
    is_listed = "/" not in tool and (bool(tools) or loader is not None)
    spec = asyncio.run(_offered(tools, loader)).get(tool) if is_listed else _undeclared(tool, settings.mcp)
    requester = Requester(user, agent, tenant)
    permission = _permission(chosen, requester, spec)
    flow = None if spec is None else settings.policy.information_flow().rule(spec, ("text of others",))
    tainted = permission.access if flow is None or permission.access == "deny" else flow.access
    others = () if chosen is None or spec is None else tuple(_others(chosen, requester, spec, permission.rule))
    if as_json:
        answer: JsonObject = {
            "access": permission.access,
            "rule": permission.rule,
            "reason": permission.reason,
            "after_untrusted_text": tainted,
            "others": [*others],
        }
        write_answer(json.dumps(answer, ensure_ascii=False, indent=2) + "\n")
        return ExitCode.COMPLETED
    console = out()
    console.print(printable(f"{permission.access} · {tool} · {permission.reason}"), markup=False)
    if spec is not None:
        console.print(printable(_declaration(spec)), markup=False)
    if tainted != permission.access:
        console.print(f"After untrusted text: {tainted}, since the tool has outside effects.", markup=False)
    for line in others:
        console.print(printable(line), markup=False)
    return ExitCode.COMPLETED


def _permission(policy: CapabilityPolicy | None, requester: Requester, spec: ToolSpec | None) -> Permission:
    if spec is None:
        return NOT_OFFERED
    if policy is None:
        return Permission("allow", 0, "No policy: the settings have no [default.policy] with rules.")
    return policy.decide(requester, spec)


def _declaration(spec: ToolSpec) -> str:
    capabilities = ", ".join(spec.capabilities) or "no capability"
    return f"The tool declares {capabilities} and {spec.risk or 'no'} risk."


def _others(policy: CapabilityPolicy, requester: Requester, spec: ToolSpec, decided: int) -> Iterator[str]:
    """Yield for each other rule why it did not decide."""
    for place, rule in enumerate(policy.rules, 1):
        if place != decided:
            why = rule.mismatch(requester, spec) or "another rule decides before it"
            named = f" {rule.name!r}" if rule.name else ""
            yield f"Rule {place}{named}, {rule.access}: does not apply, since {why}."


def _undeclared(written: str, servers: Mapping[str, McpServerSettings]) -> ToolSpec:
    """Return the spec of a tool that is not listed; for ``SERVER/TOOL`` with the declarations of the settings."""
    named = max((name for name in servers if written.startswith(f"{name}/")), key=len, default="")
    server, slash, _ = (named, "/", "") if named else written.partition("/")
    known = servers.get(server)
    return ToolSpec(
        called_by_models(written)[0],
        "",
        {},
        capabilities=() if known is None else tuple(known.capabilities),
        risk=None if known is None else known.risk,
        provider=f"{MCP}{server}" if slash else "",
        original=written if slash else "",
    )


async def _offered(files: list[str] | None, loader: ToolLoader | None) -> dict[str, ToolSpec]:
    """Return the specs of the tools in the files and the directory, by name."""
    catalogue: Catalogue[object] = Catalogue(map(as_tool, load_tools(files)), () if loader is None else (loader,))
    try:
        toolset = await catalogue.toolset()
        return {name: declared(tool, name) for name, tool in toolset.tools.items()}
    finally:
        await catalogue.aclose()
