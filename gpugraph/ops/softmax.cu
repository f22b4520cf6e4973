// Softmax, its logarithm and the cross-entropy along one axis. See ops/softmax.py.
//
//   softmax        y[c] = e^(x[c] - top) / total    top = max of x, total = sum of e^(x - top)
//   log_softmax    y[c] = x[c] - top - log(total)
//   cross_entropy  the same, and loss = -y[target]
//
// Rows:          row r lies along the axis, in steps of `inner`, the product of the axes behind.
// Threads:       a team for each row: 1, 32 or all threads of a block.
// Determinism:   each thread adds every team-th element, teams as reduce.cuh says. No atomics.
// Conventions:   one NaN or +inf makes a row NaN, and so does -inf alone (-inf - -inf is NaN).

#include "index.cuh"
#include "reduce.cuh"
#include "wide.cuh"

template <typename T>
struct Row {
  long long start;  // where its first element lies
  wide<T> top, total;
};

template <typename T>
__device__ Row<T> survey(const T* x, long long row, long long length, long long inner, int team) {
  long long start = row / inner * length * inner + row % inner;
  wide<T> top = (wide<T>)x[start], total = 0;
  for (long long c = threadIdx.x % team; c < length; c += team)
    top = Larger()((wide<T>)x[start + c * inner], top);
  top = team_total(top, team, Larger());
  for (long long c = threadIdx.x % team; c < length; c += team)
    total += exp((wide<T>)x[start + c * inner] - top);
  return {start, top, team_total(total, team, Plus())};
}

template <typename T>
__global__ void softmax(const T* x, T* y, long long rows, long long length, long long inner,
                        int team) {
  long long row = first_thread() / team;
  if (row >= rows) return;  // a whole team leaves
  Row<T> r = survey(x, row, length, inner, team);
  for (long long c = threadIdx.x % team; c < length; c += team) {
    long long i = r.start + c * inner;
    y[i] = (T)(exp((wide<T>)x[i] - r.top) / r.total);
  }
}

template <typename T>
__global__ void log_softmax(const T* x, T* y, long long rows, long long length, long long inner,
                            int team) {
  long long row = first_thread() / team;
  if (row >= rows) return;
  Row<T> r = survey(x, row, length, inner, team);
  for (long long c = threadIdx.x % team; c < length; c += team) {
    long long i = r.start + c * inner;
    y[i] = (T)((wide<T>)x[i] - r.top - log(r.total));
  }
}

template <typename T>
__global__ void cross_entropy(const T* logits, const long long* target, T* loss, T* log_probs,
                              long long rows, long long length, long long inner, int team) {
  long long row = first_thread() / team;
  if (row >= rows) return;
  Row<T> r = survey(logits, row, length, inner, team);
  for (long long c = threadIdx.x % team; c < length; c += team) {
    long long i = r.start + c * inner;
    wide<T> y = (wide<T>)logits[i] - r.top - log(r.total);
    log_probs[i] = (T)y;
    if (c == target[row]) loss[row] = (T)-y;
  }
}
