// Connected components of a batch of binary masks, and the properties of labelled regions: one block
// an image, also for the largest (of 1024 x 1024 pixels, say, where a batch still fills the device).
//
// Roots are the smallest pixel index of their component, and everything is summed in integers, so that
// the results are the same bits whatever order the atomics ran in.
#include "common.cuh"
#include "forest.cuh"
#include "label_pieces.cuh"
#include "label_table.cuh"

typedef unsigned char byte;

// ---- components --------------------------------------------------------------------------------

// Joins pixel i with its neighbours above, leaving out those that others have joined already: the
// pixels of a run hang together, so two runs that lie above each other need one link only.
__device__ __forceinline__ void link_up(const byte* mask, int* parent, Piece at, int width, int reach) {
  const int i = at.i;
  const bool left = at.col > 0 && mask[i - 1], right = at.col + 1 < width && mask[i + 1];
  const bool up_left = at.col > 0 && mask[i - width - 1];
  const bool up_right = at.col + 1 < width && mask[i - width + 1];
  if (mask[i - width]) {
    if (!(left && up_left)) unite(parent, i, i - width);
  } else if (reach) {
    if (up_left && !left) unite(parent, i, i - width - 1);
    if (up_right && !right) unite(parent, i, i - width + 1);
  }
}

// Labels one image.  The forest: -1 outside of the mask, else the index of a pixel in the same tree;
// `parent` and `labels` may be one array.
__device__ __forceinline__ void label_image(
    const byte* mask, int height, int width, int reach, int* parent, int* labels, int64* count, int* wrong) {
  __shared__ int roots[32];
  const int pieces = height * ((width + 31) >> 5), n = height * width;
  const int warp = threadIdx.x >> 5, lane = threadIdx.x & 31, warps = blockDim.x >> 5;

  bool odd = false;
  for (int k = warp; k < pieces; k += warps) {
    const Piece at = piece_of(k, width);
    const int value = at.inside ? mask[at.i] : 0;
    odd |= value > 1;
    const unsigned off = ~__ballot_sync(ALL, value != 0) & ((1u << lane) - 1);
    const int begin = off ? 32 - __clz((int)off) : 0;  // lane where this run begins, in this piece
    if (at.inside) parent[at.i] = value ? at.i - (lane - begin) : -1;
  }
  if (odd) atomicOr(wrong, 1);
  __syncthreads();

  for (int k = warp; k < pieces; k += warps) {
    const Piece at = piece_of(k, width);
    if (!at.inside || !mask[at.i]) continue;
    if (lane == 0 && at.col > 0 && mask[at.i - 1]) unite(parent, at.i, at.i - 1);
    if (at.row > 0) link_up(mask, parent, at, width, reach);
  }
  __syncthreads();

  // Flatten the trees, and count the roots; each warp has a stretch of its own, in raster order.
  const int stretch = ((n + blockDim.x - 1) / blockDim.x) << 5;
  const int first = min(warp * stretch, n), last = min(first + stretch, n);
  int found = 0;
  for (int base = first; base < last; base += 32) {
    const int i = base + lane;
    int root = -1;
    if (i < last) {
      const int up = load_relaxed(parent + i);
      if (up >= 0) root = find_root(parent, up);
      if (root != up) atomicExch(parent + i, root);  // others may be reading it
    }
    found += __popc(__ballot_sync(ALL, i < last && root == i));
  }
  if (lane == 0) roots[warp] = found;
  __syncthreads();

  // Number the roots: each becomes -1 - number.
  int before = 0, total = 0;
  for (int v = 0; v < warps; v++) {
    if (v < warp) before += roots[v];
    total += roots[v];
  }
  for (int base = first; base < last; base += 32) {
    const int i = base + lane;
    const bool root = i < last && parent[i] == i;
    const unsigned which = __ballot_sync(ALL, root);
    if (root) parent[i] = -2 - before - __popc(which & ((1u << lane) - 1));
    before += __popc(which);
  }
  if (threadIdx.x == 0) *count = total;
  __syncthreads();

  for (int i = threadIdx.x; i < n; i += blockDim.x) {
    const int root = parent[i];
    if (root >= 0) parent[i] = parent[root];
  }
  __syncthreads();
  for (int i = threadIdx.x; i < n; i += blockDim.x) labels[i] = -1 - parent[i];
}

extern "C" __global__ void __launch_bounds__(1024) components_shared(
    const byte* __restrict__ masks, int height, int width, int reach, int* __restrict__ labels,
    int64* __restrict__ counts, int* __restrict__ wrong) {
  EXTERN_SHARED(int, forest);
  const size_t at = (size_t)blockIdx.x * height * width;
  label_image(masks + at, height, width, reach, forest, labels + at, counts + blockIdx.x, wrong);
}

// For images whose forest does not fit into shared memory: the labels hold it.
extern "C" __global__ void __launch_bounds__(1024) components_global(
    const byte* __restrict__ masks, int height, int width, int reach, int* labels, int64* __restrict__ counts,
    int* __restrict__ wrong) {
  const size_t at = (size_t)blockIdx.x * height * width;
  label_image(masks + at, height, width, reach, labels + at, labels + at, counts + blockIdx.x, wrong);
}

// ---- properties --------------------------------------------------------------------------------

// Measures one image.  Row k of the results, and of the tables that do not fit, is region k of the batch;
// a block puts its table into shared memory where that has `room` for its regions.
template <class Weight>
__device__ __forceinline__ void measure_image(
    const int* labels, const Weight* weights, int height, int width, const int64* first, const int64* counts,
    int room, int64* shared, int64* spill, size_t total, int64* whole, double* real, int* wrong) {
  constexpr int WORDS = sums_of<Weight>() + BOXES / 2;
  const size_t image = blockIdx.x, at_image = image * height * width, at_row = (size_t)first[image];
  const int n = (int)counts[image], pieces = height * ((width + 31) >> 5);
  const int warp = threadIdx.x >> 5, lane = threadIdx.x & 31, warps = blockDim.x >> 5;
  labels += at_image;
  if (n == 0) return;
  const Table<Weight> table(n <= room ? shared : spill + at_row * WORDS, n);

  for (int k = threadIdx.x; k < n; k += blockDim.x) {
    for (int j = 0; j < sums_of<Weight>(); j++) table.sum(j, k) = j == PEAK ? LEAST : 0;
    table.box(AREA, k) = table.box(BOTTOM, k) = table.box(RIGHT, k) = 0;
    table.box(TOP, k) = table.box(LEFT, k) = 0x7fffffff;
    table.box(EXPONENT, k) = -1074;
  }
  __syncthreads();

  bool odd = false;
  for (int k = warp; k < pieces; k += warps) {
    const Piece at = piece_of(k, width);
    const Run run = run_of(labels, at);
    if (run.speaks) add_run(table, run.region, at.row, at.col - (lane - run.begin), at.col + 1);
    if constexpr (sums_of<Weight>() == SUMS) {
      double value = run.region >= 0 ? weight_at(weights, at_image + at.i) : 0.0;
      if (!finite(value)) {
        odd = true;
        value = 0.0;
      }
      const int64 peak = largest_from(run.begin, ordered(__double_as_longlong(value)));
      const int exponent = largest_from(run.begin, exponent_of(value));
      if (run.speaks) {
        atomicMax(&table.sum(PEAK, run.region), peak);
        atomicMax(&table.box(EXPONENT, run.region), exponent);
      }
    }
  }
  if (odd) atomicOr(wrong, 1);
  __syncthreads();

  if constexpr (sums_of<Weight>() == SUMS) {
    for (int k = warp; k < pieces; k += warps) {
      const Piece at = piece_of(k, width);
      const Run run = run_of(labels, at);
      int64 steps = 0, offset = 0;
      if (run.region >= 0) {
        const Factors factors(table.box(AREA, run.region), table.box(EXPONENT, run.region));
        const double value = weight_at(weights, at_image + at.i);
        if (finite(value)) steps = __double2ll_rn(value * factors.first * factors.second);
        offset = at.col - table.box(LEFT, run.region);
      }
      const int64 mass = sum_from(run.begin, steps);
      const int64 high = sum_from(run.begin, (steps >> BITS) * offset);
      const int64 low = sum_from(run.begin, (steps & MASK) * offset);
      if (run.speaks) {
        const int64 row = at.row - table.box(TOP, run.region), low_row = (mass & MASK) * row;
        table.add(STEPS, run.region, mass);
        table.add(COL_HIGH, run.region, high + (low >> BITS));
        table.add(COL_LOW, run.region, low & MASK);
        table.add(ROW_HIGH, run.region, (mass >> BITS) * row + (low_row >> BITS));
        table.add(ROW_LOW, run.region, low_row & MASK);
      }
    }
    __syncthreads();
  }

  for (int k = threadIdx.x; k < n; k += blockDim.x) {
    const size_t row = at_row + k;
    whole[row] = image;
    whole[total + row] = k + 1;
    const bool there = table.box(AREA, k) > 0;
    for (int j = AREA; j <= RIGHT; j++) whole[(2 + j) * total + row] = there ? table.box(j, k) : 0;
    finish(table, k, real + row, total);
  }
}

// `weights` is not read.
extern "C" __global__ void __launch_bounds__(512) measure_plain(
    const int* __restrict__ labels, const None* __restrict__ weights, int height, int width,
    const int64* __restrict__ first, const int64* __restrict__ counts, int room, int64* spill, int64 total,
    int64* __restrict__ whole, double* __restrict__ real, int* __restrict__ wrong) {
  EXTERN_SHARED(int64, tables);
  measure_image(labels, weights, height, width, first, counts, room, tables, spill, (size_t)total, whole,
                real, wrong);
}

extern "C" __global__ void __launch_bounds__(512) measure_float32(
    const int* __restrict__ labels, const float* __restrict__ weights, int height, int width,
    const int64* __restrict__ first, const int64* __restrict__ counts, int room, int64* spill, int64 total,
    int64* __restrict__ whole, double* __restrict__ real, int* __restrict__ wrong) {
  EXTERN_SHARED(int64, tables);
  measure_image(labels, weights, height, width, first, counts, room, tables, spill, (size_t)total, whole,
                real, wrong);
}

extern "C" __global__ void __launch_bounds__(512) measure_float64(
    const int* __restrict__ labels, const double* __restrict__ weights, int height, int width,
    const int64* __restrict__ first, const int64* __restrict__ counts, int room, int64* spill, int64 total,
    int64* __restrict__ whole, double* __restrict__ real, int* __restrict__ wrong) {
  EXTERN_SHARED(int64, tables);
  measure_image(labels, weights, height, width, first, counts, room, tables, spill, (size_t)total, whole,
                real, wrong);
}
