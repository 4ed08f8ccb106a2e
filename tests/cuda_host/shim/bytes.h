// Arithmetic on the bytes (or halfwords) packed in a 32-bit word.
#pragma once
#include "language.h"

namespace shim {

// Applies op to each lane of T in two words; the result is cut to the lane.
template <class T, class F>
static inline unsigned lanewise(unsigned a, unsigned b, F op) {
  constexpr int width = 8 * sizeof(T);
  constexpr unsigned mask = (1u << width) - 1;
  unsigned r = 0;
  for (int k = 0; k < 32; k += width) r |= ((unsigned)op((int)(T)(a >> k), (int)(T)(b >> k)) & mask) << k;
  return r;
}

static inline int clamped(int v, int low, int high) { return v < low ? low : v > high ? high : v; }

}  // namespace shim

// name 4: of bytes, name 2: of halfwords; u: unsigned lanes, s: signed; cmp gives all ones, set gives 1.
#define SHIM_LANES(name, T, expression)                                        \
  static inline unsigned name(unsigned a, unsigned b) {                        \
    return shim::lanewise<T>(a, b, [](int x, int y) { return (expression); }); \
  }
#define SHIM_BOTH(prefix, suffix, small, large, expression) \
  SHIM_LANES(prefix##suffix##4, small, expression)          \
  SHIM_LANES(prefix##suffix##2, large, expression)
#define SHIM_SIGNS(prefix, expression)                                 \
  SHIM_BOTH(prefix, u, unsigned char, unsigned short, expression)      \
  SHIM_BOTH(prefix, s, signed char, short, expression)
SHIM_BOTH(__vadd, , unsigned char, unsigned short, x + y)
SHIM_BOTH(__vsub, , unsigned char, unsigned short, x - y)
SHIM_BOTH(__vcmpeq, , unsigned char, unsigned short, x == y ? -1 : 0)
SHIM_BOTH(__vcmpne, , unsigned char, unsigned short, x != y ? -1 : 0)
SHIM_BOTH(__vseteq, , unsigned char, unsigned short, x == y)
SHIM_BOTH(__vsetne, , unsigned char, unsigned short, x != y)
SHIM_SIGNS(__vabsdiff, x > y ? x - y : y - x)
SHIM_SIGNS(__vmax, x > y ? x : y)
SHIM_SIGNS(__vmin, x < y ? x : y)
SHIM_SIGNS(__vcmpgt, x > y ? -1 : 0)
SHIM_SIGNS(__vcmpge, x >= y ? -1 : 0)
SHIM_SIGNS(__vcmplt, x < y ? -1 : 0)
SHIM_SIGNS(__vcmple, x <= y ? -1 : 0)
SHIM_SIGNS(__vsetgt, x > y)
SHIM_SIGNS(__vsetge, x >= y)
SHIM_SIGNS(__vsetlt, x < y)
SHIM_SIGNS(__vsetle, x <= y)
SHIM_SIGNS(__vhadd, (x + y) >> 1)
SHIM_LANES(__vavgu4, unsigned char, (x + y + 1) >> 1)
SHIM_LANES(__vavgu2, unsigned short, (x + y + 1) >> 1)
SHIM_LANES(__vaddus4, unsigned char, shim::clamped(x + y, 0, 255))
SHIM_LANES(__vsubus4, unsigned char, shim::clamped(x - y, 0, 255))
SHIM_LANES(__vaddus2, unsigned short, shim::clamped(x + y, 0, 65535))
SHIM_LANES(__vsubus2, unsigned short, shim::clamped(x - y, 0, 65535))
SHIM_LANES(__vaddss4, signed char, shim::clamped(x + y, -128, 127))
SHIM_LANES(__vsubss4, signed char, shim::clamped(x - y, -128, 127))
SHIM_LANES(__vaddss2, short, shim::clamped(x + y, -32768, 32767))
SHIM_LANES(__vsubss2, short, shim::clamped(x - y, -32768, 32767))
#undef SHIM_SIGNS
#undef SHIM_BOTH
#undef SHIM_LANES
static inline unsigned __vneg4(unsigned a) { return __vsub4(0, a); }
static inline unsigned __vneg2(unsigned a) { return __vsub2(0, a); }
static inline unsigned __vabs4(unsigned a) {  // -128 stays, as on the device
  return shim::lanewise<signed char>(a, a, [](int x, int) { return x < 0 ? -x : x; });
}
static inline unsigned __vabs2(unsigned a) {
  return shim::lanewise<short>(a, a, [](int x, int) { return x < 0 ? -x : x; });
}

// Sum of absolute differences, and dot products with accumulation, over the four bytes.
static inline unsigned __vsadu4(unsigned a, unsigned b) {
  const unsigned d = __vabsdiffu4(a, b);
  return (d & 255u) + ((d >> 8) & 255u) + ((d >> 16) & 255u) + (d >> 24);
}
static inline unsigned __dp4a(unsigned a, unsigned b, unsigned c) {
  for (int k = 0; k < 32; k += 8) c += ((a >> k) & 255u) * ((b >> k) & 255u);
  return c;
}
static inline int __dp4a(int a, int b, int c) {
  unsigned sum = (unsigned)c;
  for (int k = 0; k < 32; k += 8) sum += (unsigned)((signed char)(a >> k) * (signed char)(b >> k));
  return (int)sum;
}
