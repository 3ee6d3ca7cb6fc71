"""Harbor's routes for webhook policies, and for what became of their deliveries."""

from collections.abc import Collection, Sequence
from typing import Any

from aiohttp import web

from sidecar.domain.errors import Forbidden, NotFound, Taken
from sidecar.domain.listing import AttemptRow, DeliveryFilter, DeliveryRow
from sidecar.domain.made import Api, Draft, Made
from sidecar.pipeline.operations import Operations
from sidecar.pipeline.subscribing import MOST, Subscribing
from sidecar.web.vendors.harbor import jobs, policies, query
from sidecar.web.vendors.harbor.answers import answer, body_of, done, made, number_of, page
from sidecar.web.vendors.harbor.desk import Concern, Desk
from sidecar.web.vendors.harbor.jobs import Job
from sidecar.web.vendors.harbor.policies import PolicyBody
from sidecar.web.vendors.harbor.refusals import Refused, invalid

HISTORY = 500  # deliveries of each target that are told of, the newest; Harbor keeps 50 of each policy
TRIED = "PUSH_ARTIFACT"


class Webhooks:
    """Handlers under `/projects/{project}/webhook`."""

    def __init__(self, desk: Desk, subscribing: Subscribing, operations: Operations) -> None:
        self._desk = desk
        self._subscribing = subscribing
        self._operations = operations

    # --- policies ----------------------------------------------------------------------------------------------------

    async def list(self, request: web.Request) -> web.Response:
        concern = await self._desk.project(request)
        asked = query.read(request.query)
        found = asked.chosen(await self._policies(concern), policies.fields, "-creation_time,-id")
        return page(
            request, asked, len(found), [policies.shown(one, concern.project.id) for one in asked.page_of(found)]
        )

    async def create(self, request: web.Request) -> web.Response:
        person, project = await self._desk.project(request)
        policy = await body_of(request, PolicyBody, "policy")
        policies.check(policy)
        draft = policies.draft(policy, project.id, project.name, person.name)
        try:
            new = await self._subscribing.create(person, draft)
        except Taken:
            raise _taken(draft) from None
        return made(f"{request.rel_url.raw_path.rstrip('/')}/{new.policy}")

    async def get(self, request: web.Request) -> web.Response:
        concern, policy = await self._policy(request)
        return answer(policies.shown(policy, concern.project.id))

    async def update(self, request: web.Request) -> web.Response:
        """All of it is replaced, whatever is left out of the body; only who made it stays."""
        concern, policy = await self._policy(request)
        wanted = await body_of(request, PolicyBody, "policy")
        policies.check(wanted)
        creator = str(policy.document.get("creator", ""))
        draft = policies.draft(wanted, concern.project.id, concern.project.name, creator)
        try:
            await self._subscribing.replace(concern.person, policy, draft)
        except Taken:
            raise _taken(draft) from None
        return done()

    async def delete(self, request: web.Request) -> web.Response:
        concern, policy = await self._policy(request)
        await self._subscribing.remove(concern.person, policy)
        return done()

    async def test(self, request: web.Request) -> web.Response:
        """As Harbor 2.0 to 2.2: every target is sent a sample at once, and the first that does not take it is told."""
        person, project = await self._desk.project(request)
        policy = await body_of(request, PolicyBody, "policy")
        policies.check_targets(policy)
        draft = policies.draft(policy, project.id, project.name, person.name)
        for number in range(len(draft.targets)):
            tried = await self._subscribing.test(person, draft, TRIED, target=number)
            if not tried.outcome.delivered:
                raise Refused(400, f"the target did not take the test: {tried.outcome.detail or tried.outcome.reason}")
        return done()

    async def events(self, request: web.Request) -> web.Response:
        await self._desk.project(request)
        return answer(policies.supported())

    async def last_trigger(self, request: web.Request) -> web.Response:
        concern = await self._desk.project(request)
        rows: list[dict[str, Any]] = []
        for policy in reversed(await self._policies(concern)):
            rows += policies.last_triggers(policy, await self._subscribing.last_triggers(concern.person, policy))
        return answer(rows)

    async def _policies(self, concern: Concern) -> Sequence[Made]:
        found = await self._subscribing.list(concern.person, Api.HARBOR, namespace=concern.project.name, limit=MOST)
        return found.items

    async def _policy(self, request: web.Request) -> tuple[Concern, Made]:
        """The policy that the path names, of the project that it names. Raises NotFound."""
        concern = await self._desk.project(request)
        return concern, await self._of(concern, number_of(request, "policy"))

    async def _of(self, concern: Concern, number: int) -> Made:
        project = concern.project
        elsewhere = f"resource not found: project id:{project.id}, webhook policy id: {number} not found"
        try:
            policy = await self._subscribing.get(concern.person, Api.HARBOR, policy=number)
        except NotFound:
            raise NotFound(f"notificationPolicy {number} not found") from None
        except Forbidden:
            raise NotFound(elsewhere) from None
        if policy.namespace != project.name:
            raise NotFound(elsewhere)
        return policy

    # --- what became of deliveries -----------------------------------------------------------------------------------

    async def executions(self, request: web.Request) -> web.Response:
        _, policy = await self._policy(request)
        asked = query.read(request.query)
        found = asked.chosen(await self._jobs(policy), jobs.fields, "-start_time,-id")
        shown = [jobs.execution(one, (await self._sent(one))[0]) for one in asked.page_of(found)]
        return page(request, asked, len(found), shown)

    async def tasks(self, request: web.Request) -> web.Response:
        one, _, attempts = await self._execution(request)
        asked = query.read(request.query)
        found = asked.chosen([one], lambda job: jobs.task_fields(job, attempts), "id")
        return page(request, asked, len(found), [jobs.task(job, attempts) for job in asked.page_of(found)])

    async def log(self, request: web.Request) -> web.Response:
        one, payload, attempts = await self._execution(request)
        number = number_of(request, "task")
        if number != one.row.id:
            raise NotFound(f"task {number} not found in execution {one.row.id}")
        return web.Response(text=jobs.log(one, payload, attempts), content_type="text/plain", charset="utf-8")

    async def jobs(self, request: web.Request) -> web.Response:
        concern = await self._desk.project(request)
        number = request.query.get("policy_id", "")
        if not number:
            raise invalid("policy_id in query is required")
        policy = await self._of(concern, query.number("policy_id", number))
        asked = query.read(request.query)
        statuses = {status for text in request.query.getall("status", []) for status in text.split(",") if status}
        every = [one for one in await self._jobs(policy) if not statuses or one.status in statuses]
        found = asked.chosen(every, jobs.fields, "-creation_time,-id")
        shown = [jobs.job(one, *await self._sent(one)) for one in asked.page_of(found)]
        return page(request, asked, len(found), shown)

    async def _jobs(self, policy: Made) -> Sequence[Job]:
        running = self._operations.under_way
        found = []
        for target in policy.targets:
            rows = await self._operations.deliveries(DeliveryFilter(subscription=target.name, limit=HISTORY))
            found += [_job(policy, row, running) for row in rows]
        return found

    async def _execution(self, request: web.Request) -> tuple[Job, str, Sequence[AttemptRow]]:
        """The execution that the path names, of the policy that it names: its payload and attempts. Raises NotFound."""
        _, policy = await self._policy(request)
        number = number_of(request, "execution")
        try:
            row, message, attempts = await self._operations.delivery(number)
        except NotFound:
            raise NotFound(f"execution {number} not found") from None
        if row.subscription not in {one.name for one in policy.targets}:
            raise NotFound(f"execution {number} not found in policy {policy.policy}")
        payload = message.body.decode("utf-8", "replace") if message is not None else ""
        return _job(policy, row, self._operations.under_way), payload, attempts

    async def _sent(self, one: Job) -> tuple[str, Sequence[AttemptRow]]:
        _, message, attempts = await self._operations.delivery(one.row.id)
        return message.body.decode("utf-8", "replace") if message is not None else "", attempts


def _job(policy: Made, row: DeliveryRow, running: Collection[int]) -> Job:
    target = next(one for one in policy.targets if one.name == row.subscription)
    slack = target.subscription.get("options", {}).get("flavour") == policies.SLACK["flavour"]
    return Job(row=row, policy=policy.policy, slack=slack, running=row.id in running)


def _taken(draft: Draft) -> Refused:
    return Refused(409, f"notification policy named {draft.name} already exists")
