// Errors of the kernel, and how they get back to Python: the message is noted, and the loop over
// blocks goes on in place of the kernel, whose fibers are dropped as they stand. That also works
// from a signal handler: what a kernel interrupts is the kernel.
#include <csignal>
#include <cstdarg>
#include <cstdio>
#include <ctime>
#include <pthread.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "runtime.h"

namespace cudasim {

namespace {

uintptr_t in_library(const void* site) {
  return reinterpret_cast<uintptr_t>(site) - run_state.library.begin;
}

[[gnu::format(printf, 3, 0)]] void note(Sites sites, int argument, const char* format,
                                        va_list values) {
  if (failed()) return;
  Failure& f = run_state.launch->failure;
  vsnprintf(f.text, sizeof f.text, format, values);
  f.argument = argument;
  f.sites[0] = in_library(sites.first);
  f.sites[1] = sites.second ? in_library(sites.second) : 0;
  f.site_count = sites.second ? 2 : sites.first ? 1 : 0;
  f.somewhere = run_state.threads != 0;
  f.block[0] = here.block.x, f.block[1] = here.block.y, f.block[2] = here.block.z;
  f.thread[0] = here.thread.x, f.thread[1] = here.thread.y, f.thread[2] = here.thread.z;
}

}  // namespace

bool failed() { return run_state.launch->failure.text[0] != 0; }

void note_failure(Sites sites, int argument, const char* format, ...) {
  va_list values;
  va_start(values, format);
  note(sites, argument, format, values);
  va_end(values);
}

void fail(Sites sites, int argument, const char* format, ...) {
  va_list values;
  va_start(values, format);
  note(sites, argument, format, values);
  va_end(values);
  Fiber abandoned;
  switch_fiber(&abandoned, &main_fiber);
  __builtin_unreachable();
}

// ---- signals

namespace {

constexpr int caught[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGVTALRM};
constexpr int caught_count = sizeof caught / sizeof *caught;
constexpr int time_is_up = SIGVTALRM;

struct sigaction previous[caught_count];
stack_t previous_stack;
char signal_stack[64 << 10];
pthread_t simulating;
timer_t timer;
bool timed = false;

// Another thread's signal is none of ours: it gets what it would have got.
void pass_on(int signal) {
  for (int i = 0; i < caught_count; ++i)
    if (caught[i] == signal) sigaction(signal, &previous[i], nullptr);
}

void on_signal(int signal, siginfo_t* info, void* context) {
  if (!pthread_equal(pthread_self(), simulating)) return pass_on(signal);
  const greg_t* registers = static_cast<ucontext_t*>(context)->uc_mcontext.gregs;
  Sites site{reinterpret_cast<const void*>(registers[REG_RIP] + 1)};  // as if it had been a call
  bool in_kernel = on_fiber_stack(registers[REG_RSP]);
  if (signal == time_is_up) {
    const char* text = "no end after %g s: an endless loop, or a wait for another block?";
    site.second = run_state.last_site;
    if (in_kernel) fail(site, no_argument, text, run_state.launch->limit);
    return note_failure(site, no_argument, text, run_state.launch->limit);
  }
  if (!in_kernel) return pass_on(signal);
  if (signal != SIGSEGV && signal != SIGBUS)
    fail(site, no_argument, "%s", signal == SIGFPE ? "division by zero" : "illegal instruction");
  uintptr_t address = reinterpret_cast<uintptr_t>(info->si_addr);
  const char* access = registers[REG_ERR] & 2 ? "write" : "read";
  int argument = no_argument;
  if (const char* where = describe_near(address, 0, &argument))
    fail(site, argument, "out-of-bounds %s, %s", access, where);
  if (on_fiber_stack(address))
    fail(site, no_argument, "stack overflow: local variables of more than 256 KB?");
  fail(site, no_argument, "invalid %s at address %#zx", access, address);
}

}  // namespace

SignalGuard::SignalGuard(double seconds) {
  simulating = pthread_self();
  stack_t stack{};
  stack.ss_sp = signal_stack;
  stack.ss_size = sizeof signal_stack;
  sigaltstack(&stack, &previous_stack);
  struct sigaction action {};
  action.sa_sigaction = on_signal;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
  for (int i = 0; i < caught_count; ++i) sigaction(caught[i], &action, &previous[i]);

  sigevent event{};
  event.sigev_notify = SIGEV_THREAD_ID;
  event.sigev_signo = time_is_up;
  event._sigev_un._tid = static_cast<pid_t>(syscall(SYS_gettid));
  timed = seconds > 0 && timer_create(CLOCK_THREAD_CPUTIME_ID, &event, &timer) == 0;
  itimerspec when{};
  when.it_value.tv_sec = static_cast<time_t>(seconds);
  when.it_value.tv_nsec = static_cast<long>((seconds - static_cast<time_t>(seconds)) * 1e9);
  if (timed) timer_settime(timer, 0, &when, nullptr);
}

SignalGuard::~SignalGuard() {
  if (timed) timer_delete(timer);
  for (int i = 0; i < caught_count; ++i) sigaction(caught[i], &previous[i], nullptr);
  sigaltstack(&previous_stack, nullptr);
}

}  // namespace cudasim
