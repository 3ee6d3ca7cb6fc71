"""SPDX 2.2 and 2.3 in JSON: a list of packages, as an SBOM of the image that it is about. Pure."""

import msgspec

from sidecar.domain.details import Report, Scan, ScanStatus, Tool
from sidecar.intake import images, purl
from sidecar.intake.findings import Reported, moment, tool
from sidecar.intake.images import Image
from sidecar.intake.posted import decoded


class _Reference(msgspec.Struct, frozen=True, rename="camel"):
    reference_type: str | None = None
    reference_locator: str | None = None


class _Annotation(msgspec.Struct, frozen=True):
    comment: str | None = None


class _Package(msgspec.Struct, frozen=True, rename="camel"):
    name: str | None = None
    version_info: str | None = None
    primary_package_purpose: str | None = None
    external_refs: list[_Reference] | None = None
    attribution_texts: list[str | None] | None = None
    annotations: list[_Annotation] | None = None


class _Creation(msgspec.Struct, frozen=True):
    created: str | None = None
    creators: list[str | None] | None = None


class _Document(msgspec.Struct, frozen=True, rename="camel"):
    name: str | None = None
    document_namespace: str | None = None
    creation_info: _Creation | None = None
    packages: list[_Package] | None = None


_decoder = msgspec.json.Decoder(_Document)
_OWN_NAMES = ("RepoDigest: ", "RepoTag: ")  # as Trivy writes them: attributions at first, annotations later


def read(body: bytes) -> Reported:
    """Raises Misstated with the place of what does not fit."""
    document = decoded(_decoder, body)
    creation = document.creation_info or _Creation()
    packages = document.packages or []
    about = [one for one in packages if one.primary_package_purpose == "CONTAINER"]
    scan = Scan(
        status=ScanStatus.SUCCESS,
        report=Report.SBOM,
        report_id=(document.document_namespace or "")[:500],
        scanner=_scanner([one for one in creation.creators or () if one]),
        ended=moment(creation.created),
        packages=len(packages) - len(about),
    )
    if not about:
        return Reported(scan=scan)
    image = about[0]
    return Reported(
        scan=scan,
        asked=images.versioned(image.name or "", image.version_info or ""),
        images=_others(image),
    )


def _others(about: _Package) -> tuple[Image, ...]:
    """Other names of the image: its package URL, and what Trivy says of it."""
    urls = [one.reference_locator or "" for one in about.external_refs or () if one.reference_type == "purl"]
    notes = [*(about.attribution_texts or ()), *(one.comment for one in about.annotations or ())]
    said = [one.partition(": ")[2] for one in notes if one and one.startswith(_OWN_NAMES)]
    found = [*(purl.image(one) for one in urls), *(images.parse(one) for one in said)]
    return tuple(one for one in found if one is not None)


def _scanner(creators: list[str]) -> Tool:
    """`Tool: trivy-0.60.0` and `Organization: aquasecurity`, as creators are written."""
    told = {kind: value for kind, _, value in (one.partition(": ") for one in reversed(creators))}
    name, _, version = told.get("Tool", "").rpartition("-")
    if not name or not version[:1].isdigit():
        name, version = told.get("Tool", ""), ""
    return tool(name, told.get("Organization", ""), version)
