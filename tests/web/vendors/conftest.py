import pytest
from harbor_site import HarborSite


@pytest.fixture
async def harbor(tmp_path):
    site = HarborSite(tmp_path)
    await site.start()
    yield site
    await site.stop()
