// Trees over the pixels of an image, joined by many threads at once: the root of each is the smallest index
// in it, so that nothing depends on the order of the atomics.  parent[i] is a pixel of the same tree, i
// itself at a root, negative where a pixel is in none.
#pragma once

__device__ __forceinline__ int find_root(const int* parent, int i) {
  for (int p = load_relaxed(parent + i); p != i; p = load_relaxed(parent + i)) i = p;
  return i;
}

// Hangs the larger root under the smaller; tries again when another thread moved it meanwhile.
__device__ __forceinline__ void unite(int* parent, int a, int b) {
  for (;;) {
    a = find_root(parent, a);
    b = find_root(parent, b);
    if (a == b) return;
    if (a > b) {
      const int larger = a;
      a = b;
      b = larger;
    }
    const int was = atomicMin(parent + b, a);
    if (was == b) return;
    b = was;
  }
}
