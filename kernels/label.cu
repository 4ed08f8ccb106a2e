// Connected components of a batch of binary masks, and the properties of labelled regions: one block
// an image, also for the largest (of 1024 x 1024 pixels, say, where a batch still fills the device).
//
// Roots are the smallest pixel index of their component, and everything is summed in integers, so that
// the results are the same bits whatever order the atomics ran in.
#include "common.cuh"

typedef unsigned char byte;
typedef long long int64;
typedef unsigned long long uint64;

constexpr unsigned ALL = 0xffffffffu;

// ---- components --------------------------------------------------------------------------------

__device__ __forceinline__ int find_root(const int* parent, int i) {
  for (int p = load_relaxed(parent + i); p != i; p = load_relaxed(parent + i)) i = p;
  return i;
}

// Hangs the larger root under the smaller; tries again when another thread moved it meanwhile.
__device__ __forceinline__ void unite(int* parent, int a, int b) {
  for (;;) {
    a = find_root(parent, a);
    b = find_root(parent, b);
    if (a == b) return;
    if (a > b) {
      const int larger = a;
      a = b;
      b = larger;
    }
    const int was = atomicMin(parent + b, a);
    if (was == b) return;
    b = was;
  }
}

// A piece of a row, 32 pixels wide, as one warp sees it; `i` is the pixel of this thread's lane.
struct Piece {
  int row, col, i;
  bool inside;
};

__device__ __forceinline__ Piece piece_of(int k, int width) {
  const int across = (width + 31) >> 5, lane = threadIdx.x & 31;
  const int row = k / across, col = ((k - row * across) << 5) + lane;
  return {row, col, row * width + col, col < width};
}

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

enum { R, C, RR, CC, RC, STEPS, ROW_HIGH, ROW_LOW, COL_HIGH, COL_LOW, PEAK, SUMS };
enum { AREA, TOP, LEFT, BOTTOM, RIGHT, EXPONENT, BOXES };
enum { CENTROID_ROW, CENTROID_COL, MASS, PEAK_WEIGHT, WEIGHTED_ROW, WEIGHTED_COL, MU_RR, MU_CC, MU_RC, REAL };

constexpr int PLAIN = RC + 1;  // sums without weights
constexpr int64 LEAST = -0x7fffffffffffffffll - 1;
constexpr int BITS = 26;  // of the low word of weights in steps; label_sums.py has the bounds
constexpr int64 MASK = (1 << BITS) - 1;

struct None {};  // the type of weights that are not there
template <class Weight> constexpr int sums_of() { return SUMS; }
template <> constexpr int sums_of<None>() { return PLAIN; }

// Accumulators of an image's regions, one quantity after the other.
template <class Weight>
struct Table {
  int64* sums;
  int* boxes;
  int rows;
  __device__ Table(int64* memory, int n)
      : sums(memory), boxes((int*)(memory + (size_t)sums_of<Weight>() * n)), rows(n) {}
  __device__ int64& sum(int what, int k) const { return sums[(size_t)what * rows + k]; }
  __device__ int& box(int what, int k) const { return boxes[(size_t)what * rows + k]; }
  __device__ void add(int what, int k, int64 value) const {
    atomicAdd((uint64*)&sum(what, k), (uint64)value);
  }
};

// A weight in float64; CuPy compiles with -ftz, under which a cast would lose subnormal float32 numbers.
__device__ __forceinline__ double weight_at(const float* weights, size_t i) {
  const int bits = ((const int*)weights)[i];
  if (bits & 0x7f800000) return (double)__int_as_float(bits);
  const double small = (double)(bits & 0x7fffff) * 1.401298464324817e-45;  // 2^-149
  return bits < 0 ? -small : small;
}
__device__ __forceinline__ double weight_at(const double* weights, size_t i) { return weights[i]; }
__device__ __forceinline__ double weight_at(const None*, size_t) { return 0.0; }

__device__ __forceinline__ bool finite(double value) {
  return (__double_as_longlong(value) >> 52 & 0x7ff) != 0x7ff;
}

// The E of the least 2^E above |value|, as frexp gives it; -1074 for zero.
__device__ __forceinline__ int exponent_of(double value) {
  const int64 bits = __double_as_longlong(value);
  const int biased = (int)(bits >> 52 & 0x7ff);
  return biased ? biased - 1022 : 64 - __clzll(bits & 0xfffffffffffffll) - 1074;
}

// An integer that is ordered as the floats are, and back.
__device__ __forceinline__ int64 ordered(int64 bits) { return bits ^ (bits >> 63 & 0x7fffffffffffffffll); }

__device__ __forceinline__ double power_of_two(int k) {
  return __longlong_as_double((int64)(k + 1023) << 52);
}

// Steps of a region's weights: two factors, since their product may leave float64.
struct Factors {
  double first, second;
  __device__ Factors(int area, int exponent) {
    const int bits = area > 1 ? 32 - __clz(area - 1) : 0;
    const int shift = 62 - bits - exponent;
    first = power_of_two(shift >> 1);
    second = power_of_two(shift - (shift >> 1));
  }
};

// Sum, or largest, over the lanes from `begin` to this one.
template <class T>
__device__ __forceinline__ T sum_from(int begin, T value) {
  const int lane = threadIdx.x & 31;
#pragma unroll
  for (int d = 1; d < 32; d <<= 1) {
    const T other = __shfl_up_sync(ALL, value, d);
    if (lane - d >= begin) value += other;
  }
  return value;
}
template <class T>
__device__ __forceinline__ T largest_from(int begin, T value) {
  const int lane = threadIdx.x & 31;
#pragma unroll
  for (int d = 1; d < 32; d <<= 1) {
    const T other = __shfl_up_sync(ALL, value, d);
    if (lane - d >= begin) value = max(value, other);
  }
  return value;
}

// The run of equal labels that this lane is in, within its piece: the lane where it begins, and whether
// this lane, its last, speaks for it.
struct Run {
  int region, begin;
  bool speaks;
};

__device__ __forceinline__ Run run_of(const int* labels, Piece at) {
  const int lane = threadIdx.x & 31, number = at.inside ? max(labels[at.i], 0) : 0;
  const int left = __shfl_up_sync(ALL, number, 1);
  const unsigned heads = __ballot_sync(ALL, lane == 0 || left != number);
  const int begin = 31 - __clz((int)(heads & ((2u << lane) - 1)));
  const bool last = lane == 31 || (heads >> (lane + 1) & 1);
  return {number - 1, begin, number > 0 && last};
}

template <class Weight>
__device__ __forceinline__ void add_run(const Table<Weight>& table, int k, int64 r, int64 lo, int64 hi) {
  const int64 n = hi - lo, columns = n * (lo + hi - 1) >> 1;
  atomicAdd(&table.box(AREA, k), (int)n);
  atomicMin(&table.box(TOP, k), (int)r);
  atomicMin(&table.box(LEFT, k), (int)lo);
  atomicMax(&table.box(BOTTOM, k), (int)r + 1);
  atomicMax(&table.box(RIGHT, k), (int)hi);
  table.add(R, k, n * r);
  table.add(C, k, columns);
  table.add(RR, k, n * r * r);
  table.add(CC, k, ((hi - 1) * hi * (2 * hi - 1) - (lo - 1) * lo * (2 * lo - 1)) / 6);
  table.add(RC, k, r * columns);
}

// A number in two words as float64.
__device__ __forceinline__ double joined(int64 high, int64 low) {
  return (double)(high + (low >> BITS)) * (double)(1 << BITS) + (double)(low & MASK);
}

// The order of these operations is that of label_sums.py.
template <class Weight>
__device__ __forceinline__ void finish(const Table<Weight>& table, int k, double* real, size_t stride) {
  const int64 n = table.box(AREA, k);
  if (n == 0) {
    const double nan = __longlong_as_double(0x7ff8000000000000ll);
    for (int j = 0; j < REAL; j++) real[j * stride] = j == MASS ? 0.0 : nan;
    return;
  }
  const double area = (double)n;
  const int64 sum_r = table.sum(R, k), sum_c = table.sum(C, k);
  const int64 row = (2 * sum_r + n) / (2 * n), col = (2 * sum_c + n) / (2 * n);
  const int64 over_row = sum_r - n * row, over_col = sum_c - n * col;
  const int64 rr = table.sum(RR, k) - row * (n * row + 2 * over_row);
  const int64 cc = table.sum(CC, k) - col * (n * col + 2 * over_col);
  const int64 rc = table.sum(RC, k) - row * over_col - col * over_row - n * row * col;
  real[CENTROID_ROW * stride] = (double)sum_r / area;
  real[CENTROID_COL * stride] = (double)sum_c / area;
  real[MU_RR * stride] = ((double)rr - (double)over_row * ((double)over_row / area)) / area;
  real[MU_CC * stride] = ((double)cc - (double)over_col * ((double)over_col / area)) / area;
  real[MU_RC * stride] = ((double)rc - (double)over_row * ((double)over_col / area)) / area;
  if constexpr (sums_of<Weight>() == PLAIN) {
    real[MASS * stride] = area;
    real[PEAK_WEIGHT * stride] = 1.0;
    real[WEIGHTED_ROW * stride] = (double)sum_r / area;
    real[WEIGHTED_COL * stride] = (double)sum_c / area;
  } else {
    const Factors factors(table.box(AREA, k), table.box(EXPONENT, k));
    const int64 sum = table.sum(STEPS, k);
    const double steps = (double)sum, nan = __longlong_as_double(0x7ff8000000000000ll);
    const double off_row = joined(table.sum(ROW_HIGH, k), table.sum(ROW_LOW, k)) / steps;
    const double off_col = joined(table.sum(COL_HIGH, k), table.sum(COL_LOW, k)) / steps;
    real[MASS * stride] = steps * (1.0 / factors.first) * (1.0 / factors.second);
    real[PEAK_WEIGHT * stride] = __longlong_as_double(ordered(table.sum(PEAK, k))) + 0.0;  // never -0.0
    real[WEIGHTED_ROW * stride] = sum ? (double)table.box(TOP, k) + off_row : nan;
    real[WEIGHTED_COL * stride] = sum ? (double)table.box(LEFT, k) + off_col : nan;
  }
}

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
