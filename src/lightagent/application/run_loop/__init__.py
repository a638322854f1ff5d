"""The loop of a run: it asks the domain for the next move, and one file carries out each."""
