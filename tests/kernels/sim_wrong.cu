// Kernels with one mistake each, for the tests of the simulator. "// here" marks the line that the
// message must name; x and y have n elements, 32 unless tests/test_sim.py says otherwise.

// ---- outside of an array

__global__ void reads_past_the_end(const float* x, float* y, int n) {
  int i = threadIdx.x;
  if (i <= n / 2) y[i] = x[2 * i];  // here
}

__global__ void writes_past_the_end(const float* x, float* y, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i > n) return;
  y[i] = x[0];  // here
}

__global__ void reads_before_the_start(const float* x, float* y, int n) {
  int i = threadIdx.x;
  y[i] = x[i - 1];  // here
}

__device__ float inlined(const float* x, int i) {
  return 2 * x[i];  // here
}
__global__ void calls(const float* x, float* y, int n) {
  y[threadIdx.x] = inlined(x, threadIdx.x + 1);
}

__global__ void reads_far_away(const float* x, float* y, int n) {
  y[threadIdx.x] = *(const float*)((long long)x ^ 0x100000000000ll);  // here
}

__global__ void past_static_shared(const float* x, float* y, int n) {
  __shared__ float s[32];
  s[threadIdx.x + 1] = x[threadIdx.x];  // here
  __syncthreads();
  y[threadIdx.x] = s[threadIdx.x];
}

__device__ inline void fill(int* positions, int n) {
  for (int i = 0; i < n; ++i) positions[i] = i;  // here
}

__global__ void past_local_array(const float* x, float* y, int n) {
  int positions[2];
  fill(positions, 3);
  y[threadIdx.x] = x[positions[threadIdx.x % 2]];
}

__global__ void past_dynamic_shared(const float* x, float* y, int n) {
  extern __shared__ float s[];
  s[threadIdx.x + 1] = x[threadIdx.x];  // here
}

__global__ void atomic_past_the_end(const float* x, float* y, int n) {
  atomicAdd(&y[threadIdx.x + 1], x[threadIdx.x]);  // here
}

__global__ void writes_an_input(const float* x, float* y, int n) {
  const_cast<float*>(x)[threadIdx.x] = 1;  // here
}

// ---- never written

__global__ void skips_zeros(const float* x, float* y, int n) {
  if (x[threadIdx.x] != 0) y[threadIdx.x] = x[threadIdx.x];
}

__global__ void adds_to_garbage(const float* x, float* y, int n) {
  y[threadIdx.x] += x[threadIdx.x];  // here
}

__global__ void reads_unwritten_shared(const float* x, float* y, int n) {
  __shared__ float s[32];
  if (threadIdx.x < 31) s[threadIdx.x] = x[threadIdx.x];
  __syncthreads();
  y[threadIdx.x] = s[threadIdx.x];  // here
}

// ---- not synchronised

__global__ void adds_without_atomics(const float* x, float* y, int n) {
  y[threadIdx.x / 2] += x[threadIdx.x];  // here
}

__global__ void lacks_syncthreads(const float* x, float* y, int n) {
  __shared__ float s[64];
  s[threadIdx.x] = x[threadIdx.x];
  y[threadIdx.x] = s[blockDim.x - 1 - threadIdx.x];
}

__global__ void reuses_shared_too_early(const float* x, float* y, int n) {
  __shared__ float s[64];
  float sum = 0;
  for (int i = 0; i < 2; ++i) {
    s[threadIdx.x] = x[threadIdx.x] + i;
    __syncthreads();
    sum += s[blockDim.x - 1 - threadIdx.x];
  }
  y[threadIdx.x] = sum;
}

__global__ void lacks_syncwarp(const float* x, float* y, int n) {
  __shared__ float s[32];
  s[threadIdx.x] = x[threadIdx.x];
  y[threadIdx.x] = s[31 - threadIdx.x];
}

__global__ void trusts_a_shuffle(const float* x, float* y, int n) {
  __shared__ float s[32];
  s[threadIdx.x] = x[threadIdx.x];
  float other = __shfl_xor_sync(0xffffffffu, x[threadIdx.x], 1);  // orders no memory
  y[threadIdx.x] = s[31 - threadIdx.x] + 0 * other;
}

__global__ void blocks_write_the_same(const float* x, float* y, int n) {
  y[threadIdx.x] = x[threadIdx.x];  // here
}

__global__ void block_writes_what_others_read(float* x, float* y, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  y[i] = x[0];
  if (i == n - 1) x[0] = 1;
}

__global__ void mixes_atomics(const float* x, float* y, int n) {
  if (threadIdx.x)
    atomicAdd(y, x[0]);
  else
    *y = 1;
}

// ---- barriers and warps

__global__ void divergent_barrier(const float* x, float* y, int n) {
  if (threadIdx.x >= 40) return;
  __syncthreads();  // here
  y[threadIdx.x] = x[threadIdx.x];
}

__global__ void half_a_warp_shuffles(const float* x, float* y, int n) {
  float v = x[threadIdx.x];
  if (threadIdx.x < 16)
    v += __shfl_down_sync(0xffffffffu, v, 8);  // here
  y[threadIdx.x] = v;
}

__global__ void barrier_against_shuffle(const float* x, float* y, int n) {
  if (threadIdx.x < 16)
    __syncthreads();
  else
    __shfl_sync(0xffffffffu, 1, 0);  // here
  y[threadIdx.x] = x[threadIdx.x];
}

__global__ void not_in_its_mask(const float* x, float* y, int n) {
  y[threadIdx.x] = __shfl_sync(0x0000ffffu, x[threadIdx.x], 0);  // here
}

__global__ void reads_a_lane_outside(const float* x, float* y, int n) {
  if (threadIdx.x < 16)
    y[threadIdx.x] = __shfl_sync(0xffffu, x[threadIdx.x], 20);  // here
}

__global__ void mixes_operations(const float* x, float* y, int n) {
  if (threadIdx.x < 16)
    y[threadIdx.x] = __shfl_sync(0xffffffffu, x[threadIdx.x], 0);
  else
    y[threadIdx.x] = __any_sync(0xffffffffu, x[threadIdx.x] > 0);
}

// ---- undefined behaviour, and no end

__global__ void misaligned_vector(const float* x, float* y, int n) {
  float4 v = *reinterpret_cast<const float4*>(x + 1);  // here
  y[threadIdx.x] = v.x;
}

__global__ void overflows(const float* x, float* y, int n) {
  int i = n * 70000000;  // here
  y[threadIdx.x] = i > 0 ? x[0] : 0;
}

__global__ void divides_by_zero(const float* x, float* y, int n) {
  y[threadIdx.x] = x[7 / (n - (int)blockDim.x)];  // here
}

__global__ void shifts_too_far(const float* x, float* y, int n) {
  y[threadIdx.x] = 1 << n;  // here
}

__global__ void big_local_array(const float* x, float* y, int n) {  // here
  volatile float local[100000];
  for (int i = 0; i < 100000; ++i) local[i] = x[0];
  y[threadIdx.x] = local[n];
}

__global__ void never_ends(const float* x, float* y, int n) {
  for (volatile int i = 0; i < n;) y[threadIdx.x] = x[0];  // here
}
