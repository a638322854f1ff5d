"""Policies: what they review, what they may rule, and what guardrails and hooks are."""
