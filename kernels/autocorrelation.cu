// Sums of maps over a lattice under permutation: a block a permutation, a thread a column of the image.
#include "common.cuh"
#include "philox.cuh"

typedef unsigned long long Count;

// Geometry of the lattice; the image has a border as wide as the stencil reaches.
struct Lattice {
  int height, width, across, top, left, sites, steps, halo;
  const int *place, *step, *border;    // of each site, of each neighbour, border pixels and their sources
  const double *weight, *excess;       // (height, width)
};

// Lays values out in the padded image: value order[t] on site t.
template <class Order>
__device__ void lay_out(const Lattice& l, const double* values, Order order, double* image) {
  for (int t = threadIdx.x; t < l.sites; t += blockDim.x) image[l.place[t]] = values[order[t]];
  __syncthreads();
  for (int t = threadIdx.x; t < l.halo; t += blockDim.x) image[l.border[t]] = image[l.border[l.halo + t]];
  __syncthreads();
}

// Sums by columns, each from its last row to its first; with a fixed image, its products alone.
__device__ void sum_columns(const Lattice& l, const double* image, const double* fixed, double* cross,
                            double* squares) {
  for (int c = threadIdx.x; c < l.width; c += blockDim.x) {
    double sum = 0.0, square = 0.0;
    for (int r = l.height - 1; r >= 0; r--) {
      const int at = r * l.width + c;
      const double* own = image + (r + l.top) * l.across + c + l.left;
      if (fixed) {
        sum += fixed[at] * *own;
      } else {
        double lag = own[l.step[0]];
        for (int s = 1; s < l.steps; s++) lag += own[l.step[s]];
        sum += (l.weight[at] * *own) * lag;
        square += (l.excess[at] * *own) * *own;
      }
    }
    cross[c] = sum;
    squares[c] = square;
  }
  __syncthreads();
}

// Adds columns up pairwise: the upper half onto the lower, until one is left.
__device__ void fold(int width, double* cross, double* squares) {
  int half = 1;
  while (2 * half < width) half *= 2;
  for (int left = width; left > 1; left = half, half /= 2) {
    for (int c = threadIdx.x; c < left - half; c += blockDim.x) {
      cross[c] += cross[c + half];
      squares[c] += squares[c + half];
    }
    __syncthreads();
  }
}

// Compares a draw's sums with the bounds of its map (5, or 2 with a fixed image).
__device__ void tally(double first, double squares, bool both, const double* bounds, Count* counts,
                      double* kept) {
  if (first >= bounds[0]) atomicAdd(counts, (Count)1);
  if (first <= bounds[1]) atomicAdd(counts + 1, (Count)1);
  if (kept) kept[0] = first;
  if (!both) return;
  const double second = (bounds[4] + squares) - 2.0 * first;
  if (second >= bounds[2]) atomicAdd(counts + 2, (Count)1);
  if (second <= bounds[3]) atomicAdd(counts + 3, (Count)1);
  if (kept) kept[1] = second;
}

template <class Index>
__device__ void count_draws(const Lattice& l, const double* values, const double* fixed, int maps, int count,
                            Key seed, Key first, Index* order, unsigned* words, double* scratch,
                            const double* bounds, Count* counts, double* keep, int keeps) {
  const int size = (l.height + 2 * l.top) * l.across, sums = fixed ? 1 : 2;
  double* image = scratch + (long long)blockIdx.x * (size + 2 * l.width);
  double* cross = image + size;
  double* squares = cross + l.width;
  for (long long k = blockIdx.x; k < count; k += gridDim.x) {
    permute(order, (unsigned)l.sites, first + k, seed, words);
    for (int m = 0; m < maps; m++) {
      lay_out(l, values + (long long)m * l.sites, order, image);
      sum_columns(l, image, fixed ? fixed + (long long)m * l.height * l.width : fixed, cross, squares);
      fold(l.width, cross, squares);
      // one thread alone: before the sums are written anew, the next map's layout has its barriers
      if (threadIdx.x == 0)
        tally(cross[0], squares[0], sums == 2, bounds + (sums == 2 ? 5 : 2) * m, counts + 2 * sums * m,
              keeps ? keep + (m * (long long)count + k) * sums : nullptr);
    }
  }
}

#define GEOMETRY                                                                                          \
  int height, int width, int across, int top, int left, int sites, int steps, int halo,                   \
      const int *__restrict__ place, const int *__restrict__ step, const int *__restrict__ border,        \
      const double *__restrict__ weight, const double *__restrict__ excess
#define LATTICE \
  { height, width, across, top, left, sites, steps, halo, place, step, border, weight, excess }
#define DRAWS                                                                                             \
  const double *__restrict__ values, const double *__restrict__ fixed, int products, int maps, int count, \
      Key seed, Key first, double *scratch, const double *__restrict__ bounds, Count *counts, double *keep, \
      int keeps

// The shuffle is a chain of one thread: what hides it are other blocks, five to a multiprocessor (with six,
// registers spill).

// scratch: a padded image, zero outside of the sites, and 2 width columns a block; order: 16-bit, in shared
// memory.
extern "C" __global__ void __launch_bounds__(256, 5)
null_shared(GEOMETRY, DRAWS) {
  EXTERN_SHARED(uint4, memory);
  const Lattice l = LATTICE;
  unsigned* words = reinterpret_cast<unsigned*>(memory);
  unsigned short* order = reinterpret_cast<unsigned short*>(words + 2 * tile_words());
  count_draws(l, values, products ? fixed : nullptr, maps, count, seed, first, order, words, scratch, bounds,
              counts, keep, keeps);
}

// The same with the order in global memory: sites indices a block of the grid.
extern "C" __global__ void __launch_bounds__(256, 5)
null_global(GEOMETRY, DRAWS, unsigned* orders) {
  EXTERN_SHARED(uint4, memory);
  const Lattice l = LATTICE;
  count_draws(l, values, products ? fixed : nullptr, maps, count, seed, first,
              orders + (long long)blockIdx.x * sites, reinterpret_cast<unsigned*>(memory), scratch, bounds,
              counts, keep, keeps);
}

struct Identity {
  __device__ int operator[](int t) const { return t; }
};

// Sums of the maps as they are, a block a map.
extern "C" __global__ void __launch_bounds__(256, 4)
observed(GEOMETRY, const double* __restrict__ values, const double* __restrict__ fixed, int products, int maps,
         double* scratch, double* __restrict__ out) {
  const Lattice l = LATTICE;
  const int size = (height + 2 * top) * across;
  double* image = scratch + (long long)blockIdx.x * (size + 2 * width);
  double* cross = image + size;
  double* squares = cross + width;
  for (int m = blockIdx.x; m < maps; m += gridDim.x) {
    const double* factors = products ? fixed + (long long)m * height * width : nullptr;
    lay_out(l, values + (long long)m * sites, Identity(), image);
    sum_columns(l, image, factors, cross, squares);
    fold(width, cross, squares);
    if (threadIdx.x == 0) {
      out[(products ? 1 : 2) * m] = cross[0];
      if (!products) out[2 * m + 1] = squares[0];
    }
  }
}
