import pytest

from sidecar.stores.sqlite import file


@pytest.fixture(autouse=True)
def small_log(monkeypatch):
    """A log of its working size takes longer to lay out than most of these tests take."""
    monkeypatch.setattr(file, "LOG_SPACE", 4096)
