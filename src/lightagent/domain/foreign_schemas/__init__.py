"""JSON schemas that others wrote, as model providers take them.

Providers take less than JSON Schema has, and refuse a whole request for one tool's schema. What is made here is for the
model only: arguments are checked against the schema as its author wrote it.

Read in this order: `mend` (what is done in which order), `subschema` (one schema and those within it), `keywords` (a
keyword's value), `references` (where a reference leads), `root` (what may not stand at the top).
"""

from lightagent.domain.foreign_schemas.mend import BeyondRepair, Mended, mend

__all__ = ["BeyondRepair", "Mended", "mend"]
