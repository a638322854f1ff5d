"""Programs that do deeds with a journal store and are killed at a named point of one of them."""
