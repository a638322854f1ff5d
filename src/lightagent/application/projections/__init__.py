"""What a user sees of a run: each view is one pure function of the journal (and, live, of the deltas)."""
