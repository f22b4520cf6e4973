// Check mode: every access of the kernel comes here, and each element remembers the last write and
// the last read (so that who wrote an element can be told). Found are accesses outside all arrays, reads of what nobody wrote, and races: two
// accesses of one element, one of them a write, with nothing between them that orders them.
//
// g++ -fsanitize=thread inserts the calls; these are ours, and libtsan is not linked.
#include <algorithm>
#include <cstdlib>

#include "runtime.h"

namespace cudasim {

struct Access {
  uint32_t block;
  uint32_t thread;  // its number + 1; 0: no access
  uint32_t epoch, warp_epoch;
  uint32_t site;  // where in the library
};

// Whose reads since the last write a later write must come after: besides the last one's,
enum class Readers : uint8_t {
  one,     // nobody's
  lanes,   // other lanes' of its warp, since their last __syncwarp
  warps,   // other warps', since the last barrier
  blocks,  // other blocks'
};

struct Cell {
  Access write, read;
  uint32_t writes;
  uint32_t serial;  // shared memory: the block that this is about
  Readers readers;
  bool atomic;  // the last write was
};

enum class Kind { read, write, atomic };

// ---- cells

namespace {

Cell* new_cells(const Region& r) {
  size_t count = ((r.end - r.begin) >> r.cell_log) + 1;
  return static_cast<Cell*>(calloc(count, sizeof(Cell)));
}

// The kernel uses this memory in smaller pieces than its cells: cut them.
void refine(Region& r, unsigned cell_log) {
  Region finer = r;
  finer.cell_log = cell_log;
  finer.cells = new_cells(finer);
  for (size_t i = 0; i << cell_log < r.end - r.begin; ++i)
    finer.cells[i] = r.cells[i >> (r.cell_log - cell_log)];
  free(r.cells);
  r = finer;
}

}  // namespace

void add_cells(Region& r) {
  r.cell_log = std::min(3, __builtin_ctz(r.item));
  r.cells = new_cells(r);
}

void drop_cells(Region& r) {
  free(r.cells);
  r.cells = nullptr;
}

void count_writes(Argument& a, uintptr_t data) {
  const Region* r = regions.find(data, a.bytes);
  if (!r || !r->cells) return;
  size_t begin = data - r->begin, end = begin + a.bytes;
  for (size_t item = begin; item < end; item += a.item) {
    bool all = true;
    Access last{};
    for (size_t i = item >> r->cell_log; i << r->cell_log < item + a.item; ++i) {
      const Cell& c = r->cells[i];
      all = all && c.writes;
      if (c.writes > a.most_writes) a.most_writes = c.writes;
      if (c.writes) last = c.write;
    }
    a.unwritten += !all;
    if (a.writers) a.writers[(item - begin) / a.item] = {last.block, last.thread, last.site};
  }
}

// ---- one access of one cell

namespace {

uint32_t warp_of(const Access& a) { return (a.thread - 1) / warp_size; }

const void* site_of(const Access& a) {
  return reinterpret_cast<const void*>(run_state.library.begin + a.site);
}

Access this_access(const void* site) {
  uintptr_t in_library = reinterpret_cast<uintptr_t>(site) - run_state.library.begin;
  return {run_state.block, here.linear + 1, run_state.epoch,
          run_state.warp_epoch[here.linear / warp_size], static_cast<uint32_t>(in_library)};
}

// Is the earlier access sure to come before this one, whatever the order of threads and blocks?
bool ordered(const Access& earlier, const Access& now) {
  if (!earlier.thread) return true;
  if (earlier.block != now.block) return false;
  return earlier.thread == now.thread || earlier.epoch != now.epoch ||
         (warp_of(earlier) == warp_of(now) && earlier.warp_epoch != now.warp_epoch);
}

// Are all reads since the last write sure to come before this one?
bool reads_ordered(const Cell& c, const Access& now) {
  if (c.readers == Readers::blocks) return false;
  bool this_epoch = c.read.epoch == now.epoch && c.read.block == now.block;
  if (c.readers == Readers::warps && this_epoch) return false;
  if (c.readers == Readers::lanes && this_epoch && warp_of(c.read) == warp_of(now) &&
      c.read.warp_epoch == now.warp_epoch)
    return false;
  return ordered(c.read, now);
}

void remember_read(Cell& c, const Access& now) {
  const Access& last = c.read;
  if (!last.thread) {
    c.readers = Readers::one;
  } else if (c.readers == Readers::blocks || last.block != now.block) {
    c.readers = Readers::blocks;
  } else if (last.epoch != now.epoch) {
    c.readers = Readers::one;
  } else if (c.readers == Readers::warps || warp_of(last) != warp_of(now)) {
    c.readers = Readers::warps;
  } else if (last.warp_epoch != now.warp_epoch) {
    c.readers = Readers::one;
  } else if (last.thread != now.thread) {
    c.readers = Readers::lanes;
  }
  c.read = now;
}

const char* name_of(Kind kind) {
  return kind == Kind::read ? "read" : kind == Kind::write ? "write" : "atomic update";
}

size_t element(const Region& r, size_t cell) { return (cell << r.cell_log) / r.item; }

int argument(const Region& r) { return r.shared() ? no_argument : r.place; }

[[noreturn]] void fail_race(const Region& r, size_t cell, Kind kind, const Access& other,
                            const char* other_kind, const Access& now) {
  Sites sites{site_of(now), site_of(other)};
  if (other.block == now.block && other.thread == now.thread)
    fail(sites, argument(r),
         "race on %s, element %zu: %s ({0}) after reads by several threads, one of them at {1}, "
         "with nothing to order them",
         place_name(r.place), element(r, cell), name_of(kind));
  const dim3 &b = here.block_size, &g = here.grid_size;
  unsigned t = other.thread - 1, k = other.block;
  fail(sites, argument(r),
       "race on %s, element %zu: %s ({0}) after %s by block (%u, %u, %u), thread (%u, %u, %u) "
       "({1}), with nothing to order them",
       place_name(r.place), element(r, cell), name_of(kind), other_kind, k % g.x, k / g.x % g.y,
       k / g.x / g.y, t % b.x, t / b.x % b.y, t / b.x / b.y);
}

void check_cell(Region& r, size_t number, Kind kind, const Access& now) {
  Cell& c = r.cells[number];
  if (r.shared() && c.serial != run_state.serial) {  // another block's memory
    c = {};
    c.serial = run_state.serial;
  }
  if (!ordered(c.write, now) && !(c.atomic && kind == Kind::atomic))
    fail_race(r, number, kind, c.write, c.atomic ? "an atomic update" : "a write", now);
  if (kind != Kind::read && !reads_ordered(c, now))
    fail_race(r, number, kind, c.read, "a read", now);
  if (kind != Kind::write && r.fresh && !c.writes)
    fail({site_of(now)}, argument(r), "read of %s, element %zu, which is uninitialised",
         place_name(r.place), element(r, number));
  if (kind == Kind::read) return remember_read(c, now);
  c.write = now;
  c.read = {};
  c.atomic = kind == Kind::atomic;
  ++c.writes;
}

// ---- all accesses

bool is_private(uintptr_t address) {  // threadIdx, local variables, __constant__ tables
  return address - run_state.library.begin < run_state.library.end - run_state.library.begin ||
         on_fiber_stack(address);
}

void check(const volatile void* p, size_t bytes, Kind kind, const void* site) {
  if (!run_state.checking) return;
  uintptr_t address = reinterpret_cast<uintptr_t>(p);
  if (is_private(address)) return;
  run_state.last_site = site;
  Region* r = regions.find(address, bytes);
  if (!r) {
    int near = no_argument;
    if (const char* where = describe_near(address, bytes, &near))
      fail({site}, near, "out-of-bounds %s of %zu byte(s), %s", name_of(kind), bytes, where);
    fail({site}, no_argument, "invalid %s of %zu byte(s) at address %#zx", name_of(kind), bytes,
         address);
  }
  if (!r->cells) {  // an input: nobody writes it, so no race and no need to remember
    if (kind == Kind::read) return;
    fail({site}, r->place, "%s of %s, which the kernel declares const", name_of(kind),
         place_name(r->place));
  }
  size_t offset = address - r->begin;
  unsigned fits = __builtin_ctzll(offset | bytes);
  if (fits < r->cell_log) refine(*r, fits);
  Access now = this_access(site);
  size_t first = offset >> r->cell_log, last = (offset + bytes - 1) >> r->cell_log;
  for (size_t number = first; number <= last; ++number) check_cell(*r, number, kind, now);
}

}  // namespace

}  // namespace cudasim

// ---- what g++ calls

using cudasim::Kind;

#define HOOKS(bytes)                                       \
  void __tsan_read##bytes(void* p) {                       \
    cudasim::check(p, bytes, Kind::read, CUDASIM_CALLER);  \
  }                                                        \
  void __tsan_write##bytes(void* p) {                      \
    cudasim::check(p, bytes, Kind::write, CUDASIM_CALLER); \
  }                                                        \
  void __tsan_unaligned_read##bytes(void* p) {             \
    cudasim::check(p, bytes, Kind::read, CUDASIM_CALLER);  \
  }                                                        \
  void __tsan_unaligned_write##bytes(void* p) {            \
    cudasim::check(p, bytes, Kind::write, CUDASIM_CALLER); \
  }

#define ATOMIC_HOOKS(bits)                                                                      \
  uint##bits##_t __tsan_atomic##bits##_load(const volatile uint##bits##_t* p, int) {            \
    cudasim::check(p, bits / 8, Kind::atomic, CUDASIM_CALLER);                                  \
    return *p;                                                                                  \
  }                                                                                             \
  int __tsan_atomic##bits##_compare_exchange_strong(volatile uint##bits##_t* p,                 \
                                                    uint##bits##_t* seen, uint##bits##_t value, \
                                                    int, int) {                                 \
    cudasim::check(p, bits / 8, Kind::atomic, CUDASIM_CALLER);                                  \
    if (*p != *seen) return *seen = *p, 0;                                                      \
    return *p = value, 1;                                                                       \
  }

extern "C" {
HOOKS(1)
HOOKS(2)
HOOKS(4)
HOOKS(8)
HOOKS(16)
ATOMIC_HOOKS(16)
ATOMIC_HOOKS(32)
ATOMIC_HOOKS(64)
void __tsan_read_range(void* p, size_t bytes) {
  cudasim::check(p, bytes, Kind::read, CUDASIM_CALLER);
}
void __tsan_write_range(void* p, size_t bytes) {
  cudasim::check(p, bytes, Kind::write, CUDASIM_CALLER);
}
void __tsan_init() {}
}
