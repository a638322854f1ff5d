"""Services: each carries out moves of the domain through ports."""
