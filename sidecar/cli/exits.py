"""How commands end: exit codes, and failures that carry one. The codes are a contract."""

import enum

from sidecar.domain.errors import ConfigError, NotFound, SidecarError, StoreUnavailable

PROGRAM = "registry-sidecar"


class ExitCode(enum.IntEnum):
    """What the caller's script sees. 69, 71 and 78 are those of sysexits.h."""

    DONE = 0
    FAILED = 1  # understood, but it could not be done or did not come out well
    USAGE = 2  # the command line itself is wrong
    NOT_FOUND = 3  # there is no such event, delivery or item
    UNAVAILABLE = 69  # the sidecar or its store cannot be reached just now
    CANNOT_LISTEN = 71  # an address is taken or not ours
    CONFIG = 78  # the configuration cannot be used
    INTERRUPTED = 130


MEANINGS = {
    ExitCode.DONE: "done",
    ExitCode.FAILED: "it could not be done, or did not come out well (status: not ready)",
    ExitCode.USAGE: "wrong usage: an unknown option, a bad value, a file that cannot be read",
    ExitCode.NOT_FOUND: "no such event, delivery or quarantined item",
    ExitCode.UNAVAILABLE: "the sidecar or its store cannot be reached",
    ExitCode.CANNOT_LISTEN: "an address cannot be listened on",
    ExitCode.CONFIG: "the configuration cannot be used",
    ExitCode.INTERRUPTED: "interrupted",
}


class Failure(SidecarError):
    """A command that ends here: one sentence for standard error, and the exit code."""

    def __init__(self, sentence: str, code: ExitCode = ExitCode.FAILED) -> None:
        super().__init__(sentence)
        self.code = code


def misuse(sentence: str) -> Failure:
    """The failure of a command line that cannot be carried out as it is written."""
    return Failure(sentence, ExitCode.USAGE)


def code_of(error: SidecarError) -> ExitCode:
    """The exit code for an error of ours."""
    if isinstance(error, Failure):
        return error.code
    if isinstance(error, ConfigError):
        return ExitCode.CONFIG
    if isinstance(error, StoreUnavailable):
        return ExitCode.UNAVAILABLE
    if isinstance(error, NotFound):
        return ExitCode.NOT_FOUND
    return ExitCode.FAILED
