"""Freed memory is used again, instead of going to the system and coming back page by page."""

import os
import subprocess
import sys

import pytest

from gpugraph.cpu import memory

CODE = """
import resource
import numpy as np
import gpugraph
from gpugraph.cpu.memory import keep_freed_memory
for _ in range(3):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    arrays = [np.ones(1 << 20, np.uint8) for _ in range(32)]
    del arrays
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before, keep_freed_memory())
"""


@pytest.fixture
def glibc():
    if memory.platform.libc_ver()[0] != "glibc":
        pytest.skip("needs glibc, whose malloc is told")


def faults_and_told(**more):
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("MALLOC_", "GLIBC_"))}
    command = [sys.executable, "-c", CODE]
    done = subprocess.run(command, env=clean | more, capture_output=True, text=True, check=True)
    faults, told = done.stdout.split()
    return int(faults), told


def test_a_second_step_finds_the_memory_of_the_first(glibc):
    faults, told = faults_and_told()
    assert told == "True" and faults < 100  # of 8192 pages


def test_who_has_told_malloc_is_not_overruled(glibc):
    faults, told = faults_and_told(MALLOC_TRIM_THRESHOLD_="0", MALLOC_MMAP_THRESHOLD_="65536")
    assert told == "False" and faults > 8000
