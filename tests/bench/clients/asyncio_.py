"""No client: the delay of the ticker in an otherwise idle process."""

from __future__ import annotations

import asyncio

from common import Work, main


async def idle(work: Work) -> None:
    """Sleeps for about as long as the clients work."""
    await work.start_ticker()
    work.start()
    await asyncio.sleep(0.5)
    await work.stop_ticker()
    work.finish([])


main({"idle": idle})
