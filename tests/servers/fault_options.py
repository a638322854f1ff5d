"""The options of a behaviour, as they stand in the path: strings, read as numbers where a behaviour wants numbers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import quote, unquote

Option: TypeAlias = str | int | float


@dataclass(frozen=True)
class Options:
    given: Mapping[str, str]

    def text(self, name: str, default: str = "") -> str:
        return self.given.get(name, default)

    def number(self, name: str, default: float = 0.0) -> float:
        return float(self.given.get(name, default))

    def integer(self, name: str, default: int = 0) -> int:
        return int(self.given.get(name, default))

    def flag(self, name: str, default: bool = False) -> bool:
        return self.integer(name, int(default)) != 0

    def over(self, defaults: Mapping[str, Option]) -> "Options":
        """These options, on top of the defaults of a behaviour."""
        return Options({**{name: _text(value) for name, value in defaults.items()}, **self.given})


@dataclass(frozen=True)
class Route:
    """`/behaviour/option=value/…/v1/endpoint`; the options may be left out."""

    behaviour: str
    options: Options
    endpoint: str

    @property
    def run(self) -> str:
        """Requests of one run are counted together ("the first N fail")."""
        return self.options.text("run") or f"{self.behaviour}?{sorted(self.options.given.items())}"


def build_path(behaviour: str, options: Mapping[str, Option]) -> str:
    segments = [behaviour, *(f"{name}={quote(_text(value), safe='')}" for name, value in options.items())]
    return "/" + "/".join(segments)


def _text(value: Option) -> str:
    """True and False travel as 1 and 0."""
    return str(int(value) if isinstance(value, bool) else value)


def parse_path(path: str) -> Route:
    segments = path.split("?")[0].strip("/").split("/")
    given: dict[str, str] = {}
    endpoint: list[str] = []
    for segment in segments[1:]:
        name, equals, value = segment.partition("=")
        if equals:
            given[name] = unquote(value)
        elif segment != "v1":
            endpoint.append(segment)
    return Route(segments[0], Options(given), "/".join(endpoint))
