"""``lightagent chat``: a conversation."""

from __future__ import annotations

import asyncio
import importlib
import sys
from contextlib import suppress

from lightagent.agent import LightAgent
from lightagent.application.projections.result import RunResult
from lightagent.application.projections.stream_events import StreamEvent
from lightagent.bootstrap import open_app
from lightagent.domain.errors import LightAgentError
from lightagent.domain.json_types import JsonObject
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
from lightagent.entrypoints.cli.tool_files import load_tools
from lightagent.entrypoints.cli.trace_tree import print_tree
from lightagent.entrypoints.cli.watched_run import watched_run
from lightagent.options import RunOptions

HELP = """\
/help   this text
/trace  what happened in the last answer, as a tree
/reset  forget the conversation
/exit   leave (as Ctrl-D does); Ctrl-C stops the current answer"""


@guarded
def chat(
    tools: Tools = None,
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

    Within the chat: /help, /trace, /reset, /exit. Ctrl-C stops the current answer, Ctrl-D leaves.

    **Examples**

    `lightagent chat`

    `lightagent chat --tools examples/repository_tools.py`

    `lightagent chat --session monday`, which goes on where it was left

    `lightagent chat --profile prod --instructions "Answer in French."`
    """
    settings = settings_for(config, profile, debug, trust_config)
    found = load_tools(tools)
    app = open_app(settings, logins=app_logins(settings))
    agent = app.agent(**agent_options(found, instructions))
    show_destination(app.model)
    err().print(f"{app.model.name} · /help for help, Ctrl-D to leave", markup=False)
    with asyncio.Runner() as runner:
        try:
            _Conversation(agent, RunOptions(tenant=tenant, user_id=user, session_id=session, trace=True), runner).hold()
        finally:
            # On the loop that the connections belong to.
            runner.run(app.aclose())
    return ExitCode.COMPLETED


class _Conversation:
    """One chat: the history of finished answers, and the last result for /trace."""

    def __init__(self, agent: LightAgent, options: RunOptions, runner: asyncio.Runner) -> None:
        self._agent = agent
        self._options = options
        self._is_stored = options.get("session_id") is not None
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
            options["history"] = self._history
        work = watched_run(self._agent, question, screen.show, **options)
        try:
            self._last = self._runner.run(work)
        except KeyboardInterrupt:
            # Ctrl-C while the answer comes: the run is cancelled, the conversation stays as it was before.
            screen.end()
            err().print("Stopped; the conversation is as it was before this question.", style="yellow")
            return
        except LightAgentError as exc:
            screen.end()
            show_error(exc.info)
            return
        screen.end()
        if self._last.error is not None:
            show_error(self._last.error)
        elif self._last.success:
            self._history = self._last.history()
        else:
            err().print("A tool call waits for approval, which the chat cannot give.", style="yellow")


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
