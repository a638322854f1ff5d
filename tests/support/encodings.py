"""Where the files of tiktoken's encodings are on this machine: LiteLLM brings them, so nothing is downloaded."""

from importlib.util import find_spec
from pathlib import Path


def encodings_folder() -> Path:
    spec = find_spec("litellm")
    assert spec is not None
    assert spec.origin is not None
    folder = Path(spec.origin).parent / "litellm_core_utils/tokenizers"
    assert folder.is_dir()
    return folder
