// Draws of the permutation nulls: permutations, signs, shifts, and the mean overlaps of re-paired masks.
#include "common.cuh"
#include "philox.cuh"

typedef unsigned long long Word;  // 64 pixels of a packed mask

#define LANES 256

// One block a permutation.  items: n 16-bit indices in shared memory.
extern "C" __global__ void __launch_bounds__(256)
permutations_shared(unsigned n, Key seed, Key first, int count, int* __restrict__ out) {
  EXTERN_SHARED(uint4, memory);
  unsigned* words = reinterpret_cast<unsigned*>(memory);
  unsigned short* items = reinterpret_cast<unsigned short*>(words + 2 * tile_words());
  for (long long k = blockIdx.x; k < count; k += gridDim.x) {
    permute(items, n, first + k, seed, words);
    for (unsigned i = threadIdx.x; i < n; i += blockDim.x) out[k * n + i] = items[i];
    __syncthreads();  // the next permutation starts from the identity
  }
}

// The same for more indices than shared memory holds: they are exchanged where they end up.
extern "C" __global__ void __launch_bounds__(256)
permutations_global(unsigned n, Key seed, Key first, int count, int* __restrict__ out) {
  EXTERN_SHARED(uint4, memory);
  for (long long k = blockIdx.x; k < count; k += gridDim.x) {
    permute(out + k * n, n, first + k, seed, reinterpret_cast<unsigned*>(memory));
    __syncthreads();  // all have seen that this one is done
  }
}

// One thread makes 128 signs.
extern "C" __global__ void __launch_bounds__(256)
sign_flips(int n, Key seed, Key first, int count, signed char* __restrict__ out) {
  const long long blocks = (n + 127) / 128, t = (long long)blockIdx.x * blockDim.x + threadIdx.x;
  if (t >= blocks * count) return;
  const long long k = t / blocks;
  const int block = (int)(t - k * blocks);
  const uint4 made = words_of((unsigned)block, FLIPS, first + k, seed);
  const int begin = 128 * block, end = min(begin + 128, n);
  for (int i = begin; i < end; i++) {
    const int part = (i - begin) / 32;
    const unsigned word = part < 2 ? (part ? made.y : made.x) : (part == 2 ? made.z : made.w);
    out[k * n + i] = (signed char)(1 - 2 * (int)(word >> (i % 32) & 1));
  }
}

// One thread a shift.
extern "C" __global__ void __launch_bounds__(256)
shifts(unsigned height, unsigned width, Key seed, Key first, int count, int* __restrict__ out) {
  const long long k = (long long)blockIdx.x * blockDim.x + threadIdx.x;
  if (k >= count) return;
  unsigned axis = 0, block = 0;
  while (axis < 2) {
    uint4 made = words_of(block++, SHIFTS, first + k, seed);
    for (int w = 0; w < 4 && axis < 2; w++) {
      unsigned offset;
      if (scaled(made.x, axis ? width : height, offset)) out[2 * k + axis++] = (int)offset;
      made.x = made.y;  // the words move up
      made.y = made.z;
      made.z = made.w;
    }
  }
}

template <class Index>
__device__ __forceinline__ void swap_mean(const Index* order, const Word* a, const Word* b,
                                          const double* weights_a, const double* weights_b, int n, int words,
                                          double* lanes, double* out) {
  double sum = 0.0;  // one lane a thread: the terms i, i + 256, ... in order
  for (int i = threadIdx.x; i < n; i += LANES) {
    const long long j = order[i];
    int shared = 0;
    for (int w = 0; w < words; w++) shared += __popcll(a[(long long)i * words + w] & b[j * words + w]);
    sum += weights_a[i] * weights_b[j] * shared;
  }
  lanes[threadIdx.x] = sum;
  __syncthreads();
  for (int half = LANES / 2; half > 0; half /= 2) {
    if ((int)threadIdx.x < half) lanes[threadIdx.x] += lanes[threadIdx.x + half];
    __syncthreads();
  }
  if (threadIdx.x == 0) *out = lanes[0] / n;
}

// One block of 256 threads a draw.
extern "C" __global__ void __launch_bounds__(256)
swap_shared(const Word* __restrict__ a, const Word* __restrict__ b, const double* __restrict__ weights_a,
            const double* __restrict__ weights_b, int n, int n_words, Key seed, int count,
            double* __restrict__ out) {
  EXTERN_SHARED(uint4, memory);
  __shared__ double lanes[LANES];
  unsigned* words = reinterpret_cast<unsigned*>(memory);
  unsigned short* order = reinterpret_cast<unsigned short*>(words + 2 * tile_words());
  for (long long k = blockIdx.x; k < count; k += gridDim.x) {
    permute(order, n, k, seed, words);
    swap_mean(order, a, b, weights_a, weights_b, n, n_words, lanes, out + k);
  }
}

// The same with the order in global memory: n indices a block of the grid.
extern "C" __global__ void __launch_bounds__(256)
swap_global(const Word* __restrict__ a, const Word* __restrict__ b, const double* __restrict__ weights_a,
            const double* __restrict__ weights_b, int n, int n_words, Key seed, int count,
            double* __restrict__ out, unsigned* __restrict__ orders) {
  EXTERN_SHARED(uint4, memory);
  __shared__ double lanes[LANES];
  unsigned* order = orders + (long long)blockIdx.x * n;
  for (long long k = blockIdx.x; k < count; k += gridDim.x) {
    permute(order, n, k, seed, reinterpret_cast<unsigned*>(memory));
    swap_mean(order, a, b, weights_a, weights_b, n, n_words, lanes, out + k);
  }
}
