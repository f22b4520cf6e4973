// Softmax, its logarithm and the cross-entropy along one axis. See ops/softmax.py, losses.py.
//
//   softmax        y[c] = e^(x[c] - top) / total    top = max of x, total = sum of e^(x - top)
//   log_softmax    y[c] = x[c] - top - log(total)
//   cross_entropy  the same, and loss = -y[target]
//
// and the gradient gx of x from what came out, y, and its gradient g:
//
//   softmax_grad        gx[c] = y[c] (g[c] - sum of g y)
//   log_softmax_grad    gx[c] = g[c] - e^y[c] (sum of g)
//   cross_entropy_grad  gx[c] = (e^y[c] - (c is the target)) g, with one g for the row's loss
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

__device__ inline long long start_of(long long row, long long length, long long inner) {
  return row / inner * length * inner + row % inner;
}

template <typename T>
__device__ Row<T> survey(const T* x, long long row, long long length, long long inner, int team) {
  long long start = start_of(row, length, inner);
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

template <typename T>
__global__ void softmax_grad(const T* y, const T* g, T* gx, long long rows, long long length,
                             long long inner, int team) {
  long long row = first_thread() / team;
  if (row >= rows) return;
  long long start = start_of(row, length, inner);
  wide<T> dot = 0;
  for (long long c = threadIdx.x % team; c < length; c += team)
    dot += (wide<T>)g[start + c * inner] * (wide<T>)y[start + c * inner];
  dot = team_total(dot, team, Plus());
  for (long long c = threadIdx.x % team; c < length; c += team) {
    long long i = start + c * inner;
    gx[i] = (T)((wide<T>)y[i] * ((wide<T>)g[i] - dot));
  }
}

template <typename T>
__global__ void log_softmax_grad(const T* y, const T* g, T* gx, long long rows, long long length,
                                 long long inner, int team) {
  long long row = first_thread() / team;
  if (row >= rows) return;
  long long start = start_of(row, length, inner);
  wide<T> sum = 0;
  for (long long c = threadIdx.x % team; c < length; c += team)
    sum += (wide<T>)g[start + c * inner];
  sum = team_total(sum, team, Plus());
  for (long long c = threadIdx.x % team; c < length; c += team) {
    long long i = start + c * inner;
    gx[i] = (T)((wide<T>)g[i] - exp((wide<T>)y[i]) * sum);
  }
}

template <typename T>
__global__ void cross_entropy_grad(const T* log_probs, const long long* target, const T* g, T* gx,
                                   long long rows, long long length, long long inner, int team) {
  long long row = first_thread() / team;
  if (row >= rows) return;
  long long start = start_of(row, length, inner), chosen = target[row];
  wide<T> factor = (wide<T>)g[row];
  for (long long c = threadIdx.x % team; c < length; c += team) {
    long long i = start + c * inner;
    gx[i] = (T)((exp((wide<T>)log_probs[i]) - (wide<T>)(c == chosen)) * factor);
  }
}
