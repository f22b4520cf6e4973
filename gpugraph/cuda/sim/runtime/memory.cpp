// The memory of a launch: buffers between guard zones, and the list of what lies where.
#include <link.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "runtime.h"

namespace cudasim {

Regions regions;

// ---- buffers

namespace {

constexpr size_t page = 4096;
constexpr unsigned char canary = 0xcb;

size_t round_up(size_t n, size_t unit) { return (n + unit - 1) / unit * unit; }

bool all_canary(const char* begin, const char* end) {
  return std::all_of(begin, end, [](char c) { return static_cast<unsigned char>(c) == canary; });
}

}  // namespace

Buffer::Buffer(size_t size, int guard, size_t shift) : bytes(size) {
  size_t inner = round_up(bytes + shift, page);
  mapped = inner + 2 * guard_zone;
  void* all = mmap(nullptr, mapped, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (all == MAP_FAILED) return;
  map = static_cast<char*>(all);
  char* begin = map + guard_zone;
  if (inner) mprotect(begin, inner, PROT_READ | PROT_WRITE);
  data = (guard == guard_low ? begin : begin + inner - round_up(bytes + shift, alignment)) + shift;
  memset(begin, canary, data - begin);
  memset(data + bytes, canary, begin + inner - (data + bytes));
}

Buffer::~Buffer() {
  if (map) munmap(map, mapped);
}

bool Buffer::overrun() const {
  const char *begin = map + guard_zone, *end = map + mapped - guard_zone;
  return !all_canary(begin, data) || !all_canary(data + bytes, end);
}

// ---- regions

void Regions::add(void* data, size_t bytes, int place, unsigned item, bool fresh, bool written) {
  if (count == max_regions) return note_failure({nullptr}, place, "too many arrays");
  uintptr_t begin = reinterpret_cast<uintptr_t>(data);
  Region region{begin, begin + bytes, place, item, fresh};
  if (run_state.launch->check && (fresh || written)) add_cells(region);
  list[count++] = region;
}

void Regions::clear() {
  for (unsigned i = 0; i < count; ++i) drop_cells(list[i]);
  count = 0;
}

Region* Regions::find(uintptr_t address, size_t bytes) {
  static unsigned last = 0;
  if (last < count && list[last].holds(address, bytes)) return &list[last];
  for (unsigned i = 0; i < count; ++i)
    if (list[i].holds(address, bytes)) return &list[last = i];
  return nullptr;
}

const char* place_name(int place) {
  static char text[32];
  if (place == static_shared) return "static shared memory";
  if (place == dynamic_shared) return "dynamic shared memory";
  snprintf(text, sizeof text, "argument %d", place);
  return text;
}

const char* describe_near(uintptr_t address, size_t bytes, int* argument) {
  static char text[96];
  const Region* nearest = nullptr;
  size_t distance = guard_zone;
  for (unsigned i = 0; i < regions.count; ++i) {
    const Region& r = regions.list[i];
    size_t d = address >= r.begin ? address - std::min(address, r.end) : r.begin - address;
    if (d < distance) nearest = &r, distance = d;
  }
  if (!nearest) return nullptr;
  if (nearest->place >= 0) *argument = nearest->place;
  const char* name = place_name(nearest->place);
  if (address < nearest->begin)
    snprintf(text, sizeof text, "%zu bytes before the start of %s", distance, name);
  else if (distance)
    snprintf(text, sizeof text, "%zu bytes past the end of %s", distance, name);
  else if (address + bytes > nearest->end && address < nearest->end)
    snprintf(text, sizeof text, "across the end of %s", name);
  else
    snprintf(text, sizeof text, "just past the end of %s", name);
  return text;
}

// ---- this library

namespace {

thread_local volatile char anchor;  // touching it makes the thread-local block exist

int note_library(dl_phdr_info* info, size_t, void* found) {
  Library& library = *static_cast<Library*>(found);
  uintptr_t inside = reinterpret_cast<uintptr_t>(&regions);
  uintptr_t begin = info->dlpi_addr, end = begin;
  for (int i = 0; i < info->dlpi_phnum; ++i)
    if (const ElfW(Phdr)& part = info->dlpi_phdr[i]; part.p_type == PT_LOAD)
      end = std::max(end, begin + part.p_vaddr + part.p_memsz);
  if (inside < begin || inside >= end) return 0;
  library = {begin, end, static_cast<char*>(info->dlpi_tls_data), 0};
  for (int i = 0; i < info->dlpi_phnum; ++i)
    if (info->dlpi_phdr[i].p_type == PT_TLS)
      library.thread_local_bytes = info->dlpi_phdr[i].p_memsz;
  return 1;
}

}  // namespace

Library find_library() {
  anchor = 0;
  Library library{};
  dl_iterate_phdr(note_library, &library);
  return library;
}

}  // namespace cudasim
