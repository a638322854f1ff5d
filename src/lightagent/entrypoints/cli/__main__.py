"""``python -m lightagent.entrypoints.cli``, for environments where the script is not on the path."""

from __future__ import annotations

from lightagent.entrypoints.cli import main

if __name__ == "__main__":
    main()
