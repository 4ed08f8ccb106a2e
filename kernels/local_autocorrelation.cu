// Conditional permutation of neighbour sums: samples of the other sites, for each site or for all.
#include "common.cuh"
#include "philox.cuh"

#define SITES 3u
#define TOGETHER 4u

// The first n different ones of [0, size), past skip, of the words of (seed, site, k).  Picks of a thread lie
// stride apart.
__device__ void sample(unsigned* picks, int stride, int n, unsigned size, unsigned skip, unsigned use,
                       unsigned site, Key k, Key seed) {
  uint4 made = make_uint4(0, 0, 0, 0);
  unsigned block = 0;
  int held = 0, found = 0;
  while (found < n) {
    if (held == 0) {
      made = philox((unsigned)k, block++ << 4 | use, site, (unsigned)(k >> 32), seed);
      held = 4;
    }
    unsigned j;
    bool taken = scaled(made.x, size, j);
    made.x = made.y;  // the words move up
    made.y = made.z;
    made.z = made.w;
    held--;
    j += j >= skip;
    for (int p = 0; p < found && taken; p++) taken = picks[p * stride] != j;
    if (taken) picks[found++ * stride] = j;
  }
}

// A thread a site (x) of some maps (y), all draws in turn.  Picks, as many as the largest degree, lie in
// shared memory, or, where that is too small, in scratch: as many indices a thread of the grid.
extern "C" __global__ void __launch_bounds__(128, 8)
independent(const double* __restrict__ values, const int* __restrict__ degree, const double* __restrict__ low,
            const double* __restrict__ high, int maps, int n, Key seed, Key first, int count,
            int* __restrict__ greater, int* __restrict__ less, unsigned* scratch, int in_shared) {
  EXTERN_SHARED(unsigned, memory);
  const int stride = in_shared ? blockDim.x : gridDim.y * gridDim.x * blockDim.x;
  unsigned* picks = scratch + (blockIdx.y * gridDim.x + blockIdx.x) * blockDim.x + threadIdx.x;
  if (in_shared) picks = memory + threadIdx.x;
  for (int m = blockIdx.y; m < maps; m += gridDim.y) {
    const double* own = values + (long long)m * n;
    for (int site = blockIdx.x * blockDim.x + threadIdx.x; site < n; site += gridDim.x * blockDim.x) {
      const int size = degree[site];
      const long long at = (long long)m * n + site;
      int above = 0, below = 0;
      for (int k = 0; k < count; k++) {
        sample(picks, stride, size, (unsigned)n - 1, (unsigned)site, SITES, (unsigned)site, first + k, seed);
        double sum = size > 0 ? own[picks[0]] : 0.0;
        for (int p = 1; p < size; p++) sum += own[picks[p * stride]];
        above += sum >= low[at];
        below += sum <= high[at];
      }
      greater[at] = above;
      less[at] = below;
    }
  }
}

// A thread a draw.
extern "C" __global__ void __launch_bounds__(128)
shared_draws(unsigned n, int size, Key seed, Key first, int count, unsigned* __restrict__ out) {
  const int k = blockIdx.x * blockDim.x + threadIdx.x;
  if (k < count) sample(out + (long long)k * size, 1, size, n, n, TOGETHER, 0, first + k, seed);
}

// A thread a draw (x) of some maps (y): sums of its first picks, for sizes in rising order.
extern "C" __global__ void __launch_bounds__(128)
prefix_sums(const double* __restrict__ values, const int* __restrict__ draws, const int* __restrict__ sizes,
            int maps, int n, int n_sizes, int most, int count, double* __restrict__ out) {
  const int k = blockIdx.x * blockDim.x + threadIdx.x;
  if (k >= count) return;
  for (int m = blockIdx.y; m < maps; m += gridDim.y) {
    const double* own = values + (long long)m * n;
    double total = 0.0;
    int p = 0;
    for (int s = 0; s < n_sizes; s++) {
      for (; p < sizes[s]; p++) total += own[draws[(long long)k * most + p]];
      out[((long long)m * n_sizes + s) * count + k] = total;
    }
  }
}

// Number of sorted sums below a bound, or not above it.
__device__ int rank_of(const double* ordered, int count, double bound, bool inclusive) {
  int lo = 0, hi = count;
  while (lo < hi) {
    const int middle = (lo + hi) / 2;
    const double value = ordered[middle];
    if (value < bound || (inclusive && value == bound))
      lo = middle + 1;
    else
      hi = middle;
  }
  return lo;
}

// A thread a site (x) of some maps (y).
extern "C" __global__ void __launch_bounds__(128)
ranked(const int* __restrict__ degree, const double* __restrict__ low, const double* __restrict__ high,
       const int* __restrict__ sizes, const double* __restrict__ ordered, int maps, int n, int n_sizes,
       int count, int* __restrict__ greater, int* __restrict__ less) {
  const int site = blockIdx.x * blockDim.x + threadIdx.x;
  if (site >= n) return;
  int s = 0;
  while (s + 1 < n_sizes && sizes[s] < degree[site]) s++;
  for (int m = blockIdx.y; m < maps; m += gridDim.y) {
    const double* sums = ordered + ((long long)m * n_sizes + s) * count;
    const long long at = (long long)m * n + site;
    greater[at] = count - rank_of(sums, count, low[at], false);
    less[at] = rank_of(sums, count, high[at], true);
  }
}

// A thread a pick (x) of some maps (y): a site that meets itself among its own takes the pick after them
// instead.
extern "C" __global__ void __launch_bounds__(128)
put_right(const double* __restrict__ values, const int* __restrict__ degree, const double* __restrict__ low,
          const double* __restrict__ high, const int* __restrict__ draws, int maps, int n, int most,
          int count, int* greater, int* less) {
  const long long t = (long long)blockIdx.x * blockDim.x + threadIdx.x;
  if (t >= (long long)count * most) return;
  const int* draw = draws + t / most * most;
  const int p = (int)(t % most), site = draw[p], size = degree[site];
  if (p >= size) return;
  for (int m = blockIdx.y; m < maps; m += gridDim.y) {
    const double* own = values + (long long)m * n;
    const long long at = (long long)m * n + site;
    double wrong = 0.0, right = 0.0;
    for (int q = 0; q < size; q++) {
      wrong += own[draw[q]];
      right += q == p ? own[draw[size]] : own[draw[q]];
    }
    const int more = (right >= low[at]) - (wrong >= low[at]);
    const int fewer = (right <= high[at]) - (wrong <= high[at]);
    if (more) atomicAdd(greater + at, more);
    if (fewer) atomicAdd(less + at, fewer);
  }
}
