import pytest

from sidecar.stores.sqlite import file


@pytest.fixture(autouse=True)
def small_log(monkeypatch):
    """A log of its working size takes longer to lay out than most of these tests take."""
    monkeypatch.setattr(file, "LOG_SPACE", 4096)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "sidecar.db"
