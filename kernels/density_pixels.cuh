// Formats of pixels, and how a thread reads 16 bytes of them.
#pragma once

typedef long long i64;
typedef unsigned long long u64;

// Formats: T the type of a pixel, V pixels in 16 bytes, Sum a word that holds a segment's sums, ONE the
// bits above which a value is refused (those of 1.0; negative numbers and NaN lie above).  `steps` turns
// a value of each image into an integer difference.
struct Bytes {
  typedef unsigned char T;
  typedef unsigned Sum;
  static constexpr int V = 16;
  static constexpr unsigned ONE = 255;
  static constexpr bool SIGNED = false;
  static __device__ __forceinline__ unsigned bits(const uint4& q, int k) {
    const unsigned word = k < 4 ? q.x : k < 8 ? q.y : k < 12 ? q.z : q.w;
    return word >> 8 * (k & 3) & 255u;
  }
  static __device__ __forceinline__ unsigned range(unsigned x, unsigned y) { return max(x, y); }
  static __device__ __forceinline__ int steps(unsigned x, unsigned y) { return (int)y - (int)x; }
};

// rounds half to even; exact before that, the factor being a power of two
__device__ __forceinline__ int in_steps(float value) { return (int)rintf(value * 0x1p24f); }

struct Halves {
  typedef unsigned short T;
  typedef u64 Sum;
  static constexpr int V = 8;
  static constexpr unsigned ONE = 0x3C00;
  static constexpr bool SIGNED = false;
  static __device__ __forceinline__ unsigned bits(const uint4& q, int k) {
    const unsigned word = k < 2 ? q.x : k < 4 ? q.y : k < 6 ? q.z : q.w;
    return word >> 16 * (k & 1) & 65535u;
  }
  static __device__ __forceinline__ unsigned range(unsigned x, unsigned y) { return max(x, y); }
  static __device__ __forceinline__ int steps(unsigned x, unsigned y) {
    return in_steps(half_bits_to_float((unsigned short)y) - half_bits_to_float((unsigned short)x));
  }
};

struct Floats {
  typedef unsigned T;
  typedef u64 Sum;
  static constexpr int V = 4;
  static constexpr unsigned ONE = 0x3F800000;
  static constexpr bool SIGNED = false;
  static __device__ __forceinline__ unsigned bits(const uint4& q, int k) {
    return k < 1 ? q.x : k < 2 ? q.y : k < 3 ? q.z : q.w;
  }
  static __device__ __forceinline__ unsigned range(unsigned x, unsigned y) { return max(x, y); }
  static __device__ __forceinline__ int steps(unsigned x, unsigned y) {
    return in_steps(__int_as_float((int)y) - __int_as_float((int)x));
  }
};

// a map's own value in [-1, 1]: there is no second image, and levels are compared with signed values
struct Maps : Floats {
  static constexpr bool SIGNED = true;
  static __device__ __forceinline__ unsigned range(unsigned x, unsigned) { return x & 0x7FFFFFFFu; }
  static __device__ __forceinline__ int steps(unsigned x, unsigned) { return in_steps(__int_as_float((int)x)); }
};

// 16 bytes of a row from pixel `at` on: in one load where rows begin at multiples of 16 bytes, else pixel
// by pixel, zeros past the end
template <class T, int V>
__device__ __forceinline__ uint4 load(const T* row, int at, int pixels, bool vector) {
  if (vector) return __ldg(reinterpret_cast<const uint4*>(row + at));
  unsigned words[4] = {0, 0, 0, 0};
#pragma unroll
  for (int k = 0; k < V; k++)
    if (at + k < pixels) words[k * (int)sizeof(T) / 4] |= (unsigned)row[at + k] << 8 * (k * (int)sizeof(T) % 4);
  return make_uint4(words[0], words[1], words[2], words[3]);
}

__device__ __forceinline__ bool aligned(const void* pointer) { return ((size_t)pointer & 15) == 0; }
