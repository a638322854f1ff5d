"""Connections through the official SDK of the Model Context Protocol, the package `mcp`.

Read in this order: `connection` (what programs hold), `pool` and `seat` (which session serves a caller, and where it
lives), `core` (opens a session when one is needed), `session` (its life), `transports` (`stdio`, `sse` and HTTP below
the SDK), `faults` (what an error means for a call).
"""
