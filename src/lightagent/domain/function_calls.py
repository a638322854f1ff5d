"""The form of calls before there were tools, in a caller's history: ``function_call``, and the role ``function``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping


def without_function_calls(history: Iterable[object]) -> Iterator[object]:
    """The entries with calls and results of tools in the place of those of functions, which had no ids.

    What is not in that form is left as it is, and so is a result without a call before it.
    """
    asked: dict[str, str] = {}
    for place, entry in enumerate(history):
        if not isinstance(entry, Mapping):
            yield entry
            continue
        role, call = _text(entry, "role"), entry.get("function_call")
        if role == "assistant" and not entry.get("tool_calls") and isinstance(call, (dict, Mapping)):
            call_id = f"function_call_{place}"
            asked[_text(call, "name")] = call_id
            yield {**entry, "tool_calls": [{"id": call_id, "type": "function", "function": call}]}
        elif role == "function" and (call_id := asked.pop(_text(entry, "name"), "")):
            yield {**entry, "role": "tool", "tool_call_id": call_id}
        else:
            yield entry


def _text(holder: object, name: str) -> str:
    text = holder.get(name) if isinstance(holder, Mapping) else None
    return text if isinstance(text, str) else ""
