"""Two real clients of Quay's notifications, reduced to the requests that they make and what they demand of the answers.

`Ansible` is the module quay_notification of the collection infra.quay_configuration 2.8.1, `Konflux` the Quay client of
konflux-ci/image-controller. Both fail where the real ones do.
"""

import json
import re
from typing import Any
from urllib.parse import quote

import aiohttp


class Failed(Exception):
    """The client gave up."""


class Ansible:
    """One run of the module for each call."""

    def __init__(self, base: str, token: str) -> None:
        self._base = f"{base}/api/v1/"
        self._headers = {
            "Content-Type": "application/json",
            "Accept": "application/json",
            "Authorization": f"Bearer {token}",
        }
        self.calls: list[tuple[str, str, int]] = []

    async def _call(self, method: str, path: str, data: Any = None, ok: tuple[int, ...] = (404,)) -> tuple[int, Any]:
        """As make_json_request does: what is refused for rights or method ends the run, as does what is not JSON."""
        async with aiohttp.ClientSession(headers=self._headers) as session:
            body = None if data is None else json.dumps(data)
            async with session.request(method, self._base + path, data=body, allow_redirects=True) as response:
                raw, status = await response.read(), response.status
        self.calls.append((method, path, status))
        if status not in ok and (status >= 500 or status in {401, 403, 405}):
            raise Failed(f"{method} {path}: {status}")
        return status, json.loads(raw) if raw else {}

    async def _object(self, path: str, ok: tuple[int, ...] = (404,)) -> Any:
        status, found = await self._call("GET", path, ok=ok)
        if status in ok and status != 200:
            return None
        if status != 200:
            raise Failed(_error_of(found))
        return found

    async def _namespace(self, name: str) -> dict[str, Any] | None:
        """An organization, else whoever has that name."""
        found = await self._object(f"organization/{name}")
        if found:
            return {**found, "is_organization": True}
        robot = await self._object(f"user/robots/{name}", ok=(400, 404))
        if robot:
            return {"name": name, "is_robot": True, "is_organization": False}
        people = await self._object(f"entities/{name}?includeOrgs=False&includeTeams=False")
        for one in people["results"]:
            if one["name"] == name and one["kind"] == "user":
                return {"name": name, "is_robot": one["is_robot"], "is_organization": False}
        return None

    async def run(self, **params: Any) -> bool:
        """Whether something was changed. Raises Failed where the module would."""
        repository: str = params["repository"]
        state, title, event = params.get("state", "present"), params.get("title"), params.get("event")
        me = (await self._object("user/"))["username"]
        namespace = repository.partition("/")[0]
        details = await self._namespace(namespace)
        if details is None:
            if state == "absent":
                return False
            raise Failed(f"The {namespace} namespace does not exist.")
        if not details["is_organization"] and details["name"] != me:
            raise Failed(f"You ({me}) are not the owner of {namespace}'s namespace.")
        listed = await self._object(f"repository/{repository}/notification/")
        matching = [one for one in listed.get("notifications", []) if _matches(one, params)]
        if state == "absent":
            for one in matching:
                path = f"repository/{repository}/notification/{one['uuid']}"
                status, answer = await self._call("DELETE", path)
                if status not in {200, 201, 202, 204, 400, 404}:
                    raise Failed(_error_of(answer))
            return bool(matching)
        changed = False
        if not matching:
            if not await self._object(f"repository/{repository}"):
                raise Failed(f"The {repository} repository does not exist.")
            fields: dict[str, Any] = {"eventConfig": {}, "event_config": {}, "config": dict(params["config"])}
            fields |= {"title": title, "event": event, "method": params["method"]}
            if event == "repo_image_expiry":
                fields["eventConfig"] = fields["event_config"] = {"days": params.get("image_expiry_days", 7)}
            matching = [await self._create(f"repository/{repository}/notification/", fields)]
            changed = True
        for one in matching:
            path = f"repository/{repository}/notification/{one['uuid']}"
            if params.get("test"):
                await self._create(f"{path}/test", {})
            if params.get("reset_failcount") and one.get("number_of_failures", 0):
                await self._create(path, {})
                changed = True
        return changed

    async def _create(self, path: str, fields: Any) -> Any:
        status, answer = await self._call("POST", path, fields)
        if status not in {200, 201, 204}:
            raise Failed(_error_of(answer))
        return answer


def _matches(one: dict[str, Any], params: dict[str, Any]) -> bool:
    if params.get("search_string") is not None:
        return params["search_string"] in one["title"]
    if params.get("regexp") is not None:
        return re.search(params["regexp"], one["title"]) is not None
    if params.get("title") is not None:
        return bool(one["title"] == params["title"])
    wanted = {key: params[key] for key in ("event", "method") if params.get(key)}
    return bool(wanted) and all(one[key] == value for key, value in wanted.items())


def _error_of(answer: Any) -> str:
    if "message" in answer:
        return str(answer["message"])
    told = [str(answer[key]) for key in ("title", "error_type", "error_message", "detail") if key in answer]
    if not told:
        raise Failed("no error text")
    return ": ".join(told)


class Konflux:
    """The controller demands exact statuses; what has the same title is the same to it."""

    def __init__(self, base: str, token: str) -> None:
        self._base = f"{base}/api/v1"
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    async def _do(self, method: str, path: str, wanted: int, data: Any = None) -> Any:
        async with aiohttp.ClientSession(headers=self._headers) as session:
            body = None if data is None else json.dumps(data)
            async with session.request(method, self._base + path, data=body) as response:
                raw = await response.read()
                if response.status != wanted:
                    told = json.loads(raw)
                    raise Failed(told.get("error_message") or told.get("error") or told.get("message"))
                return json.loads(raw) if raw else None

    async def notifications(self, organization: str, repository: str) -> list[dict[str, Any]]:
        path = f"/repository/{organization}/{quote(repository)}/notification/"
        return list((await self._do("GET", path, 200))["notifications"])

    async def create(self, organization: str, repository: str, notification: dict[str, Any]) -> dict[str, Any]:
        """What is there under that title already is what there is."""
        for one in await self.notifications(organization, repository):
            if one["title"] == notification["title"]:
                return one
        path = f"/repository/{organization}/{quote(repository)}/notification/"
        made: dict[str, Any] = await self._do("POST", path, 201, {"eventConfig": {}, **notification})
        return made

    async def delete(self, organization: str, repository: str, title: str) -> bool:
        for one in await self.notifications(organization, repository):
            if one["title"] == title:
                path = f"/repository/{organization}/{quote(repository)}/notification/{one['uuid']}"
                await self._do("DELETE", path, 204)
                return True
        return False

    async def update(self, organization: str, repository: str, notification: dict[str, Any]) -> dict[str, Any]:
        """There is no update."""
        await self.delete(organization, repository, notification["title"])
        return await self.create(organization, repository, notification)
