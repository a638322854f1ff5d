"""What all stores in an SQLite file share: how the file is opened, what is written together, and what errors mean.

It is no family of adapters, and knows none of them.
"""
