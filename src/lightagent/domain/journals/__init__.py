"""Journals: streams of entries, their seals, keys and heads, and what every store refuses."""
