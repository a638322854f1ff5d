"""What a document in OpenAPI's form (3.0 and 3.1) says, and how a request is made of it: pure functions.

Read in this order: `document` (the document and its references), `operations` (what can be called, and why something
cannot), `parameters` and `bodies` (what a call takes), `converted_schemas` (JSON Schema out of either version's),
`schemas` (those of one operation), `names` (what a model calls each operation), `requests` (from arguments to a
request, by `styles` and `body_writing`).
"""

from lightagent.domain.openapi.document import OpenApiDocument, read_document
from lightagent.domain.openapi.operations import Operation, RefusedOperation, read_operations
from lightagent.domain.openapi.requests import WrittenRequest, write_request
from lightagent.domain.openapi.selection import OperationChoice
from lightagent.domain.openapi.values import Unusable, Unwritable

__all__ = [
    "OpenApiDocument",
    "Operation",
    "OperationChoice",
    "RefusedOperation",
    "Unusable",
    "Unwritable",
    "WrittenRequest",
    "read_document",
    "read_operations",
    "write_request",
]
