// Small device helpers that every kernel file may use.  The host emulation (tests/cuda_host) defines
// CUDA_HOST_SHIM and brings its own forms of those that need device assembly.
#pragma once
#ifndef CUDA_HOST_SHIM
#define EXTERN_SHARED(T, name) extern __shared__ T name[]
// no cuda_fp16.h under NVRTC
__device__ __forceinline__ float half_bits_to_float(unsigned short h) {
  float f;
  asm("cvt.f32.f16 %0, %1;" : "=f"(f) : "h"(h));
  return f;
}
// A float's own value, also where it is subnormal: CuPy compiles with -ftz=true, under which a cast takes
// subnormal floats for zeros.
__device__ __forceinline__ double exact_double(float value) {
  double wide;
  asm("cvt.f64.f32 %0, %1;" : "=d"(wide) : "f"(value));
  return wide;
}
// a read that may meet another thread's atomic on the same word
template <class T>
__device__ __forceinline__ T load_relaxed(const T* p) {
  return *(const volatile T*)p;
}
#endif

// The same of numbers that no cast loses, for code that takes any of them.
__device__ __forceinline__ double exact_double(double value) { return value; }
__device__ __forceinline__ double exact_double(unsigned char value) { return (double)value; }
