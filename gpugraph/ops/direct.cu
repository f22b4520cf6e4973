// Convolution without columns, for groups of few channels; with one each it is depthwise. See
// ops/conv_direct.py.
//
//   direct            y[n, o, p] = bias[o] +
//                     sum over c of the group and taps t of w[o, c, t] x[n, c, p*s + t*d - low]
//   direct_input      its adjoint in x: a sum over the group's filters and the windows that look
//                     at an element
//   direct_weight_9   its adjoint in w, one sum per slab; sum_slabs of conv.cu adds the slabs up.
//   direct_weight_27  9 or 27 taps at a time: x and gy are read once if there are no more
//
// Threads:       direct, direct_input: blocks take planes as place.cuh says, their threads walk
//                along them.
//                direct_weight: a block adds up some taps of one filter and channel over one slab,
//                some images and a piece of their planes. `width` neighbours walk along a plane, as
//                many such groups as there are through the images.
// Determinism:   direct, direct_input: one thread adds up an element, in a fixed order.
//                direct_weight: each thread its own products, then the block as reduce.cuh says.
// Accuracy:      16-bit floats are added up in float, and rounded once.
// Letters:       `inputs` and `outputs` are channels per group.

#include "place.cuh"
#include "reduce.cuh"
#include "wide.cuh"
#include "window.cuh"

template <typename T>
__global__ void direct(const T* x, const T* weight, const T* bias, bool biased, T* y, Window3 w,
                       int inputs, int outputs, int groups, long long planes) {
  unsigned size = (unsigned)volume(w.out);
  for (long long plane = blockIdx.x; plane < planes; plane += gridDim.x) {
    long long o = plane % ((long long)outputs * groups);
    const T* image = x + plane / outputs * inputs * volume(w.in);
    const T* filter = weight + o * inputs * taps(w);
    wide<T> start = biased ? (wide<T>)bias[o] : (wide<T>)0;
    for (unsigned i = first_in_plane(); i < size; i += step_in_plane()) {
      int at[3];
      place_in(i, w.out, at);
      wide<T> sum = start;
      for (int c = 0; c < inputs; ++c) {
        const T* plane = image + c * volume(w.in);
        const T* tap_weight = filter + (long long)c * taps(w);
        each_tap(w, at, [&](int tap, int position) {
          sum += (wide<T>)tap_weight[tap] * (wide<T>)plane[position];
        });
      }
      y[plane * size + i] = (T)sum;
    }
  }
}

template <typename T>
__global__ void direct_input(const T* gy, const T* weight, T* gx, Window3 w, int inputs,
                             int outputs, int groups, long long planes) {
  unsigned size = (unsigned)volume(w.in);
  for (long long plane = blockIdx.x; plane < planes; plane += gridDim.x) {
    long long pair = plane / inputs;  // image and group
    const T* image = gy + pair * outputs * volume(w.out);
    const T* filters = weight + (pair % groups * outputs * inputs + plane % inputs) * taps(w);
    for (unsigned i = first_in_plane(); i < size; i += step_in_plane()) {
      int at[3];
      place_in(i, w.in, at);
      wide<T> sum = 0;
      for (int o = 0; o < outputs; ++o) {
        const T* plane = image + o * volume(w.out);
        const T* tap_weight = filters + (long long)o * inputs * taps(w);
        each_window(w, at, [&](int tap, int window) {
          sum += (wide<T>)tap_weight[tap] * (wide<T>)plane[window];
        });
      }
      gx[plane * size + i] = (T)sum;
    }
  }
}

struct Slabs {
  int images, in_slab;      // images in all, and of one slab
  int piece, pieces;        // windows of one piece of a plane, pieces of a plane
  int width;                // threads along a plane: a power of 2
};

struct Seen {  // what a tap looks at, from where its window starts
  int along[3], offset;
};

template <int TAPS, typename T>
__device__ void direct_weight(const T* x, const T* gy, wide<T>* partial, const Window3& w,
                              const Slabs& slabs, int inputs, int outputs, long long blocks,
                              long long filters) {
  __shared__ Seen seen[TAPS];
  int chunks = (taps(w) - 1) / TAPS + 1;
  for (long long block = blockIdx.x; block < blocks; block += gridDim.x) {
    int first = (int)(block % chunks) * TAPS, count = min(TAPS, taps(w) - first);
    long long entry = block / chunks;  // (slab, filter, channel)
    long long c = entry % inputs, o = entry / inputs % filters;
    int slab = (int)(entry / inputs / filters);
    __syncthreads();  // the last round has used `seen`
    if (threadIdx.x < count) {
      Seen& mine = seen[threadIdx.x];
      tap_of(first + threadIdx.x, w, mine.along);
      for (int axis = 0; axis < 3; ++axis) mine.along[axis] *= w.dilation[axis];
      mine.offset = (int)index_in(mine.along, w.in);
    }
    __syncthreads();
    wide<T> sum[TAPS] = {};
    int image = slab / slabs.pieces * slabs.in_slab;
    int last_image = min(slabs.images - image, slabs.in_slab) + image;
    unsigned start = slab % slabs.pieces * (unsigned)slabs.piece;
    unsigned end = min(start + slabs.piece, (unsigned)volume(w.out));
    for (image += threadIdx.x / slabs.width; image < last_image;
         image += blockDim.x / slabs.width) {
      const T* from = x + ((image * (filters / outputs) + o / outputs) * inputs + c) * volume(w.in);
      const T* g = gy + (image * filters + o) * volume(w.out);
      for (unsigned i = start + threadIdx.x % slabs.width; i < end; i += slabs.width) {
        int at[3];
        place_in(i, w.out, at);
        for (int axis = 0; axis < 3; ++axis) at[axis] = at[axis] * w.stride[axis] - w.low[axis];
        long long corner = index_in(at, w.in);
        wide<T> here = (wide<T>)g[i];
#pragma unroll
        for (int k = 0; k < TAPS; ++k) {
          if (k >= count) break;
          bool inside = true;
          for (int axis = 0; axis < 3; ++axis) {
            int position = at[axis] + seen[k].along[axis];
            inside = inside && position >= 0 && position < w.in[axis];
          }
          if (inside) sum[k] += here * (wide<T>)from[corner + seen[k].offset];
        }
      }
    }
#pragma unroll
    for (int k = 0; k < TAPS; ++k) {
      if (k >= count) break;
      wide<T> total = team_total(sum[k], blockDim.x, Plus());
      if (threadIdx.x == 0) partial[entry * taps(w) + first + k] = total;
    }
  }
}

template <typename T>
__global__ void direct_weight_9(const T* x, const T* gy, wide<T>* partial, Window3 w, Slabs slabs,
                                int inputs, int outputs, long long blocks, long long filters) {
  direct_weight<9>(x, gy, partial, w, slabs, inputs, outputs, blocks, filters);
}

template <typename T>
__global__ void direct_weight_27(const T* x, const T* gy, wide<T>* partial, Window3 w, Slabs slabs,
                                 int inputs, int outputs, long long blocks, long long filters) {
  direct_weight<27>(x, gy, partial, w, slabs, inputs, outputs, blocks, filters);
}
