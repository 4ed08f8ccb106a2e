// Loads and stores with cache hints, fences, and atomics (relaxed, as on the device).
//
// An atomic takes the types that CUDA's takes, no others: NVRTC would refuse the rest.
#pragma once
#include "machine.h"

template <class T> static inline T __ldg(const T* p) { return *p; }
template <class T> static inline T __ldca(const T* p) { return *p; }
template <class T> static inline T __ldcg(const T* p) { return *p; }
template <class T> static inline T __ldcs(const T* p) { return *p; }
template <class T> static inline T __ldlu(const T* p) { return *p; }
template <class T> static inline T __ldcv(const T* p) { return *p; }
template <class T> static inline void __stwb(T* p, std::common_type_t<T> v) { *p = v; }
template <class T> static inline void __stcg(T* p, std::common_type_t<T> v) { *p = v; }
template <class T> static inline void __stcs(T* p, std::common_type_t<T> v) { *p = v; }
template <class T> static inline void __stwt(T* p, std::common_type_t<T> v) { *p = v; }

static inline void __threadfence() { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
static inline void __threadfence_block() { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
static inline void __threadfence_system() { __atomic_thread_fence(__ATOMIC_SEQ_CST); }

// common.cuh's: a read that may meet another thread's atomic on the same word
template <class T>
static inline T load_relaxed(const T* p) {
  shim::preempt();
  return __atomic_load_n(p, __ATOMIC_RELAXED);
}

namespace shim {

template <class T, class... Allowed>
constexpr bool one_of = (std::is_same_v<T, Allowed> || ...);

// Reads, changes and writes one word as one step; returns what it held.
template <class T, class F>
static inline T modify(T* p, F op) {
  preempt();
  T old, next;
  __atomic_load(p, &old, __ATOMIC_RELAXED);
  do next = op(old);
  while (!__atomic_compare_exchange(p, &old, &next, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
  return old;
}

}  // namespace shim

#define SHIM_ATOMIC(name, expression, ...)                                                             \
  template <class T>                                                                                   \
  static inline T name(T* p, std::common_type_t<T> v) {                                                \
    static_assert(shim::one_of<T, __VA_ARGS__>, #name " of CUDA does not take this type: cast pointers to " \
                                                "a signed 64-bit word to unsigned long long*");         \
    return shim::modify(p, [v](T o) { return (T)(expression); });                                      \
  }
SHIM_ATOMIC(atomicAdd, o + v, int, unsigned, unsigned long long, float, double)
SHIM_ATOMIC(atomicSub, o - v, int, unsigned)
SHIM_ATOMIC(atomicMin, o < v ? o : v, int, unsigned, long long, unsigned long long)
SHIM_ATOMIC(atomicMax, o > v ? o : v, int, unsigned, long long, unsigned long long)
SHIM_ATOMIC(atomicAnd, o & v, int, unsigned, long long, unsigned long long)
SHIM_ATOMIC(atomicOr, o | v, int, unsigned, long long, unsigned long long)
SHIM_ATOMIC(atomicXor, o ^ v, int, unsigned, long long, unsigned long long)
SHIM_ATOMIC(atomicExch, v, int, unsigned, unsigned long long, float)
SHIM_ATOMIC(atomicInc, o >= v ? 0 : o + 1, unsigned)
SHIM_ATOMIC(atomicDec, o == 0 || o > v ? v : o - 1, unsigned)
#undef SHIM_ATOMIC

template <class T>
static inline T atomicCAS(T* p, std::common_type_t<T> expected, std::common_type_t<T> v) {
  static_assert(shim::one_of<T, unsigned short, int, unsigned, unsigned long long>,
                "atomicCAS of CUDA does not take this type");
  return shim::modify(p, [expected, v](T o) { return o == expected ? v : o; });
}
