"""What every end-to-end test stands on: each test has a registry, a sidecar and a receiver of its own."""

import pytest
from oci_images import write_image
from real_receiver import Receiver
from real_registry import Containerd, Registry, Skopeo
from real_sidecar import TOKEN, Sidecar

REGISTRIES = ("2.8", "3.1")


@pytest.fixture
def receiver():
    """Listens. `stop` and `start` take it away and bring it back."""
    one = Receiver()
    one.start()
    yield one
    one.close()


@pytest.fixture
def sidecar(tmp_path, receiver):
    """Neither configured nor started: each test says how. Whatever befell it, it must not have printed a traceback."""
    one = Sidecar(tmp_path / "sidecar")
    yield one
    one.kill()
    print(f"--- the sidecar's log:\n{one.process.tail(40)}")
    assert "Traceback" not in one.process.tail(10**6)


@pytest.fixture(params=REGISTRIES)
def registry(request, tmp_path, sidecar):
    """A running registry that notifies the sidecar."""
    one = Registry(request.param, tmp_path / "registry", notify=sidecar.notify, token=TOKEN)
    one.start()
    yield one
    one.process.kill()
    print(f"--- the log of registry {one.version}:\n{one.process.tail(8)}")


@pytest.fixture
def skopeo(registry, tmp_path):
    return Skopeo(registry, tmp_path / "pulled")


@pytest.fixture
def containerd(registry, tmp_path):
    one = Containerd(registry, tmp_path / "containerd")
    one.start()
    yield one
    one.process.kill()


@pytest.fixture
def image(tmp_path):
    return write_image(tmp_path / "image", "first")
