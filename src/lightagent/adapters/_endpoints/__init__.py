"""Shared by the adapters of models behind an endpoint: the base URL, the API key, the HTTP client and the errors.

This folder is not a family of adapters: chat models and embedders of one provider use the same key, the same client
and the same errors.
"""
