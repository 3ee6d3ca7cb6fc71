"""Small OCI images and an index, written as image layouts by hand: no network, and digests known beforehand.

The layout is that of the OCI Image Layout Specification 1.0: `oci-layout`, `index.json`, `blobs/sha256/<hex>`.
"""

import gzip
import hashlib
import io
import json
import tarfile
from typing import NamedTuple

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


class Image(NamedTuple):
    """What a layout holds under the name `image`; `children` are digests, for an index only."""

    layout: str  # as skopeo names it
    digest: str
    media_type: str
    manifest: bytes
    children: tuple[str, ...] = ()


def write_image(folder, seed):
    """An image of one layer with one file; another seed is another digest."""
    folder.mkdir(parents=True)
    descriptor, manifest = _image(folder, seed, "amd64")
    return _finish(folder, descriptor, manifest)


def write_index(folder, seed):
    """An index of two images, for amd64 and arm64."""
    folder.mkdir(parents=True)
    children = []
    for architecture in ("amd64", "arm64"):
        descriptor, _ = _image(folder, f"{seed} {architecture}", architecture)
        children.append({**descriptor, "platform": {"architecture": architecture, "os": "linux"}})
    body = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": children}).encode()
    made = _finish(folder, _blob(folder, body, INDEX), body)
    return made._replace(children=tuple(one["digest"] for one in children))


def _image(folder, seed, architecture):
    layer = _layer(seed)
    config = {
        "architecture": architecture,
        "os": "linux",
        "config": {},
        "rootfs": {"type": "layers", "diff_ids": [_digest(layer)]},
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": _blob(folder, json.dumps(config).encode(), CONFIG),
        "layers": [_blob(folder, gzip.compress(layer, mtime=0), LAYER)],
    }
    body = json.dumps(manifest).encode()
    return _blob(folder, body, MANIFEST), body


def _layer(seed):
    content = f"{seed}\n".encode()
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        member = tarfile.TarInfo("seed.txt")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def _blob(folder, body, media_type):
    digest = _digest(body)
    path = folder / "blobs" / digest.replace(":", "/")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)
    return {"mediaType": media_type, "digest": digest, "size": len(body)}


def _finish(folder, descriptor, manifest):
    (folder / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    named = {**descriptor, "annotations": {"org.opencontainers.image.ref.name": "image"}}
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [named]}))
    return Image(f"oci:{folder}:image", descriptor["digest"], descriptor["mediaType"], manifest)


def _digest(body):
    return "sha256:" + hashlib.sha256(body).hexdigest()
