// Floating point: only what IEEE 754 rounds correctly, so that host and device agree in every bit.
// rsqrtf, __expf and the like are left out on purpose: a kernel that uses one does not compile here.
#pragma once
#include "language.h"

static inline float __fadd_rn(float a, float b) { return a + b; }
static inline float __fsub_rn(float a, float b) { return a - b; }
static inline float __fmul_rn(float a, float b) { return a * b; }
static inline float __fdiv_rn(float a, float b) { return a / b; }
static inline float __fsqrt_rn(float a) { return sqrtf(a); }
static inline float __frcp_rn(float a) { return 1.0f / a; }
static inline float __fmaf_rn(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
static inline double __dadd_rn(double a, double b) { return a + b; }
static inline double __dsub_rn(double a, double b) { return a - b; }
static inline double __dmul_rn(double a, double b) { return a * b; }
static inline double __ddiv_rn(double a, double b) { return a / b; }
static inline double __dsqrt_rn(double a) { return sqrt(a); }
static inline double __drcp_rn(double a) { return 1.0 / a; }
static inline double __fma_rn(double a, double b, double c) { return __builtin_fma(a, b, c); }
static inline float __saturatef(float a) { return a > 0.0f ? (a < 1.0f ? a : 1.0f) : 0.0f; }  // NaN gives 0

namespace shim {

template <class To, class From>
static inline To same_bits(From v) {
  static_assert(sizeof(To) == sizeof(From), "two types of one size");
  To u;
  memcpy(&u, &v, sizeof u);
  return u;
}

// To an integer, as PTX's cvt does: saturating; NaN gives 0 between 32-bit types, else the top bit alone.
template <class To, class From>
static inline To to_integer(From rounded) {
  constexpr int width = 8 * sizeof(To), digits = std::is_signed<To>::value ? width - 1 : width;
  constexpr To top = (To)(1ull << (width - 1));
  constexpr To lowest = std::is_signed<To>::value ? top : (To)0, highest = (To)~lowest;
  if (rounded != rounded) return sizeof(To) == 4 && sizeof(From) == 4 ? (To)0 : top;
  if (rounded >= (From)std::ldexp(1.0, digits)) return highest;
  if (std::is_signed<To>::value ? rounded < (From)-std::ldexp(1.0, digits) : rounded < 0) return lowest;
  return (To)rounded;
}

}  // namespace shim

static inline int __float_as_int(float v) { return shim::same_bits<int>(v); }
static inline unsigned __float_as_uint(float v) { return shim::same_bits<unsigned>(v); }
static inline float __int_as_float(int v) { return shim::same_bits<float>(v); }
static inline float __uint_as_float(unsigned v) { return shim::same_bits<float>(v); }
static inline long long __double_as_longlong(double v) { return shim::same_bits<long long>(v); }
static inline double __longlong_as_double(long long v) { return shim::same_bits<double>(v); }
static inline int __double2loint(double v) { return (int)(unsigned)__double_as_longlong(v); }
static inline int __double2hiint(double v) { return (int)(__double_as_longlong(v) >> 32); }
static inline double __hiloint2double(int hi, int lo) {
  return __longlong_as_double((long long)((unsigned long long)(unsigned)hi << 32 | (unsigned)lo));
}

// rn: to nearest, ties to even; rz: towards zero; rd: down; ru: up
#define SHIM_TO_INTEGER(From, from, To, to)                                                      \
  static inline To __##from##2##to##_rn(From v) { return shim::to_integer<To>(std::rint(v)); }   \
  static inline To __##from##2##to##_rz(From v) { return shim::to_integer<To>(std::trunc(v)); }  \
  static inline To __##from##2##to##_rd(From v) { return shim::to_integer<To>(std::floor(v)); }  \
  static inline To __##from##2##to##_ru(From v) { return shim::to_integer<To>(std::ceil(v)); }
SHIM_TO_INTEGER(float, float, int, int)
SHIM_TO_INTEGER(float, float, unsigned, uint)
SHIM_TO_INTEGER(float, float, long long, ll)
SHIM_TO_INTEGER(float, float, unsigned long long, ull)
SHIM_TO_INTEGER(double, double, int, int)
SHIM_TO_INTEGER(double, double, unsigned, uint)
SHIM_TO_INTEGER(double, double, long long, ll)
SHIM_TO_INTEGER(double, double, unsigned long long, ull)
#undef SHIM_TO_INTEGER

static inline float __int2float_rn(int v) { return (float)v; }
static inline float __uint2float_rn(unsigned v) { return (float)v; }
static inline float __ll2float_rn(long long v) { return (float)v; }
static inline float __ull2float_rn(unsigned long long v) { return (float)v; }
static inline double __int2double_rn(int v) { return v; }
static inline double __uint2double_rn(unsigned v) { return v; }
static inline double __ll2double_rn(long long v) { return (double)v; }
static inline double __ull2double_rn(unsigned long long v) { return (double)v; }
static inline float __double2float_rn(double v) { return (float)v; }

// common.cuh's, which is one PTX instruction on the device
static inline double exact_double(float value) { return (double)value; }
static inline float half_bits_to_float(unsigned short h) { return (float)shim::same_bits<_Float16>(h); }
