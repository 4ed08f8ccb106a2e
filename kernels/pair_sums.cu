// Margins of the weighted overlaps of all pairs of masks.  All sums are of integers, so they are the same
// in any order; unsigned sums wrap as signed ones do.
#include "common.cuh"

typedef unsigned long long word;

// One block of 64 threads, one a pixel, a word of the masks and a segment of them; `order` sorts the masks
// by group, so that a thread seldom has to hand its sums over to memory.
extern "C" __global__ void __launch_bounds__(64)
weighted_pixels(const word* __restrict__ packed, const long long* __restrict__ order,
                const long long* __restrict__ groups, const word* __restrict__ high,
                const word* __restrict__ low, long long n_masks, int words, int segment,
                word* __restrict__ sums) {
  const int k = blockIdx.x % words;
  const long long first = (long long)(blockIdx.x / words) * segment;
  const long long last = min(first + segment, n_masks);
  const long long pixels = 64ll * words, pixel = 64ll * k + threadIdx.x;
  long long group = groups[order[first]];
  word high_sum = 0, low_sum = 0;
  for (long long s = first; s < last; s++) {
    const long long mask = order[s], own = groups[mask];
    if (own != group) {
      atomicAdd(sums + 2 * group * pixels + pixel, high_sum);
      atomicAdd(sums + (2 * group + 1) * pixels + pixel, low_sum);
      group = own;
      high_sum = low_sum = 0;
    }
    if ((packed[mask * words + k] >> threadIdx.x) & 1u) {
      high_sum += high[mask];
      low_sum += low[mask];
    }
  }
  atomicAdd(sums + 2 * group * pixels + pixel, high_sum);
  atomicAdd(sums + (2 * group + 1) * pixels + pixel, low_sum);
}

// One warp a mask, one lane a bit of its half words.
extern "C" __global__ void __launch_bounds__(256)
collected_pixels(const unsigned* __restrict__ packed, const word* __restrict__ sums,
                 const long long* __restrict__ groups, long long n_masks, int halves, word* __restrict__ out) {
  const int lane = threadIdx.x & 31;
  const long long mask = ((long long)blockIdx.x * blockDim.x + threadIdx.x) >> 5;
  if (mask >= n_masks) return;  // the whole warp
  const long long pixels = 32ll * halves;
  const word* high = sums + 2 * groups[mask] * pixels;
  const word* low = high + pixels;
  word high_sum = 0, low_sum = 0;
  for (int h = 0; h < halves; h++) {
    if ((packed[mask * halves + h] >> lane) & 1u) {
      high_sum += high[32 * h + lane];
      low_sum += low[32 * h + lane];
    }
  }
  for (int d = 16; d > 0; d >>= 1) {
    high_sum += __shfl_down_sync(0xffffffffu, high_sum, d);
    low_sum += __shfl_down_sync(0xffffffffu, low_sum, d);
  }
  if (lane == 0) {
    out[2 * mask] = high_sum;
    out[2 * mask + 1] = low_sum;
  }
}
