// Warp intrinsics: a rendezvous of the lanes that the mask names, where each brings a value.
//
// As on the device, lanes of the mask that have left the kernel are not waited for; a shuffle from one
// of them gives poison.  A mask without its caller, lanes that name different masks, and a shuffle from
// a lane outside of the mask are faults.
#pragma once
#include "machine.h"

namespace shim {

// Lets the lanes of `mask` go on, once all that are alive have come.
static SHIM_FN void open_if_met(unsigned warp, unsigned mask) {
  Warp& w = M.warps[warp];
  const unsigned met = mask & w.live;
  if (!met || (w.arrived & met) != met) return;
  Fiber* lanes = M.fibers + warp * WARP;
  w.arrived &= ~met;
  for (unsigned l = 0; l < WARP; l++)
    if ((met >> l) & 1) acquire(&M.tags->arrived[warp * WARP + l]);
  for (unsigned l = 0; l < WARP; l++) {
    if (!((met >> l) & 1)) continue;
    if (lanes[l].wait_mask != mask)
      fault("line %d: lanes of one warp intrinsic name different masks", lanes[l].line);
    for (unsigned k = 0; k < WARP; k++) lanes[l].in[k] = w.slot[k];
    lanes[l].met = met;
    lanes[l].state = READY;
    release(&M.tags->opened[warp * WARP + l]);
  }
}

// A lane leaves the kernel: those that wait in its warp may be complete without it.
static SHIM_FN void leave_warp(Fiber* f) {
  Warp& w = M.warps[f->warp];
  w.live &= ~(1u << f->lane);
  for (unsigned l = 0; l < WARP; l++)
    if ((w.arrived >> l) & 1) open_if_met(f->warp, M.fibers[f->warp * WARP + l].wait_mask);
}

static SHIM_FN const Word* exchange(unsigned mask, Word value, int line) {
  Fiber* f = M.cur;
  Warp& w = M.warps[f->warp];
  if (!((mask >> f->lane) & 1))
    fault("line %d: lane %u calls a warp intrinsic whose mask %08x lacks it", line, f->lane, mask);
  w.slot[f->lane] = value;
  w.arrived |= 1u << f->lane;
  f->wait_mask = mask;
  f->line = line;
  f->state = AT_WARP;
  const unsigned own = f->warp * WARP + f->lane;
  release(&M.tags->arrived[own]);
  open_if_met(f->warp, mask);
  to_scheduler();
  acquire(&M.tags->opened[own]);
  return f->in;
}

template <class T>
static SHIM_FN Word bits(T v) {
  static_assert(sizeof(T) <= sizeof(Word), "a warp intrinsic takes values of at most 8 bytes");
  Word u = 0;
  memcpy(&u, &v, sizeof v);
  return u;
}

template <class T>
static SHIM_FN T unbits(Word u) {
  T v;
  memcpy(&v, &u, sizeof v);
  return v;
}

// The value of lane `from`, already bent to the caller's own lane where it leaves the group.
template <class T>
static SHIM_FN T shuffle(unsigned mask, T v, int from, int line) {
  const Word* lanes = exchange(mask, bits(v), line);
  if (from < 0 || from >= (int)WARP) from = (int)M.cur->lane;
  if (!((mask >> from) & 1)) fault("line %d: a shuffle reads lane %d, which is not in its mask", line, from);
  if (!((M.cur->met >> from) & 1)) return unbits<T>(0x0101010101010101ull * POISON);
  return unbits<T>(lanes[from]);
}

template <class T>
static SHIM_FN T shuffle_down(int line, unsigned mask, T v, unsigned by, int width = 32) {
  const int lane = M.cur->lane, from = lane + (int)by;
  return shuffle(mask, v, from / width == lane / width ? from : lane, line);
}

template <class T>
static SHIM_FN T shuffle_up(int line, unsigned mask, T v, unsigned by, int width = 32) {
  const int lane = M.cur->lane, from = lane - (int)by;
  return shuffle(mask, v, from >= 0 && from / width == lane / width ? from : lane, line);
}

template <class T>
static SHIM_FN T shuffle_xor(int line, unsigned mask, T v, int with, int width = 32) {
  const int lane = M.cur->lane, from = lane ^ with;  // earlier groups may be read, later ones not
  return shuffle(mask, v, from / width <= lane / width ? from : lane, line);
}

template <class T>
static SHIM_FN T shuffle_from(int line, unsigned mask, T v, int from, int width = 32) {
  const int lane = M.cur->lane;
  return shuffle(mask, v, (lane / width) * width + (from & (width - 1)), line);
}

static SHIM_FN unsigned ballot(unsigned mask, int predicate, int line) {
  const Word* lanes = exchange(mask, predicate != 0, line);
  unsigned result = 0;
  for (unsigned l = 0; l < WARP; l++)
    if (((M.cur->met >> l) & 1) && lanes[l]) result |= 1u << l;
  return result;
}

static SHIM_FN int all(unsigned mask, int predicate, int line) {
  const unsigned yes = ballot(mask, predicate, line);
  return yes == M.cur->met;
}

template <class T>
static SHIM_FN unsigned match_any(unsigned mask, T v, int line) {
  const Word mine = bits(v), *lanes = exchange(mask, mine, line);
  unsigned result = 0;
  for (unsigned l = 0; l < WARP; l++)
    if (((M.cur->met >> l) & 1) && lanes[l] == mine) result |= 1u << l;
  return result;
}

template <class T, class F>
static SHIM_FN T reduce(unsigned mask, T v, F op, int line) {
  static_assert(std::is_integral<T>::value && sizeof(T) == 4, "__reduce_*_sync takes int or unsigned");
  const Word* lanes = exchange(mask, bits(v), line);
  bool first = true;
  T total{};
  for (unsigned l = 0; l < WARP; l++) {
    if (!((M.cur->met >> l) & 1)) continue;
    total = first ? unbits<T>(lanes[l]) : op(total, unbits<T>(lanes[l]));
    first = false;
  }
  return total;
}

static inline unsigned mask_of(unsigned mask = 0xffffffffu) { return mask; }
static SHIM_FN unsigned live_lanes() { return M.warps[M.cur->warp].live; }

}  // namespace shim

#define __syncwarp(...) ((void)shim::exchange(shim::mask_of(__VA_ARGS__), 0, __LINE__))
#define __shfl_sync(...) shim::shuffle_from(__LINE__, __VA_ARGS__)
#define __shfl_down_sync(...) shim::shuffle_down(__LINE__, __VA_ARGS__)
#define __shfl_up_sync(...) shim::shuffle_up(__LINE__, __VA_ARGS__)
#define __shfl_xor_sync(...) shim::shuffle_xor(__LINE__, __VA_ARGS__)
#define __ballot_sync(m, p) shim::ballot(m, (p) != 0, __LINE__)
#define __any_sync(m, p) (shim::ballot(m, (p) != 0, __LINE__) != 0)
#define __all_sync(m, p) shim::all(m, (p) != 0, __LINE__)
#define __match_any_sync(m, v) shim::match_any(m, v, __LINE__)
#define __reduce_add_sync(m, v) shim::reduce(m, v, [](auto a, auto b) { return a + b; }, __LINE__)
#define __reduce_max_sync(m, v) shim::reduce(m, v, [](auto a, auto b) { return a > b ? a : b; }, __LINE__)
#define __reduce_min_sync(m, v) shim::reduce(m, v, [](auto a, auto b) { return a < b ? a : b; }, __LINE__)
#define __reduce_or_sync(m, v) shim::reduce(m, v, [](auto a, auto b) { return a | b; }, __LINE__)
#define __reduce_and_sync(m, v) shim::reduce(m, v, [](auto a, auto b) { return a & b; }, __LINE__)
#define __reduce_xor_sync(m, v) shim::reduce(m, v, [](auto a, auto b) { return a ^ b; }, __LINE__)
// Every lane that has not left: the device may return fewer, so no kernel should rely on it.
#define __activemask() shim::live_lanes()
static constexpr int warpSize = 32;
