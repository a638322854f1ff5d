"""Secrets in texts: how they are recognised, and how they are masked."""
