"""What can go wrong with a kernel: it does not compile, or it does something wrong."""

from __future__ import annotations

from ...core.errors import GpugraphError

__all__ = ["CompileError", "KernelError"]


class CompileError(GpugraphError, RuntimeError):
    """The compiler (NVRTC on a GPU, here g++) does not take the source.

    The message is the compiler's, with the lines of the .cu file.
    """


class KernelError(GpugraphError, RuntimeError):
    """A launch was refused or the kernel did something wrong.

    kernel     its name expression, such as "max_pool<float, unsigned char>"
    argument   the number of the argument concerned, or None
    block      (x, y, z) of the thread that failed, or None if it was not a thread
    thread     likewise
    file, line where in the source, or None if that can't be said
    """

    def __init__(
        self,
        kernel: str,
        text: str,
        *,
        argument: int | None = None,
        block: tuple[int, ...] | None = None,
        thread: tuple[int, ...] | None = None,
        site: tuple[str, int] | None = None,
    ) -> None:
        self.kernel, self.argument, self.block, self.thread = kernel, argument, block, thread
        self.file: str | None = site[0] if site else None
        self.line: int | None = site[1] if site else None
        where = [] if block is None else [f"block {block}, thread {thread}"]
        where += [f"{self.file}:{self.line}"] if site else []
        super().__init__("; ".join([f"{kernel}: {text}", *where]))
