#pragma once
// head.hpp - lm_head, log-sum-exp and gather in one: Q = z[label], V = logsumexp(z), H = entropy, z = x W^T / temperature, and the gradients
// dz = dQ e_label + dV p + dH dH/dz. No [rows, vocabulary] array: logits-sized scratch stays within a byte budget.
//
// Numerics: z, V and Q come from fp32 accumulators. Columns are reduced in fixed 1024-column segments that are merged in order, so the
// bits of a row depend on that row alone; head_logits gives the same V and the same z as head_forward. The division by the temperature is
// one correctly rounded fp32 division: Q == logits[label] / temperature, to the bit.
#include <cstdint>
#include <memory>

#include "core/dtype.hpp"
#include "rollout/sampler.hpp"

namespace tbrm {

struct HeadShape {
    Dtype dtype;
    int64_t hidden;  // D
    int64_t vocab;   // V
    float temperature;
    int64_t budget_bytes;  // 0 = 256 MiB
};

// Bytes that a HeadTape holds from forward to backward, and at most while either runs (what it holds included).
struct HeadBytes {
    int64_t kept;
    int64_t forward;
    int64_t backward;
};

namespace cpu {

HeadBytes head_bytes(const HeadShape& shape, int64_t rows, bool entropy, bool trains_weight);
// While head_forward or head_logits runs.
int64_t head_forward_bytes(const HeadShape& shape, int64_t rows);

// x [rows, D] in dtype, contiguous. w: panels of W[V, D]. out_h may be null.
void head_forward(const HeadShape& shape, int64_t rows, const void* x, const void* w, const int32_t* labels,
        float* out_q, float* out_v, float* out_h);

// For the sampler: fp32 logits z * temperature (that is, x W^T untouched by temperature) at out_logits + r*ld, and V at `temperature`.
void head_logits(const HeadShape& shape, int64_t rows, const void* x, const void* w, float* out_logits, int64_t ld,
        float* out_v);

// One forward whose backward follows. Keeps E = exp(z - shift) (target column zeroed) while it fits the budget, so that backward is two
// GEMMs; recomputes it segment by segment where it does not, or where dh is given.
class HeadTape {
public:
    HeadTape();
    ~HeadTape();
    HeadTape(HeadTape&&) noexcept;
    HeadTape& operator=(HeadTape&&) noexcept;

    // x must stay valid until backward.
    void forward(const HeadShape& shape, int64_t rows, const void* x, const void* w, const int32_t* labels,
            float* out_q, float* out_v, float* out_h);

    // dx [rows, D] in dtype (written), dw fp32 panels (+=), null when W is not trained. dh may be null. Frees what was kept.
    void backward(const void* w, const float* dq, const float* dv, const float* dh, void* dx, float* dw);

    int64_t kept_bytes() const;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace cpu

struct CudaQueue;  // core/cuda.hpp

namespace cuda {

// As the CPU twins; pointers are memory of the queue's device, W and dW row-major. The bits of a row's Q, V and H, and of its logits, are
// its own when queue.batch_invariant; otherwise its logits come from cuBLASLt: equal bits for equal calls, not with other rows beside them.
void head_forward(const CudaQueue& queue, const HeadShape& shape, int64_t rows, const void* x, const void* w,
        const int32_t* labels, float* out_q, float* out_v, float* out_h);

// out_tops (may be null): where the largest of each segment is until the queue's scratch is used again; untouched where that is too small for them.
void head_logits(const CudaQueue& queue, const HeadShape& shape, int64_t rows, const void* x, const void* w,
        float* out_logits, int64_t ld, float* out_v, SegmentTops* out_tops = nullptr);

class HeadTape {
public:
    explicit HeadTape(const CudaQueue& queue);  // which must outlive it
    ~HeadTape();
    HeadTape(HeadTape&&) noexcept;
    HeadTape& operator=(HeadTape&&) noexcept;

    void forward(const HeadShape& shape, int64_t rows, const void* x, const void* w, const int32_t* labels,
            float* out_q, float* out_v, float* out_h);
    void backward(const void* w, const float* dq, const float* dv, const float* dh, void* dx, float* dw);
    int64_t kept_bytes() const;

private:
    struct Impl;
    const CudaQueue* queue_;
    std::unique_ptr<Impl> impl_;
};

}  // namespace cuda
}  // namespace tbrm
