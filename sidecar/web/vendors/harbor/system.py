"""Harbor's routes about the installation: who asks, what it is, how it does, and its configuration."""

import zlib
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from aiohttp import web

from sidecar import __version__
from sidecar.dialects.harbor import DIALECT
from sidecar.domain.errors import Unauthenticated
from sidecar.pipeline.muting import Muting
from sidecar.ports import Clock
from sidecar.web.vendors.harbor.answers import answer, body_of, done
from sidecar.web.vendors.harbor.desk import Desk
from sidecar.web.vendors.harbor.refusals import Refused
from sidecar.web.vendors.harbor.times import NEVER, milliseconds

VERSION = f"v2.15.2-registry-sidecar-{__version__}"  # whose API this is, and what answers
NOTIFICATION = "notification_enable"
# What cannot be changed here, as it stands. Clients read these before they decide what else to ask.
FIXED: dict[str, Any] = {
    "auth_mode": "db_auth",
    "project_creation_restriction": "adminonly",
    "quota_per_project_enable": False,
    "read_only": False,
    "self_registration": False,
    "storage_per_project": -1,
}


class Installation(msgspec.Struct, frozen=True):
    """Where the sidecar is to be found, and the registry beside it."""

    external_url: str = ""
    registry_url: str = ""


class System:
    """Handlers for the rest. `unready` are sentences why the sidecar is not well."""

    def __init__(
        self,
        desk: Desk,
        muting: Muting,
        clock: Clock,
        *,
        installation: Callable[[], Installation],
        unready: Callable[[], Sequence[str]],
    ) -> None:
        self._desk = desk
        self._muting = muting
        self._clock = clock
        self._installation = installation
        self._unready = unready

    async def ping(self, _request: web.Request) -> web.Response:
        return web.Response(text="Pong", content_type="text/plain", charset="utf-8")

    async def health(self, _request: web.Request) -> web.Response:
        troubles = self._unready()
        status = "unhealthy" if troubles else "healthy"
        core = {"name": "core", "status": status, **({"error": "; ".join(troubles)} if troubles else {})}
        return answer({"components": [core], "status": status})

    async def info(self, request: web.Request) -> web.Response:
        """To nobody in particular only how to sign in."""
        open_to_all = {"auth_mode": FIXED["auth_mode"], "primary_auth_mode": False, "self_registration": False}
        try:
            self._desk.known(request)
        except Unauthenticated:
            return answer(open_to_all)
        where = self._installation()
        return answer(
            {
                **open_to_all,
                "current_time": milliseconds(self._clock.now()),
                "external_url": where.external_url,
                "harbor_version": VERSION,
                "has_ca_root": False,
                "notification_enable": self._notifies,
                "project_creation_restriction": FIXED["project_creation_restriction"],
                "read_only": FIXED["read_only"],
                "registry_url": where.registry_url,
            }
        )

    async def user(self, request: web.Request) -> web.Response:
        person = self._desk.known(request)
        return answer(
            {
                "admin_role_in_auth": False,
                "creation_time": NEVER,
                "email": "",
                "realname": person.name,
                "sysadmin_flag": person.admin,
                "update_time": NEVER,
                "user_id": 2 + zlib.crc32(person.name.encode()) % (2**31 - 3),  # the same for a name wherever it asks
                "username": person.name,
            }
        )

    async def configuration(self, request: web.Request) -> web.Response:
        self._desk.admin(request)
        shown = {name: {"editable": False, "value": value} for name, value in FIXED.items()}
        return answer({**shown, NOTIFICATION: {"editable": True, "value": self._notifies}})

    async def configure(self, request: web.Request) -> web.Response:
        """Only `notification_enable` can be set; what else is sent may say how things stand already."""
        person = self._desk.admin(request)
        wanted = await body_of(request, dict[str, Any], "configurations")
        for name, value in wanted.items():
            if name == NOTIFICATION and _truth(value) is None:
                raise Refused(400, f"{NOTIFICATION} is true or false")
            if name != NOTIFICATION and value is not None and value != FIXED.get(name):
                raise Refused(400, f"{name} cannot be set here: the sidecar has its configuration in a file")
        if NOTIFICATION in wanted:
            await self._muting.mute(person, DIALECT.name, silent=not _truth(wanted[NOTIFICATION]))
        return done()

    @property
    def _notifies(self) -> bool:
        return DIALECT.name not in self._muting.silent


def _truth(value: Any) -> bool | None:
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value.lower())
    return value if isinstance(value, bool) else None
