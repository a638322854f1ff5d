"""Flows: workflows as data, the events of their runs, and the state machine that gives the next moves. Pure functions.

Read in this order: `definition` (the steps as data) and `retrying` (their policies), `paths` (the names of pieces of
work, and the effect key), `events` (what happens: the only truth about a run), `moves` (what is to be done), `limits`,
`record` (what a user sees of a run).
"""
