"""Flows and their steps, from their options to what carries them out, with everything checked."""
