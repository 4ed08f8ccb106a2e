// What is summed of a region, in integers, and what follows from the sums.
#pragma once

typedef long long int64;
typedef unsigned long long uint64;

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

template <class Weight>
__device__ __forceinline__ double weight_at(const Weight* weights, size_t i) {
  return exact_double(weights[i]);
}
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
