// Fibers: stacks that take turns on one thread of the operating system.
//
// A switch saves six registers and the stack pointer, about 10 ns; swapcontext would ask the kernel
// each time. The stacks are one mapping, of which only the pages that are used take memory.
#include <sys/mman.h>

#include "runtime.h"

namespace cudasim {

namespace {

constexpr size_t stack_bytes = 256 << 10, guard_page = 4096;

char* arena = nullptr;
size_t arena_bytes = 0;
Fiber fibers[max_threads];
Fiber* idle[max_threads];
unsigned created = 0, idle_count = 0;

}  // namespace

Fiber main_fiber;

asm(R"(
  .text
  .local cudasim_switch
cudasim_switch:
  push %rbp
  push %rbx
  push %r12
  push %r13
  push %r14
  push %r15
  mov %rsp, (%rdi)
  mov %rsi, %rsp
  pop %r15
  pop %r14
  pop %r13
  pop %r12
  pop %rbx
  pop %rbp
  ret
)");
extern "C" void cudasim_switch(void** save, void* load);

void switch_fiber(Fiber* from, Fiber* to) {
  cudasim_switch(&from->stack_pointer, to->stack_pointer);
}

FiberArena::FiberArena(unsigned count) {
  created = idle_count = 0;
  void* map = mmap(nullptr, count * stack_bytes, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (map == MAP_FAILED) return;
  arena = static_cast<char*>(map);
  arena_bytes = count * stack_bytes;
}

FiberArena::~FiberArena() {
  if (arena_bytes) munmap(arena, arena_bytes);
  arena_bytes = 0;
}

bool FiberArena::ok() const { return arena_bytes != 0; }

// A new stack looks as if fiber_main had just been switched away from before its first instruction.
static Fiber* create_fiber() {
  char* lowest = arena + created * stack_bytes;
  mprotect(lowest, guard_page, PROT_NONE);
  void** top = reinterpret_cast<void**>(lowest + stack_bytes - 64);
  *--top = nullptr;  // fiber_main's return address: it has none, and this aligns the stack
  *--top = reinterpret_cast<void*>(fiber_main);
  for (int i = 0; i < 6; ++i) *--top = nullptr;  // the saved registers
  Fiber* fiber = &fibers[created++];
  fiber->stack_pointer = top;
  return fiber;
}

Fiber* take_fiber() { return idle_count ? idle[--idle_count] : create_fiber(); }

void put_back(Fiber* fiber) { idle[idle_count++] = fiber; }

bool on_fiber_stack(uintptr_t address) {
  return address - reinterpret_cast<uintptr_t>(arena) < arena_bytes;
}

}  // namespace cudasim
