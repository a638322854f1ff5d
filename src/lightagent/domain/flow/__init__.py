"""Flows: workflows as data, what happens in them, and the machine that says what is to be done next. Pure functions.

Read in this order: `definition` (the steps as data) and `retrying` (their policies), `paths` (what names a piece of
work, and the effect key), `events` (what happens: the only truth about a run), `moves` (what is to be done), `limits`,
`record` (what a user sees of a run).
"""
