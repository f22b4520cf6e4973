// Philox4x64-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"): the stream of
// numpy.random.Philox, any part of it by itself. See ops/random.py.
#pragma once

struct Philox {
  unsigned long long key[2], counter[4];  // low words first
};

// Words 4 * block to 4 * block + 3 of the stream. NumPy counts before it draws, hence the 1.
__device__ inline void philox(const Philox& stream, unsigned long long block,
                              unsigned long long* words) {
  unsigned long long carry = block + 1;
  for (int i = 0; i < 4; ++i) {
    words[i] = stream.counter[i] + carry;
    carry = words[i] < carry;
  }
  unsigned long long k0 = stream.key[0], k1 = stream.key[1];
  for (int round = 0; round < 10; ++round) {
    const unsigned long long m0 = 0xd2e7470ee14c6c93ull, m1 = 0xca5a826395121157ull;
    unsigned long long low0 = m0 * words[0], high0 = __umul64hi(m0, words[0]);
    unsigned long long low1 = m1 * words[2], high1 = __umul64hi(m1, words[2]);
    words[0] = high1 ^ words[1] ^ k0;
    words[1] = low1;
    words[2] = high0 ^ words[3] ^ k1;
    words[3] = low0;
    k0 += 0x9e3779b97f4a7c15ull;
    k1 += 0xbb67ae8584caa73bull;
  }
}
