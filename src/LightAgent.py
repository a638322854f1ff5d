"""The old import name: `from LightAgent import LightAgent` keeps working, on every file system."""

from lightagent import *  # noqa: F403
from lightagent import __all__, __version__

__all__ = [*__all__, "__version__"]
