"""Runs the items of a part in another process, which may die: the next one takes up the rest.

An illegal address leaves CUDA unusable for the process, a crash ends it, a deadlock in a kernel
never comes back. In each case the item that was running is to blame, and the others go on.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import IO, Any

from .setting import ROOT, wrong

__all__ = ["COMMAND", "Lines", "environment", "started", "supervise"]

COMMAND = (sys.executable, "-m", f"{__package__}.worker")
GRACE = 15.0  # seconds after the part's time is over until its process is killed


def environment(**more: str) -> dict[str, str]:
    """This process's, and the repository first on the path."""
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH", ""))))
    return {**os.environ, "PYTHONPATH": path, **more}


class Lines:
    """A process, and its lines as they come.

    next(seconds) gives a line, None at the end; TimeoutError if none comes in that time.
    """

    def __init__(self, command: Sequence[str], given: str = "", **options: Any) -> None:
        self.errors: IO[str] = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
            errors="replace",
            cwd=ROOT,
            start_new_session=True,
            **{"env": environment(), **options},
        )
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):  # it died at once: its status tells
            self.process.stdin.write(given)
            self.process.stdin.close()
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line.rstrip("\n"))
        self._lines.put(None)

    def next(self, seconds: float) -> str | None:
        """The next line."""
        try:
            return self._lines.get(timeout=max(0.0, seconds))
        except queue.Empty:
            raise TimeoutError from None

    def kill(self) -> None:
        """End it and its children, if they haven't ended, and forget what it said."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self._reader.join(5.0)  # the pipe has ended
        for file in (self.process.stdout, self.errors):
            if file is not None:
                file.close()

    def ended(self) -> str:
        """How it ended, with the last of what it said on stderr."""
        code = self.process.wait()
        try:
            how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"
        except ValueError:
            how = f"signal {-code}"
        self.errors.seek(0)
        said = [line.strip() for line in self.errors.read()[-4000:].splitlines() if line.strip()]
        return how + (f"; last words: {' | '.join(said[-3:])[-600:]}" if said else "")


@contextmanager
def started(command: Sequence[str], given: str = "", **options: Any) -> Iterator[Lines]:
    """A process that doesn't outlive the block."""
    lines = Lines(command, given, **options)
    try:
        yield lines
    finally:
        lines.kill()


def supervise(
    request: dict[str, Any],
    names: Sequence[str],
    seconds: float,
    *,
    command: Sequence[str] = COMMAND,
    clock: Callable[[], float] = time.monotonic,
    grace: float = GRACE,
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (item, result) for those of the names that get their turn in that many seconds.

    request  what the worker is told besides: part, device
    Raises RuntimeError if a process ends before it has started any item.
    """
    end = clock() + seconds
    left = list(names)
    while left and clock() < end:
        told = json.dumps({**request, "items": left, "seconds": end - clock()})
        before = len(left)
        with started(command, told) as lines:
            for name, result in _answers(lines, lambda: end + grace - clock()):
                left.remove(name)
                yield name, result
            if len(left) == before and clock() < end:
                raise RuntimeError(f"the process ended before its first item: {lines.ended()}")


def _answers(lines: Lines, remaining: Callable[[], float]) -> Iterator[tuple[str, dict[str, Any]]]:
    """What one process answers, the blame for its end included."""
    running = ""
    try:
        while (line := lines.next(remaining())) is not None:
            message = json.loads(line)
            running = message.get("start", "")
            if "item" in message:
                yield message["item"], message["result"]
    except TimeoutError:
        lines.kill()
        if running:
            yield running, wrong("not done when its time was over, and killed: hanging, or slow")
        return
    if running:
        yield running, wrong(f"the process died of it: {lines.ended()}")
