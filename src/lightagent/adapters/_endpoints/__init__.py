"""What the adapters of models behind an endpoint share: who is asked, with which key, over which client, what failed.

It is the one folder here that is no family: chat models and embedders of one provider have one key, one client and
the same errors.
"""
