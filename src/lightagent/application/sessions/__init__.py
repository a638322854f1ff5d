"""Sessions in a store: they are loaded, written, listed, forked, trimmed, exported and removed."""
