"""CycloneDX 1.2 to 1.7 in JSON: a list of packages, as an SBOM of the image that it is about. Pure.

The vulnerabilities that such a document may hold as well are not read: post the scanner's own report of them.
"""

import msgspec

from sidecar.domain.details import Report, Scan, ScanStatus, Tool
from sidecar.intake import images, purl
from sidecar.intake.findings import Reported, moment, tool
from sidecar.intake.images import Image
from sidecar.intake.posted import decoded


class _Property(msgspec.Struct, frozen=True):
    name: str | None = None
    value: str | None = None


class _Named(msgspec.Struct, frozen=True):
    name: str | None = None


class _Component(msgspec.Struct, frozen=True):
    type: str | None = None
    name: str | None = None
    version: str | None = None
    purl: str | None = None
    group: str | None = None
    vendor: str | None = None  # of a tool, up to 1.4
    author: str | None = None
    publisher: str | None = None
    manufacturer: _Named | None = None
    properties: list[_Property] | None = None


class _Tools(msgspec.Struct, frozen=True):
    components: list[_Component] | None = None


class _Metadata(msgspec.Struct, frozen=True):
    timestamp: str | None = None
    tools: list[_Component] | _Tools | None = None  # up to 1.4 a list, from 1.5 on an object
    component: _Component | None = None


class _Document(msgspec.Struct, frozen=True, rename="camel"):
    serial_number: str | None = None
    metadata: _Metadata | None = None
    components: list[msgspec.Raw] | None = None


_decoder = msgspec.json.Decoder(_Document)
_OWN_NAMES = frozenset({"aquasecurity:trivy:RepoDigest", "aquasecurity:trivy:RepoTag"})


def read(body: bytes) -> Reported:
    """Raises Misstated with the place of what does not fit."""
    document = decoded(_decoder, body)
    metadata = document.metadata or _Metadata()
    scan = Scan(
        status=ScanStatus.SUCCESS,
        report=Report.SBOM,
        report_id=(document.serial_number or "")[:500],
        scanner=_scanner(metadata),
        ended=moment(metadata.timestamp),
        packages=len(document.components or ()),
    )
    about = metadata.component
    if about is None or about.type not in {None, "container"}:
        return Reported(scan=scan)
    return Reported(
        scan=scan,
        asked=images.versioned(about.name or "", about.version or ""),
        images=_others(about),
    )


def _others(about: _Component) -> tuple[Image, ...]:
    """Other names of the image: what Trivy says of it, and its package URL."""
    told = [one.value or "" for one in about.properties or () if one.name in _OWN_NAMES]
    found = [purl.image(about.purl or ""), *(images.parse(one) for one in told)]
    return tuple(one for one in found if one is not None)


def _scanner(metadata: _Metadata) -> Tool:
    given = metadata.tools.components if isinstance(metadata.tools, _Tools) else metadata.tools
    for one in given or ():
        maker = one.manufacturer.name if one.manufacturer is not None else None
        return tool(one.name, one.vendor or maker or one.author or one.publisher or one.group, one.version)
    return Tool()
