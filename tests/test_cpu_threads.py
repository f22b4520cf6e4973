"""The threads that share the loops of compiled kernels: each item is done once, and by then."""

import subprocess
from pathlib import Path

import pytest

import gpugraph
from gpugraph.cpu import compiler

SOURCES = Path(gpugraph.__file__).parent / "cpu" / "src"
PROGRAM = """
#include "pool.h"
#include <stdio.h>
#include <stdlib.h>

void set_threads(long n);

typedef struct { int alive, count, times[9]; } Loop;
static int errors;

static void body(void *work, long i)
{
    Loop *loop = work;
    if (!loop->alive || i >= loop->count)
        __atomic_fetch_add(&errors, 1, __ATOMIC_SEQ_CST);
    else
        __atomic_fetch_add(&loop->times[i], 1, __ATOMIC_SEQ_CST);
}

/* Loops right behind each other, of unequal lengths: latecomers of one meet the next. */
int main(int n, char **arguments)
{
    set_threads(atoi(arguments[n - 2]));
    for (long r = 0; r < atol(arguments[n - 1]); r++) {
        Loop loop = {.alive = 1, .count = 2 + r % 7};
        spread(body, &loop, loop.count);
        for (int i = 0; i < loop.count; i++)
            errors += __atomic_load_n(&loop.times[i], __ATOMIC_SEQ_CST) != 1;
        loop.alive = 0;
    }
    printf("%d\\n", errors);
}
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    if compiler.why_not() is not None:
        pytest.skip(f"needs a C compiler: {compiler.why_not()}")
    folder = tmp_path_factory.mktemp("threads")
    (folder / "loops.c").write_text(PROGRAM)
    sources = [folder / "loops.c", SOURCES / "pool.c"]
    options = ["-std=gnu11", "-O2", "-pthread", f"-I{SOURCES}", "-o", folder / "loops"]
    subprocess.run([*compiler.compiler(), *options, *sources], check=True)
    return folder / "loops"


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_each_item_is_done_once(program, threads):
    command = [program, str(threads), "300000"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "0"
