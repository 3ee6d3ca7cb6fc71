"""As much of kustomize as deploy/k8s uses, so that the tests need no binary.

Anything it does not know is refused, so the manifests cannot come to mean more than the tests see. Name suffix hashes
are left out: references keep the plain names.
"""

import copy
import re
from pathlib import Path
from typing import Any

import yaml

Resource = dict[str, Any]

KNOWN = {
    "apiVersion",
    "kind",
    "resources",
    "components",
    "configMapGenerator",
    "secretGenerator",
    "patches",
    "namespace",
    "images",
}
# The key by which Kubernetes merges a list of objects; every other list is replaced.
MERGE_KEYS = {
    "containers": "name",
    "initContainers": "name",
    "volumes": "name",
    "env": "name",
    "volumeMounts": "mountPath",
    "ports": "containerPort",
}


def documents(path: Path) -> list[Resource]:
    return [one for one in yaml.safe_load_all(path.read_text(encoding="utf-8")) if one]


def build(folder: Path) -> list[Resource]:
    """The resources that a kustomization comes to."""
    return _apply(folder, [], kind="Kustomization")


def apply_component(folder: Path, resources: list[Resource]) -> list[Resource]:
    """Resources with a component applied; the given ones stay as they are."""
    return _apply(folder, copy.deepcopy(resources), kind="Component")


def _apply(folder: Path, resources: list[Resource], *, kind: str) -> list[Resource]:
    (spec,) = documents(folder / "kustomization.yaml")
    assert spec["kind"] == kind, f"{folder} is a {spec['kind']}, not a {kind}"
    assert spec.keys() <= KNOWN, f"{folder}: the renderer does not know {sorted(spec.keys() - KNOWN)}"
    for name in spec.get("resources", []):
        path = folder / name
        resources += build(path.resolve()) if path.is_dir() else documents(path)
    for name in spec.get("components", []):
        resources = apply_component((folder / name).resolve(), resources)
    for entry in spec.get("configMapGenerator", []):
        data = {key: (folder / file).read_text() for key, _, file in (one.partition("=") for one in entry["files"])}
        _generated(resources, {"apiVersion": "v1", "kind": "ConfigMap", "data": data}, entry)
    for entry in spec.get("secretGenerator", []):
        data = {key: value for key, _, value in (one.partition("=") for one in entry["literals"])}
        _generated(resources, {"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "stringData": data}, entry)
    for patch in spec.get("patches", []):
        (change,) = documents(folder / patch["path"])
        chosen = [one for one in resources if _selects(patch["target"], one)]
        for one in chosen:
            for part in ("metadata", "spec"):
                given = {key: value for key, value in change.get(part, {}).items() if key != "name"}
                one[part] = merged(one.get(part, {}), given)
    for resource in resources:
        if "namespace" in spec:
            resource["metadata"]["namespace"] = spec["namespace"]
        for container in containers(resource):
            for image in spec.get("images", []):
                name, _, tag = container["image"].rpartition(":")
                if name == image["name"]:
                    container["image"] = f"{image.get('newName', name)}:{image.get('newTag', tag)}"
    return resources


def _generated(resources: list[Resource], made: Resource, entry: dict[str, Any]) -> None:
    same = [one for one in resources if (one["kind"], one["metadata"]["name"]) == (made["kind"], entry["name"])]
    assert bool(same) == (entry.get("behavior") == "replace"), f"{made['kind']} {entry['name']}: replaces what is there"
    for one in same:
        resources.remove(one)
    resources.append(made | {"metadata": {"name": entry["name"]}})


def _selects(target: dict[str, str], resource: Resource) -> bool:
    assert target.keys() <= {"kind", "labelSelector"}
    label, _, value = target["labelSelector"].partition("=")
    labels = resource["metadata"].get("labels", {})
    return re.fullmatch(target["kind"], resource["kind"]) is not None and labels.get(label) == value


def merged(base: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    """A strategic merge: maps by key, known lists by their merge key with the patch's items first, null removes."""
    result = dict(base)
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict):
            result[key] = merged(result.get(key) or {}, value)
        elif key in MERGE_KEYS and isinstance(value, list):
            by = MERGE_KEYS[key]
            old = {item[by]: item for item in result.get(key, [])}
            fresh = [merged(old.pop(item[by], {}), item) for item in value]
            result[key] = [*fresh, *old.values()]
        else:
            result[key] = copy.deepcopy(value)
    return result


def pod(resource: Resource) -> dict[str, Any]:
    """The pod template of a workload, {} for everything else."""
    template: dict[str, Any] = resource.get("spec", {}).get("template", {})
    return template


def containers(resource: Resource) -> list[dict[str, Any]]:
    spec = pod(resource).get("spec", {})
    return [*spec.get("initContainers", []), *spec.get("containers", [])]
