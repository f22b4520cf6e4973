// A launch from begin to end: memory, the loop over blocks, and what came of it.
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "runtime.h"

namespace cudasim {

Run run_state;

namespace {

uint64_t random_state;

void seed_random(uint64_t seed) {  // splitmix64
  uint64_t z = seed + 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  random_state = (z ^ (z >> 31)) | 1;
}

// What a device of compute capability 9.0 refuses, too.
bool configuration_is_legal(const Launch& l) {
  const unsigned *g = l.grid, *b = l.block;
  uint64_t threads_per_block = uint64_t{b[0]} * b[1] * b[2];
  if (threads_per_block == 0 || threads_per_block > max_threads || b[2] > 64) {
    note_failure({nullptr}, no_argument,
                 "block of (%u, %u, %u) threads; it takes 1 to %u in all, at most 64 in z", b[0],
                 b[1], b[2], max_threads);
  } else if (!g[0] || !g[1] || !g[2] || g[0] > 0x7fffffff || g[1] > 65535 || g[2] > 65535) {
    note_failure({nullptr}, no_argument,
                 "grid of (%u, %u, %u) blocks; it takes at least 1, at most 65535 in y and z", g[0],
                 g[1], g[2]);
  } else if (l.shared > 227 << 10) {
    note_failure({nullptr}, no_argument,
                 "%llu bytes of dynamic shared memory; a block has at most 227 KB", l.shared);
  }
  return !failed();
}

// The arguments as the kernel gets them: values, or pointers to guarded copies of arrays.
class Arguments {
 public:
  explicit Arguments(Launch& l) : launch(l), pointers(l.count), values(l.count) {
    for (size_t i = 0; i < launch.count; ++i) {
      Argument& a = launch.arguments[i];
      if (a.owner == (int)i) add_array(i);
      values[i] = a.owner < 0 ? a.data : &pointers[i];
    }
    for (size_t i = 0; i < launch.count; ++i) {
      Argument& a = launch.arguments[i];
      if (a.owner < 0) continue;
      Argument& owner = launch.arguments[a.owner];
      ptrdiff_t offset = static_cast<char*>(a.data) - static_cast<char*>(owner.data);
      pointers[i] = static_cast<char*>(pointers[a.owner]) + offset;
    }
  }

  void** slots() { return values.data(); }

  void copy_back() {
    for (auto& [number, buffer] : buffers) {
      Argument& a = launch.arguments[number];
      if (buffer->overrun())
        note_failure({nullptr}, number,
                     "out-of-bounds write into the few bytes around argument %d, which align it; "
                     "mode \"check\" names the line",
                     number);
      else if (a.written)
        memcpy(a.data, buffer->data, a.bytes);
    }
  }

  void count() {
    for (size_t i = 0; i < launch.count; ++i)
      if (Argument& a = launch.arguments[i]; a.owner >= 0 && launch.check)
        count_writes(a, reinterpret_cast<uintptr_t>(pointers[i]));
  }

 private:
  void add_array(int number) {
    Argument& a = launch.arguments[number];
    pointers[number] = a.data;
    if (launch.guard != no_guard) {
      size_t shift = reinterpret_cast<uintptr_t>(a.data) % alignment;  // as a slice of an array has
      buffers.emplace_back(number, std::make_unique<Buffer>(a.bytes, launch.guard, shift));
      Buffer& buffer = *buffers.back().second;
      pointers[number] = buffer.data;
      if (!buffer.map) return note_failure({nullptr}, number, "no memory for a copy");
      memcpy(buffer.data, a.data, a.bytes);
    }
    regions.add(pointers[number], a.bytes, number, a.item, a.fresh, a.written);
  }

  Launch& launch;
  std::vector<std::pair<int, std::unique_ptr<Buffer>>> buffers;
  std::vector<void*> pointers, values;
};

void poison_shared_memory() {
  memset(here.dynamic_shared, 0xff, run_state.launch->shared);
  memset(run_state.library.thread_local_data, 0xff, run_state.library.thread_local_bytes);
}

void run_all_blocks() {
  const dim3& g = here.grid_size;
  std::vector<uint32_t> order(uint64_t{g.x} * g.y * g.z);
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  if (run_state.launch->seed)
    for (size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random_number() % i]);
  for (uint32_t number : order) {
    run_state.block = number;
    ++run_state.serial;
    ++run_state.epoch;
    here.block = {number % g.x, number / g.x % g.y, number / g.x / g.y};
    poison_shared_memory();
    run_block();
    if (failed()) return;
  }
}

void run_kernel(Launch& launch) {
  Arguments arguments(launch);
  Buffer dynamic(launch.shared, guard_high);
  FiberArena fibers(run_state.threads);
  if (!dynamic.map || !fibers.ok())
    note_failure({nullptr}, no_argument, "no memory to simulate a block");
  if (failed()) return;

  const Library& library = run_state.library;
  here.dynamic_shared = dynamic.data;
  regions.add(dynamic.data, launch.shared, dynamic_shared, 4, true, true);
  regions.add(library.thread_local_data, library.thread_local_bytes, static_shared, 4, true, true);
  run_state.values = arguments.slots();
  run_state.checking = launch.check;
  {
    SignalGuard guard(launch.limit);
    run_all_blocks();
  }
  run_state.checking = false;
  run_state.threads = 0;
  if (dynamic.overrun())
    note_failure({nullptr}, no_argument, "out-of-bounds write past dynamic shared memory; mode "
                 "\"check\" names the line");
  if (!failed()) arguments.copy_back();
  arguments.count();
}

}  // namespace

uint32_t random_number() {  // xorshift64*
  random_state ^= random_state >> 12;
  random_state ^= random_state << 25;
  random_state ^= random_state >> 27;
  return random_state * 0x2545f4914f6cdd1d >> 32;
}

int run(Body body, Launch& launch) {
  run_state = {};
  run_state.launch = &launch;
  run_state.body = body;
  run_state.library = find_library();
  seed_random(launch.seed);
  const unsigned *g = launch.grid, *b = launch.block;
  here.grid_size = {g[0], g[1], g[2]};
  here.block_size = {b[0], b[1], b[2]};
  if (!configuration_is_legal(launch)) return 1;
  run_state.threads = b[0] * b[1] * b[2];
  run_kernel(launch);
  regions.clear();
  return failed();
}

}  // namespace cudasim
