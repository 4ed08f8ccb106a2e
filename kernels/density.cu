// Exact per-pixel sums of maps, of differences of images, and of masks, by group of samples.
//
// Samples come ordered by group and cut into segments of one group each.  A block owns a segment and a
// tile of pixels, and a thread 16 bytes of pixels, whose sums it keeps in registers while it walks the
// segment.  Each segment leaves one row of partial sums; `finish_*` adds a group's rows in order.  All
// sums are integers: no order changes a bit, and the only atomic raises the flag of a refused value.
//
// Widths: a segment has at most 2^15 rows (samples times channels), so that in steps
//   of bytes   a sum is below 2^15 * 255   < 2^31, and squares sum below 2^15 * 255^2 < 2^32;
//   of floats  a sum is at most 2^15 * 2^24 = 2^39, and squares sum to at most 2^15 * 2^48 = 2^63,
// which unsigned words of 32 and of 64 bits hold.  Squares are carried from 2^48 on in `finish_*`.
#include "common.cuh"
#include "density_pixels.cuh"

template <class F>
__device__ __forceinline__ void sum_segment(const typename F::T* clean, const typename F::T* adversarial,
                                            const i64* order, const i64* bounds, int channels, int pixels,
                                            int tiles, const int* levels, int n_levels, int n_segments,
                                            typename F::Sum* sums, int* ends, unsigned* exceeded, int* bad) {
  EXTERN_SHARED(unsigned, counts);  // (level, pixel of a thread, thread): each word has one owner
  constexpr int V = F::V;
  const int segment = blockIdx.x / tiles;
  const int at = ((blockIdx.x % tiles) * blockDim.x + threadIdx.x) * V;
  const i64 first = bounds[segment], last = bounds[segment + 1];
  if (at >= pixels || first == last) return;  // `finish_*` reads no partial sums of an empty segment
  const bool vector = pixels % V == 0 && aligned(clean) && (F::SIGNED || aligned(adversarial));

  typename F::Sum positive[V], negative[V], square[V];
  int low[V], high[V], peak[V];
  unsigned worst = 0;
#pragma unroll
  for (int k = 0; k < V; k++) {
    positive[k] = negative[k] = square[k] = 0;
    low[k] = 1 << 24;
    high[k] = -(1 << 24);
    peak[k] = 0;
  }
  for (int t = 0; t < n_levels * V; t++) counts[t * blockDim.x + threadIdx.x] = 0;

  size_t row = (size_t)order[first] * channels * pixels;
  uint4 x = load<typename F::T, V>(clean + row, at, pixels, vector), y = x;
  if (!F::SIGNED) y = load<typename F::T, V>(adversarial + row, at, pixels, vector);
  i64 sample = first;
  int channel = 0;
  while (sample < last) {
    // the next row is under way while this one is added
    const bool ends_sample = channel + 1 == channels;
    const i64 next_sample = ends_sample ? sample + 1 : sample;
    const int next_channel = ends_sample ? 0 : channel + 1;
    uint4 next_x = x, next_y = y;
    if (next_sample < last) {
      row = ((size_t)order[next_sample] * channels + next_channel) * pixels;
      next_x = load<typename F::T, V>(clean + row, at, pixels, vector);
      if (!F::SIGNED) next_y = load<typename F::T, V>(adversarial + row, at, pixels, vector);
    }
#pragma unroll
    for (int k = 0; k < V; k++) {
      const unsigned a = F::bits(x, k), b = F::bits(y, k);
      worst = max(worst, F::range(a, b));
      const int step = F::steps(a, b);
      // in unsigned words, where a NaN's -2^31 has a negative, too: it is refused later
      const unsigned size = step < 0 ? 0u - (unsigned)step : (unsigned)step;
      const typename F::Sum wide = (typename F::Sum)size;
      positive[k] += step > 0 ? wide : 0;
      negative[k] += step < 0 ? wide : 0;
      square[k] += wide * wide;
      low[k] = min(low[k], step);
      high[k] = max(high[k], step);
      peak[k] = F::SIGNED ? step : max(peak[k], (int)size);
    }
    if (ends_sample) {
      for (int t = 0; t < n_levels; t++) {
        const int level = levels[t];
#pragma unroll
        for (int k = 0; k < V; k++) counts[(t * V + k) * blockDim.x + threadIdx.x] += peak[k] > level;
      }
#pragma unroll
      for (int k = 0; k < V; k++) peak[k] = 0;
    }
    x = next_x, y = next_y, sample = next_sample, channel = next_channel;
  }

  // rows of partial sums have a whole number of threads' pixels
  const size_t width = (size_t)(pixels + V - 1) / V * V, plane = width * n_segments;
  const size_t to = segment * width + at;
#pragma unroll
  for (int k = 0; k < V; k++) {
    sums[to + k] = positive[k];
    sums[plane + to + k] = negative[k];
    sums[2 * plane + to + k] = square[k];
    ends[to + k] = low[k];
    ends[plane + to + k] = high[k];
  }
  for (int t = 0; t < n_levels; t++)
#pragma unroll
    for (int k = 0; k < V; k++)
      exceeded[t * plane + to + k] = counts[(t * V + k) * blockDim.x + threadIdx.x];
  if (worst > F::ONE) atomicOr(bad, 1);
}

#define SUM_ARGUMENTS(F)                                                                                 \
  const typename F::T *clean, const typename F::T *adversarial, const i64 *order, const i64 *bounds,     \
      int channels, int pixels, int tiles, const int *levels, int n_levels, int n_segments,              \
      typename F::Sum *sums, int *ends, unsigned *exceeded, int *bad
#define SUM_SEGMENT(F)                                                                                   \
  sum_segment<F>(clean, adversarial, order, bounds, channels, pixels, tiles, levels, n_levels, n_segments, \
                 sums, ends, exceeded, bad)

extern "C" __global__ void __launch_bounds__(64) sum_bytes(SUM_ARGUMENTS(Bytes)) { SUM_SEGMENT(Bytes); }
extern "C" __global__ void __launch_bounds__(64) sum_halves(SUM_ARGUMENTS(Halves)) { SUM_SEGMENT(Halves); }
extern "C" __global__ void __launch_bounds__(64) sum_floats(SUM_ARGUMENTS(Floats)) { SUM_SEGMENT(Floats); }
extern "C" __global__ void __launch_bounds__(64) sum_maps(SUM_ARGUMENTS(Maps)) { SUM_SEGMENT(Maps); }

// One thread a group and pixel; group g has the segments firsts[g] to firsts[g + 1].  `quotients` holds
// value / 255 at value + 255, correctly rounded on the host; steps of 2^-24 are exact without it.
template <class Sum>
__device__ __forceinline__ void finish(const Sum* sums, const int* ends, const unsigned* exceeded,
                                       const i64* bounds, const i64* firsts, int pixels, int width,
                                       int n_levels, int n_segments, int n_groups, const float* quotients,
                                       i64* positive, i64* negative, i64* square_high, i64* square_low,
                                       float* minimum, float* maximum, i64* above) {
  const i64 at = (i64)blockIdx.x * blockDim.x + threadIdx.x, whole = (i64)n_groups * pixels;
  if (at >= whole) return;
  const int group = (int)(at / pixels), pixel = (int)(at % pixels);
  const size_t plane = (size_t)width * n_segments;
  const i64 first = firsts[group], last = firsts[group + 1];
  i64 up = 0, down = 0, high = 0, low = 0;
  int least = 1 << 24, most = -(1 << 24);
  const bool empty = bounds[first] == bounds[last];
  for (i64 s = first; s < last && !empty; s++) {
    const size_t from = (size_t)s * width + pixel;
    up += (i64)sums[from];
    down += (i64)sums[plane + from];
    const u64 square = sums[2 * plane + from];
    low += (i64)(square & ((1ull << 48) - 1));
    high += (i64)(square >> 48) + (low >> 48);
    low &= (1ll << 48) - 1;
    least = min(least, ends[from]);
    most = max(most, ends[plane + from]);
  }
  positive[at] = up;
  negative[at] = down;
  square_high[at] = high;
  square_low[at] = low;
  const float infinity = __int_as_float(0x7F800000);
  minimum[at] = empty ? infinity : sizeof(Sum) == 4 ? quotients[least + 255] : (float)least * 0x1p-24f;
  maximum[at] = empty ? -infinity : sizeof(Sum) == 4 ? quotients[most + 255] : (float)most * 0x1p-24f;
  for (int t = 0; t < n_levels; t++) {
    i64 count = 0;
    for (i64 s = first; s < last && !empty; s++) count += exceeded[t * plane + (size_t)s * width + pixel];
    above[t * whole + at] = count;
  }
}

#define FINISH_ARGUMENTS(Sum)                                                                            \
  const Sum *sums, const int *ends, const unsigned *exceeded, const i64 *bounds, const i64 *firsts,      \
      int pixels, int width, int n_levels, int n_segments, int n_groups, const float *quotients,         \
      i64 *positive, i64 *negative, i64 *square_high, i64 *square_low, float *minimum, float *maximum,   \
      i64 *above
#define FINISH                                                                                           \
  finish(sums, ends, exceeded, bounds, firsts, pixels, width, n_levels, n_segments, n_groups, quotients, \
         positive, negative, square_high, square_low, minimum, maximum, above)

extern "C" __global__ void __launch_bounds__(256) finish_narrow(FINISH_ARGUMENTS(unsigned)) { FINISH; }
extern "C" __global__ void __launch_bounds__(256) finish_wide(FINISH_ARGUMENTS(u64)) { FINISH; }

// The ones of masks by segment and pixel.  Counts are packed in bytes, which hold 255 samples.
extern "C" __global__ void __launch_bounds__(64)
count_masks(const unsigned char* masks, const i64* order, const i64* bounds, int pixels, int tiles,
            unsigned* ones, int* bad) {
  const int segment = blockIdx.x / tiles;
  const int at = ((blockIdx.x % tiles) * blockDim.x + threadIdx.x) * 16;
  if (at >= pixels) return;
  const bool vector = pixels % 16 == 0 && aligned(masks);
  unsigned few[4] = {0, 0, 0, 0}, total[16], seen = 0;
#pragma unroll
  for (int k = 0; k < 16; k++) total[k] = 0;
  const i64 last = bounds[segment + 1];
  for (i64 start = bounds[segment]; start < last; start += 255) {
    const i64 stop = min(start + 255, last);
#pragma unroll 4
    for (i64 sample = start; sample < stop; sample++) {
      const uint4 q = load<unsigned char, 16>(masks + (size_t)order[sample] * pixels, at, pixels, vector);
      few[0] += q.x, few[1] += q.y, few[2] += q.z, few[3] += q.w;
      seen |= q.x | q.y | q.z | q.w;
    }
#pragma unroll
    for (int k = 0; k < 16; k++) total[k] += few[k / 4] >> 8 * (k % 4) & 255u;
    few[0] = few[1] = few[2] = few[3] = 0;
  }
  uint4* to = reinterpret_cast<uint4*>(ones + ((size_t)segment * ((pixels + 15) / 16 * 16) + at));
#pragma unroll
  for (int k = 0; k < 4; k++)
    to[k] = make_uint4(total[4 * k], total[4 * k + 1], total[4 * k + 2], total[4 * k + 3]);
  if (seen & 0xFEFEFEFEu) atomicOr(bad, 1);
}

// Adds the segments of each group: one thread a group and pixel.
extern "C" __global__ void __launch_bounds__(256)
finish_masks(const unsigned* ones, const i64* firsts, int pixels, int width, int n_groups, i64* counts) {
  const i64 at = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (at >= (i64)n_groups * pixels) return;
  const int group = (int)(at / pixels), pixel = (int)(at % pixels);
  i64 count = 0;
  for (i64 s = firsts[group]; s < firsts[group + 1]; s++) count += ones[(size_t)s * width + pixel];
  counts[at] = count;
}
