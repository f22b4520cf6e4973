// What threads do together: barriers of the block, and the operations of a warp.
//
// Stricter than hardware in one point, as compute-sanitizer's synccheck is: a thread that has
// returned counts as missing, at a barrier and in a warp operation whose mask names it.
#include <cstring>

#include "runtime.h"

namespace cudasim {

namespace {

// ---- the barrier

unsigned waiting, votes, last_votes;

void open_barrier() {
  last_votes = votes;
  waiting = votes = 0;
  ++run_state.epoch;
  for (unsigned i = 0; i < run_state.threads; ++i)
    if (threads[i].status == Status::at_barrier) make_ready(threads[i]);
}

Thread* first_with(Status status) {
  for (unsigned i = 0; i < run_state.threads; ++i)
    if (threads[i].status == status) return &threads[i];
  return nullptr;
}

[[noreturn]] void fail_divergent(const void* site) {
  if (Thread* other = first_with(Status::at_barrier)) {
    enter(*other);
    site = other->site;
  }
  Thread* gone = first_with(Status::done);
  fail({site}, no_argument,
       "divergent barrier: %u thread(s) wait at __syncthreads, but %u have returned, such as "
       "thread (%u, %u, %u)",
       alive, run_state.threads - alive, gone->index.x, gone->index.y, gone->index.z);
}

// ---- meetings of the lanes that a mask names

struct Meeting {
  unsigned mask, arrived, left;
  Operation operation;
  unsigned char values[warp_size][8];

  bool complete() const { return arrived == mask; }
};

struct Warp {
  // Each meeting keeps at least one lane that has not left, so there are never more than lanes.
  Meeting meetings[warp_size];
  uint32_t used;  // a bit for each
};
Warp warps[max_threads / warp_size];

unsigned bit(unsigned lane) { return 1u << lane; }

// The lanes that the warp has: all 32, but for the last one of a block of an odd size.
unsigned lanes_of(unsigned warp) {
  unsigned rest = run_state.threads - warp * warp_size;
  return rest >= warp_size ? ~0u : bit(rest) - 1;
}

Meeting* open_meeting(Warp& warp, unsigned mask) {
  for (uint32_t rest = warp.used; rest; rest &= rest - 1) {
    Meeting& m = warp.meetings[__builtin_ctz(rest)];
    if (m.mask == mask && !m.complete()) return &m;
  }
  return nullptr;
}

// Waits until all lanes of the mask are here with the same operation.
Meeting& meet(Operation operation, unsigned mask, const void* value, size_t size,
              const void* site) {
  Thread& me = current();
  unsigned lane = me.linear % warp_size, number = me.linear / warp_size;
  Warp& warp = warps[number];
  if (!(mask & bit(lane)))
    fail({site}, no_argument, "wrong lane mask: lane %u calls with mask %08x, which lacks it", lane,
         mask);
  mask &= lanes_of(number);
  Meeting* m = open_meeting(warp, mask);
  if (!m) {
    int slot = __builtin_ctz(~warp.used);
    warp.used |= bit(slot);
    m = &warp.meetings[slot];
    m->mask = mask;
    m->arrived = m->left = 0;
    m->operation = operation;
  }
  if (m->operation != operation)
    fail({site}, no_argument, "the lanes of mask %08x are at different warp operations", mask);
  memcpy(m->values[lane], value, size);
  m->arrived |= bit(lane);
  if (!m->complete()) {
    suspend(Status::in_warp, site);
    return *m;
  }
  // Only __syncwarp orders memory; CUDA says of shuffles and votes that they do not.
  if (operation == Operation::sync) ++run_state.warp_epoch[number];
  for (unsigned other = 0; other < warp_size; ++other)
    if ((mask & bit(other)) && other != lane) make_ready(threads[number * warp_size + other]);
  yield();
  return *m;
}

void leave(Meeting& m) {
  Warp& warp = warps[current().linear / warp_size];
  m.left |= bit(current().linear % warp_size);
  if (m.left == m.mask) warp.used &= ~bit(&m - warp.meetings);
}

}  // namespace

unsigned barrier(bool vote) {
  votes += vote;
  if (++waiting < alive) {
    suspend(Status::at_barrier, CUDASIM_CALLER);
  } else if (alive < run_state.threads) {
    fail_divergent(CUDASIM_CALLER);
  } else {
    open_barrier();
    yield();
  }
  return last_votes;
}

void sync_warp(unsigned mask) {
  leave(meet(Operation::sync, mask, nullptr, 0, CUDASIM_CALLER));
}

unsigned vote(unsigned mask, bool mine) {
  Meeting& m = meet(Operation::vote, mask, &mine, sizeof mine, CUDASIM_CALLER);
  unsigned result = 0;
  for (unsigned lane = 0; lane < warp_size; ++lane)
    if ((m.mask & bit(lane)) && m.values[lane][0]) result |= bit(lane);
  leave(m);
  return result;
}

void shuffle(Operation operation, unsigned mask, void* value, size_t size, int source) {
  Meeting& m = meet(operation, mask, value, size, CUDASIM_CALLER);
  if (!(m.mask & bit(source)))
    fail({CUDASIM_CALLER}, no_argument,
         "wrong lane mask: the shuffle reads lane %d, which does not take part (mask %08x)", source,
         m.mask);
  memcpy(value, m.values[source], size);
  leave(m);
}

void reset_collectives() {
  waiting = votes = 0;
  for (Warp& warp : warps) warp.used = 0;
}

void thread_returned() {
  if (waiting && waiting == alive) fail_divergent(nullptr);
}

// All that are alive wait. Tell about one that waits in a warp: at the barrier it is the others
// that are missed.
void report_deadlock() {
  unsigned at_barrier = 0, in_warp = 0;
  for (unsigned i = 0; i < run_state.threads; ++i) {
    at_barrier += threads[i].status == Status::at_barrier;
    in_warp += threads[i].status == Status::in_warp;
  }
  Thread* stuck = first_with(Status::in_warp);
  enter(*stuck);
  unsigned lane = stuck->linear % warp_size, mask = 0, missing = 0;
  Warp& warp = warps[stuck->linear / warp_size];
  for (uint32_t rest = warp.used; rest; rest &= rest - 1) {
    Meeting& m = warp.meetings[__builtin_ctz(rest)];
    if ((m.arrived & bit(lane)) && !m.complete()) mask = m.mask, missing = m.mask & ~m.arrived;
  }
  Thread* held = first_with(Status::at_barrier);
  note_failure({stuck->site, held ? held->site : nullptr}, no_argument,
               "deadlock: %u thread(s) wait in a warp operation (this one for lanes %08x of mask "
               "%08x), %u at __syncthreads%s, %u have returned",
               in_warp, missing, mask, at_barrier, held ? " ({1})" : "", run_state.threads - alive);
}

}  // namespace cudasim
