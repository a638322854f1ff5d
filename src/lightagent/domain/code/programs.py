"""Programs that a model or a skill wants to have run: what, with what, within which limits, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from lightagent.domain.errors import ConfigurationError, ToolError

Language: TypeAlias = Literal["python", "shell", "javascript"]
"""What a program is written in."""

LANGUAGES: Final[Mapping[str, Language]] = {
    ".py": "python",
    ".sh": "shell",
    ".bash": "shell",
    ".js": "javascript",
    ".mjs": "javascript",
    ".cjs": "javascript",
}
"""The language of a file by the end of its name."""

MOST_ARGUMENTS: Final = 64 * 1024
"""Bytes of all arguments together; systems refuse a single one of twice as many."""

MOST_SOURCE: Final = 1024 * 1024
"""Characters of a program that is given as text."""

MOST_SECONDS: Final = 1_000_000_000
"""What a limit of time may be; as good as none."""

MOST_COUNTED: Final = 2**60
"""What other limits may be: systems count in 63 bits."""


@dataclass(frozen=True, slots=True)
class CodeLimits:
    """How much a program may take. Where it goes beyond, it is stopped.

    Attributes:
        seconds: how long it may take, all in all.
        memory: bytes of memory that each of its processes may take.
        processes: how many processes and threads it may have at once.
        output: bytes that it may write to standard output, and as many to standard error.
        disk: bytes that it may write to its private directory, and to one file.

    Raises:
        ConfigurationError: one of them is not positive, or more than systems can count.
    """

    seconds: float = 30.0
    memory: int = 512 * 1024 * 1024
    processes: int = 32
    output: int = 1024 * 1024
    disk: int = 64 * 1024 * 1024

    def __post_init__(self) -> None:
        for name in ("seconds", "memory", "processes", "output", "disk"):
            value: object = getattr(self, name)
            if not _is_limit(value, whole=name != "seconds"):
                kind = "number" if name == "seconds" else "whole number"
                most = MOST_SECONDS if name == "seconds" else MOST_COUNTED
                raise ConfigurationError(
                    f"{name}: a limit of code is a positive {kind}, not {value!r:.60}.",
                    guidance=f"The highest is {most:,}.",
                )

    def within(self, other: CodeLimits) -> CodeLimits:
        """The lower one of each limit."""
        return CodeLimits(
            seconds=min(self.seconds, other.seconds),
            memory=min(self.memory, other.memory),
            processes=min(self.processes, other.processes),
            output=min(self.output, other.output),
            disk=min(self.disk, other.disk),
        )


def limits_of(given: object) -> CodeLimits:
    """The limits, by default the usual ones.

    Raises:
        ConfigurationError: they are something else.
    """
    if given is None:
        return CodeLimits()
    if isinstance(given, CodeLimits):
        return given
    raise ConfigurationError(
        f"limits: expected CodeLimits, got {type(given).__name__}.", guidance="Pass such as CodeLimits(seconds=10)."
    )


@dataclass(frozen=True, slots=True)
class CodeFolder:
    """A folder that a program may see. It works in it: relative paths are taken from there.

    Attributes:
        path: where it is on this machine, absolute. Symbolic links in it lead nowhere outside of it.
        writable: whether the program may also change what is in it.
        identity: its device and number, as the system has them, where it was looked at before: a runner refuses
            another folder that took its place meanwhile.

    Raises:
        ConfigurationError: the path is not absolute; it would mean another folder wherever the program goes.
    """

    path: str
    writable: bool = False
    identity: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        if "\0" in self.path or not _is_absolute(self.path):
            raise ConfigurationError(
                f"{self.path!r:.200} cannot be used as a working directory for programs.",
                guidance="Give its absolute path.",
            )


@dataclass(frozen=True, slots=True)
class CodeText:
    """A program that is given as text, to the letter.

    Raises:
        ToolError: it is too long, or holds half of a character, as which it could not be run.
    """

    source: str
    language: Language = "python"

    def __post_init__(self) -> None:
        _refuse_halves(self.source, "The program")
        if len(self.source) > MOST_SOURCE:
            raise ToolError(
                f"The program has {len(self.source):,} characters; at most {MOST_SOURCE:,} are run.",
                guidance="Write a shorter program; data that it needs may come on its standard input.",
            )


@dataclass(frozen=True, slots=True)
class CodeFile:
    """A program that is a file of the job's folder.

    Attributes:
        path: from the folder on, with ``/`` between names, such as ``scripts/fill.py``.

    Raises:
        ToolError: the path leads out of the folder, or the end of its name tells no known language.
    """

    path: str
    language: Language = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "language", language_of(self.path))
        if not is_inner_path(self.path):
            raise ToolError(
                f"{self.path!r:.200} is not the path of a file in the folder.",
                guidance="Give the path from the folder on, without '..', such as scripts/fill.py.",
            )


Program: TypeAlias = CodeText | CodeFile


@dataclass(frozen=True, slots=True)
class CodeJob:
    """One program to be run.

    Attributes:
        program: as text, or a file of the folder.
        arguments: what it finds as its arguments, to the letter; no shell reads them.
        stdin: what it can read from standard input.
        folder: the one folder that it may see; without one it works in a private directory that is gone afterwards.
        limits: how much it may take; where the runner's own limits are lower, those hold.

    Raises:
        ToolError: a file without a folder, or arguments that no program can be given.
    """

    program: Program
    arguments: tuple[str, ...] = ()
    stdin: str = ""
    folder: CodeFolder | None = None
    limits: CodeLimits | None = None

    def __post_init__(self) -> None:
        if isinstance(self.program, CodeFile) and self.folder is None:
            raise ToolError("Files cannot be run without a folder.", guidance="Run the program as text.")
        for argument in self.arguments:
            _refuse_halves(argument, "An argument")
            if "\0" in argument:
                raise ToolError("An argument holds a NUL, which no program can be given.", guidance="Leave it out.")
        if sum(len(argument.encode()) + 1 for argument in self.arguments) > MOST_ARGUMENTS:
            raise ToolError(
                f"The arguments have more than {MOST_ARGUMENTS:,} bytes in all.",
                guidance="Give long data on standard input.",
            )


Channel: TypeAlias = Literal["stdout", "stderr"]


@dataclass(frozen=True, slots=True)
class CodeOutput:
    """A piece of what a program writes, as it comes."""

    channel: Channel
    text: str


@dataclass(frozen=True, slots=True)
class CodeResult:
    """What came of a program.

    Attributes:
        exit_code: as it ended: 0 is success, 128 + n that the signal n ended it; None: it was stopped at a limit.
        stdout: what it wrote, up to the limit.
        stderr: what it wrote there; where it failed, also why.
        truncated: it was stopped since it wrote more than it may.
        timed_out: it was stopped since its time was over.
        seconds: how long it took.
    """

    exit_code: int | None
    stdout: str = ""
    stderr: str = ""
    truncated: bool = False
    timed_out: bool = False
    seconds: float = field(default=0.0, compare=False)

    @property
    def ok(self) -> bool:
        """Whether the program ended normally, with exit code 0."""
        return self.exit_code == 0


def language_of(path: str) -> Language:
    """What a file is written in, by the end of its name.

    Raises:
        ToolError: it tells no known language.
    """
    name = path.rpartition("/")[2].lower()
    language = LANGUAGES.get(name[name.rfind(".") :] if "." in name else "")
    if language is None:
        raise ToolError(
            f"{path!r:.200} cannot be run: the end of its name tells no known language.",
            guidance=f"Files that can be run end with {', '.join(LANGUAGES)}.",
        )
    return language


def is_inner_path(path: str) -> bool:
    """Whether a path, by its text alone, leads to something in the folder from which it starts."""
    if not path or "\0" in path or "\\" in path or path.startswith("/") or _has_halves(path):
        return False
    return not any(part in ("", ".", "..") for part in path.split("/"))


def _has_halves(text: str) -> bool:
    """Whether it holds surrogates: halves of characters, which no file and no program can be given."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _refuse_halves(text: str, what: str) -> None:
    if _has_halves(text):
        raise ToolError(f"{what} holds half of a character, a lone surrogate.", guidance="Write the whole character.")


def _is_absolute(path: str) -> bool:
    """Whether it begins at the root, of any system: ``/``, a drive, a share."""
    return path.startswith(("/", "\\\\")) or (path[:1].isalpha() and path[1:3] in (":\\", ":/"))


def _is_limit(value: object, *, whole: bool) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    if whole:
        return isinstance(value, int) and 0 < value <= MOST_COUNTED
    return 0 < value <= MOST_SECONDS
