"""The raw openai client in a loop by hand: what all ratios refer to."""

import json
from collections.abc import AsyncIterator
from importlib import import_module

import common

openai = import_module("openai")
SYNC = False
clients: dict[str, object] = {}


def build(url: str, tools: bool) -> object:
    """What creates completions, with what every request holds."""
    if url not in clients:
        clients[url] = openai.AsyncOpenAI(base_url=url + "/v1", api_key="x")
    return clients[url], {"tools": [common.ADD_SCHEMA]} if tools else {}
