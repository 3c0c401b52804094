// head_cuda_bench.cpp - the head forward and backward on a GPU, its logits by the row-invariant product and by cuBLASLt, against the three
// cuBLAS products alone; same inputs, taking turns.
//     bench_head_cuda [rows=8192] [hidden=1536] [vocab=151936] [rounds=10] [budget_mib=4096] [dtype=bf16|fp32 as 1|0, both when absent]
// One JSON object per measurement; times by events on the stream.
#include "device/cuda_handles.hpp"
#include "head_contenders.hpp"

using namespace tbrm;
using namespace tbrm::bench;

namespace {

template <class T>
void upload(const CudaQueue& queue, CudaArray<T>& array, const T* host, int64_t n) {
    array.resize(queue, n);
    TBRM_CUDA_CHECK(cudaMemcpyAsync(
            array.data(), host, static_cast<size_t>(array.bytes()), cudaMemcpyHostToDevice, queue.stream));
}

struct DeviceInputs {
    const CudaQueue& queue;
    HeadShape shape;
    int64_t rows;
    CudaArray<char> x, w, dx;
    CudaArray<int32_t> labels;
    CudaArray<float> dq, dv, q, v, dw;

    DeviceInputs(const CudaQueue& on, HeadInputs& in) : queue(on), shape(in.shape), rows(in.rows) {
        upload(queue, x, in.x.data(), in.x.size());
        upload(queue, w, in.w.data(), in.w.size());
        upload(queue, labels, in.labels.data(), rows);
        upload(queue, dq, in.dq.data(), rows);
        upload(queue, dv, in.dv.data(), rows);
        q.resize(queue, rows);
        v.resize(queue, rows);
        dx.resize(queue, in.x.size());
        dw.resize(queue, shape.vocab * shape.hidden);
        TBRM_CUDA_CHECK(cudaMemsetAsync(dw.data(), 0, static_cast<size_t>(dw.bytes()), queue.stream));
        TBRM_CUDA_CHECK(cudaStreamSynchronize(queue.stream));
    }

    void head_forward_backward(int64_t budget) {
        HeadShape with_budget = shape;
        with_budget.budget_bytes = budget;
        cuda::HeadTape tape(queue);
        tape.forward(with_budget, rows, x.data(), w.data(), labels.data(), q.data(), v.data(), nullptr);
        tape.backward(w.data(), dq.data(), dv.data(), nullptr, dx.data(), dw.data());
    }
    void head_forward() {
        cuda::head_forward(queue, shape, rows, x.data(), w.data(), labels.data(), q.data(), v.data(), nullptr);
    }

    void product(cublasOperation_t op_a, cublasOperation_t op_b, int64_t m, int64_t n, int64_t k, const void* a,
            int64_t lda, const void* b, int64_t ldb, void* c, cudaDataType_t c_type, int64_t ldc) {
        const float one = 1.0f, zero = 0.0f;
        const bool wide = shape.dtype == Dtype::F32;
        const cudaDataType_t type = wide ? CUDA_R_32F : CUDA_R_16BF;
        TBRM_CUBLAS_CHECK(cublasGemmEx(queue.blas, op_a, op_b, static_cast<int>(m), static_cast<int>(n),
                static_cast<int>(k), &one, a, type, static_cast<int>(lda), b, type, static_cast<int>(ldb), &zero, c,
                wide ? CUDA_R_32F : c_type, static_cast<int>(ldc),
                wide ? CUBLAS_COMPUTE_32F_PEDANTIC : CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT));
    }
    // z = x W^T, dx = z W in dtype, dw = z^T x in fp32; z [rows, V].
    void three_products(CudaArray<char>& z) {
        const int64_t d = shape.hidden, vocab = shape.vocab;
        product(CUBLAS_OP_T, CUBLAS_OP_N, vocab, rows, d, w.data(), d, x.data(), d, z.data(), CUDA_R_16BF, vocab);
        product(CUBLAS_OP_N, CUBLAS_OP_N, d, rows, vocab, w.data(), d, z.data(), vocab, dx.data(), CUDA_R_16BF, d);
        product(CUBLAS_OP_N, CUBLAS_OP_T, d, vocab, rows, x.data(), d, z.data(), vocab, dw.data(), CUDA_R_32F, d);
    }
};

double milliseconds(const CudaQueue& queue, const std::function<void()>& run) {
    cudaEvent_t start, stop;
    TBRM_CUDA_CHECK(cudaEventCreate(&start));
    TBRM_CUDA_CHECK(cudaEventCreate(&stop));
    TBRM_CUDA_CHECK(cudaEventRecord(start, queue.stream));
    run();
    TBRM_CUDA_CHECK(cudaEventRecord(stop, queue.stream));
    TBRM_CUDA_CHECK(cudaEventSynchronize(stop));
    float elapsed = 0.0f;
    TBRM_CUDA_CHECK(cudaEventElapsedTime(&elapsed, start, stop));
    TBRM_CUDA_CHECK(cudaEventDestroy(start));
    TBRM_CUDA_CHECK(cudaEventDestroy(stop));
    return static_cast<double>(elapsed);
}

void run(CudaQueue& queue, Dtype dtype, int64_t rows, int64_t hidden, int64_t vocab, int rounds, int64_t budget) {
    HeadInputs host(dtype, rows, hidden, vocab);
    DeviceInputs in(queue, host);
    CudaArray<char> z(queue, rows * vocab * dtype_bytes(dtype));
    struct Timed {
        const char* name;
        double products;
        std::function<void()> run;
        std::vector<double> times;
    };
    const auto with_logits_by = [&](bool invariant, const std::function<void()>& body) {
        return [&queue, invariant, body] {
            queue.batch_invariant = invariant;
            body();
        };
    };
    const auto both = [&] { in.head_forward_backward(budget); };
    const auto forward = [&] { in.head_forward(); };
    std::vector<Timed> contenders{{"three products", 3, [&] { in.three_products(z); }, {}},
            {"head", 3, with_logits_by(true, both), {}}, {"head forward", 1, with_logits_by(true, forward), {}},
            {"head, logits by cuBLASLt", 3, with_logits_by(false, both), {}},
            {"head forward, logits by cuBLASLt", 1, with_logits_by(false, forward), {}}};
    for (int round = -2; round < rounds; ++round) {
        for (Timed& c : contenders) {
            const double time = milliseconds(queue, c.run);
            if (round >= 0) c.times.push_back(time);
        }
    }
    z.reset();
    const int64_t before = queue.memory->in_use();
    queue.memory->reset_peak();
    in.head_forward_backward(budget);
    TBRM_CUDA_CHECK(cudaStreamSynchronize(queue.stream));
    const int64_t extra = queue.memory->peak() - before;
    for (const Timed& c : contenders) {
        const double median = median_of(c.times);
        std::printf(
                "{\"bench\":\"head_cuda\",\"contender\":\"%s\",\"dtype\":\"%s\",\"rows\":%lld,\"hidden\":%lld,"
                "\"vocab\":%lld,"
                "\"budget_bytes\":%lld,\"median_ms\":%.3f,\"tflops_of_products\":%.0f,\"over_products\":%.3f,\"extra_"
                "bytes\":%lld}\n",
                c.name, dtype == Dtype::F32 ? "fp32" : "bf16", static_cast<long long>(rows),
                static_cast<long long>(hidden), static_cast<long long>(vocab), static_cast<long long>(budget), median,
                c.products * host.product_flops() / median * 1e-9, median / median_of(contenders[0].times),
                static_cast<long long>(std::strncmp(c.name, "head", 4) == 0 && c.products == 3 ? extra : 0));
    }
    std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
    int devices = 0;
    if (cudaGetDeviceCount(&devices) != cudaSuccess || devices == 0) {
        std::fprintf(stderr, "bench_head_cuda: no CUDA device\n");
        return 77;
    }
    CudaHandles handles(0);
    const auto argument = [&](const char* name, int64_t otherwise) {
        return integer_argument(argc, argv, name, otherwise);
    };
    const int64_t rows = argument("rows", 8192), hidden = argument("hidden", 1536), vocab = argument("vocab", 151936);
    const int64_t only = argument("dtype", -1);
    for (const Dtype dtype : {Dtype::Bf16, Dtype::F32}) {
        if (only >= 0 && only != static_cast<int64_t>(dtype)) continue;
        run(handles.queue(), dtype, rows, hidden, vocab, static_cast<int>(argument("rounds", 10)),
                argument("budget_mib", 4096) << 20);
    }
    return 0;
}
