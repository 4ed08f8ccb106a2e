// The words that CUDA adds to C++, and its vector types.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <tuple>
#include <type_traits>
#include <utility>

#define __global__
#define __device__
#define __host__
#define __constant__ static
#define __forceinline__ inline __attribute__((always_inline))
#define __noinline__ __attribute__((noinline))
#define __launch_bounds__(...)
#define __shared__ static __attribute__((section("cuda_shared"), aligned(16)))
#define __align__(n) __attribute__((aligned(n)))
#define __restrict__ __restrict
#define __grid_constant__

// Dynamic shared memory; on the device `extern __shared__ T name[]` (common.cuh).
#define EXTERN_SHARED(T, name) T* name = reinterpret_cast<T*>(shim::dyn_shared())

// Ends of the pages that hold every __shared__ variable; shim/shared.ld defines them.
extern "C" {
extern char __start_cuda_shared[], __stop_cuda_shared[];
}

// The shim's own bookkeeping is invisible to the sanitizers, which watch the kernels.
#define SHIM_FN \
  __attribute__((noinline, no_sanitize("thread"), no_sanitize("address"), no_sanitize("undefined")))

struct dim3 {
  unsigned x, y, z;
  dim3(unsigned a = 1, unsigned b = 1, unsigned c = 1) : x(a), y(b), z(c) {}
};

// Sizes and alignments are CUDA's: pairs and quadruples are aligned to their size, up to 16 bytes.
#define SHIM_VECTORS(T, N)                                                                        \
  struct N##1 { T x; };                                                                           \
  struct alignas(2 * sizeof(T)) N##2 { T x, y; };                                                 \
  struct N##3 { T x, y, z; };                                                                     \
  struct alignas(4 * sizeof(T) < 16 ? 4 * sizeof(T) : 16) N##4 { T x, y, z, w; };                 \
  static inline N##1 make_##N##1(T a) { return {a}; }                                             \
  static inline N##2 make_##N##2(T a, T b) { return {a, b}; }                                     \
  static inline N##3 make_##N##3(T a, T b, T c) { return {a, b, c}; }                             \
  static inline N##4 make_##N##4(T a, T b, T c, T d) { return {a, b, c, d}; }
SHIM_VECTORS(signed char, char)
SHIM_VECTORS(unsigned char, uchar)
SHIM_VECTORS(short, short)
SHIM_VECTORS(unsigned short, ushort)
SHIM_VECTORS(int, int)
SHIM_VECTORS(unsigned, uint)
SHIM_VECTORS(long, long)
SHIM_VECTORS(unsigned long, ulong)
SHIM_VECTORS(long long, longlong)
SHIM_VECTORS(unsigned long long, ulonglong)
SHIM_VECTORS(float, float)
SHIM_VECTORS(double, double)
#undef SHIM_VECTORS
