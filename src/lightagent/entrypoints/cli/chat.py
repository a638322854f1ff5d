"""``lightagent chat``: a conversation."""

from __future__ import annotations

import asyncio
import importlib
import sys
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AsyncExitStack, suppress
from typing import Annotated, TypeAlias

import typer

from lightagent.agent import LightAgent
from lightagent.application.projections.result import RunResult
from lightagent.application.projections.stream_events import StreamEvent
from lightagent.bootstrap import open_app
from lightagent.domain.errors import ConfigurationError, LightAgentError
from lightagent.domain.json_types import JsonObject
from lightagent.domain.outcomes import Suspended
from lightagent.entrypoints.cli.ask_approval import ask_about
from lightagent.entrypoints.cli.console import ExitCode, err, guarded, show_error, write_answer
from lightagent.entrypoints.cli.destination import show_destination
from lightagent.entrypoints.cli.logins import app_logins
from lightagent.entrypoints.cli.options import (
    Config,
    Debug,
    Instructions,
    Profile,
    Session,
    Tenant,
    Tools,
    TrustConfig,
    User,
    settings_for,
)
from lightagent.entrypoints.cli.progress import print_line, progress_line
from lightagent.entrypoints.cli.run_command import agent_options
from lightagent.entrypoints.cli.swarm_files import agents_of, load_swarm
from lightagent.entrypoints.cli.telemetry_losses import show_losses
from lightagent.entrypoints.cli.tool_files import load_tools
from lightagent.entrypoints.cli.trace_tree import print_tree
from lightagent.entrypoints.cli.watched_run import watched_resume, watched_run
from lightagent.options import RunOptions
from lightagent.settings.origins import printable
from lightagent.swarm import LightSwarm

HELP = """\
/help   this text
/trace  what happened in the last answer, as a tree
/reset  forget the conversation
/exit   leave (as Ctrl-D does); Ctrl-C stops the current answer"""

_UNDECIDED = "A tool call waits for approval, and nobody at a terminal gave it; the conversation is as it was before."
_UNDECIDED_STORED = "A tool call waits for approval. `lightagent sessions resume` decides about it and goes on."
_UNDECIDED_SWARM = "A tool call waits for approval, and with it the session; a program decides about it, by resume()."


Swarm: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--swarm", metavar="FILE.py:NAME", help="Talk with a LightSwarm of this file or MODULE:NAME. The file is run."
    ),
]


@guarded
def chat(
    tools: Tools = None,
    swarm: Swarm = None,
    config: Config = None,
    profile: Profile = None,
    instructions: Instructions = None,
    tenant: Tenant = "",
    user: User = "",
    session: Session = None,
    debug: Debug = False,
    trust_config: TrustConfig = False,
) -> ExitCode:
    """Talk. Answers stream, tool calls are shown as they happen, and the conversation is kept until /reset.

    Within the chat: /help, /trace, /reset, /exit. Ctrl-C stops the current answer, Ctrl-D leaves. On a terminal you are
    asked about calls of tools that wait for approval.

    **Examples**

    `lightagent chat`

    `lightagent chat --tools examples/repository_tools.py`

    `lightagent chat --swarm examples/service_desk/desk.py:desk`, whose first agent takes each question

    `lightagent chat --session monday`, which goes on where it was left

    `lightagent chat --profile prod --instructions "Answer in French."`
    """
    options = RunOptions(tenant=tenant, user_id=user, session_id=session, trace=True)
    if swarm is not None:
        _refuse_beside_a_swarm(
            {
                "--tools": tools,
                "--instructions": instructions,
                "--config": config,
                "--profile": profile,
                "--debug": debug,
                "--trust-config": trust_config,
            }
        )
        return _talk_with_swarm(load_swarm(swarm), options)
    settings = settings_for(config, profile, debug, trust_config)
    found = load_tools(tools)
    app = open_app(settings, logins=app_logins(settings))
    agent = app.agent(**agent_options(found, instructions))
    show_destination(app.model)
    code = _talk(agent, options, app.model.name, app.aclose, _UNDECIDED_STORED)
    show_losses(app)
    return code


def _refuse_beside_a_swarm(given: Mapping[str, object]) -> None:
    names = [name for name, value in given.items() if value]
    if names:
        raise ConfigurationError(
            f"--swarm: Its agents are made by the file, so {', '.join(names)} would change nothing.",
            guidance="Leave the other options out, and say it in the file.",
        )


def _talk_with_swarm(swarm: LightSwarm, options: RunOptions) -> ExitCode:
    agents = agents_of(swarm)
    show_destination(*(agent.means.model for agent in agents))

    async def close() -> None:
        async with AsyncExitStack() as stack:
            for agent in agents:
                stack.push_async_callback(agent.aclose)

    return _talk(
        swarm.member(agents[0]), options, ", ".join(printable(name) for name in swarm.agents), close, _UNDECIDED_SWARM
    )


def _talk(
    agent: LightAgent,
    options: RunOptions,
    title: str,
    close: Callable[[], Coroutine[object, object, None]],
    undecided: str,
) -> ExitCode:
    """Hold the conversation.

    Args:
        title: whom the person talks with.
        close: closes what was opened.
        undecided: what a person is told of a stored session whose turn waits for a decision.
    """
    err().print(f"{title} · /help for help, Ctrl-D to leave", markup=False)
    with asyncio.Runner() as runner:
        try:
            _Conversation(agent, options, runner, undecided).hold()
        finally:
            # On the loop that the connections belong to.
            runner.run(close())
    return ExitCode.COMPLETED


class _Conversation:
    """One chat: the history of finished answers, and the last result for /trace."""

    def __init__(self, agent: LightAgent, options: RunOptions, runner: asyncio.Runner, undecided: str) -> None:
        self._agent = agent
        self._options = options
        self._is_stored = options.get("session_id") is not None
        self._undecided = undecided if self._is_stored else _UNDECIDED
        self._runner = runner
        self._history: list[JsonObject] = []
        self._last: RunResult | None = None

    def hold(self) -> None:
        """Read and answer until the user leaves."""
        while (line := _read_line()) is not None:
            match line.strip():
                case "":
                    continue
                case "/exit" | "/quit":
                    return
                case command if command.startswith("/"):
                    self._command(command)
                case question:
                    self._answer(question)

    def _command(self, command: str) -> None:
        console = err()
        match command:
            case "/help":
                console.print(HELP, markup=False)
            case "/reset" if self._is_stored:
                console.print("This conversation is stored; `lightagent sessions forget` removes it.", style="yellow")
            case "/reset":
                self._history, self._last = [], None
                console.print("The conversation is forgotten.", style="dim")
            case "/trace" if self._last is not None:
                print_tree(console, self._last.trace, self._last.tool_calls)
            case "/trace":
                console.print("There is no answer yet.", style="dim")
            case other:
                console.print(f"There is no command {other}.\n{HELP}", style="yellow", markup=False)

    def _answer(self, question: str) -> None:
        screen = _Screen()
        options = self._options.copy()
        if not self._is_stored:
            options.update({"history": self._history})
        work = watched_run(self._agent, question, screen.show, **options)
        while (result := self._play(work, screen)) is not None:
            if not isinstance(result.outcome, Suspended):
                self._keep(result)
                return
            decided = ask_about(result.journal)
            if decided is None:
                self._last = result
                err().print(self._undecided, style="yellow")
                return
            work = watched_resume(self._agent, result.journal, decided, screen.show)

    def _play(self, work: Coroutine[object, object, RunResult], screen: _Screen) -> RunResult | None:
        """What came of a run or of a part of it; None where it was stopped, or refused."""
        try:
            return self._runner.run(work)
        except KeyboardInterrupt:
            # Ctrl-C while the answer comes: the run is cancelled, the conversation stays as it was before.
            screen.end()
            err().print("Stopped; the conversation is as it was before this question.", style="yellow")
            return None
        except LightAgentError as exc:
            screen.end()
            show_error(exc.info)
            return None
        finally:
            screen.end()

    def _keep(self, result: RunResult) -> None:
        self._last = result
        if result.error is not None:
            show_error(result.error)
        elif result.success:
            self._history = result.history()


class _Screen:
    """Streams the text to standard output, and what else happens to standard error, each on lines of its own."""

    def __init__(self) -> None:
        self._in_line = False

    def show(self, event: StreamEvent) -> None:
        if event.type == "content":
            text = str(event.data.get("text", ""))
            write_answer(text)
            self._in_line = bool(text) and not text.endswith("\n")
        elif line := progress_line(event):
            self.end()
            print_line(err(), line)

    def end(self) -> None:
        """Finish the line that is being written."""
        if self._in_line:
            write_answer("\n")
        self._in_line = False


def _read_line() -> str | None:
    """A line from the user; None at the end of input. Ctrl-C empties the line."""
    try:
        if not sys.stdin.isatty():
            return input()
        with suppress(ImportError):
            # Where it exists, importing it gives `input` line editing and a history of lines.
            importlib.import_module("readline")
        return input("> ")
    except EOFError:
        return None
    except KeyboardInterrupt:
        err().print()
        return ""
