"""Guardrails for what most programs need: private data, sensitive tools, risky arguments, addresses, length, schemas.

Each is an object that is called as any guardrail is. Those that check texts with detectors hold back only as much of a
stream as they declare (`docs/guardrails.md`).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final, TypeAlias

from typing_extensions import TypeIs

from lightagent.adapters.detectors.patterns import PatternDetector
from lightagent.adapters.detectors.urls import UrlDetector
from lightagent.adapters.detectors.validated import DEFAULT_PRIVACY_PATTERNS, ValidatedDetector
from lightagent.adapters.registry import open_adapter
from lightagent.application.policies.schema_guardrail import SchemaGuardrail
from lightagent.application.policies.text_guardrails import DetectorGuardrail, LengthGuardrail
from lightagent.application.policies.tool_guardrails import Allowed, ParameterGuardrail, ToolNamesGuardrail
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_checks import to_json_object
from lightagent.domain.json_types import JsonInput
from lightagent.ports.detectors import Detector

Patterns: TypeAlias = Mapping[str, str | re.Pattern[str]] | Sequence[str | re.Pattern[str]]
"""Regular expressions, by the kind of what they find, or without names."""

Detectors: TypeAlias = Detector | Sequence[Detector]
"""One detector, or several whose findings count together."""


def open_detector(kind: str, **options: object) -> Detector:
    """A detector for the templates, to be used instead of patterns.

    Args:
        kind: ``validated``, which the templates use by default, ``phone_numbers``, ``presidio``, ``urls`` or
            ``patterns``, or that of an installed package.
        options: of that kind, such as ``regions`` of ``phone_numbers``.

    Raises:
        ConfigurationError: the kind is unknown, or it refuses an option.
        MissingExtraError: a package is missing; the text says what to install.
    """
    detector = open_adapter("detectors", kind, options)
    if not isinstance(detector, Detector):
        raise ConfigurationError(f"detectors: {kind!r} does not open a Detector.", guidance="Report it to its author.")
    return detector


def privacy_input_guardrail(
    patterns: Patterns | Detectors | None = None, reason: str = "The input seems to hold private data or a secret."
) -> DetectorGuardrail:
    """Blocks texts that hold private data or keys; for `input_guardrails=`, and for the arguments of tools.

    Args:
        patterns: what to look for: regular expressions, or detectors; by default emails, phone numbers, cards, bank
            accounts, identity numbers, keys and tokens, all of them checked.
        reason: why it blocks; the caller sees it, so it must not say what was found.

    Raises:
        ConfigurationError: a pattern is not a regular expression, or matches an empty text.
    """
    return _guardrail("privacy_input", _detectors(patterns), reason, None)


def output_redaction_guardrail(
    patterns: Patterns | Detectors | None = None, replacement: str = "[redacted]"
) -> DetectorGuardrail:
    """Removes private data and keys from what the model says; for `output_guardrails=`.

    Args:
        patterns: what to look for, as for `privacy_input_guardrail`.
        replacement: what stands in its place.

    Raises:
        ConfigurationError: a pattern is not a regular expression, or matches an empty text.
    """
    return _guardrail("output_redaction", _detectors(patterns), "", replacement)


def url_allowlist_guardrail(
    hosts: Iterable[str],
    *,
    reason: str = "The answer holds an address that is not allowed.",
    replacement: str | None = None,
) -> DetectorGuardrail:
    """Blocks addresses of hosts that are not listed, or removes them; for all three kinds of guardrails.

    Args:
        hosts: such as ``example.com``; ``*.example.com`` stands for the hosts below it.
        reason: why it blocks.
        replacement: replaces an address; None: it blocks.

    Raises:
        ConfigurationError: one is not the name of a host.
    """
    return _guardrail("url_allowlist", (UrlDetector(hosts),), reason, replacement)


def maximum_length_guardrail(most: int, *, cut: bool = False, reason: str = "The text is too long.") -> LengthGuardrail:
    """Blocks texts of more than `most` characters, or cuts them; for `input_guardrails=` and `output_guardrails=`.

    Raises:
        ConfigurationError: `most` is not a whole number above 0.
    """
    return LengthGuardrail(most, cut=cut, reason=reason)


def output_schema_guardrail(
    schema: Mapping[str, JsonInput], *, reason: str = "The answer does not fit the schema."
) -> SchemaGuardrail:
    """Blocks answers that are not JSON of this schema; for `output_guardrails=`.

    With `output_type=` the model gets the schema and may try again; this only blocks.

    Raises:
        ConfigurationError: it is not a JSON Schema, or refers to something outside itself.
    """
    return SchemaGuardrail(to_json_object(schema, "output_schema_guardrail: schema"), reason)


def sensitive_tool_confirmation_guardrail(
    tool_names: Collection[str], approved: bool = False, reason: str | None = None
) -> ToolNamesGuardrail:
    """Blocks calls of some tools unless they are approved beforehand; for `tool_guardrails=`.

    To have a human decide about each call, declare the tool with ``requires_approval=True`` instead.

    Args:
        tool_names: the tools; one of an MCP server may be written as ``SERVER/TOOL``.
        approved: whether they may be called.
        reason: what the model gets as the reason.

    Raises:
        ConfigurationError: the names are not a list of texts, or `approved` is neither True nor False.
    """
    return ToolNamesGuardrail(tool_names, approved=approved, reason=reason)


def high_risk_parameter_guardrail(parameters: Mapping[str, Allowed], reason: str | None = None) -> ParameterGuardrail:
    """Blocks calls with values that are not allowed; for `tool_guardrails=`.

    Args:
        parameters: by the name of a parameter, a function that is true for allowed values, or the values. A function
            that answers with a text blocks. A value of that name counts at any depth of the arguments; where there is
            none, there is nothing to check.
        reason: what the model gets as the reason.

    Raises:
        ConfigurationError: a parameter has neither, or its function is async.
    """
    return ParameterGuardrail(parameters, reason)


_QUICK: Final = (PatternDetector, UrlDetector, ValidatedDetector)
"""Detectors that only apply regular expressions, which block all threads of a process wherever they run."""


def _guardrail(name: str, detectors: tuple[Detector, ...], reason: str, replacement: str | None) -> DetectorGuardrail:
    quick = all(type(detector) in _QUICK for detector in detectors)
    return DetectorGuardrail(name, detectors, reason, replacement, quick=quick)


def _detectors(given: Patterns | Detectors | None) -> tuple[Detector, ...]:
    if given is None:
        return (ValidatedDetector(),)
    if isinstance(given, Detector):
        return (given,)
    if _are_detectors(given):
        return tuple(given)
    named = given if _is_named(given) else _numbered(given)
    ours = [kind for kind, pattern in named.items() if DEFAULT_PRIVACY_PATTERNS.get(kind) is pattern]
    others = {kind: pattern for kind, pattern in named.items() if kind not in ours}
    found: list[Detector] = [ValidatedDetector(ours)] if ours else []
    return (*found, PatternDetector(others)) if others or not found else tuple(found)


def _are_detectors(given: Patterns | Sequence[Detector]) -> TypeIs[Sequence[Detector]]:
    return isinstance(given, Sequence) and bool(given) and all(isinstance(one, Detector) for one in given)


def _is_named(patterns: Patterns) -> TypeIs[Mapping[str, str | re.Pattern[str]]]:
    return isinstance(patterns, Mapping)


def _numbered(patterns: Sequence[str | re.Pattern[str]]) -> Mapping[str, str | re.Pattern[str]]:
    if isinstance(patterns, (str, re.Pattern)):
        raise ConfigurationError("patterns: expected a list of regular expressions, or an object of them by kind.")
    return {f"pattern {number}": pattern for number, pattern in enumerate(patterns, 1)}
