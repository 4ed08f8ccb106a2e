// Integer intrinsics, and CUDA's overloads of min and max.
#pragma once
#include "language.h"

static inline int __popc(unsigned v) { return __builtin_popcount(v); }
static inline int __popcll(unsigned long long v) { return __builtin_popcountll(v); }
static inline int __ffs(int v) { return __builtin_ffs(v); }
static inline int __ffsll(long long v) { return __builtin_ffsll(v); }
static inline int __clz(int v) { return v ? __builtin_clz((unsigned)v) : 32; }
static inline int __clzll(long long v) { return v ? __builtin_clzll((unsigned long long)v) : 64; }

static inline unsigned long long __brevll(unsigned long long v) {
  unsigned long long r = 0;
  for (int k = 0; k < 64; k++) r |= ((v >> k) & 1) << (63 - k);
  return r;
}
static inline unsigned __brev(unsigned v) { return (unsigned)(__brevll(v) >> 32); }

static inline int __mulhi(int a, int b) { return (int)(((long long)a * b) >> 32); }
static inline unsigned __umulhi(unsigned a, unsigned b) { return (unsigned)(((unsigned long long)a * b) >> 32); }
static inline long long __mul64hi(long long a, long long b) { return (long long)(((__int128)a * b) >> 64); }
static inline unsigned long long __umul64hi(unsigned long long a, unsigned long long b) {
  return (unsigned long long)(((unsigned __int128)a * b) >> 64);
}
static inline int __mul24(int a, int b) { return (int)((unsigned)(a << 8 >> 8) * (unsigned)(b << 8 >> 8)); }
static inline unsigned __umul24(unsigned a, unsigned b) { return (a & 0xffffffu) * (b & 0xffffffu); }
static inline unsigned __sad(int a, int b, unsigned c) {
  return c + (a > b ? (unsigned)a - (unsigned)b : (unsigned)b - (unsigned)a);
}
static inline unsigned __usad(unsigned a, unsigned b, unsigned c) { return c + (a > b ? a - b : b - a); }

static inline unsigned __funnelshift_l(unsigned lo, unsigned hi, unsigned by) {
  const unsigned long long both = (unsigned long long)hi << 32 | lo;
  return (unsigned)((both << (by & 31)) >> 32);
}
static inline unsigned __funnelshift_r(unsigned lo, unsigned hi, unsigned by) {
  return (unsigned)(((unsigned long long)hi << 32 | lo) >> (by & 31));
}
// Byte k of the result is byte (selector nibble k) of b:a; a nibble's top bit spreads that byte's sign.
static inline unsigned __byte_perm(unsigned a, unsigned b, unsigned selector) {
  const unsigned long long both = (unsigned long long)b << 32 | a;
  unsigned r = 0;
  for (int k = 0; k < 4; k++) {
    const unsigned nibble = (selector >> (4 * k)) & 15u;
    unsigned byte = (unsigned)(both >> (8 * (nibble & 7))) & 255u;
    if (nibble & 8) byte = byte & 128u ? 255u : 0u;
    r |= byte << (8 * k);
  }
  return r;
}

// Non-templates, as in CUDA: a mixture that is ambiguous there is ambiguous here.
#define SHIM_EXTREMES(A, B, R)                                        \
  static inline R min(A a, B b) { return (R)a < (R)b ? (R)a : (R)b; } \
  static inline R max(A a, B b) { return (R)a > (R)b ? (R)a : (R)b; }
SHIM_EXTREMES(int, int, int)
SHIM_EXTREMES(unsigned, unsigned, unsigned)
SHIM_EXTREMES(int, unsigned, unsigned)
SHIM_EXTREMES(unsigned, int, unsigned)
SHIM_EXTREMES(long, long, long)
SHIM_EXTREMES(unsigned long, unsigned long, unsigned long)
SHIM_EXTREMES(long, unsigned long, unsigned long)
SHIM_EXTREMES(unsigned long, long, unsigned long)
SHIM_EXTREMES(long long, long long, long long)
SHIM_EXTREMES(unsigned long long, unsigned long long, unsigned long long)
SHIM_EXTREMES(long long, unsigned long long, unsigned long long)
SHIM_EXTREMES(unsigned long long, long long, unsigned long long)
#undef SHIM_EXTREMES
// A NaN gives way to the number, as in CUDA.
static inline float min(float a, float b) { return fminf(a, b); }
static inline float max(float a, float b) { return fmaxf(a, b); }
static inline double min(double a, double b) { return fmin(a, b); }
static inline double max(double a, double b) { return fmax(a, b); }
static inline double min(float a, double b) { return fmin(a, b); }
static inline double max(float a, double b) { return fmax(a, b); }
static inline double min(double a, float b) { return fmin(a, b); }
static inline double max(double a, float b) { return fmax(a, b); }
