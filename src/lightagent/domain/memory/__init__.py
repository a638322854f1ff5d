"""Memories: records, policies, candidates, facts, and how they are sealed and recorded."""
