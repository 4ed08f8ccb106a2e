// Maps rounded to integers whose signed sums are exact in float64, and the t of such sums.
//
// One thread owns a pixel and goes through the maps in their order; neighbouring threads read
// neighbouring pixels.  Every operation rounds correctly, in the order of the CPU's.
#include "common.cuh"

// Adding and taking away rounds half to even to an integer, below 2^51.
#define MAGIC 6755399441055744.0
#define LARGEST 1.7976931348623157e308

template <class T>
__device__ void quantise(const T* maps, int n, int pixels, int bits, int centre, double* q, double* totals,
                         double* squares, int* bad) {
  const int p = blockIdx.x * blockDim.x + threadIdx.x;
  if (p >= pixels) return;
  double middle = 0.0, largest = 0.0;
  if (centre) {
    for (int i = 0; i < n; i++) middle += exact_double(maps[(size_t)i * pixels + p]);
    middle /= n;
  }
  bool finite = true;
  for (int i = 0; i < n; i++) {
    const double size = fabs(exact_double(maps[(size_t)i * pixels + p]) - middle);
    finite &= size <= LARGEST;
    if (size > largest) largest = size;
  }
  if (!finite) {
    atomicOr(bad, 1);
    return;
  }
  // largest < 2^exponent
  const int exponent = largest > 0.0 ? ilogb(largest) + 1 : 0;
  const double scale = ldexp(1.0, min(bits - exponent, 1000));
  double total = 0.0, square = 0.0;
  for (int i = 0; i < n; i++) {
    const double whole = ((exact_double(maps[(size_t)i * pixels + p]) - middle) * scale + MAGIC) - MAGIC;
    q[(size_t)i * pixels + p] = whole;
    total += whole;
    square += whole * whole;
  }
  totals[p] = total;
  squares[p] = square;
}

extern "C" __global__ void __launch_bounds__(256)
quantise_float(const float* maps, int n, int pixels, int bits, int centre, double* q, double* totals,
               double* squares, int* bad) {
  quantise(maps, n, pixels, bits, centre, q, totals, squares, bad);
}

extern "C" __global__ void __launch_bounds__(256)
quantise_double(const double* maps, int n, int pixels, int bits, int centre, double* q, double* totals,
                double* squares, int* bad) {
  quantise(maps, n, pixels, bits, centre, q, totals, squares, bad);
}

// Blocks (x, y): pixels, draws.  The formula and its constants are those of t_maps.
extern "C" __global__ void __launch_bounds__(256)
t_of_sums(const double* sums, const double* totals, const double* squares, int pixels, double first,
          double second, double alpha, double beta, double* out) {
  const int p = blockIdx.x * blockDim.x + threadIdx.x;
  if (p >= pixels) return;
  const size_t at = (size_t)blockIdx.y * pixels + p;
  const double g = sums[at];
  double d;
  if (second == 0.0) {
    d = g / first;
  } else {
    d = 0.5 * (totals[p] + g) / first - 0.5 * (totals[p] - g) / second;
  }
  const double within = (squares[p] - d * d * alpha) * beta;
  double t = 0.0;
  if (within > 0.0) {
    t = d / sqrt(within);
  } else if (d != 0.0) {
    t = d > 0.0 ? 1e308 * 10.0 : -1e308 * 10.0;
  }
  out[at] = t;
}
