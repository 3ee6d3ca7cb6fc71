import pytest
from described_site import DescribedSite

from sidecar.pipeline import walker


@pytest.fixture
async def site(tmp_path, monkeypatch):
    """A sidecar that has something of everything."""
    monkeypatch.setattr(walker, "SETTLE", 0)
    site = DescribedSite(tmp_path)
    await site.start()
    yield site
    await site.stop()
