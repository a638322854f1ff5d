"""Texts: characters that look alike or cannot be seen, the search for words, and vectors."""
