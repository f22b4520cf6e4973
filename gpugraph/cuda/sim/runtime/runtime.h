// The parts of the runtime and what they know of each other. Compiled once, without sanitizers, and
// linked into the library of every module; one launch at a time (launch.py holds a lock).
#pragma once
#include <cstddef>
#include <cstdint>

#include "cudasim/interface.h"

namespace cudasim {

constexpr unsigned max_threads = 1024, warp_size = 32;

// This library: where it is loaded, and its block of thread-local variables in this thread.
struct Library {
  uintptr_t begin, end;
  char* thread_local_data;
  size_t thread_local_bytes;
};
Library find_library();  // memory.cpp

// ---- the launch in progress (launch.cpp)

struct Run {
  Launch* launch = nullptr;
  Body body = nullptr;
  void** values = nullptr;
  Library library{};
  unsigned threads = 0;                           // in each block
  unsigned block = 0;                             // number of the running block, x fastest
  uint32_t serial = 0;                            // counts blocks in the order they run
  uint32_t epoch = 0;                             // a barrier or a new block raises it
  uint32_t warp_epoch[max_threads / warp_size];   // __syncwarp raises it
  bool checking = false;                          // check mode, and a kernel is running
  const void* last_site = nullptr;                // of the last access that was checked
};
extern Run run_state;

uint32_t random_number();

// ---- fibers: stacks to run threads on (fibers.cpp)

struct Fiber {
  void* stack_pointer = nullptr;
};
extern Fiber main_fiber;  // Python's own stack, which runs the loop over blocks

struct FiberArena {  // room for so many
  explicit FiberArena(unsigned count);
  ~FiberArena();
  bool ok() const;
};
Fiber* take_fiber();
void put_back(Fiber*);
void switch_fiber(Fiber* from, Fiber* to);
void fiber_main();  // what each of them runs (scheduler.cpp)
bool on_fiber_stack(uintptr_t address);

// ---- threads of a block, in natural or random order (scheduler.cpp)

enum class Status { unstarted, ready, at_barrier, in_warp, done };

struct Thread {
  uint3 index;
  unsigned linear;
  Status status;
  Fiber* fiber;      // null before it starts
  const void* site;  // where it waits
};
extern Thread threads[max_threads];
extern unsigned alive;  // threads of the block that have not returned

void run_block();
void enter(Thread&);  // make it the current one: threadIdx and so on
Thread& current();
void make_ready(Thread&);
void suspend(Status, const void* site);  // until somebody makes the current thread ready
void yield();                            // let others go first, perhaps

// ---- barriers and warp operations (collectives.cpp)

void reset_collectives();
void thread_returned();
void report_deadlock();

// ---- what memory there is, and checking how it is used (memory.cpp, checker.cpp)

enum Place { static_shared = -2, dynamic_shared = -1 };  // 0 and up: the argument

struct Cell;

struct Region {
  uintptr_t begin, end;
  int place;
  unsigned item;  // bytes of what messages count
  bool fresh;     // starts uninitialised
  // check mode only, and not for inputs:
  Cell* cells = nullptr;
  unsigned cell_log = 0;  // logarithm of the bytes of each

  bool shared() const { return place < 0; }
  bool holds(uintptr_t address, size_t bytes) const {
    return address >= begin && address + bytes <= end;
  }
};

constexpr unsigned max_regions = 256;
constexpr size_t alignment = 16;        // of a buffer: float4 wants it
constexpr size_t guard_zone = 1 << 20;  // inaccessible bytes before and after each array

struct Buffer {  // memory between two guard zones
  char *map = nullptr, *data = nullptr;
  size_t mapped = 0, bytes = 0;

  // guard_high: data ends at the upper zone, but for alignment. The start is `shift` bytes past a
  // multiple of `alignment`
  Buffer(size_t bytes, int guard, size_t shift = 0);
  ~Buffer();
  Buffer(const Buffer&) = delete;
  bool overrun() const;  // somebody wrote into the slack between data and a guard zone
};

struct Regions {  // all memory of the launch; forgotten when this is
  Region list[max_regions];
  unsigned count = 0;

  void add(void* data, size_t bytes, int place, unsigned item, bool fresh, bool written);
  void clear();
  Region* find(uintptr_t address, size_t bytes);
};
extern Regions regions;

const char* place_name(int place);  // "argument 0"
// "12 bytes past the end of argument 0", if a region is near; null if none is.
const char* describe_near(uintptr_t address, size_t bytes, int* argument);

void add_cells(Region&);  // from now on the region is checked
void drop_cells(Region&);
void count_writes(Argument&, uintptr_t data);  // fills in what the cells know

// ---- errors (failure.cpp)

struct Sites {  // addresses of code, for {0} and {1} of a message
  const void* first;
  const void* second = nullptr;
};

constexpr int no_argument = -1;

// Notes the failure, with the current thread if there is one. The first one counts.
void note_failure(Sites, int argument, const char* format, ...)
    __attribute__((format(printf, 3, 4)));
// Notes it and leaves the kernel for good: the current fiber never continues.
[[noreturn]] void fail(Sites, int argument, const char* format, ...)
    __attribute__((format(printf, 3, 4)));
bool failed();

struct SignalGuard {  // while it lives, faults of this thread are failures of the kernel
  explicit SignalGuard(double seconds);
  ~SignalGuard();
};

}  // namespace cudasim

#define CUDASIM_CALLER __builtin_return_address(0)
