from pathlib import Path

import pytest

_VECTORS = Path(__file__).parents[4] / "shared" / "vectors"


@pytest.fixture(scope="session")
def vectors() -> Path:
    """The published vector files beside the repository."""
    if not _VECTORS.is_dir():
        pytest.skip("no ../shared/vectors beside this repository: published vectors not checked")
    return _VECTORS
