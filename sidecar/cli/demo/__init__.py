"""`demo`: a registry's real notifications in, three vendors' webhooks out, on this machine alone."""

from typing import Annotated

import typer


def demo(
    count: Annotated[int, typer.Option("--count", help="Play everything so many times.", min=1, max=50)] = 1,
) -> None:
    """Show the sidecar at work, on this machine alone.

    Captured notifications of a real registry in, Harbor's, DTR's and Quay's webhooks out. Everything is made for the
    occasion and removed again: a store in a temporary directory, free ports on 127.0.0.1.
    """
    import asyncio

    from sidecar.cli.demo.play import play

    asyncio.run(play(count))
