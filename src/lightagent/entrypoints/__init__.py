"""Entry points from outside: the command line and the HTTP server."""
