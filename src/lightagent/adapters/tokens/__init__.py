"""Counters of tokens: each file is an adapter of `lightagent.ports.token_counter`."""
