"""Agents behind the protocols of clients: what a request asks for, and what of a run they are shown.

Nothing here knows of HTTP servers: requests come as JSON, and answers leave as bytes.
"""
