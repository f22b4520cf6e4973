"""Whose code is running: the user's line behind what gpugraph does.

For the record of an op a network of `gpugraph.models` is gpugraph's own code, as all of the package
is. Who looks at a run, or reads an error, wants the network's line: there models count as users.
"""

from __future__ import annotations

import os
import sys
from types import CodeType, FrameType

__all__ = ["PACKAGE", "raised_at", "user_frame", "user_line"]

PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
MODELS = PACKAGE + "models" + os.sep
# What runs the user's code by name: no line above it is the user's
RUNNERS = tuple([PACKAGE + name + os.sep for name in ("analysis", "testing", "cli")])

_OURS, _USERS, _END = 1, 2, 3
_files: dict[str, int] = {}  # file name -> whose it is; looked up at every record


def user_frame(depth: int) -> tuple[CodeType | None, int]:
    """Code and instruction of the innermost frame outside gpugraph, at least `depth` frames up.

    The line number is worked out only when `Node.where` asks for it.
    """
    frame: FrameType | None = sys._getframe(depth)
    while frame is not None:
        code = frame.f_code
        whose = _files.get(code.co_filename) or _whose(code.co_filename)
        if whose == _USERS:
            return code, frame.f_lasti
        if whose == _END:
            break
        frame = frame.f_back
    return None, 0


def _whose(file: str) -> int:
    """Above gpugraph's command line, no line is the user's."""
    ours = file.startswith(PACKAGE)
    end = ours and file.startswith("cli" + os.sep, len(PACKAGE))
    return _files.setdefault(file, _END if end else _OURS if ours else _USERS)


def user_line() -> str:
    """Where the user's code, or a network's, is right now, as "file:line"; "" where none is."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith(RUNNERS):  # who asks
        frame = frame.f_back
    while frame is not None:
        file = frame.f_code.co_filename
        if is_users(file):
            return f"{file}:{frame.f_lineno}"
        if file.startswith(RUNNERS):
            break
        frame = frame.f_back
    return ""


def raised_at(error: BaseException) -> str:
    """The innermost line of the user's code, or a network's, on an error's way; "" without one."""
    found, tb = "", error.__traceback__
    while tb is not None:
        file = tb.tb_frame.f_code.co_filename
        if is_users(file):
            found = f"{file}:{tb.tb_lineno}"
        tb = tb.tb_next
    return found


def is_users(file: str) -> bool:
    """Is this a file of the user's, or of a network; and none of Python's own start-up?"""
    return file.startswith(MODELS) or not file.startswith((PACKAGE, "<frozen"))
