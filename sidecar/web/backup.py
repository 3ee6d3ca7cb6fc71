"""POST /v1/backup: a copy of the store, written by the sidecar where the caller says.

The answer is a line of JSON for each bit of progress, `{"copied": bytes, "total": bytes}`, and a last one: `{"backup":
{...}}`, or `{"error": "a sentence"}` when it failed after it had begun. Writing files is for those who can open the
Unix socket: it is the same as being the user that the sidecar runs as.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Protocol

import msgspec
from aiohttp import web

from sidecar.domain import instant
from sidecar.domain.errors import BackupRefused, SidecarError
from sidecar.ports import BackupReport
from sidecar.web.calls import join
from sidecar.web.exchange import body_of
from sidecar.web.problems import problem, sentence


class Backup(Protocol):
    """Makes a backup; `progress(done, total)` in bytes may be called from a thread."""

    async def __call__(self, target: Path, *, force: bool, progress: Callable[[int, int], None]) -> BackupReport: ...


class BackupBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a backup goes."""

    target: Annotated[str, msgspec.Meta(description="a path where the sidecar runs")]
    force: Annotated[bool, msgspec.Meta(description="overwrite a file that is there")] = False


def add_backup(app: web.Application, backup: Backup, *, on_socket: bool) -> None:
    """Add the route."""

    async def post(request: web.Request) -> web.StreamResponse:
        if not on_socket:
            return problem(403, "A backup writes a file where the sidecar runs: ask for it over the Unix socket.")
        wanted = await body_of(request, BackupBody)
        lines: asyncio.Queue[dict[str, object] | None] = asyncio.Queue()
        loop = asyncio.get_running_loop()
        gone = False

        def progress(done: int, total: int) -> None:
            if gone:
                raise BackupRefused("given up: whoever asked for it has gone")
            line: dict[str, object] = {"copied": done, "total": total}
            loop.call_soon_threadsafe(lines.put_nowait, line)

        def ended(done: "asyncio.Future[BackupReport]") -> None:
            if not done.cancelled():
                done.exception()  # whoever has gone will not ask for it
            lines.put_nowait(None)

        work = asyncio.ensure_future(backup(Path(wanted.target), force=wanted.force, progress=progress))
        work.add_done_callback(ended)
        try:
            line = await lines.get()
            if line is None:
                await work  # a failure before anything was copied is answered as any other
            response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
            await response.prepare(request)
            while line is not None:
                await response.write(msgspec.json.encode(line) + b"\n")
                line = await lines.get()
            await response.write(msgspec.json.encode(_last(work)) + b"\n")
            await response.write_eof()
            if not isinstance(work.exception(), SidecarError):
                await work  # a fault of ours goes to the log
        finally:
            gone = True
        return response

    join(app, {"backUp": post})


def _last(work: "asyncio.Future[BackupReport]") -> dict[str, object]:
    error = work.exception()
    if error is None:
        made = work.result()
        return {
            "backup": {
                "path": made.path,
                "sizeBytes": made.size,
                "seconds": round(made.took, 3),
                "lastRecord": made.number,
                "at": instant.rfc3339(made.at),
            }
        }
    return {"error": sentence(error) if isinstance(error, SidecarError) else "The backup failed; see the log."}
