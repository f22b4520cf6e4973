"""The process in which items are run: ``python -m tools.gpu_check.worker``, the request on stdin.

Answers with lines of JSON on stdout, {"start": item} and {"item": item, "result": ...}; whatever
else prints goes to stderr. After an error that leaves CUDA unusable it exits, so that the items
after it get a process of their own.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
import traceback
from typing import Any, TextIO

from gpugraph import cpu

from .device import Cpu, open_device
from .setting import Setting, SkipError, wrong

__all__ = ["main", "run_item"]

POISONED = 3  # exit status: the item that was answered last has left CUDA unusable


def run_item(part: Any, setting: Setting, device: Cpu, name: str) -> dict[str, Any]:
    """The result of one item, whatever happens in it. Errors on the GPU come up in here, too."""
    start = time.perf_counter()
    try:
        with cpu.disabled():  # what kernels are held against is the reference
            result: dict[str, Any] = part.check(setting, device, name)
        device.synchronize()
    except SkipError as reason:
        result = {"state": "skipped", "reason": str(reason)}
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        at = f"{os.path.relpath(last.filename)}:{last.lineno}"
        result = wrong(f"{type(error).__name__}: {error} (at {at})"[:2000])
        traceback.print_exc()
    return {**result, "seconds": round(time.perf_counter() - start, 3)}


def serve(request: dict[str, Any], answer: TextIO) -> int:
    """Run the items of a request until they, or the seconds, are over."""
    end = time.monotonic() + request["seconds"]
    setting = Setting(request["device"], tuple(request.get("only", ())))
    part = importlib.import_module(f"{__package__}.{request['part']}")
    device = open_device(setting.device)

    def say(**message: Any) -> None:
        answer.write(json.dumps(message) + "\n")
        answer.flush()

    for name in request["items"]:
        if time.monotonic() >= end:
            break
        say(start=name)
        result = run_item(part, setting, device, name)
        try:
            device.check_health()
            device.free()
        except Exception as error:
            if result["state"] != "wrong":
                result = wrong(f"the GPU failed after it: {type(error).__name__}: {error}")
            say(item=name, result=result)
            return POISONED
        say(item=name, result=result)
    return 0


def main() -> int:
    """Read the request, keep stdout for the answers."""
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    status = serve(json.load(sys.stdin), answer)
    if status == POISONED:
        os._exit(status)  # the destructors of a dead CUDA context would only add to the noise
    return status


if __name__ == "__main__":
    sys.exit(main())
