"""The loop of ``lightagent chat``: questions, answers, decisions and commands, until the person leaves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass

from lightagent.agent import LightAgent
from lightagent.application.journals.journal import Journal
from lightagent.application.projections.result import RunResult
from lightagent.application.projections.stream_events import StreamEvent
from lightagent.application.sessions.sessions import Sessions
from lightagent.domain.errors import LightAgentError, ToolError
from lightagent.domain.json_types import JsonObject
from lightagent.domain.outcomes import Suspended
from lightagent.entrypoints.cli.ask_decisions import ask_about
from lightagent.entrypoints.cli.console import err, show_error, write_answer
from lightagent.entrypoints.cli.progress import print_line, progress_line, watched_resume, watched_run
from lightagent.entrypoints.cli.read_query import QuestionReader
from lightagent.entrypoints.cli.resume_run import is_decided
from lightagent.entrypoints.cli.trace.tree import print_tree
from lightagent.options import RunOptions
from lightagent.ports.journals import JournalStore

HELP = """\
/help   this text
/trace  show what happened in the last answer, as a tree
/reset  forget the conversation
/exit   leave (as Ctrl-D does); Ctrl-C stops the current answer
Pasted lines are one question."""

_UNDECIDED = "A tool call waits for approval that was not given; the conversation is unchanged."


@dataclass(frozen=True, slots=True)
class Talk:
    """The agent that a person talks with, and its session.

    Attributes:
        agent: answers the questions.
        options: the options of each run.
        undecided: printed if the turn of a stored session still waits for a decision.
        store: the store of sessions; None if they are not stored.
        beginner: returns the agent that started a stored run.
    """

    agent: LightAgent
    options: RunOptions
    undecided: str
    store: JournalStore | None
    beginner: Callable[[Journal], LightAgent]


class Conversation:
    """One chat: its history of completed answers, and the last result for /trace."""

    def __init__(self, talk: Talk, runner: asyncio.Runner) -> None:
        self._talk = talk
        self._session = talk.options.get("session_id")
        self._undecided = _UNDECIDED if self._session is None else talk.undecided
        self._runner = runner
        self._history: list[JsonObject] = []
        self._last: RunResult | None = None

    def hold(self) -> None:
        """Read and answer questions until the user leaves. First ask for decisions that a stored session waits for."""
        self._go_on_with_what_waits()
        reader = QuestionReader()
        while (line := reader.read()) is not None:
            match line.strip():
                case "":
                    continue
                case "/exit" | "/quit":
                    return
                case command if command.startswith("/") and "\n" not in command:
                    self._command(command)
                case question:
                    self._answer(question)

    def _command(self, command: str) -> None:
        console = err()
        match command:
            case "/help":
                console.print(HELP, markup=False)
            case "/reset" if self._session is not None:
                console.print(
                    "This conversation is stored; delete it with `lightagent sessions forget`.", style="yellow"
                )
            case "/reset":
                self._history, self._last = [], None
                console.print("The conversation was reset.", style="dim")
            case "/trace" if self._last is not None:
                print_tree(console, self._last.trace, self._last.tool_calls)
            case "/trace":
                console.print("No answer yet.", style="dim")
            case other:
                console.print(f"Unknown command {other}.\n{HELP}", style="yellow", markup=False)

    def _answer(self, question: str) -> None:
        screen = _Screen()
        options = self._talk.options.copy()
        if self._session is None:
            options.update({"history": self._history})
        result = self._play(watched_run(self._talk.agent, question, screen.show, **options), screen)
        self._until_decided(result, self._talk.agent, screen)

    def _go_on_with_what_waits(self) -> None:
        """Resume the last turn of a stored session if it waits for a person."""
        store, options, screen = self._talk.store, self._talk.options, _Screen()
        if self._session is None or store is None:
            return
        sessions = Sessions(store, tenant=options.get("tenant") or "")
        try:
            journal = self._runner.run(sessions.journal(self._session, options.get("user_id") or ""))
            if journal is None or not isinstance(journal.run.outcome, Suspended):
                return
            agent = self._talk.beginner(journal)
            known = self._runner.run(is_decided(store, journal))
        except LightAgentError as exc:
            show_error(exc.info)
            return
        err().print("The last turn of this session waits for a decision.", style="yellow")
        result: RunResult | None = agent.replay(journal, trace=True)
        if known:
            result = self._play(watched_resume(agent, journal, None, screen.show), screen)
        self._until_decided(result, agent, screen)

    def _until_decided(self, result: RunResult | None, agent: LightAgent, screen: _Screen) -> None:
        """Ask about the waiting calls of a run and resume it, until it ends or a call is not decided."""
        while result is not None:
            if not isinstance(result.outcome, Suspended):
                self._keep(result)
                return
            decided = ask_about(result.journal)
            if decided is None:
                self._last = result
                err().print(self._undecided, style="yellow")
                return
            waiting = result
            result = self._play(watched_resume(agent, result.journal, decided, screen.show), screen, waiting)

    def _play(
        self, work: Coroutine[object, object, RunResult], screen: _Screen, waiting: RunResult | None = None
    ) -> RunResult | None:
        """Execute a run or a part of it and return its result; None if it was interrupted or refused.

        Args:
            waiting: the result that is resumed. It is returned if the arguments that a person wrote are invalid, since
                the run then still waits.
        """
        try:
            return self._runner.run(work)
        except KeyboardInterrupt:
            # Ctrl-C during the answer: the run is cancelled, and the conversation is unchanged.
            screen.end()
            err().print("Stopped; the question and its answer are dropped.", style="yellow")
            return None
        except LightAgentError as exc:
            screen.end()
            show_error(exc.info)
            return waiting if isinstance(exc, ToolError) else None
        finally:
            screen.end()

    def _keep(self, result: RunResult) -> None:
        self._last = result
        if result.error is not None:
            show_error(result.error)
        elif result.success:
            self._history = result.history()


class _Screen:
    """Streams the text to standard output and other events to standard error, each on separate lines."""

    def __init__(self) -> None:
        self._in_line = False

    def show(self, event: StreamEvent) -> None:
        if event.type == "content":
            text = event.data["text"]
            write_answer(text)
            self._in_line = bool(text) and not text.endswith("\n")
        elif line := progress_line(event):
            self.end()
            print_line(err(), line)

    def end(self) -> None:
        """End the current line of text."""
        if self._in_line:
            write_answer("\n")
        self._in_line = False
