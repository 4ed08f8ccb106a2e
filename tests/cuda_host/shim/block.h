// One block: its barriers, its shared memory, and the scheduler that runs its threads to their ends.
#pragma once
#include "warp.h"

namespace shim {

static SHIM_FN void open_barrier_if_full() {
  if (M.at_block == 0 || M.at_block + M.done < M.n) return;
  M.res_and = M.vote_and;
  M.res_or = M.vote_or;
  M.res_count = M.vote_count;
  M.vote_and = 1;
  M.vote_or = M.vote_count = 0;
  M.at_block = 0;
  M.generation++;
  for (unsigned i = 0; i < M.n; i++)
    if (M.fibers[i].state == AT_BLOCK) M.fibers[i].state = READY;
}

// __syncthreads and its voting forms
static SHIM_FN void barrier(int predicate, int line) {
  Fiber* f = M.cur;
  M.vote_and &= predicate != 0;
  M.vote_or |= predicate != 0;
  M.vote_count += predicate != 0;
  char* tag = &M.tags->barrier[M.generation & 1];  // two: a fast thread's next barrier is no edge of this one
  f->state = AT_BLOCK;
  f->line = line;
  M.at_block++;
  release(tag);
  to_scheduler();
  acquire(tag);
}

// __trap and a failed assert: the thread never goes on, and the launch ends with the fault.
static SHIM_FN void trap(const char* what, int line) {
  fault("line %d: %s in block (%u,%u,%u)", line, what, M.blk.x, M.blk.y, M.blk.z);
  to_scheduler();
  abort();
}

// Where every fiber begins.
static SHIM_FN void entry() {
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(nullptr, &M.sched_bottom, &M.sched_size);
#endif
  M.body(M.body_arg);
  release(&M.launch_tag);
  M.cur->state = DONE;
  M.done++;
  leave_warp(M.cur);
  to_scheduler(true);
  abort();
}

static SHIM_FN void* mapped(void* at, size_t size) {
  const int fixed = at ? MAP_FIXED : 0;
  return mmap(at, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | fixed, -1, 0);
}

// No block sees another's shared memory.  TSan must also forget who touched it, and the stacks, last:
// memory mapped anew tells it so.  ASan wants dynamic shared memory of the exact size, to fence it.
static SHIM_FN void renew_memory() {
#if SHIM_TSAN
  mapped(__start_cuda_shared, __stop_cuda_shared - __start_cuda_shared);
  for (unsigned i = 0; i < M.n; i++) mapped(M.fibers[i].stack + STACK - 16384, 16384);
  if (!M.dyn) M.dyn = static_cast<char*>(mapped(nullptr, DYNAMIC));
  mapped(M.dyn, (M.dyn_size + 4095) & ~size_t(4095));
#else
  free(M.dyn);
  M.dyn = static_cast<char*>(malloc(M.dyn_size));
#endif
  for (volatile char* p = __start_cuda_shared; p < __stop_cuda_shared; p++) *p = (char)POISON;
  for (volatile char* p = M.dyn; p < M.dyn + M.dyn_size; p++) *p = (char)POISON;
}

static SHIM_FN void begin_fibers() {
  const size_t number = (size_t(M.blk.z) * M.gdim.y + M.blk.y) * M.gdim.x + M.blk.x;
  M.tags = all_tags + number % TAGS;
  M.done = M.at_block = 0;
  M.vote_and = 1;
  M.vote_or = M.vote_count = 0;
  for (Warp& w : M.warps) w.arrived = w.live = 0;
  for (unsigned i = 0; i < M.n; i++) {
    Fiber& f = M.fibers[i];
    f.state = READY;
    f.warp = i / WARP;
    f.lane = i % WARP;
    f.line = 0;
    f.fake = nullptr;
    M.warps[f.warp].live |= 1u << f.lane;
    f.tid = {i % M.bdim.x, (i / M.bdim.x) % M.bdim.y, i / (M.bdim.x * M.bdim.y)};
    void** sp = reinterpret_cast<void**>(f.stack + STACK) - 3;  // rsp is 8 past a multiple of 16 at entry
    *--sp = reinterpret_cast<void*>(&entry);
    for (int r = 0; r < 6; r++) *--sp = nullptr;
    f.sp = sp;
#if SHIM_TSAN
    f.tsan = __tsan_create_fiber(0);
#endif
  }
}

static SHIM_FN void report_deadlock() {
  unsigned at_block = 0, at_warp = 0;
  int block_line = 0, warp_line = 0;
  for (unsigned i = 0; i < M.n; i++) {
    if (M.fibers[i].state == AT_BLOCK) at_block++, block_line = M.fibers[i].line;
    if (M.fibers[i].state == AT_WARP) at_warp++, warp_line = M.fibers[i].line;
  }
  fault("deadlock in block (%u,%u,%u): %u threads wait at __syncthreads (line %d), "
        "%u in a warp intrinsic (line %d), %u have exited",
        M.blk.x, M.blk.y, M.blk.z, at_block, block_line, at_warp, warp_line, M.done);
}

// Runs the block M.blk; whether it ended without a fault.
static SHIM_FN bool run_block() {
  renew_memory();
  begin_fibers();
  while (M.done < M.n && !M.error[0]) {
    if (M.mode == RANDOM)
      for (unsigned i = M.n - 1; i > 0; i--) std::swap(M.order[i], M.order[rnd() % (i + 1)]);
    bool moved = false;
    for (unsigned k = 0; k < M.n && !M.error[0]; k++) {
      Fiber& f = M.fibers[M.order[M.mode == REVERSE ? M.n - 1 - k : k]];
      if (f.state != READY) continue;
      moved = true;
      to_fiber(&f);
    }
    open_barrier_if_full();
    bool ready = moved;
    for (unsigned i = 0; i < M.n && !ready; i++) ready = M.fibers[i].state == READY;
    if (!ready) report_deadlock();
  }
#if SHIM_TSAN
  for (unsigned i = 0; i < M.n; i++) __tsan_destroy_fiber(M.fibers[i].tsan);
#endif
  return !M.error[0];
}

}  // namespace shim

#define threadIdx (shim::tid())
#define blockIdx (shim::bid())
#define blockDim (shim::bdim())
#define gridDim (shim::gdim())
#define __syncthreads() shim::barrier(0, __LINE__)
#define __syncthreads_or(p) (shim::barrier((p) != 0, __LINE__), shim::M.res_or)
#define __syncthreads_and(p) (shim::barrier((p) != 0, __LINE__), shim::M.res_and)
#define __syncthreads_count(p) (shim::barrier((p) != 0, __LINE__), shim::M.res_count)
#define __trap() shim::trap("__trap", __LINE__)
#undef assert
#define assert(condition) ((condition) ? (void)0 : shim::trap("assert(" #condition ")", __LINE__))
