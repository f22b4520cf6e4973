"""DataLoader: batches of a dataset, in a seeded order, fetched ahead by a background thread."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextvars import copy_context
from typing import Any

import numpy as np

from ..core.backend import default_device, to_device
from ..core.errors import ArgumentError
from ..core.tensor import Tensor
from ..ops.random import default_generator
from .dataset import Batch, fetch, shuffled

__all__ = ["DataLoader"]


class DataLoader:
    """Iterate over a dataset in batches: ``for x, y in loader``. Each pass is one epoch.

    dataset     a `Dataset`, or anything with ``__len__`` and ``__getitem__``
    batch_size  items in a batch; the last one may have fewer
    shuffle     a new random order each epoch, which depends on (seed, epoch) alone
    seed        of order and augmentation; by default drawn from the generator of `gpugraph.random`
    drop_last   leave out a last batch that is not full
    prefetch    batches that background threads keep ready; 0 fetches when asked, without threads
    workers     how many threads: more than one helps where items are read and decoded, as pictures
                are. Order and augmentation don't depend on it
    augment     ``augment(rng, *arrays)`` maps the NumPy arrays of a batch to new ones; rng is a
                `numpy.random.Generator` that depends on (seed, epoch, number of the batch) alone
    collate     makes a tuple of arrays of a list of items; by default they are stacked

    Batches are tuples of constant tensors on the default device. An error in a thread is raised
    where the batch is asked for, with its own traceback; the threads end when iteration does, also
    if that is early. `state_dict` holds seed and epoch: with it a run can go on where it stopped.
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int = 1,
        shuffle: bool = False,
        seed: int | None = None,
        drop_last: bool = False,
        prefetch: int = 2,
        augment: Callable[..., Any] | None = None,
        collate: Callable[[list[Any]], Batch] | None = None,
        workers: int = 1,
    ) -> None:
        if batch_size < 1:
            raise ArgumentError(f"DataLoader: batch_size={batch_size} must be at least 1")
        if prefetch < 0:
            raise ArgumentError(f"DataLoader: prefetch={prefetch} must be at least 0")
        if workers < 1:
            raise ArgumentError(f"DataLoader: workers={workers} must be at least 1")
        if seed is None:
            seed = int(default_generator().random_raw(1)[0])
        if seed < 0:
            raise ArgumentError(f"DataLoader: seed={seed} must be at least 0")
        self.dataset = dataset
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.seed = seed
        self.drop_last = drop_last
        self.prefetch = prefetch
        self.augment = augment
        self.collate = collate
        self.workers = workers
        self.epoch = 0  # of the next pass

    def __len__(self) -> int:
        """Number of batches in an epoch."""
        spare = 0 if self.drop_last else self.batch_size - 1
        return (len(self.dataset) + spare) // self.batch_size

    def __iter__(self) -> Iterator[tuple[Tensor, ...]]:
        epoch, self.epoch = self.epoch, self.epoch + 1
        return self._batches(epoch)

    def _batches(self, epoch: int) -> Iterator[tuple[Tensor, ...]]:
        n = len(self.dataset)
        order = shuffled(n, self.seed, epoch) if self.shuffle else np.arange(n)
        chunks = [order[k * self.batch_size :][: self.batch_size] for k in range(len(self))]
        jobs = ((chunk, epoch, k) for k, chunk in enumerate(chunks))
        device = default_device.get()
        for arrays in self._fetched(jobs):
            yield tuple([Tensor(to_device(np.asarray(array), device)) for array in arrays])

    def _fetched(self, jobs: Iterator[tuple[Any, ...]]) -> Iterator[Batch]:
        if not self.prefetch:
            yield from (self._fetch(*job) for job in jobs)
            return
        from concurrent.futures import Future, ThreadPoolExecutor

        context = copy_context()  # the threads have the caller's default device, too
        pool = ThreadPoolExecutor(self.workers, "gpugraph-data")
        try:
            ahead: deque[Future[Batch]] = deque()
            for job in jobs:
                ahead.append(pool.submit(context.copy().run, self._fetch, *job))
                if len(ahead) > self.prefetch:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:  # also when the consumer stops early
            pool.shutdown(cancel_futures=True)

    def _fetch(self, indices: np.ndarray[Any, Any], epoch: int, number: int) -> Batch:
        if self.collate is not None:
            arrays = self.collate([self.dataset[int(i)] for i in indices])
        else:
            arrays = fetch(self.dataset, indices)
        if self.augment is not None:
            rng = np.random.default_rng((self.seed, epoch, number))
            arrays = self.augment(rng, *arrays)
        return arrays if isinstance(arrays, (tuple, list)) else (arrays,)

    def state_dict(self) -> dict[str, int]:
        """Where the loader stands: its seed and the number of the next epoch."""
        return {"seed": self.seed, "epoch": self.epoch}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on from `state_dict`: the next epoch has the order it would have had there."""
        self.seed, self.epoch = int(state["seed"]), int(state["epoch"])
