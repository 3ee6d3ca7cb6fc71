"""Harbor's management API on a listener: every route of it that is answered here, and what the others are told."""

from collections.abc import Callable, Sequence

from aiohttp import web

from sidecar.pipeline.muting import Muting
from sidecar.pipeline.operations import Operations
from sidecar.pipeline.subscribing import Subscribing
from sidecar.ports import Clock, Observer
from sidecar.ports.places import Flags, Places
from sidecar.web.vendors.harbor.answers import Handler, answering
from sidecar.web.vendors.harbor.desk import Desk
from sidecar.web.vendors.harbor.projects import Projects
from sidecar.web.vendors.harbor.refusals import Refused
from sidecar.web.vendors.harbor.system import Installation, System
from sidecar.web.vendors.harbor.webhooks import Webhooks

BASE = "/api/v2.0"
POLICY = "/projects/{project}/webhook/policies/{policy}"


class HarborApi:
    """The routes, over the pipeline's verbs. `places` also keeps what people set for good."""

    def __init__(
        self,
        *,
        subscribing: Subscribing,
        operations: Operations,
        places: Places,
        flags: Flags,
        muting: Muting,
        clock: Clock,
        observer: Observer,
        installation: Callable[[], Installation],
        unready: Callable[[], Sequence[str]],
    ) -> None:
        self._trouble = observer.trouble
        desk = Desk(places)
        webhooks = Webhooks(desk, subscribing, operations)
        projects = Projects(desk, flags, subscribing, clock, observer)
        system = System(desk, muting, clock, installation=installation, unready=unready)
        self.routes: dict[str, dict[str, Handler]] = {
            "/projects/{project}/webhook/policies": {"GET": webhooks.list, "POST": webhooks.create},
            "/projects/{project}/webhook/policies/test": {"POST": webhooks.test},
            POLICY: {"GET": webhooks.get, "PUT": webhooks.update, "DELETE": webhooks.delete},
            f"{POLICY}/executions": {"GET": webhooks.executions},
            f"{POLICY}/executions/{{execution}}/tasks": {"GET": webhooks.tasks},
            f"{POLICY}/executions/{{execution}}/tasks/{{task}}/log": {"GET": webhooks.log},
            "/projects/{project}/webhook/events": {"GET": webhooks.events},
            "/projects/{project}/webhook/lasttrigger": {"GET": webhooks.last_trigger},
            "/projects/{project}/webhook/jobs": {"GET": webhooks.jobs},
            "/projects": {"GET": projects.list, "HEAD": projects.head, "POST": projects.create},
            "/projects/{project}": {"GET": projects.get, "PUT": projects.update, "DELETE": projects.delete},
            "/projects/{project}/scanner": {"GET": projects.scanner},
            "/projects/{project}/repositories": {"GET": projects.repositories},
            "/users/current": {"GET": system.user},
            "/configurations": {"GET": system.configuration, "PUT": system.configure},
            "/systeminfo": {"GET": system.info},
            "/health": {"GET": system.health},
            "/ping": {"GET": system.ping},
        }

    def add_to(self, app: web.Application) -> None:
        for path, methods in self.routes.items():
            resource = app.router.add_resource(BASE + path)
            for method, handler in methods.items():
                resource.add_route(method, answering(handler, self._trouble))
            resource.add_route("*", answering(_not_allowed(methods), self._trouble))
        app.router.add_route("*", BASE + "{rest:(?:/.*)?}", answering(_unknown, self._trouble))


def _not_allowed(methods: Sequence[str] | dict[str, Handler]) -> Handler:
    async def refuse(request: web.Request) -> web.StreamResponse:
        raise Refused(405, f"method {request.method} is not allowed, but [{','.join(methods)}] are")

    return refuse


async def _unknown(request: web.Request) -> web.StreamResponse:
    """Most of Harbor's API is about what a sidecar has no part in."""
    raise Refused(404, f"path {request.path} was not found")
