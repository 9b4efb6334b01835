"""A spinner on stderr for work that takes longer than half a second, on a terminal only."""

from __future__ import annotations

import sys
import threading
from types import TracebackType
from typing import Any

_PATIENCE = 0.5


class Working:
    """A context in which something slow happens; `advance(done, total)` says how far it is.

    The spinner is started by a timer, since the work itself does not come back to say that it takes long.
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._lock = threading.Lock()
        self._finished = False
        self._status: Any = None
        self._timer: threading.Timer | None = None

    def __enter__(self) -> Working:
        if sys.stderr.isatty():
            self._timer = threading.Timer(_PATIENCE, self._show)
            self._timer.daemon = True
            self._timer.start()
        return self

    def advance(self, done: int, total: int) -> None:
        """Say that `done` of `total` steps are behind us."""
        self._what = f"{self._what.partition(' (')[0]} ({done} of {total})"
        with self._lock:
            if self._status is not None:
                self._status.update(self._what)

    def _show(self) -> None:
        from rich.console import Console

        with self._lock:
            if not self._finished:
                self._status = Console(stderr=True).status(self._what)
                self._status.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._timer is None:
            return
        self._timer.cancel()
        with self._lock:
            self._finished = True
            if self._status is not None:
                self._status.stop()
