// Rows of an image in pieces 32 pixels wide, one lane of a warp a pixel, and runs of equal labels in them.
#pragma once

constexpr unsigned ALL = 0xffffffffu;

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
