// The machine: fibers, how control passes between them, and what the sanitizers are told of it.
#pragma once
#include <sys/mman.h>
#include "language.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif
#if defined(__SANITIZE_THREAD__)
#include <sanitizer/tsan_interface.h>
#define SHIM_TSAN 1
#else
#define SHIM_TSAN 0
#endif

#if !defined(__x86_64__)
#error "shim/machine.h: only the x86-64 switch is written; add another machine's here"
#endif

// Saves the callee-saved registers on the stack left, restores those of the stack entered.
extern "C" void shim_switch(void** save_sp, void* to_sp);
asm(R"(
.text
.p2align 4
.globl shim_switch
.hidden shim_switch
.type shim_switch,@function
shim_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size shim_switch,.-shim_switch
)");

namespace shim {

typedef unsigned long long Word;

enum State : int { READY, AT_BLOCK, AT_WARP, DONE };
enum Mode : int { FORWARD, REVERSE, RANDOM };

static constexpr size_t STACK = 64 * 1024;
static constexpr size_t DYNAMIC = 1 << 20;  // more than any card's shared memory
static constexpr unsigned WARP = 32, LARGEST_BLOCK = 1024;
static constexpr unsigned char POISON = 0xCB;  // what memory and lanes hold that nobody has set

struct Fiber {
  void* sp;
  char* stack;
  State state;
  uint3 tid;
  unsigned lane, warp;
  unsigned wait_mask, met;  // lanes named by the last warp intrinsic, and those of them still alive
  int line;                 // of the barrier or intrinsic that it waits in
  void* tsan;
  void* fake;     // ASan's
  Word in[WARP];  // what the lanes brought to this lane's last warp intrinsic
};

struct Warp {
  unsigned arrived, live;
  Word slot[WARP];
};

// Happens-before edges of a block's barriers, and of its lanes' warp intrinsics.  Every block of a launch
// has tags of its own, for no block is ordered after another (4,096 of them; then the first come again).
struct Tags {
  char barrier[2], arrived[LARGEST_BLOCK], opened[LARGEST_BLOCK];
};
static constexpr unsigned TAGS = SHIM_TSAN ? 4096 : 1;
static Tags all_tags[TAGS];

// Plain arrays, since TSan watches the code of std::vector.
struct Machine {
  Fiber fibers[LARGEST_BLOCK];
  Warp warps[LARGEST_BLOCK / WARP];
  unsigned order[LARGEST_BLOCK];
  Fiber* cur = nullptr;
  unsigned n = 0, done = 0, at_block = 0;
  uint3 blk{}, bdim{}, gdim{};
  char* dyn = nullptr;
  size_t dyn_size = 0;
  void (*body)(void*) = nullptr;
  void* body_arg = nullptr;
  int mode = FORWARD;
  Word rng = 1;
  // votes of __syncthreads_and/or/count: those being gathered, and those of the last barrier
  int vote_and, vote_or, vote_count, res_and, res_or, res_count;
  unsigned generation = 0;
  Tags* tags = nullptr;
  char launch_tag;
  void* sched_sp = nullptr;
  void* sched_tsan = nullptr;
  void* sched_fake = nullptr;
  const void* sched_bottom = nullptr;
  size_t sched_size = 0;
  char error[512];
};
static Machine M;

template <class... A>
static SHIM_FN void fault(const char* format, A... values) {
  if (!M.error[0]) snprintf(M.error, sizeof M.error, format, values...);
}

static SHIM_FN Word rnd() {  // xorshift64
  M.rng ^= M.rng << 13;
  M.rng ^= M.rng >> 7;
  M.rng ^= M.rng << 17;
  return M.rng;
}

static SHIM_FN void* dyn_shared() { return M.dyn; }
static SHIM_FN const uint3& tid() { return M.cur->tid; }
static SHIM_FN const uint3& bid() { return M.blk; }
static SHIM_FN const uint3& bdim() { return M.bdim; }
static SHIM_FN const uint3& gdim() { return M.gdim; }

static SHIM_FN void release(char* tag) {
#if SHIM_TSAN
  __tsan_release(tag);
#endif
  (void)tag;
}

static SHIM_FN void acquire(char* tag) {
#if SHIM_TSAN
  __tsan_acquire(tag);
#endif
  (void)tag;
}

static SHIM_FN void to_fiber(Fiber* f) {
  M.cur = f;
#if SHIM_TSAN
  __tsan_switch_to_fiber(f->tsan, __tsan_switch_to_fiber_no_sync);
#endif
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_start_switch_fiber(&M.sched_fake, f->stack, STACK);
#endif
  shim_switch(&M.sched_sp, f->sp);
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(M.sched_fake, nullptr, nullptr);
#endif
}

static SHIM_FN void to_scheduler(bool dying = false) {
  Fiber* f = M.cur;
#if SHIM_TSAN
  __tsan_switch_to_fiber(M.sched_tsan, __tsan_switch_to_fiber_no_sync);
#endif
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_start_switch_fiber(dying ? nullptr : &f->fake, M.sched_bottom, M.sched_size);
#endif
  shim_switch(&f->sp, M.sched_sp);
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(f->fake, nullptr, nullptr);
#endif
  (void)dying;
}

// In random runs another thread may go first at any atomic, so that lock-free code meets its interleavings.
static SHIM_FN void preempt() {
  if (M.mode == RANDOM && (rnd() & 3) == 0) to_scheduler();
}

}  // namespace shim
