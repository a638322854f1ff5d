"""Policies of a program: hooks and guardrails, asked in one order behind one gate."""
