// Bit-packed masks: pixel j of a mask is bit j % 64 of its word j / 64.  Kernels address the halves of
// the words, 32 pixels each, where a warp packs them by one ballot; the machine is little-endian.
#include "common.cuh"

typedef unsigned long long word;

constexpr unsigned ALL = 0xffffffffu;
constexpr int TILE = 64;   // masks of each side of a block of the matrix
constexpr int SLAB = 16;   // words of them that lie in shared memory at once
constexpr int EACH = 4;    // a thread counts EACH x EACH pairs, from the same words in registers

__device__ __forceinline__ int warp_sum(int value) {
  for (int d = 16; d > 0; d >>= 1) value += __shfl_down_sync(ALL, value, d);
  return value;
}

// One warp a half word; blockDim.x is a multiple of 32.
extern "C" __global__ void __launch_bounds__(256)
pack_rows(const unsigned char* __restrict__ masks, long long n_masks, int n_pixels, int halves,
          unsigned* __restrict__ packed, int* __restrict__ bad) {
  const int lane = threadIdx.x & 31;
  const long long warps = (long long)gridDim.x * (blockDim.x >> 5), total = n_masks * halves;
  bool wrong = false;
  for (long long half = ((long long)blockIdx.x * blockDim.x + threadIdx.x) >> 5; half < total; half += warps) {
    const long long mask = half / halves;
    const int pixel = (int)(half - mask * halves) * 32 + lane;
    const unsigned char value = pixel < n_pixels ? masks[mask * n_pixels + pixel] : 0;
    wrong |= value > 1;
    const unsigned bits = __ballot_sync(ALL, value != 0);
    if (lane == 0) packed[half] = bits;
  }
  if (wrong) atomicOr(bad, 1);
}

extern "C" __global__ void __launch_bounds__(256)
unpack_rows(const unsigned* __restrict__ packed, long long n_masks, int n_pixels, int halves,
            unsigned char* __restrict__ masks) {
  const long long threads = (long long)gridDim.x * blockDim.x, total = n_masks * n_pixels;
  for (long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x; i < total; i += threads) {
    const long long mask = i / n_pixels;
    const int pixel = (int)(i - mask * n_pixels);
    masks[i] = (packed[mask * halves + (pixel >> 5)] >> (pixel & 31)) & 1u;
  }
}

// One warp a mask.
extern "C" __global__ void __launch_bounds__(256)
area_rows(const word* __restrict__ packed, long long n_masks, int words, long long* __restrict__ areas) {
  const int lane = threadIdx.x & 31;
  const long long mask = ((long long)blockIdx.x * blockDim.x + threadIdx.x) >> 5;
  if (mask >= n_masks) return;  // the whole warp
  int count = 0;
  for (int k = lane; k < words; k += 32) count += __popcll(packed[mask * words + k]);
  count = warp_sum(count);
  if (lane == 0) areas[mask] = count;
}

// One warp a pair.
extern "C" __global__ void __launch_bounds__(256)
overlap_rows(const word* __restrict__ a, const word* __restrict__ b, const long long* __restrict__ rows_a,
             const long long* __restrict__ rows_b, long long n_pairs, long long n_a, long long n_b, int words,
             int* __restrict__ counts, int* __restrict__ bad) {
  const int lane = threadIdx.x & 31;
  const long long pair = ((long long)blockIdx.x * blockDim.x + threadIdx.x) >> 5;
  if (pair >= n_pairs) return;
  const long long i = rows_a[pair], j = rows_b[pair];
  if (i < 0 || i >= n_a || j < 0 || j >= n_b) {
    if (lane == 0) atomicOr(bad, 1);
    return;
  }
  int count = 0;
  for (int k = lane; k < words; k += 32) count += __popcll(a[i * words + k] & b[j * words + k]);
  count = warp_sum(count);
  if (lane == 0) counts[pair] = count;
}

// Copies SLAB words of TILE masks into shared memory, words first; what lies beyond is zero.
__device__ void stage(word (*tile)[TILE + 1], const word* masks, long long first, long long n_masks, int k0,
                      int words) {
  for (int t = threadIdx.x; t < TILE * SLAB; t += blockDim.x) {
    const int row = t / SLAB, k = t % SLAB;
    const bool inside = first + row < n_masks && k0 + k < words;
    tile[k][row] = inside ? masks[(first + row) * words + k0 + k] : 0;
  }
}

// One block of 256 threads a tile of TILE x TILE pairs.  Thread (ty, tx) counts the pairs of rows
// ty + 16 r with columns tx + 16 c, so that neighbouring threads write neighbouring columns.
extern "C" __global__ void __launch_bounds__(256)
overlap_matrix(const word* __restrict__ a, const word* __restrict__ b, long long n_a, long long n_b, int words,
               int* __restrict__ counts) {
  __shared__ word tile_a[SLAB][TILE + 1];
  __shared__ word tile_b[SLAB][TILE + 1];
  const long long across = (n_b + TILE - 1) / TILE;
  const long long first_a = blockIdx.x / across * TILE, first_b = blockIdx.x % across * TILE;
  const int ty = threadIdx.x >> 4, tx = threadIdx.x & 15;
  int count[EACH][EACH] = {};
  for (int k0 = 0; k0 < words; k0 += SLAB) {
    stage(tile_a, a, first_a, n_a, k0, words);
    stage(tile_b, b, first_b, n_b, k0, words);
    __syncthreads();
#pragma unroll 2
    for (int k = 0; k < SLAB; k++) {
      word left[EACH], right[EACH];
#pragma unroll
      for (int r = 0; r < EACH; r++) left[r] = tile_a[k][ty + 16 * r];
#pragma unroll
      for (int c = 0; c < EACH; c++) right[c] = tile_b[k][tx + 16 * c];
#pragma unroll
      for (int r = 0; r < EACH; r++)
#pragma unroll
        for (int c = 0; c < EACH; c++) count[r][c] += __popcll(left[r] & right[c]);
    }
    __syncthreads();
  }
#pragma unroll
  for (int r = 0; r < EACH; r++)
#pragma unroll
    for (int c = 0; c < EACH; c++) {
      const long long i = first_a + ty + 16 * r, j = first_b + tx + 16 * c;
      if (i < n_a && j < n_b) counts[i * n_b + j] = count[r][c];
    }
}
