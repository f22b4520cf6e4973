// The threads of a block, one at a time. A thread runs until it waits or returns; who is next is
// the natural order for seed 0, and random otherwise. A thread that never waits needs no switch:
// the next one starts on the same stack.
#include <utility>

#include "runtime.h"

namespace cudasim {

Here here;
Thread threads[max_threads];
unsigned alive = 0;

namespace {

Thread* running = nullptr;
unsigned start_order[max_threads], started = 0;
Thread* ready[max_threads];  // a ring
unsigned ready_first = 0, ready_count = 0;

bool random_order() { return run_state.launch->seed != 0; }

// Who runs next: one that has not started or one that is ready; null if all wait or have returned.
Thread* next_thread() {
  unsigned unstarted = run_state.threads - started;
  if (!unstarted && !ready_count) return nullptr;
  bool start = unstarted && (!ready_count || !random_order() ||
                             random_number() % (unstarted + ready_count) < unstarted);
  if (start) return &threads[start_order[started++]];
  if (random_order()) {
    unsigned any = (ready_first + random_number() % ready_count) % max_threads;
    std::swap(ready[ready_first], ready[any]);
  }
  Thread* next = ready[ready_first];
  ready_first = (ready_first + 1) % max_threads;
  --ready_count;
  return next;
}

// Goes on with another thread. Comes back when the thread on this fiber has its turn again.
void leave_to(Thread* next, Fiber* from) {
  if (!next) return switch_fiber(from, &main_fiber);
  if (!next->fiber) next->fiber = take_fiber();
  enter(*next);
  if (next->fiber != from) switch_fiber(from, next->fiber);
}

}  // namespace

void enter(Thread& thread) {
  running = &thread;
  here.thread = thread.index;
  here.linear = thread.linear;
}

Thread& current() { return *running; }

void make_ready(Thread& thread) {
  thread.status = Status::ready;
  ready[(ready_first + ready_count++) % max_threads] = &thread;
}

void suspend(Status status, const void* site) {
  running->status = status;
  running->site = site;
  leave_to(next_thread(), running->fiber);
}

void yield() {
  make_ready(*running);
  leave_to(next_thread(), running->fiber);
}

void fiber_main() {
  for (;;) {
    Fiber* mine = running->fiber;
    run_state.body(run_state.values);
    running->status = Status::done;
    --alive;
    thread_returned();
    Thread* next = next_thread();
    if (next && !next->fiber) {
      next->fiber = mine;
      enter(*next);
    } else {
      put_back(mine);
      leave_to(next, mine);
    }
  }
}

void run_block() {
  unsigned n = run_state.threads;
  started = ready_count = 0;
  alive = n;
  for (unsigned i = 0; i < n; ++i) {
    unsigned x = here.block_size.x, y = here.block_size.y;
    threads[i] = {{i % x, i / x % y, i / x / y}, i, Status::unstarted, nullptr, nullptr};
    start_order[i] = i;
  }
  if (random_order())
    for (unsigned i = n; i > 1; --i)
      std::swap(start_order[i - 1], start_order[random_number() % i]);
  reset_collectives();
  leave_to(next_thread(), &main_fiber);
  if (alive && !failed()) report_deadlock();
}

}  // namespace cudasim
