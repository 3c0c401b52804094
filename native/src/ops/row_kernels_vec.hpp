#pragma once
// row_kernels_vec.hpp - RowKernels written once over gemm/vec.hpp; compiled per instruction set, hence the anonymous namespace.
#include <cmath>

#include "gemm/vec.hpp"
#include "ops/row_kernels.hpp"

namespace tbrm {
namespace {

using cpu::SoftmaxBackwardRows;
using cpu::SoftmaxRows;
using V = Vec::T;
constexpr int64_t kLanes = Vec::kLanes;

// body(offset, lanes): whole vectors with lanes = kLanes, then the rest.
template <class Body>
inline void for_each_vector(int64_t n, Body&& body) {
    int64_t at = 0;
    for (; at + kLanes <= n; at += kLanes) {
        body(at, kLanes);
    }
    if (at < n) body(at, n - at);
}

template <class T>
inline V load(const T* p, int64_t lanes) {
    return lanes == kLanes ? Vec::load(p) : Vec::load_part(p, lanes);
}

template <class T>
inline void store(T* p, V x, int64_t lanes) {
    if (lanes == kLanes) {
        Vec::store(p, x);
    } else {
        Vec::store_part(p, x, lanes);
    }
}

template <class T>
void rms_norm_vec(int64_t n, int64_t d, const void* x, int64_t ldx, const float* weight, float eps, void* y,
        int64_t ldy, float* out_inv_rms) {
    for (int64_t row = 0; row < n; ++row) {
        const T* from = static_cast<const T*>(x) + row * ldx;
        T* to = static_cast<T*>(y) + row * ldy;
        V squares = Vec::zero();
        for_each_vector(d, [&](int64_t at, int64_t lanes) {
            const V value = load(from + at, lanes);
            squares = Vec::fma(value, value, squares);
        });
        const float inv_rms = 1.0f / std::sqrt(Vec::sum(squares) / static_cast<float>(d) + eps);
        const V factor = Vec::set1(inv_rms);
        for_each_vector(d, [&](int64_t at, int64_t lanes) {
            const V scaled = Vec::mul(load(from + at, lanes), factor);
            store(to + at, Vec::mul(scaled, load(weight + at, lanes)), lanes);
        });
        if (out_inv_rms != nullptr) out_inv_rms[row] = inv_rms;
    }
}

template <class T>
void rms_norm_backward_vec(int64_t n, int64_t d, const void* x, int64_t ldx, const float* weight, const float* inv_rms,
        const void* dy, int64_t lddy, bool add_to_dx, void* dx, int64_t lddx, float* dweight) {
    for (int64_t row = 0; row < n; ++row) {
        const T* from = static_cast<const T*>(x) + row * ldx;
        const T* grad = static_cast<const T*>(dy) + row * lddy;
        T* to = static_cast<T*>(dx) + row * lddx;
        V products = Vec::zero();
        for_each_vector(d, [&](int64_t at, int64_t lanes) {
            const V weighted = Vec::mul(load(grad + at, lanes), load(weight + at, lanes));
            products = Vec::fma(weighted, load(from + at, lanes), products);
        });
        const float r = inv_rms[row];
        const V scale = Vec::set1(r);
        const V along = Vec::set1(-(r * r * r) * (Vec::sum(products) / static_cast<float>(d)));
        for_each_vector(d, [&](int64_t at, int64_t lanes) {
            const V value = load(from + at, lanes), g = load(grad + at, lanes);
            V out = Vec::fma(along, value, Vec::mul(scale, Vec::mul(g, load(weight + at, lanes))));
            if (add_to_dx) out = Vec::add(out, load(to + at, lanes));
            if (dweight != nullptr)
                store(dweight + at, Vec::fma(g, Vec::mul(value, scale), load(dweight + at, lanes)), lanes);
            store(to + at, out, lanes);
        });
    }
}

template <class T>
void rope_vec(int64_t half, const float* cos, const float* sin, float sin_sign, void* x) {
    T* low = static_cast<T*>(x);
    T* high = low + half;
    const V sign = Vec::set1(sin_sign);
    for_each_vector(half, [&](int64_t at, int64_t lanes) {
        const V c = load(cos + at, lanes), s = Vec::mul(sign, load(sin + at, lanes));
        const V a = load(low + at, lanes), b = load(high + at, lanes);
        store(low + at, Vec::sub(Vec::mul(a, c), Vec::mul(b, s)), lanes);
        store(high + at, Vec::fma(b, c, Vec::mul(a, s)), lanes);
    });
}

// 1 / (1 + exp(-x)) without overflow on either side.
inline V sigmoid(V x) {
    const V one = Vec::set1(1.0f), negative = Vec::sub(Vec::zero(), x);
    const V e = exp_vec<Vec>(Vec::select_less(x, Vec::zero(), x, negative));
    return Vec::div(Vec::select_less(x, Vec::zero(), e, one), Vec::add(one, e));
}

// Both activations are x sigmoid(t(x)): SiLU with t = x, GELU's tanh form with t = 2 sqrt(2 / pi) (x + 0.044715 x^3).
struct Silu {
    static V gate(V x) { return sigmoid(x); }
    // d (x s) / dx = s (1 + x (1 - s))
    static V slope(V x, V s) {
        const V one = Vec::set1(1.0f);
        return Vec::mul(s, Vec::fma(x, Vec::sub(one, s), one));
    }
};

struct GeluTanh {
    static constexpr float kLinear = 1.5957691216057308f, kCubic = kLinear * 0.044715f;
    static V gate(V x) { return sigmoid(Vec::mul(x, Vec::fma(Vec::mul(x, x), Vec::set1(kCubic), Vec::set1(kLinear)))); }
    // d (x s) / dx = s (1 + x t' (1 - s))
    static V slope(V x, V s) {
        const V one = Vec::set1(1.0f);
        const V dt = Vec::fma(Vec::mul(x, x), Vec::set1(3 * kCubic), Vec::set1(kLinear));
        return Vec::mul(s, Vec::fma(Vec::mul(x, dt), Vec::sub(one, s), one));
    }
};

template <class T, class Gate>
void glu_vec(int64_t i, const void* gate, const void* up, void* y) {
    for_each_vector(i, [&](int64_t at, int64_t lanes) {
        const V g = load(static_cast<const T*>(gate) + at, lanes), u = load(static_cast<const T*>(up) + at, lanes);
        store(static_cast<T*>(y) + at, Vec::mul(Vec::mul(g, Gate::gate(g)), u), lanes);
    });
}

template <class T, class Gate>
void glu_backward_vec(int64_t i, const void* gate, const void* up, const void* dy, void* dgate, void* dup) {
    for_each_vector(i, [&](int64_t at, int64_t lanes) {
        const V g = load(static_cast<const T*>(gate) + at, lanes), u = load(static_cast<const T*>(up) + at, lanes);
        const V grad = load(static_cast<const T*>(dy) + at, lanes), s = Gate::gate(g);
        store(static_cast<T*>(dgate) + at, Vec::mul(grad, Vec::mul(u, Gate::slope(g, s))), lanes);
        store(static_cast<T*>(dup) + at, Vec::mul(grad, Vec::mul(g, s)), lanes);
    });
}

constexpr int64_t kBlockKeys = 64;
constexpr int64_t kBlockVectors = kBlockKeys / kLanes;

inline void rescale_row(float factor, int64_t d, float* acc) {
    const V f = Vec::set1(factor);
    for_each_vector(d, [&](int64_t at, int64_t lanes) { store(acc + at, Vec::mul(load(acc + at, lanes), f), lanes); });
}

template <class T>
void softmax_vec(const SoftmaxRows& args) {
    const V scale = Vec::set1(args.scale), masked = Vec::set1(-INFINITY);
    for (int64_t row = 0; row < args.rows; ++row) {
        T* p = static_cast<T*>(args.p) + row * kBlockKeys;
        const float* scores = args.scores + row * kBlockKeys;
        const int64_t valid = args.n_valid[row], before = args.n_before != nullptr ? args.n_before[row] : 0;
        if (valid <= before) {
            for (int64_t v = 0; v < kBlockVectors; ++v) {
                Vec::store(p + v * kLanes, Vec::zero());
            }
            continue;
        }
        V x[kBlockVectors];
        V top = masked;
        for (int64_t v = 0; v < kBlockVectors; ++v) {
            x[v] = Vec::load(scores + v * kLanes);
            if (valid < kBlockKeys) x[v] = Vec::keep_first(x[v], valid - v * kLanes, masked);
            if (before > 0) x[v] = Vec::keep_first(masked, before - v * kLanes, x[v]);
            top = Vec::max(x[v], top);
        }
        const float block_max = Vec::max_lane(top) * args.scale, old_max = args.max[row];
        const float new_max = block_max > old_max ? block_max : old_max;
        const V shift = Vec::set1(-new_max);
        V total = Vec::zero();
        for (int64_t v = 0; v < kBlockVectors; ++v) {
            const V e = exp_vec<Vec>(Vec::fma(x[v], scale, shift));
            total = Vec::add(total, e);
            Vec::store_flushed(p + v * kLanes, e);
        }
        float carried = args.sum[row];
        if (new_max != old_max) {
            alignas(64) float factor[kLanes];
            Vec::store(factor, exp_vec<Vec>(Vec::set1(old_max - new_max)));
            carried *= factor[0];
            rescale_row(factor[0], args.d, args.acc + row * args.ldacc);
            args.max[row] = new_max;
        }
        args.sum[row] = carried + Vec::sum(total);
    }
}

template <class T>
void softmax_backward_vec(const SoftmaxBackwardRows& args) {
    const V scale = Vec::set1(args.scale);
    for (int64_t row = 0; row < args.rows; ++row) {
        const V lse = Vec::set1(-args.lse[row]), delta = Vec::set1(-args.delta[row] * args.scale);
        const int64_t valid = args.n_valid[row], before = args.n_before != nullptr ? args.n_before[row] : 0;
        for (int64_t v = 0; v < kBlockVectors; ++v) {
            const int64_t at = row * kBlockKeys + v * kLanes;
            V p = exp_vec<Vec>(Vec::fma(Vec::load(args.scores + at), scale, lse));
            V ds = Vec::mul(p, Vec::fma(Vec::load(args.dp + at), scale, delta));
            if (valid < kBlockKeys) {
                p = Vec::keep_first(p, valid - v * kLanes, Vec::zero());
                ds = Vec::keep_first(ds, valid - v * kLanes, Vec::zero());
            }
            // A key before the window is no part of lse: its p may be infinite, and is dropped, not multiplied.
            if (before > 0) {
                p = Vec::keep_first(Vec::zero(), before - v * kLanes, p);
                ds = Vec::keep_first(Vec::zero(), before - v * kLanes, ds);
            }
            Vec::store_flushed(static_cast<T*>(args.p) + at, p);
            Vec::store_flushed(static_cast<T*>(args.ds) + at, ds);
        }
    }
}

template <class T>
void scale_row_vec(int64_t d, const float* acc, float factor, void* y) {
    const V f = Vec::set1(factor);
    for_each_vector(d, [&](int64_t at, int64_t lanes) {
        store(static_cast<T*>(y) + at, Vec::add(Vec::mul(load(acc + at, lanes), f), Vec::zero()), lanes);
    });
}

template <class T>
float dot_vec(int64_t d, const void* a, const void* b) {
    V total = Vec::zero();
    for_each_vector(d, [&](int64_t at, int64_t lanes) {
        total = Vec::fma(load(static_cast<const T*>(a) + at, lanes), load(static_cast<const T*>(b) + at, lanes), total);
    });
    return Vec::sum(total);
}

template <class T>
cpu::RowKernels row_kernels_of() {
    return {rms_norm_vec<T>, rms_norm_backward_vec<T>, rope_vec<T>, {glu_vec<T, Silu>, glu_vec<T, GeluTanh>},
            {glu_backward_vec<T, Silu>, glu_backward_vec<T, GeluTanh>}, softmax_vec<T>, softmax_backward_vec<T>,
            scale_row_vec<T>, dot_vec<T>};
}

}  // namespace
}  // namespace tbrm
