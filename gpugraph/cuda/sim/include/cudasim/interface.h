// What a compiled kernel, the runtime and launch.py share. Kernels see this: no standard headers.
#pragma once

using size_t = decltype(sizeof 0);

struct uint3 {
  unsigned x, y, z;
};

struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
};

namespace cudasim {

// ---- for the kernel: where it is, and what it can ask of the runtime

struct Here {
  uint3 thread, block;
  dim3 block_size, grid_size;
  unsigned linear;       // number of the thread in its block, x fastest
  char* dynamic_shared;  // what `extern __shared__` names
};

extern Here here;

inline int lane() { return (int)(here.linear % 32); }

enum class Operation { sync, vote, shuffle, shuffle_up, shuffle_down, shuffle_xor };

unsigned barrier(bool vote);         // how many threads of the block voted true
unsigned vote(unsigned mask, bool);  // a bit for each lane that voted true
void sync_warp(unsigned mask);
void shuffle(Operation, unsigned mask, void* value, size_t size, int source);

// ---- for the launch: mirrored field by field in launch.py

struct Writer {  // of an element: the last one
  unsigned block, thread;  // numbers, x fastest; thread + 1, and 0: nobody
  unsigned site;           // where in the library
};

struct Argument {
  void* data;  // of an array its elements, of anything else its value
  unsigned long long bytes;
  unsigned long long unwritten, most_writes;  // out: elements never written, writes of one element
  unsigned item;                              // bytes of one element
  int owner;  // the argument whose memory this one lies in, usually itself; -1: not an array
  int fresh;    // 1: starts uninitialised
  int written;  // 1: the kernel may write it
  Writer* writers;  // out, unless null: one for each element (check mode)
};

struct Failure {
  char text[1024];              // {0} stands for the source line of sites[0]
  unsigned long long sites[2];  // addresses in the library, as addr2line takes them
  unsigned site_count;
  int argument;  // -1: none in particular
  unsigned block[3], thread[3];
  int somewhere;  // 1: block and thread mean something
  int padding;
};

enum Guard { no_guard, guard_high, guard_low };

struct Launch {
  unsigned grid[3], block[3];
  unsigned long long shared, seed;
  double limit;  // seconds
  int check, guard;
  Argument* arguments;
  unsigned long long count;
  Failure failure;
};

using Body = void (*)(void** values);
int run(Body, Launch&);  // 0, or 1 if there is a failure

// How a type is called in a signature; entry.h completes the list.
template <class T>
struct TypeName {
  static constexpr const char* text = nullptr;
};

}  // namespace cudasim
