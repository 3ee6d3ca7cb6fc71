"""The Kubernetes manifests: valid by the published schemas, consistent with each other, the code and the docs."""

import copy
import re
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from kustomize_small import Resource, apply_component, build, containers, documents, pod

import sidecar
from sidecar.config.loading import load
from sidecar.telemetry.metrics import Metrics

ROOT = Path(__file__).parents[2]
K8S = ROOT / "deploy" / "k8s"
BUILDS = ["base", "examples/existing-registry", "examples/new-registry"]
CUSTOM = {"PodMonitor", "PrometheusRule"}

EXISTING_STATEFULSET: Resource = {
    "apiVersion": "apps/v1",
    "kind": "StatefulSet",
    "metadata": {"name": "images", "labels": {"registry-sidecar.io/inject": "true"}},
    "spec": {
        "serviceName": "images",
        "selector": {"matchLabels": {"app": "images"}},
        "template": {
            "metadata": {"labels": {"app": "images"}},
            "spec": {
                "initContainers": [{"name": "fetch", "image": "busybox:1.37"}],
                "containers": [
                    {
                        "name": "registry",
                        "image": "registry:2.8.3",
                        "env": [{"name": "REGISTRY_HTTP_SECRET", "value": "s"}],
                        "volumeMounts": [{"name": "data", "mountPath": "/var/lib/registry"}],
                    },
                    {"name": "nginx", "image": "nginx:1.29"},
                ],
            },
        },
        "volumeClaimTemplates": [
            {
                "metadata": {"name": "data"},
                "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
            }
        ],
    },
}


def only(resources: list[Resource], *kinds: str) -> Resource:
    (one,) = [resource for resource in resources if resource["kind"] in kinds]
    return one


def workload(resources: list[Resource]) -> Resource:
    return only(resources, "Deployment", "StatefulSet")


def named(items: list[dict[str, Any]], name: str) -> dict[str, Any]:
    (one,) = [item for item in items if item["name"] == name]
    return one


def sidecar_of(resource: Resource) -> dict[str, Any]:
    return named(pod(resource)["spec"]["initContainers"], "registry-sidecar")


def registry_of(resource: Resource) -> dict[str, Any]:
    return named(pod(resource)["spec"]["containers"], "registry")


def rules() -> list[dict[str, Any]]:
    (rule,) = documents(K8S / "components/monitoring/prometheusrule.yaml")
    return [one for group in rule["spec"]["groups"] for one in group["rules"]]


def validate(resource: Resource) -> None:
    kubernetes_validate.validate(resource, kubernetes_validate.latest_version(), strict=True)


@pytest.fixture(params=BUILDS)
def built(request: pytest.FixtureRequest) -> list[Resource]:
    return build(K8S / request.param)


def test_every_resource_validates_strictly_against_the_newest_schema(built: list[Resource]) -> None:
    checked = [validate(resource) for resource in built if resource["kind"] not in CUSTOM]
    assert len(checked) >= 4


def test_the_example_secret_is_a_valid_resource_that_no_build_contains() -> None:
    (secret,) = documents(K8S / "base/secret.example.yaml")
    validate(secret)
    assert secret["metadata"]["name"] == "registry-sidecar"
    assert [one for one in build(K8S / "base") if one["kind"] == "Secret"] == []


def test_the_base_needs_no_custom_resource_kinds() -> None:
    assert {one["kind"] for one in build(K8S / "base")} == {"StatefulSet", "Service", "NetworkPolicy", "ConfigMap"}


def test_every_image_is_pinned_to_a_tag_and_the_sidecar_to_this_version(built: list[Resource]) -> None:
    images = [container["image"] for resource in built for container in containers(resource)]
    assert len(images) == 2
    for image in images:
        name, _, tag = image.rpartition(":")
        assert re.fullmatch(r"\d+\.\d+\.\d+", tag), f"{image} is not pinned"
        if name.endswith("registry-sidecar"):
            assert tag == sidecar.__version__


def test_the_sidecar_is_native_live_on_livez_and_has_no_readiness_probe(built: list[Resource]) -> None:
    one = sidecar_of(workload(built))
    assert one["restartPolicy"] == "Always"
    assert "readinessProbe" not in one
    for probe in ("startupProbe", "livenessProbe"):
        assert one[probe]["httpGet"] == {"path": "/livez", "port": "management"}
    assert {"name": "management", "containerPort": 8081} in one["ports"]


def test_the_registry_sleeps_before_it_stops_within_the_grace_period(built: list[Resource]) -> None:
    resource = workload(built)
    sleep = registry_of(resource)["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert sleep >= 10
    # The registry's drain (15 s in our file) and the sidecar's stop must fit behind the sleep.
    assert pod(resource)["spec"]["terminationGracePeriodSeconds"] >= sleep + 15 + 10


def test_two_pods_never_share_the_store(built: list[Resource]) -> None:
    resource = workload(built)
    assert resource["spec"]["replicas"] == 1
    if resource["kind"] == "Deployment":
        assert resource["spec"]["strategy"] == {"type": "Recreate"}


def test_the_sidecar_runs_without_privileges(built: list[Resource]) -> None:
    resource = workload(built)
    outer = pod(resource)["spec"]["securityContext"]
    inner = outer | sidecar_of(resource)["securityContext"]
    assert inner["runAsNonRoot"] is True
    assert inner["runAsUser"] == 65532
    assert inner["readOnlyRootFilesystem"] is True
    assert inner["allowPrivilegeEscalation"] is False
    assert inner["capabilities"] == {"drop": ["ALL"]}
    assert inner["seccompProfile"] == {"type": "RuntimeDefault"}
    assert outer["fsGroup"] == 65532


def test_the_base_gives_no_pod_a_service_account_token() -> None:
    assert pod(workload(build(K8S / "base")))["spec"]["automountServiceAccountToken"] is False


def test_every_mount_and_every_named_map_or_claim_exists(built: list[Resource]) -> None:
    resource = workload(built)
    spec = pod(resource)["spec"]
    volumes = {one["name"]: one for one in spec["volumes"]}
    templates = {one["metadata"]["name"] for one in resource["spec"].get("volumeClaimTemplates", [])}
    mounted = {mount["name"] for container in containers(resource) for mount in container["volumeMounts"]}
    assert mounted == volumes.keys() | templates
    maps = {one["metadata"]["name"] for one in built if one["kind"] == "ConfigMap"}
    assert {one["configMap"]["name"] for one in volumes.values() if "configMap" in one} == maps
    claims = {one["metadata"]["name"] for one in built if one["kind"] == "PersistentVolumeClaim"}
    claimed = {one["persistentVolumeClaim"]["claimName"] for one in volumes.values() if "persistentVolumeClaim" in one}
    assert claims <= claimed


def test_the_registry_is_told_to_notify_the_sidecar_with_the_token(built: list[Resource]) -> None:
    env = registry_of(workload(built))["env"]
    names = [one["name"] for one in env]
    # Kubernetes expands $(NAME) only from what is listed above.
    assert names.index("INGEST_TOKEN") < names.index("REGISTRY_NOTIFICATIONS_ENDPOINTS")
    (endpoint,) = yaml.safe_load(named(env, "REGISTRY_NOTIFICATIONS_ENDPOINTS")["value"])
    assert endpoint == {
        "name": "sidecar",
        "url": "http://127.0.0.1:8080/events",
        "headers": {"Authorization": ["Bearer $(INGEST_TOKEN)"]},
        "timeout": "5s",
        "threshold": 3,
        "backoff": "1s",
        "ignore": {"mediatypes": ["application/octet-stream"]},
    }
    key = {"secretKeyRef": {"name": "registry-sidecar", "key": "ingest-token"}}
    for container in containers(workload(built)):
        assert named(container["env"], "INGEST_TOKEN")["valueFrom"] == key


def test_references_are_asked_for_in_the_file_or_in_the_environment(built: list[Resource]) -> None:
    env = {one["name"]: one.get("value") for one in registry_of(workload(built))["env"]}
    files = [one["data"]["config.yml"] for one in built if one["metadata"]["name"] == "registry-config"]
    in_file = any(yaml.safe_load(text)["notifications"]["events"]["includereferences"] is True for text in files)
    # Registries 2.8 and 3.1 ignore ..._EVENTS_INCLUDEREFERENCES with a warning; this is the name they read.
    assert in_file or env.get("REGISTRY_NOTIFICATIONS_EVENTCONFIG_INCLUDEREFERENCES") == "true"


def test_no_proxy_stands_between_the_base_registry_and_its_sidecar() -> None:
    env = registry_of(workload(build(K8S / "base")))["env"]
    assert "127.0.0.1" in named(env, "NO_PROXY")["value"].split(",")


def test_service_and_policy_select_the_pod_and_name_its_ports() -> None:
    resources = build(K8S / "base")
    resource = workload(resources)
    labels = pod(resource)["metadata"]["labels"].items()
    ports = {port["name"] for container in containers(resource) for port in container["ports"]}
    service, policy = only(resources, "Service"), only(resources, "NetworkPolicy")
    assert service["spec"]["selector"].items() <= labels
    assert [port["targetPort"] for port in service["spec"]["ports"]] == ["registry"]
    assert policy["spec"]["podSelector"]["matchLabels"].items() <= labels
    allowed = {port["port"] for rule in policy["spec"]["ingress"] for port in rule["ports"]}
    assert allowed == {"registry", "management"} == ports
    (scrape,) = [rule for rule in policy["spec"]["ingress"] if rule["ports"][0]["port"] == "management"]
    assert scrape["from"], "metrics are for the monitoring namespace only"
    assert {53, 443, 80} == {port["port"] for rule in policy["spec"]["egress"] for port in rule["ports"]}


def test_the_component_and_the_base_run_the_same_sidecar() -> None:
    ours = copy.deepcopy(sidecar_of(workload(build(K8S / "base"))))
    (patch,) = documents(K8S / "components/sidecar/pod.yaml")
    theirs = copy.deepcopy(sidecar_of(patch))
    # The base says user and seccomp profile at the pod; the component must leave the registry's own alone.
    extra = {"runAsUser": 65532, "runAsGroup": 65532, "seccompProfile": {"type": "RuntimeDefault"}}
    assert theirs.pop("securityContext") == ours.pop("securityContext") | extra
    assert theirs == ours


def test_the_component_patches_a_stateful_set_and_keeps_what_was_there() -> None:
    before = copy.deepcopy(EXISTING_STATEFULSET)
    patched = apply_component(K8S / "components/sidecar", [EXISTING_STATEFULSET])
    for resource in patched:
        validate(resource)
    spec = pod(workload(patched))["spec"]
    assert "strategy" not in workload(patched)["spec"]
    assert [one["name"] for one in spec["initContainers"]] == ["registry-sidecar", "fetch"]
    assert [one["name"] for one in spec["containers"]] == ["registry", "nginx"]
    assert named(spec["containers"], "nginx") == {"name": "nginx", "image": "nginx:1.29"}
    registry = registry_of(workload(patched))
    assert named(registry["env"], "REGISTRY_HTTP_SECRET") == {"name": "REGISTRY_HTTP_SECRET", "value": "s"}
    assert registry["volumeMounts"] == [{"name": "data", "mountPath": "/var/lib/registry"}]
    assert pod(workload(patched))["metadata"]["labels"] == {"app": "images", "registry-sidecar.io/sidecar": "true"}
    assert before == EXISTING_STATEFULSET


def test_the_component_leaves_a_workload_without_the_label_alone() -> None:
    plain = copy.deepcopy(EXISTING_STATEFULSET)
    del plain["metadata"]["labels"]
    assert workload(apply_component(K8S / "components/sidecar", [plain])) == plain


def test_the_pod_monitor_finds_the_management_port() -> None:
    resources = build(K8S / "examples/new-registry")
    monitor = only(resources, "PodMonitor")
    assert monitor["apiVersion"] == "monitoring.coreos.com/v1"
    labels = pod(workload(resources))["metadata"]["labels"].items()
    assert monitor["spec"]["selector"]["matchLabels"].items() <= labels
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    assert endpoint["path"] == "/metrics"
    assert endpoint["port"] in {port["name"] for port in sidecar_of(workload(resources))["ports"]}


def test_each_alert_says_what_is_wrong_what_to_do_and_where_to_read_on() -> None:
    (rule,) = documents(K8S / "components/monitoring/prometheusrule.yaml")
    assert rule["apiVersion"] == "monitoring.coreos.com/v1"
    assert len(rules()) == 7
    headings = re.findall(r"^#+ (.+)$", (ROOT / "docs/kubernetes.md").read_text(encoding="utf-8"), re.MULTILINE)
    anchors = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    for alert in rules():
        assert alert.keys() == {"alert", "expr", "for", "labels", "annotations"}
        assert alert["labels"]["severity"] in {"warning", "critical"}
        assert alert["annotations"].keys() == {"summary", "description", "runbook"}
        page, _, anchor = alert["annotations"]["runbook"].partition("#")
        assert page == "docs/kubernetes.md"
        assert anchor in anchors, f"docs/kubernetes.md has no heading for #{anchor}"


def test_alerts_and_pages_use_only_metrics_that_the_program_exports() -> None:
    metrics = Metrics()
    metrics.configure(["main"], [("deployer", "harbor")])
    text = metrics.render()[0].decode()
    exported = set(re.findall(r"^# TYPE (\S+) ", text, re.MULTILINE))
    used = {name for alert in rules() for name in re.findall(r"registry_sidecar_\w+", alert["expr"])}
    assert len(used) == 11
    pages = [(ROOT / "docs" / page).read_text(encoding="utf-8") for page in ("kubernetes.md", "registry.md")]
    assert used.union(*(re.findall(r"registry_sidecar_\w+", page) for page in pages)) <= exported
    # Each label value that an expression asks for exists at zero.
    for alert in rules():
        for name, values in re.findall(r'(registry_sidecar_\w+)\{outcome=~?"([\w|]+)"\}', alert["expr"]):
            for value in values.split("|"):
                assert re.search(rf'^{name}\{{.*outcome="{value}"', text, re.MULTILINE), f"{name} has no {value}"


def test_the_configuration_in_the_map_loads(built: list[Resource], tmp_path: Path) -> None:
    """The file as the pod would see it, with the Secret's keys as files."""
    (text,) = [one["data"]["config.yml"] for one in built if one["metadata"]["name"] == "registry-sidecar-config"]
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    for name in re.findall(r"\$\{file:/secrets/([\w-]+)\}", text):
        (secrets / name).write_text("whsec_bm90IGEgcmVhbCBzZWNyZXQsIHJlcGxhY2UgbWU=", encoding="utf-8")
    file = tmp_path / "config.yml"
    file.write_text(text.replace("${file:/secrets/", f"${{file:{secrets}/"), encoding="utf-8")
    settings = load(file, {"INGEST_TOKEN": "6f1d9b0c2e7a4853"})
    (ingest,) = settings.ingest.listen
    assert (str(ingest), ingest.loopback) == ("127.0.0.1:8080", True)
    (management,) = settings.management.listen
    assert (management.host, management.port) == ("", 8081)
    assert settings.store == Path("/var/lib/registry-sidecar/sidecar.db")
    assert [registry.name for registry in settings.registries] == ["main"]
    # The base has no subscriptions on purpose, and is told so; nothing else may be odd.
    assert all("there are no subscriptions" in warning for warning in settings.warnings)


def test_the_image_is_built_from_files_that_exist_and_are_let_through() -> None:
    recipe = (ROOT / "deploy/Dockerfile").read_text(encoding="utf-8")
    allowed = set((ROOT / "deploy/Dockerfile.dockerignore").read_text(encoding="utf-8").split())
    sources = [
        name for line in re.findall(r"^COPY (?!--from)(.+)$", recipe, re.MULTILINE) for name in line.split()[:-1]
    ]
    assert "requirements.lock" in sources
    for name in sources:
        assert (ROOT / name).exists(), f"{name} is copied into the image but does not exist"
        assert f"!{name}" in allowed, f"{name} is copied into the image but ignored"


def test_the_image_runs_as_the_user_that_the_manifests_name() -> None:
    recipe = (ROOT / "deploy/Dockerfile").read_text(encoding="utf-8")
    assert "\nUSER 65532:65532\n" in recipe
    assert '\nENTRYPOINT ["registry-sidecar"]\n' in recipe
    assert '\nCMD ["serve", "--config", "/etc/registry-sidecar/config.yml"]\n' in recipe
    assert "--require-hashes" in recipe
