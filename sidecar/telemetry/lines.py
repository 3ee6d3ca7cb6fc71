"""Log lines: JSON on standard output, one object a line; plainer to read on a terminal. Their keys are a contract.

Every line has `time` (RFC 3339, UTC), `level` and `message`. What joins lines: `event_id` with `record` (the registry's
own id of it), and `delivery` with `event_id`, `webhook_id`, `subscription` and `attempt`; with tracing also `trace_id`.
"""

import asyncio
import json
import logging
import sys
import time
from collections.abc import Mapping, MutableMapping
from typing import Any, BinaryIO, TextIO, cast

import msgspec

from sidecar.domain import instant

_without_rich = "rich" not in sys.modules
if _without_rich:
    # structlog imports rich for tracebacks that we do not print, which costs 60 ms and 5 MB at every start.
    sys.modules["rich"] = None  # type: ignore[assignment]  # the documented way to make an import fail
try:
    import structlog
finally:
    if _without_rich:
        del sys.modules["rich"]

LEVELS = ("debug", "info", "warning", "error")

_encode = msgspec.json.Encoder(enc_hook=str).encode


def configure(level: str = "info", *, pretty: bool | None = None, stream: TextIO | None = None) -> None:
    """Set up logging for the process. `pretty` None = when the stream is a terminal; stream None = standard output.

    Raises ValueError for a level that is not one of LEVELS. The standard library's loggers are led here too, from
    warnings up, so that what asyncio and aiohttp have to say is not lost.
    """
    if level not in LEVELS:
        raise ValueError(f"Unknown log level {level!r}; use one of {', '.join(LEVELS)}.")
    out = sys.stdout if stream is None else stream
    processors: list[structlog.typing.Processor]
    factory: Any
    if out.isatty() if pretty is None else pretty:
        stamp = structlog.processors.TimeStamper(fmt="%H:%M:%S.%f", utc=False)
        processors = [structlog.processors.add_log_level, stamp, structlog.dev.ConsoleRenderer(colors=out.isatty())]
        factory = structlog.PrintLoggerFactory(out)
    else:
        processors = [structlog.processors.format_exc_info, json_line]
        factory = structlog.BytesLoggerFactory(cast("BinaryIO", _Gathered(out.buffer)))
    number = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=factory,
        cache_logger_on_first_use=True,
    )
    root = logging.getLogger()
    for handler in [one for one in root.handlers if isinstance(one, _Bridge)]:
        root.removeHandler(handler)
    root.addHandler(_Bridge(logging.WARNING))


def json_line(_logger: object, level: str, row: MutableMapping[str, Any]) -> bytes:
    """The last step of a line: its bytes, without the line break."""
    message = row.pop("event")
    line = {"time": instant.rfc3339(time.time_ns()), "level": level, "message": message, **row}
    try:
        return _encode(line)
    except UnicodeEncodeError:  # a lone surrogate, which JSON can carry only escaped
        return json.dumps(line, default=str).encode()


def get(**bound: object) -> Any:
    """A logger, with what every line of it carries."""
    return structlog.get_logger(**bound)


class _Gathered:
    """A binary stream whose flushes within one turn of the event loop are one: a system call per line costs more than
    the line. Without a running loop every flush is made at once.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._waiting = False
        self.write = stream.write

    def flush(self) -> None:
        if self._waiting:
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self._stream.flush()
            return
        self._waiting = True
        loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._waiting = False
        self._stream.flush()


class _Bridge(logging.Handler):
    """Hands the standard library's records on."""

    def __init__(self, level: int) -> None:
        super().__init__(level)
        self._log = structlog.get_logger()

    def emit(self, record: logging.LogRecord) -> None:
        try:
            keys: Mapping[str, Any] = {"logger": record.name, "exc_info": record.exc_info or None}
            self._log.log(record.levelno, record.getMessage(), **keys)
        except Exception:  # noqa: BLE001 - a line that cannot be formatted must not stop what was being done
            self.handleError(record)
