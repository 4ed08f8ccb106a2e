// Random words that are a pure function of (seed, k), and the Fisher-Yates shuffle made of them; the CPU's
// are in philox_cpu.py and shuffle_cpu.py.
#pragma once
typedef unsigned long long Key;

#define ORDERS 0u
#define FLIPS 1u
#define SHIFTS 2u

// Philox4x32-10: four words of a counter under a key
__device__ __forceinline__ uint4 philox(unsigned c0, unsigned c1, unsigned c2, unsigned c3, Key seed) {
  unsigned key0 = (unsigned)seed, key1 = (unsigned)(seed >> 32);
#pragma unroll
  for (int round = 0; round < 10; round++) {
    const unsigned even_high = __umulhi(0xD2511F53u, c0), even = 0xD2511F53u * c0;
    const unsigned odd_high = __umulhi(0xCD9E8D57u, c2), odd = 0xCD9E8D57u * c2;
    c0 = odd_high ^ c1 ^ key0;
    c1 = odd;
    c2 = even_high ^ c3 ^ key1;
    c3 = even;
    key0 += 0x9E3779B9u;
    key1 += 0xBB67AE85u;
  }
  return make_uint4(c0, c1, c2, c3);
}

__device__ __forceinline__ uint4 words_of(unsigned block, unsigned use, Key k, Key seed) {
  return philox(block, use, (unsigned)k, (unsigned)(k >> 32), seed);
}

// Scales a word to [0, size); false where it must be passed over for the result to be even.
__device__ __forceinline__ bool scaled(unsigned word, unsigned size, unsigned& index) {
  const unsigned rest = word * size;
  index = __umulhi(word, size);
  return rest >= size || rest >= (0u - size) % size;
}

// Words of a tile: four from every thread of a block but those of its first warp.
__device__ __forceinline__ unsigned tile_words() { return 4 * (blockDim.x - 32); }

// Makes the words of a tile, in the order of the counter; called by all threads but the first warp's.
__device__ __forceinline__ void make_tile(unsigned* words, unsigned tile, Key k, Key seed) {
  const unsigned slot = threadIdx.x - 32, block = tile * (tile_words() / 4) + slot;
  *reinterpret_cast<uint4*>(words + 4 * slot) = words_of(block, ORDERS, k, seed);
}

// Writes the k-th permutation of 0..n-1 into items, by a whole block of 64 threads or more.  One thread
// exchanges, for Fisher-Yates is a chain; the other warps make the next tile of words meanwhile.  words: 2
// tiles of shared memory.
template <class Index>
__device__ void permute(Index* items, unsigned n, Key k, Key seed, unsigned* words) {
  __shared__ int more[2];  // written for the next tile while the others read this tile's
  for (unsigned i = threadIdx.x; i < n; i += blockDim.x) items[i] = (Index)i;
  if (threadIdx.x >= 32) make_tile(words, 0, k, seed);
  if (threadIdx.x == 0) more[0] = n > 1;
  __syncthreads();
  unsigned size = n;
  for (unsigned tile = 0; more[tile & 1]; tile++) {
    if (threadIdx.x == 0) {
      const unsigned* own = words + (tile & 1) * tile_words();
      for (unsigned w = 0; w < tile_words() && size > 1; w++) {
        unsigned j;
        if (!scaled(own[w], size, j)) continue;
        size--;
        const Index held = items[size];
        items[size] = items[j];
        items[j] = held;
      }
      more[(tile + 1) & 1] = size > 1;
    } else if (threadIdx.x >= 32) {
      make_tile(words + ((tile + 1) & 1) * tile_words(), tile + 1, k, seed);
    }
    __syncthreads();
  }
}
