"""Work that several requests ask for at the same time, done once in a thread."""

from __future__ import annotations

import asyncio
from typing import Any, Callable, Generic, TypeVar

_T = TypeVar("_T")


class SingleFlight(Generic[_T]):
    """Runs a function in a thread; who asks for the same key meanwhile gets the same result, or the same error."""

    def __init__(self) -> None:
        self._running: dict[str, asyncio.Task[_T]] = {}

    async def run(self, key: str, function: Callable[..., _T], *arguments: Any) -> _T:
        """Return what the function returns. It goes on if the one who asked gives up."""
        task = self._running.get(key)
        if task is None:
            task = asyncio.ensure_future(asyncio.to_thread(function, *arguments))
            self._running[key] = task
            task.add_done_callback(lambda _: self._running.pop(key, None))
        return await asyncio.shield(task)
