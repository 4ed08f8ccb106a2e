// Exact DBSCAN of the weighted pixels of a batch of images: one block an image.
//
// The forest of cores lives in shared memory where an image fits, else in global memory.
//
// The launcher defines WEIGHT: float, double, or byte for masks and uint8.
#include "common.cuh"
#include "forest.cuh"

typedef unsigned char byte;
#ifndef WEIGHT
#define WEIGHT float
#endif

// An image and the disc around each of its points.
struct Lattice {
  int height, width, reach;
  const int* widths;  // half-widths of the disc's rows, 2 * reach + 1 of them
};

__device__ __forceinline__ bool fit(double weight) {
  return weight >= 0.0 && weight <= 1.7976931348623157e308;
}

// Weight in the disc of (y, x).  The order of the additions is part of the contract: a row from its
// middle outwards, left + right first, then the rows from top to bottom.
__device__ double disc_weight(const WEIGHT* weights, const Lattice& image, int y, int x) {
  double total = 0.0;
  for (int k = 0; k <= 2 * image.reach; k++) {
    const int r = y + k - image.reach;
    if (r < 0 || r >= image.height) continue;
    const WEIGHT* row = weights + (size_t)r * image.width;
    double across = exact_double(row[x]);
    for (int d = 1; d <= image.widths[k]; d++) {
      double left = 0.0, right = 0.0;
      if (x >= d) left = exact_double(row[x - d]);
      if (x + d < image.width) right = exact_double(row[x + d]);
      across += left + right;
    }
    total += across;
  }
  return total;
}

// Joins core p with the cores of its disc that come before it in raster order.
__device__ void link(int* parent, const Lattice& image, int p) {
  const int y = p / image.width, x = p - y * image.width;
  for (int k = 0; k <= image.reach; k++) {
    const int r = y + k - image.reach;
    if (r < 0) continue;
    const int lo = max(x - image.widths[k], 0);
    const int hi = k < image.reach ? min(x + image.widths[k], image.width - 1) : x - 1;
    for (int c = lo; c <= hi; c++) {
      const int q = r * image.width + c;
      if (load_relaxed(parent + q) >= 0) unite(parent, q, p);
    }
  }
}

// Lowest label of a core in the disc of p, -1 without any.
__device__ int lowest(const int* number, const Lattice& image, int p) {
  const int y = p / image.width, x = p - y * image.width;
  int best = 0x7fffffff;
  for (int k = 0; k <= 2 * image.reach; k++) {
    const int r = y + k - image.reach;
    if (r < 0 || r >= image.height) continue;
    const int lo = max(x - image.widths[k], 0), hi = min(x + image.widths[k], image.width - 1);
    for (int c = lo; c <= hi; c++) {
      const int label = number[r * image.width + c];
      if (label >= 0 && label < best) best = label;
    }
  }
  return best == 0x7fffffff ? -1 : best;
}

// Numbers the roots in raster order into `labels`: a running count, a block's width at a time.
__device__ void number_roots(const int* parent, int n, int* labels) {
  __shared__ int before[32];  // roots in the warps before each, then the next count in front of them
  __shared__ int counted;
  const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5, warps = blockDim.x >> 5;
  if (threadIdx.x == 0) counted = 0;
  for (int start = 0; start < n; start += blockDim.x) {
    const int i = start + threadIdx.x;
    const bool root = i < n && parent[i] == i;
    const unsigned votes = __ballot_sync(0xffffffffu, root);
    if (lane == 0) before[warp] = __popc(votes);
    __syncthreads();
    if (threadIdx.x == 0) {
      int sum = counted;
      for (int w = 0; w < warps; w++) {
        const int here = before[w];
        before[w] = sum;
        sum += here;
      }
      counted = sum;
    }
    __syncthreads();
    if (root) labels[i] = before[warp] + __popc(votes & ((1u << lane) - 1u));
    __syncthreads();
  }
}

__device__ void cluster(const WEIGHT* weights, const Lattice& image, double least, int* parent, int* labels,
                        int* bad) {
  const int n = image.height * image.width;
  int wrong = 0;
  for (int p = threadIdx.x; p < n; p += blockDim.x) {
    const int y = p / image.width;
    const double own = exact_double(weights[p]);
    wrong |= !fit(own);
    const bool core = own > 0.0 && disc_weight(weights, image, y, p - y * image.width) >= least;
    parent[p] = core ? p : -1;
  }
  if (wrong) atomicOr(bad, 1);
  __syncthreads();
  for (int p = threadIdx.x; p < n; p += blockDim.x)
    if (load_relaxed(parent + p) >= 0) link(parent, image, p);
  __syncthreads();
  for (int p = threadIdx.x; p < n; p += blockDim.x) {
    // a root found while others shorten their paths is still the root
    if (load_relaxed(parent + p) >= 0) atomicMin(parent + p, find_root(parent, p));
  }
  __syncthreads();
  number_roots(parent, n, labels);
  // labels of the roots are in `labels`; every core takes its root's
  for (int p = threadIdx.x; p < n; p += blockDim.x)
    if (parent[p] >= 0) parent[p] = labels[parent[p]];
  __syncthreads();
  for (int p = threadIdx.x; p < n; p += blockDim.x) {
    int label = -2;
    if (exact_double(weights[p]) > 0.0) label = parent[p] >= 0 ? parent[p] : lowest(parent, image, p);
    labels[p] = label;
  }
}

extern "C" __global__ void __launch_bounds__(1024, 1)
lattice_dbscan_shared(const WEIGHT* __restrict__ weights, const int* __restrict__ widths, int height,
                      int width, int reach, double least, int* __restrict__ labels, int* __restrict__ bad) {
  EXTERN_SHARED(int, parent);
  const size_t first = (size_t)blockIdx.x * height * width;
  const Lattice image = {height, width, reach, widths};
  cluster(weights + first, image, least, parent, labels + first, bad);
}

extern "C" __global__ void __launch_bounds__(1024, 1)
lattice_dbscan_global(const WEIGHT* __restrict__ weights, const int* __restrict__ widths, int height,
                      int width, int reach, double least, int* __restrict__ labels, int* __restrict__ bad,
                      int* __restrict__ forests) {
  const size_t first = (size_t)blockIdx.x * height * width;
  const Lattice image = {height, width, reach, widths};
  cluster(weights + first, image, least, forests + first, labels + first, bad);
}
