"""No client: the delay of the ticker when nothing else happens in its process."""

from __future__ import annotations

import asyncio

from common import Work, main


async def idle(work: Work) -> None:
    """Sleeps for about as long as the others work."""
    await work.start_ticker()
    work.start()
    await asyncio.sleep(0.5)
    await work.stop_ticker()
    work.finish([])


main({"idle": idle})
