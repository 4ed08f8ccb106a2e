// Launching a kernel over a grid, with the checks that the CUDA driver makes, and those it does not.
#pragma once
#include "block.h"

namespace shim {

template <class F, class Tuple, size_t... I>
static void call(F f, Tuple& t, std::index_sequence<I...>) {
  f(std::get<I>(t)...);
}

template <class... A>
struct Body {
  void (*fn)(A...);
  std::tuple<A...> args;
  static void run(void* p) {
    auto* b = static_cast<Body*>(p);
    call(b->fn, b->args, std::index_sequence_for<A...>{});
  }
};

// What a parameter takes, for host_module.py: "i4", "u8", "f4", or "*f4" for a pointer.  Structures,
// vector types among them, are "V" and their size; void is "V0".
template <class T>
static void describe(char*& at, const char* end) {
  typedef std::remove_pointer_t<T> P;
  typedef std::conditional_t<std::is_void_v<P>, char, P> Sized;
  const char kind = std::is_floating_point_v<P> ? 'f'
                    : !std::is_integral_v<P>    ? 'V'
                    : std::is_signed_v<P>       ? 'i'
                                                : 'u';
  const int size = std::is_void_v<P> ? 0 : (int)sizeof(Sized);
  at += snprintf(at, end - at, "%s%c%d ", std::is_pointer_v<T> ? "*" : "", kind, size);
}

static char signature_text[2048];

template <class... A>
static const char* signature(void (*)(A...)) {
  char* at = signature_text;
  *at = 0;
  (describe<A>(at, signature_text + sizeof signature_text), ...);
  return signature_text;
}

static SHIM_FN bool fits(const unsigned* grid, const unsigned* block, size_t dynamic) {
  const unsigned long long threads = 1ull * block[0] * block[1] * block[2];
  if (threads == 0 || threads > LARGEST_BLOCK || block[2] > 64)
    fault("a block of %u x %u x %u threads", block[0], block[1], block[2]);
  if (!grid[0] || !grid[1] || !grid[2] || grid[0] > 0x7fffffffu || grid[1] > 65535 || grid[2] > 65535)
    fault("a grid of %u x %u x %u blocks", grid[0], grid[1], grid[2]);
  if (dynamic > DYNAMIC) fault("%zu bytes of dynamic shared memory", dynamic);
  return !M.error[0];
}

static SHIM_FN bool takes(const size_t* wants, size_t n, const size_t* sizes, size_t given) {
  if (given != n) fault("%zu arguments for a kernel of %zu", given, n);
  for (size_t k = 0; k < n && !M.error[0]; k++)
    if (sizes[k] != wants[k]) fault("argument %zu has %zu bytes, the kernel takes %zu", k, sizes[k], wants[k]);
  return !M.error[0];
}

static SHIM_FN void run_grid() {
  const unsigned long long n = 1ull * M.gdim.x * M.gdim.y * M.gdim.z;
  auto* order = static_cast<unsigned long long*>(malloc(n * sizeof(unsigned long long)));
  for (unsigned long long b = 0; b < n; b++) order[b] = M.mode == REVERSE ? n - 1 - b : b;
  if (M.mode == RANDOM)
    for (unsigned long long b = n; b-- > 1;) std::swap(order[b], order[rnd() % (b + 1)]);
  for (unsigned long long b = 0; b < n; b++) {
    M.blk = {(unsigned)(order[b] % M.gdim.x), (unsigned)(order[b] / M.gdim.x % M.gdim.y),
             (unsigned)(order[b] / M.gdim.x / M.gdim.y)};
    if (!run_block()) break;
  }
  free(order);
}

template <class... A>
SHIM_FN int launch(void (*fn)(A...), const unsigned* g, const unsigned* b, size_t dynamic, void** argv,
                   const size_t* sizes, size_t given, int mode, unsigned long long seed) {
  M.error[0] = 0;
  const size_t wants[] = {sizeof(A)..., 0};
  if (!takes(wants, sizeof...(A), sizes, given) || !fits(g, b, dynamic)) return 1;
  auto* body = new Body<A...>{fn, {}};
  size_t i = 0;
  std::apply([&](auto&... x) { (memcpy((void*)&x, argv[i++], sizeof x), ...); }, body->args);
  M.body = &Body<A...>::run;
  M.body_arg = body;
  M.mode = mode;
  M.rng = seed * 0x9E3779B97F4A7C15ull + 1;
  M.n = b[0] * b[1] * b[2];
  M.bdim = {b[0], b[1], b[2]};
  M.gdim = {g[0], g[1], g[2]};
  M.dyn_size = dynamic ? dynamic : 1;
  for (unsigned t = 0; t < M.n; t++) {
    M.order[t] = t;
    if (!M.fibers[t].stack) M.fibers[t].stack = static_cast<char*>(mapped(nullptr, STACK));
  }
#if SHIM_TSAN
  M.sched_tsan = __tsan_get_current_fiber();
#endif
  release(&M.launch_tag);
  run_grid();
  acquire(&M.launch_tag);
  delete body;
  return M.error[0] ? 1 : 0;
}

}  // namespace shim

#define SHIM_EXPORT extern "C" __attribute__((visibility("default")))

SHIM_EXPORT const char* shim_error() { return shim::M.error; }

// What host_module.py finds of a kernel in the shared library.
#define HOST_KERNEL(name)                                                                              \
  SHIM_EXPORT int host_launch_##name(const unsigned* g, const unsigned* b, size_t dynamic, void** argv, \
                                     const size_t* sizes, size_t given, int mode,                      \
                                     unsigned long long seed) {                                        \
    return shim::launch(&name, g, b, dynamic, argv, sizes, given, mode, seed);                         \
  }                                                                                                    \
  SHIM_EXPORT const char* host_signature_##name() { return shim::signature(&name); }
