"""Which embedder the vectors of a folder are of. Until something is written there it may be another one."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Final

from lightagent.adapters.memory._space import Space
from lightagent.domain.errors import StoreError

_NAME: Final = "lightagent.json"
_GUIDANCE: Final = (
    "Open it with the embedder that it was written with; with another one, open another folder, and bring the "
    "memories over with `lightagent memory copy`."
)


class Stamp:
    """What a folder says of its vectors. It is changed while the folder is open, as it is for one process at a time.

    Args:
        folder: in which mem0 keeps memories.
        space: of the vectors that are to be kept there.
    """

    def __init__(self, folder: Path, space: Space) -> None:
        self._folder = folder
        self._path = folder / _NAME
        self._space = space
        self._is_used = False

    def is_of_another_space(self) -> bool:
        """Whether the folder was made for vectors of another space, and nothing was written there.

        Raises:
            ConfigurationError: something was written there.
            StoreError: it does not say so any more.
        """
        try:
            kept = json.loads(self._path.read_text("utf-8"))
            found = Space(str(kept["embedder"]), int(kept["dimension"]))
            self._is_used = bool(kept.get("used", True))
        except FileNotFoundError:
            return False
        except (ValueError, TypeError, KeyError) as exc:
            raise StoreError(
                f"{self._path} is damaged.", guidance="Restore it; it names the embedder of the folder."
            ) from exc
        if self._is_used:
            self._space.check_against(found, str(self._folder), _GUIDANCE)
        return found != self._space

    def set(self) -> None:
        """Say of which space the folder is."""
        self._write()

    def use(self) -> None:
        """Say that something is written there."""
        if not self._is_used:
            self._is_used = True
            self._write()

    def _write(self) -> None:
        known = {"embedder": self._space.embedder, "dimension": self._space.dimension, "used": self._is_used}
        other = self._path.with_suffix(".new")
        with other.open("w", encoding="utf-8") as file:
            file.write(json.dumps(known))
            file.flush()
            os.fsync(file.fileno())
        other.replace(self._path)
