"""Values and decisions: the rules of a run, with nothing that does input or output."""
