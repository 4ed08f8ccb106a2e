// Clusters of t maps above a threshold, and threshold-free enhancement in steps: one block a map.
//
// A forest over the pixels joins neighbours that are in and have the same sign.  Extents are counted, and
// masses added in steps of 2^-32, by integer atomics at the roots.  Forests live in shared memory where a
// map fits, else in global memory.
#include "common.cuh"
#include "forest.cuh"

typedef unsigned long long word;

#define UNIT 4294967296.0

struct Lattice {
  int height, width, reach;  // reach 1: corners touch too
};

__device__ __forceinline__ void unite_alike(int* parent, const double* t, int p, int q) {
  if (load_relaxed(parent + q) >= 0 && (t[p] > 0.0) == (t[q] > 0.0)) unite(parent, p, q);
}

// Joins each pixel that is in with those of its neighbours that come before it in raster order.
__device__ void join_all(int* parent, const double* t, const Lattice& map) {
  for (int p = threadIdx.x; p < map.height * map.width; p += blockDim.x) {
    if (load_relaxed(parent + p) < 0) continue;
    const int y = p / map.width, x = p - y * map.width;
    if (x > 0) unite_alike(parent, t, p, p - 1);
    if (y == 0) continue;
    unite_alike(parent, t, p, p - map.width);
    if (map.reach && x > 0) unite_alike(parent, t, p, p - map.width - 1);
    if (map.reach && x + 1 < map.width) unite_alike(parent, t, p, p - map.width + 1);
  }
}

// Extents and masses at the roots of the clusters of one map; ends with a barrier.
__device__ void measure(const double* t, const Lattice& map, double threshold, int up, int down, double cap,
                        int* parent, int* extent, word* mass) {
  const int pixels = map.height * map.width;
  for (int p = threadIdx.x; p < pixels; p += blockDim.x) {
    const bool in = (up && t[p] > threshold) || (down && t[p] < -threshold);
    parent[p] = in ? p : -1;
    extent[p] = 0;
    mass[p] = 0;
  }
  __syncthreads();
  join_all(parent, t, map);
  __syncthreads();
  for (int p = threadIdx.x; p < pixels; p += blockDim.x) {
    if (parent[p] < 0) continue;
    const int root = find_root(parent, p);
    atomicAdd(extent + root, 1);
    atomicAdd(mass + root, (word)__double2ll_rn(fmin(fabs(t[p]), cap) * UNIT));
  }
  __syncthreads();
}

// The largest value in a block, at thread 0.  No barrier behind: the next use needs slots of its own.
template <class T>
__device__ T block_max(T value, T* slots) {
#pragma unroll
  for (int lanes = 16; lanes > 0; lanes >>= 1) {
    const T other = __shfl_down_sync(0xffffffffu, value, lanes);
    if (other > value) value = other;
  }
  if ((threadIdx.x & 31) == 0) slots[threadIdx.x >> 5] = value;
  __syncthreads();
  if (threadIdx.x == 0) {
    for (int warp = 1; warp < (int)blockDim.x / 32; warp++) {
      if (slots[warp] > value) value = slots[warp];
    }
  }
  return value;
}

struct Maxima {
  long long *extent, *mass, *excess;
  double* t;
};

__device__ void reduce(const double* t, const Lattice& map, double threshold, int up, int down, double cap,
                       const int* parent, const int* extent, const word* mass, int k, const Maxima& out) {
  __shared__ long long slots[3][32];
  __shared__ double peaks[32];
  const long long level = __double2ll_rn(fmin(threshold, cap) * UNIT);
  long long extent_most = 0, mass_most = 0, excess_most = 0;
  double peak = 0.0;
  for (int p = threadIdx.x; p < map.height * map.width; p += blockDim.x) {
    if (up && t[p] > peak) peak = t[p];
    if (down && -t[p] > peak) peak = -t[p];
    if (parent[p] != p) continue;
    const long long area = extent[p], total = (long long)mass[p];
    if (area > extent_most) extent_most = area;
    if (total > mass_most) mass_most = total;
    if (total - area * level > excess_most) excess_most = total - area * level;
  }
  extent_most = block_max(extent_most, slots[0]);
  mass_most = block_max(mass_most, slots[1]);
  excess_most = block_max(excess_most, slots[2]);
  peak = block_max(peak, peaks);
  if (threadIdx.x == 0) {
    out.extent[k] = extent_most;
    out.mass[k] = mass_most;
    out.excess[k] = excess_most;
    out.t[k] = peak;
  }
}

// 16 bytes of shared memory a pixel.
extern "C" __global__ void __launch_bounds__(1024)
maxima_shared(const double* t, int height, int width, int reach, double threshold, int up, int down,
              double cap, long long* extents, long long* masses, long long* excesses, double* peaks) {
  EXTERN_SHARED(word, room);
  const Lattice map = {height, width, reach};
  const int pixels = height * width;
  const double* mine = t + (size_t)blockIdx.x * pixels;
  int* parent = (int*)(room + pixels);
  measure(mine, map, threshold, up, down, cap, parent, parent + pixels, room);
  const Maxima out = {extents, masses, excesses, peaks};
  reduce(mine, map, threshold, up, down, cap, parent, parent + pixels, room, blockIdx.x, out);
}

// As maxima_shared, with forests for as many maps as there are blocks.
extern "C" __global__ void __launch_bounds__(1024)
maxima_global(const double* t, int height, int width, int reach, double threshold, int up, int down,
              double cap, long long* extents, long long* masses, long long* excesses, double* peaks,
              int draws, int* parent, int* extent, word* mass) {
  const Lattice map = {height, width, reach};
  const size_t pixels = (size_t)height * width, room = blockIdx.x * pixels;
  const Maxima out = {extents, masses, excesses, peaks};
  for (int k = blockIdx.x; k < draws; k += gridDim.x) {
    const double* mine = t + k * pixels;
    measure(mine, map, threshold, up, down, cap, parent + room, extent + room, mass + room);
    reduce(mine, map, threshold, up, down, cap, parent + room, extent + room, mass + room, k, out);
  }
}

// The forest itself: the first pixel of each pixel's cluster, -1 outside; extent and mass at first pixels.
extern "C" __global__ void __launch_bounds__(1024)
forest(const double* t, int height, int width, int reach, double threshold, int up, int down, double cap,
       int* parent, int* extent, word* mass, int* roots) {
  const Lattice map = {height, width, reach};
  const size_t room = (size_t)blockIdx.x * height * width;
  measure(t + room, map, threshold, up, down, cap, parent + room, extent + room, mass + room);
  for (int p = threadIdx.x; p < height * width; p += blockDim.x) {
    roots[room + p] = parent[room + p] < 0 ? -1 : find_root(parent + room, p);
  }
}

// The heights of a map, and what each adds: weights[j] * powers[extent], from the lowest up.
struct Levels {
  double start, step;
  bool closed;  // a pixel takes heights not above its |t|, not only those below
  int count;
  const double *weights, *powers;
};

__device__ void enhance(const double* t, const Lattice& map, const Levels& levels, int up, int down,
                        int* parent, int* extent, double* scores) {
  const int pixels = map.height * map.width;
  for (int j = 0; j < levels.count; j++) {
    const double height = levels.start + j * levels.step;
    int some = 0;
    for (int p = threadIdx.x; p < pixels; p += blockDim.x) {
      const double size = fabs(t[p]);
      const bool counts = (up || !(t[p] > 0.0)) && (down || !(t[p] < 0.0));
      const bool in = counts && (size > height || (levels.closed && size == height));
      parent[p] = in ? p : -1;
      extent[p] = 0;
      some |= in;
    }
    if (!__syncthreads_or(some)) return;
    join_all(parent, t, map);
    __syncthreads();
    for (int p = threadIdx.x; p < pixels; p += blockDim.x) {
      if (parent[p] >= 0) atomicAdd(extent + find_root(parent, p), 1);
    }
    __syncthreads();
    for (int p = threadIdx.x; p < pixels; p += blockDim.x) {
      if (parent[p] >= 0) scores[p] += levels.weights[j] * levels.powers[extent[find_root(parent, p)]];
    }
    __syncthreads();
  }
}

// Gives the scores of one map the signs of t, and writes the largest.
__device__ void finish(const double* t, int pixels, double* scores, double* largest) {
  __shared__ double slots[32];
  double most = 0.0;
  for (int p = threadIdx.x; p < pixels; p += blockDim.x) {
    if (scores[p] > most) most = scores[p];
    if (!(t[p] > 0.0)) scores[p] = -scores[p];
  }
  most = block_max(most, slots);
  if (threadIdx.x == 0) *largest = most;
}

// 8 bytes of shared memory a pixel.  Scores are zeros at first; own: each map has a step of its own.
extern "C" __global__ void __launch_bounds__(1024)
tfce_shared(const double* t, int height, int width, int reach, double start, double step, int own,
            const double* steps, int count, const double* weights, const double* powers, int up, int down,
            double* scores, double* largest) {
  EXTERN_SHARED(int, parent);
  const Lattice map = {height, width, reach};
  const int pixels = height * width;
  const size_t room = (size_t)blockIdx.x * pixels;
  if (own) step = steps[blockIdx.x];
  const Levels levels = {start, step, own != 0, step > 0.0 ? count : 0, weights, powers};
  enhance(t + room, map, levels, up, down, parent, parent + pixels, scores + room);
  finish(t + room, pixels, scores + room, largest + blockIdx.x);
}

// As tfce_shared, with forests for as many maps as there are blocks.
extern "C" __global__ void __launch_bounds__(1024)
tfce_global(const double* t, int height, int width, int reach, double start, double step, int own,
            const double* steps, int count, const double* weights, const double* powers, int up, int down,
            double* scores, double* largest, int draws, int* parent, int* extent) {
  const Lattice map = {height, width, reach};
  const int pixels = height * width;
  const size_t room = (size_t)blockIdx.x * pixels;
  for (int k = blockIdx.x; k < draws; k += gridDim.x) {
    const size_t at = (size_t)k * pixels;
    if (own) step = steps[k];
    const Levels levels = {start, step, own != 0, step > 0.0 ? count : 0, weights, powers};
    enhance(t + at, map, levels, up, down, parent + room, extent + room, scores + at);
    finish(t + at, pixels, scores + at, largest + k);
    __syncthreads();
  }
}
