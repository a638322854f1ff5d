"""Questions and messages of programs to a swarm: `consult`, `send_message` and `messages`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Final, Generic, overload

from typing_extensions import TypeVar, Unpack

from lightagent.adapters.system import RandomIds, SystemClock
from lightagent.agent import LightAgent
from lightagent.agent_base import Query
from lightagent.aiokits.sync_bridge import run_sync
from lightagent.application.mailbox.swarm_mail import SwarmMail
from lightagent.application.projections.result import OutputT, RunResult
from lightagent.application.tools.deps import DepsT
from lightagent.compose.swarm_talk import Talk
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_bytes import whole_characters
from lightagent.domain.scopes import Scope
from lightagent.domain.swarm.agent_messages import AgentMessage
from lightagent.domain.text.characters import plain
from lightagent.options import RunOptions

_D = TypeVar("_D")


class SwarmTalk(ABC, Generic[DepsT]):
    """The part of a swarm with which a program asks its agents and sends messages to them."""

    @property
    @abstractmethod
    def talk(self) -> Talk:
        """How the agents of this swarm talk to each other."""

    @abstractmethod
    def asked(self, agent: LightAgent[DepsT, OutputT]) -> LightAgent[DepsT, OutputT]:
        """A registered agent as it is while it is asked: it cannot hand over.

        Raises:
            ConfigurationError: it is not registered.
        """

    @overload
    def consult(
        self: SwarmTalk[None],
        agent: LightAgent[None, OutputT],
        query: Query,
        *,
        deps: None = ...,
        **options: Unpack[RunOptions[None]],
    ) -> RunResult[OutputT]: ...

    @overload
    def consult(
        self, agent: LightAgent[DepsT, OutputT], query: Query, *, deps: DepsT, **options: Unpack[RunOptions[DepsT]]
    ) -> RunResult[OutputT]: ...

    def consult(
        self: SwarmTalk[_D],
        agent: LightAgent[_D, OutputT],
        query: Query,
        *,
        deps: object = None,
        **options: Unpack[RunOptions[_D]],
    ) -> RunResult[OutputT]:
        """Ask one agent, which answers itself and cannot hand over: history in (`history=`), answer back.

        Args:
            query, deps, **options: as for `LightAgent.run`.

        Raises:
            ConfigurationError: it is not registered; for the rest see `LightAgent.run_result`.
        """
        return run_sync(self._ask(agent, query, deps, options))

    @overload
    async def aconsult(
        self: SwarmTalk[None],
        agent: LightAgent[None, OutputT],
        query: Query,
        *,
        deps: None = ...,
        **options: Unpack[RunOptions[None]],
    ) -> RunResult[OutputT]: ...

    @overload
    async def aconsult(
        self, agent: LightAgent[DepsT, OutputT], query: Query, *, deps: DepsT, **options: Unpack[RunOptions[DepsT]]
    ) -> RunResult[OutputT]: ...

    async def aconsult(
        self: SwarmTalk[_D],
        agent: LightAgent[_D, OutputT],
        query: Query,
        *,
        deps: object = None,
        **options: Unpack[RunOptions[_D]],
    ) -> RunResult[OutputT]:
        """`consult` for async callers. Cancelling it cancels the run."""
        return await self._ask(agent, query, deps, options)

    def send_message(
        self,
        to: str,
        payload: object,
        *,
        user_id: str = "",
        session_id: str = "",
        tenant: str = "",
        sender: str = "",
        trusted: bool = False,
        message_id: str = "",
    ) -> AgentMessage:
        """Send a message to an agent, who gets it before its next turn in a run of this user or session.

        Args:
            to: the name of the agent.
            payload: its content, of the type that the swarm has for messages.
            user_id, session_id, tenant: whose mailbox it is; a user or a session must be named.
            sender: shown to the agent as the sender; no name of an agent of the swarm, nor one that looks like it. By
                default the program.
            trusted: the program vouches for the text. By default it counts as untrusted.
            message_id: a message with this id is sent once; by default each call sends a message of its own.

        Raises:
            ConfigurationError: the swarm has no mail, neither a user nor a session is named, an agent is named as the
                sender, or a name or id is not text, too long, or holds half a surrogate pair.
            ToolError: the message is refused; the text says why.
            StoreError: it cannot be kept.
        """
        return run_sync(
            self.asend_message(
                to,
                payload,
                user_id=user_id,
                session_id=session_id,
                tenant=tenant,
                sender=sender,
                trusted=trusted,
                message_id=message_id,
            )
        )

    async def asend_message(
        self,
        to: str,
        payload: object,
        *,
        user_id: str = "",
        session_id: str = "",
        tenant: str = "",
        sender: str = "",
        trusted: bool = False,
        message_id: str = "",
    ) -> AgentMessage:
        """`send_message` for async callers."""
        mail, owner = self._mail(), _owner(tenant, user_id, session_id)
        _check_words(to, sender, message_id)
        known = {_as_read(name) for name in mail.agents}
        if _as_read(sender) in known:
            raise ConfigurationError(
                f"send_message: {sender!r:.80} is an agent, and only its own runs send in its name.",
                guidance="Leave sender= out, or name what else it is from.",
            )
        clock = SystemClock()
        draft = AgentMessage(
            0,
            message_id or RandomIds().new(),
            sender,
            to,
            mail.checked(payload),
            trusted=trusted is True,
            at=clock.now(),
        )
        return await mail.room(owner, clock).post(draft)

    def messages(
        self, agent: str, *, user_id: str = "", session_id: str = "", tenant: str = ""
    ) -> Sequence[AgentMessage]:
        """The messages that wait for an agent in the mailbox of a user or a session, in order. They stay there.

        Raises:
            ConfigurationError: the swarm has no mail or no such agent, or neither a user nor a session is named.
            StoreError: the mailbox cannot be read.
        """
        return run_sync(self.amessages(agent, user_id=user_id, session_id=session_id, tenant=tenant))

    async def amessages(
        self, agent: str, *, user_id: str = "", session_id: str = "", tenant: str = ""
    ) -> Sequence[AgentMessage]:
        """`messages` for async callers."""
        mail, owner = self._mail(), _owner(tenant, user_id, session_id)
        if agent not in mail.agents:
            raise ConfigurationError(
                f"messages: Unknown agent {agent!r:.80}.", guidance=f"Agents: {', '.join(mail.agents) or 'none'}."
            )
        return (await mail.room(owner, SystemClock()).look()).waiting(agent)

    async def _ask(
        self: SwarmTalk[_D], agent: LightAgent[_D, OutputT], query: Query, deps: object, options: RunOptions[_D]
    ) -> RunResult[OutputT]:
        asked = self.asked(agent)
        return await asked.arun_result(query, deps=asked.check_deps(deps), **options)

    def _mail(self) -> SwarmMail:
        mail = self.talk.mail
        if mail is None:
            raise ConfigurationError(
                "The agents of this swarm send no messages.", guidance="Pass LightSwarm(mail=True)."
            )
        return mail


_LONGEST: Final = 200
"""Characters of a sender's name, or of the id of a message."""


def _check_words(to: object, sender: object, message_id: object) -> None:
    """Refuse values that a mailbox cannot hold.

    Raises:
        ConfigurationError: one of them is not text, too long, or holds half a surrogate pair.
    """
    for name, given in (("to", to), ("sender", sender), ("message_id", message_id)):
        if not isinstance(given, str):
            raise ConfigurationError(f"send_message: {name} is a text, not {type(given).__name__}.", guidance="")
        if name != "to" and (len(given) > _LONGEST or whole_characters(given) != given):
            raise ConfigurationError(
                f"send_message: {name} has at most {_LONGEST} characters, and no half of one.", guidance=""
            )


def _as_read(name: str) -> str:
    """A name as a reader sees it: names that look the same, or differ only in invisible characters, are equal."""
    return " ".join(plain(name).split())


def _owner(tenant: str, user_id: str, session_id: str) -> Scope:
    named: tuple[object, ...] = (tenant, user_id, session_id)
    if not all(isinstance(one, str) for one in named):
        raise ConfigurationError("send_message: tenant, user_id and session_id are texts.", guidance="")
    if not user_id and not session_id:
        raise ConfigurationError(
            "Whose mailbox? Messages of a run without a user belong to that run alone.",
            guidance="Pass user_id= or session_id=, as to the run.",
        )
    return Scope(tenant, user_id, session_id)
