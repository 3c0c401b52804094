// self_check_kernels.cpp - the kernels that a self-check runs, at shapes that no tile, vector or page divides. Tolerances: fp32 sums of at most
// some hundred products in two orders differ by a few dozen roundings of 2^-24; results in bf16 by one rounding of 2^-9 each, and by one more
// for each bf16 value (a probability, a rounded slope) that goes into them.
#include <cmath>
#include <limits>

#include "core/guard.hpp"
#include "device/self_check.hpp"

namespace tbrm {
namespace {

constexpr double kF32 = 2e-5, kBf16 = 0x1p-6, kExact = 0.0;

double tolerance_of(Dtype dtype) {
    return dtype == Dtype::F32 ? kF32 : kBf16;
}

const char* name_of(Dtype dtype) {
    return dtype == Dtype::F32 ? "fp32" : "bf16";
}

std::string shape_of(const char* what, Dtype dtype, const std::vector<int64_t>& sizes) {
    std::string text = format("%s %s", name_of(dtype), what);
    for (const int64_t size : sizes)
        text += format(" %lld", static_cast<long long>(size));
    return text;
}

}  // namespace

void SelfCheckRun::products(Dtype dtype, int64_t n, int64_t k, int64_t m) {
    const std::string shape = shape_of(device_.batch_invariant() ? "n k m" : "by library n k m", dtype, {n, k, m});
    const double tolerance = tolerance_of(dtype);
    const auto x = rows_of(dtype, numbers(n * k, 1, dtype)), dy = rows_of(dtype, numbers(n * m, 1, dtype));
    const auto w = matrix_of(dtype, m, k, numbers(m * k, 1, dtype));
    const auto bias = buffer_of(numbers(m, 1, dtype));
    auto y = rows_of(dtype, numbers(n * m, 1, dtype)), dx = rows_of(dtype, numbers(n * k, 1, dtype));
    device_.linear_forward(dtype, n, k, m, x.data(), k, w.data(), bias.data(), Epilogue::Store, y.data(), m);
    result("linear_forward", shape, fetch(dtype, y.data(), n * m), tolerance);
    device_.linear_forward(dtype, n, k, m, x.data(), k, w.data(), nullptr, Epilogue::AddTo, y.data(), m);
    result("linear_forward (add)", shape, fetch(dtype, y.data(), n * m), tolerance);
    device_.linear_backward_input(dtype, n, k, m, dy.data(), m, w.data(), Epilogue::AddTo, dx.data(), k);
    result("linear_backward_input", shape, fetch(dtype, dx.data(), n * k), tolerance);
    const auto dw = matrix_of(Dtype::F32, m, k, numbers(m * k, 1));
    auto db = buffer_of(numbers(m, 1));
    float* const slopes = reinterpret_cast<float*>(const_cast<char*>(dw.data()));
    device_.linear_backward_weight(dtype, n, k, m, dy.data(), m, x.data(), k, slopes, db.data());
    result("linear_backward_weight", shape, fetch_matrix(slopes, m, k), kF32);
    result("linear_backward_weight (bias)", shape, fetch(Dtype::F32, db.data(), m), kF32);
}

void SelfCheckRun::rows(Dtype dtype, int64_t n, int64_t d) {
    const std::string shape = shape_of("rows width", dtype, {n, d});
    const double tolerance = tolerance_of(dtype);
    const auto x = rows_of(dtype, numbers(n * d, 1, dtype)), dy = rows_of(dtype, numbers(n * d, 1, dtype));
    const auto weight = buffer_of(numbers(d, 1));
    auto y = rows_of(dtype, numbers(n * d, 1, dtype)), dx = rows_of(dtype, numbers(n * d, 1, dtype));
    auto inv_rms = buffer_of(numbers(n, 1)), dweight = buffer_of(numbers(d, 1));
    device_.rms_norm_forward(dtype, n, d, x.data(), d, weight.data(), 1e-6f, y.data(), d, inv_rms.data());
    result("rms_norm_forward", shape, fetch(dtype, y.data(), n * d), tolerance);
    device_.rms_norm_backward(
            dtype, n, d, x.data(), d, weight.data(), inv_rms.data(), dy.data(), d, true, dx.data(), d, dweight.data());
    result("rms_norm_backward", shape, fetch(dtype, dx.data(), n * d), tolerance);
    result("rms_norm_backward (weight)", shape, fetch(Dtype::F32, dweight.data(), d), kF32);

    const int64_t heads = 3, width = d / heads * heads;
    auto qk = rows_of(dtype, numbers(n * d, 1, dtype));
    auto head_inv_rms = buffer_of(numbers(heads * n, 1));
    device_.heads_norm_forward(
            dtype, n, 2, 1, width / heads, qk.data(), d, weight.data(), weight.data(), 1e-6f, head_inv_rms.data(), n);
    result("heads_norm_forward", shape, fetch(dtype, qk.data(), n * d), tolerance);
    result("heads_norm_forward (1 / rms)", shape, fetch(Dtype::F32, head_inv_rms.data(), heads * n), kF32);

    const auto gate_up = rows_of(dtype, numbers(n * 2 * d, 3, dtype));
    auto dgate_up = rows_of(dtype, numbers(n * 2 * d, 1, dtype));
    for (const Activation activation : {Activation::Silu, Activation::GeluTanh}) {
        const bool silu = activation == Activation::Silu;
        device_.glu_forward(activation, dtype, n, d, gate_up.data(), y.data());
        result(silu ? "glu_forward (silu)" : "glu_forward (gelu)", shape, fetch(dtype, y.data(), n * d), tolerance);
        device_.glu_backward(activation, dtype, n, d, gate_up.data(), dy.data(), dgate_up.data());
        result(silu ? "glu_backward (silu)" : "glu_backward (gelu)", shape, fetch(dtype, dgate_up.data(), n * 2 * d),
                tolerance);
    }
    device_.scale(dtype, n, d, 0.3f, y.data(), d);
    device_.scale(dtype, n, d - 1, 1.7f, y.data(), d);
    result("scale", shape, fetch(dtype, y.data(), n * d), tolerance);
    device_.add(dtype, n * d, x.data(), y.data());
    result("add", shape, fetch(dtype, y.data(), n * d), tolerance);

    // A depth of two parts, which a GPU spreads over blocks; the branch added as it is, and through a norm of its own.
    const int64_t inputs = 1056;
    const auto inner = rows_of(dtype, numbers(n * inputs, 1, dtype)),
               w = matrix_of(dtype, d, inputs, numbers(d * inputs, 1, dtype));
    auto stream = rows_of(dtype, numbers(n * d, 1, dtype)), branch = rows_of(dtype, numbers(n * d, 1, dtype));
    for (const bool own_norm : {false, true}) {
        device_.add_branch_norm({inputs, d, inner.data(), w.data(), nullptr},
                {dtype, n, d, own_norm ? branch.data() : nullptr, own_norm ? weight.data() : nullptr, nullptr,
                        own_norm ? 0.5f : 1.0f, stream.data(), weight.data(), y.data(), inv_rms.data(), 1e-6f});
        result(own_norm ? "add_branch_norm (own norm)" : "add_branch_norm", shape, fetch(dtype, y.data(), n * d),
                tolerance);
    }
    const auto projection = matrix_of(dtype, 2 * d, inputs, numbers(2 * d * inputs, 1, dtype));
    auto scratch = rows_of(dtype, numbers(n * 2 * d, 1, dtype));
    device_.gated_linear(Activation::Silu, dtype, n, {inputs, 2 * d, inner.data(), projection.data(), nullptr},
            scratch.data(), y.data());
    result("gated_linear", shape, fetch(dtype, y.data(), n * d), tolerance);

    const int64_t vocab = 23;
    std::vector<int32_t> ids(static_cast<size_t>(n));
    std::vector<int64_t> every_third;
    for (int64_t i = 0; i < n; ++i) {
        ids[static_cast<size_t>(i)] = static_cast<int32_t>(i * 7 % vocab % 11);
        if (i % 3 == 1) every_third.push_back(i);
    }
    const auto device_ids = buffer_of(ids);
    const auto table = matrix_of(dtype, vocab, d, numbers(vocab * d, 1, dtype));
    const auto dtable = matrix_of(Dtype::F32, vocab, d, numbers(vocab * d, 1));
    float* const slopes = reinterpret_cast<float*>(const_cast<char*>(dtable.data()));
    device_.embedding_forward(dtype, n, d, vocab, device_ids.data(), table.data(), y.data());
    result("embedding_forward", shape, fetch(dtype, y.data(), n * d), kExact);
    device_.embedding_backward(dtype, n, d, vocab, device_ids.data(), dy.data(), slopes);
    result("embedding_backward", shape, fetch_matrix(slopes, vocab, d), kF32);
    const auto index = buffer_of(every_third);
    device_.gather_rows(dtype, index.size(), d, index.data(), x.data(), y.data());
    result("gather_rows", shape, fetch(dtype, y.data(), index.size() * d), kExact);
    device_.scatter_rows(dtype, index.size(), d, index.data(), x.data(), n, y.data());
    result("scatter_rows", shape, fetch(dtype, y.data(), n * d), kExact);
}

void SelfCheckRun::value_head(Dtype dtype, int64_t rows, int64_t d) {
    const std::string shape = shape_of("rows width", dtype, {rows, d});
    const auto x = rows_of(dtype, numbers(rows * d, 1, dtype));
    const auto w = buffer_of(numbers(d, 1, dtype)), bias = buffer_of(numbers(1, 1)), dv = buffer_of(numbers(rows, 1));
    auto dx = rows_of(dtype, numbers(rows * d, 1, dtype));
    auto out = buffer_of(numbers(rows, 1)), dw = buffer_of(numbers(d, 1)), dbias = buffer_of(numbers(1, 1));
    device_.value_forward(dtype, rows, d, x.data(), w.data(), bias.data(), out.data());
    result("value_forward", shape, fetch(Dtype::F32, out.data(), rows), kF32);
    device_.value_backward(dtype, rows, d, x.data(), w.data(), dv.data(), dx.data(), dw.data(), dbias.data());
    result("value_backward", shape, fetch(dtype, dx.data(), rows * d), tolerance_of(dtype));
    result("value_backward (weight)", shape, fetch(Dtype::F32, dw.data(), d), kF32);
    result("value_backward (bias)", shape, fetch(Dtype::F32, dbias.data(), 1), kF32);
}

void SelfCheckRun::rotation(Dtype dtype, int64_t n) {
    const int64_t heads = 3, d = 10, positions = 17;
    const auto cosines = buffer_of(numbers(positions * d / 2, 1)), sines = buffer_of(numbers(positions * d / 2, 1));
    std::vector<int32_t> at(static_cast<size_t>(n));
    for (int64_t i = 0; i < n; ++i)
        at[static_cast<size_t>(i)] = static_cast<int32_t>(i * 5 % positions);
    const auto device_at = buffer_of(at);
    for (const bool inverse : {false, true}) {
        auto x = rows_of(dtype, numbers(n * heads * d, 1, dtype));
        device_.rope_apply(
                dtype, n, heads, d, device_at.data(), cosines.data(), sines.data(), inverse, x.data(), heads * d);
        result("rope_apply", shape_of(inverse ? "inverse rows" : "rows", dtype, {n}),
                fetch(dtype, x.data(), n * heads * d), kExact);
    }
}

void SelfCheckRun::attention(Dtype dtype, const AttentionShape& shape, const std::vector<int64_t>& lengths) {
    std::vector<int64_t> offsets{0}, table, table_at, pages;
    std::vector<int32_t> slots, n_keys;
    for (const int64_t length : lengths) {
        const int64_t first = static_cast<int64_t>(table.size());
        for (int64_t p = 0; p < (length + kPageTokens - 1) / kPageTokens; ++p)
            table.push_back(static_cast<int64_t>(table.size()) ^ 1);  // neighbours change places
        for (int64_t t = 0; t < length; ++t) {
            table_at.push_back(first);
            pages.push_back((first + t / kPageTokens) ^ 1);
            slots.push_back(static_cast<int32_t>(t % kPageTokens));
            n_keys.push_back(static_cast<int32_t>(t + 1));
        }
        offsets.push_back(offsets.back() + length);
    }
    const int64_t n = offsets.back(), d = shape.head_dim, out_width = shape.n_heads * d;
    const int64_t width = out_width + 2 * shape.n_kv_heads * d, n_pages = static_cast<int64_t>(table.size()) + 1;
    const std::string name = shape_of("heads kv_heads head_dim tokens", dtype, {shape.n_heads, shape.n_kv_heads, d, n});
    const double tolerance = tolerance_of(dtype);
    const auto qkv = rows_of(dtype, numbers(n * width, 1.5f, dtype));
    const auto dout = rows_of(dtype, numbers(n * out_width, 1, dtype));
    auto out = rows_of(dtype, numbers(n * out_width, 1, dtype)), dqkv = rows_of(dtype, numbers(n * width, 1, dtype));
    auto lse = buffer_of(numbers(n * shape.n_heads, 1));
    const int64_t n_seqs = static_cast<int64_t>(lengths.size());
    device_.packed_attention_forward(
            dtype, shape, n_seqs, offsets.data(), qkv.data(), width, out.data(), out_width, lse.data());
    result("packed_attention_forward", name, fetch(dtype, out.data(), n * out_width), tolerance);
    result("packed_attention_forward (lse)", name, fetch(Dtype::F32, lse.data(), n * shape.n_heads), kF32);
    device_.packed_attention_backward(dtype, shape, n_seqs, offsets.data(), qkv.data(), width, out.data(), out_width,
            lse.data(), dout.data(), out_width, dqkv.data(), width);
    result("packed_attention_backward", name, fetch(dtype, dqkv.data(), n * width), 2 * tolerance);

    DeviceBuffer<char> pool(device_, n_pages * page_elements(shape) * dtype_bytes(dtype));
    device_.zero(pool.data(), pool.size());
    const auto device_table = buffer_of(table), device_table_at = buffer_of(table_at), device_pages = buffer_of(pages);
    const auto device_slots = buffer_of(slots), device_n_keys = buffer_of(n_keys);
    const char* const k = qkv.data() + out_width * dtype_bytes(dtype);
    device_.kv_write(dtype, shape, n, k, k + shape.n_kv_heads * d * dtype_bytes(dtype), width, device_pages.data(),
            device_slots.data(), pool.data());
    device_.paged_attention(dtype, shape, n, qkv.data(), width, pool.data(), device_table.data(),
            device_table_at.data(), device_n_keys.data(), out.data(), out_width, lse.data());
    result("kv_write, paged_attention", name, fetch(dtype, out.data(), n * out_width), tolerance);

    // Decode: the last token of each sequence alone, whose keys are written again after a rotation.
    const int64_t size = dtype_bytes(dtype);
    const auto cosines = buffer_of(numbers(d / 2, 1)), sines = buffer_of(numbers(d / 2, 1));
    const auto q_norm = buffer_of(numbers(d, 1)), k_norm = buffer_of(numbers(d, 1));
    const auto origin = buffer_of(std::vector<int32_t>{0});
    auto turned = rows_of(dtype, numbers(n_seqs * width, 1.5f, dtype));
    for (int64_t b = 0; b < n_seqs; ++b) {
        const int64_t last = offsets[static_cast<size_t>(b) + 1] - 1;
        char* const row = turned.data() + b * width * size;
        device_.qkv_to_pages(nullptr,
                {dtype, shape, 1, row, width, q_norm.data(), k_norm.data(), 1e-6f, origin.data(), cosines.data(),
                        sines.data(), device_pages.data() + last, device_slots.data() + last, pool.data()});
        device_.paged_attention(dtype, shape, 1, row, width, pool.data(), device_table.data(),
                device_table_at.data() + last, device_n_keys.data() + last, out.data() + b * out_width * size,
                out_width, lse.data());
    }
    result("qkv_to_pages, paged_attention", name, fetch(dtype, out.data(), n_seqs * out_width), tolerance);
}

void SelfCheckRun::head(Dtype dtype, int64_t rows, int64_t vocab, int64_t hidden) {
    const std::string name = shape_of("rows vocab hidden", dtype, {rows, vocab, hidden});
    const double tolerance = tolerance_of(dtype);
    const auto x = rows_of(dtype, numbers(rows * hidden, 1, dtype));
    const auto w = matrix_of(dtype, vocab, hidden, numbers(vocab * hidden, 1, dtype));
    std::vector<int32_t> labels(static_cast<size_t>(rows));
    for (int64_t r = 0; r < rows; ++r)
        labels[static_cast<size_t>(r)] = static_cast<int32_t>(r % 3 == 0 ? vocab - 1 : r * 131 % vocab);
    const auto device_labels = buffer_of(labels);
    const auto dq = buffer_of(numbers(rows, 1)), dv = buffer_of(numbers(rows, 1)), dh = buffer_of(numbers(rows, 1));
    auto q = buffer_of(numbers(rows, 1)), v = buffer_of(numbers(rows, 1)), h = buffer_of(numbers(rows, 1));
    auto dx = rows_of(dtype, numbers(rows * hidden, 1, dtype));
    const auto dw = matrix_of(Dtype::F32, vocab, hidden, numbers(vocab * hidden, 1));
    float* const slopes = reinterpret_cast<float*>(const_cast<char*>(dw.data()));
    // Kept exponentials, a budget that keeps none, and the entropy's slope, which recomputes.
    for (const int way : {0, 1, 2}) {
        const HeadShape shape{dtype, hidden, vocab, 0.8f, way == 1 ? 1 : 0};
        const std::string which = name + (way == 0 ? " kept" : way == 1 ? " recomputed" : " with entropy");
        const std::unique_ptr<DeviceHeadTape> tape = device_.make_head_tape();
        tape->forward(shape, rows, x.data(), w.data(), device_labels.data(), q.data(), v.data(), h.data());
        tape->backward(w.data(), dq.data(), dv.data(), way == 2 ? dh.data() : nullptr, dx.data(), slopes);
        result("head (Q)", which, fetch(Dtype::F32, q.data(), rows), kF32);
        result("head (V)", which, fetch(Dtype::F32, v.data(), rows), kF32);
        result("head (H)", which, fetch(Dtype::F32, h.data(), rows), 10 * kF32);
        result("head (dX)", which, fetch(dtype, dx.data(), rows * hidden), tolerance);
        result("head (dW)", which, fetch_matrix(slopes, vocab, hidden), tolerance);
    }
    const HeadShape shape{dtype, hidden, vocab, 0.8f, 0};
    DeviceBuffer<float> logits(device_, rows * vocab);
    device_.head_logits(shape, rows, x.data(), w.data(), logits.data(), vocab, v.data());
    result("head_logits", name, fetch(Dtype::F32, logits.data(), rows * vocab), kF32);
    result("head_logits (V)", name, fetch(Dtype::F32, v.data(), rows), kF32);
}

void SelfCheckRun::sampler(int64_t vocab) {
    const int32_t n_logits = 2, n_rows = 24;
    const std::vector<float> logits = numbers(n_logits * vocab, 6);
    std::vector<float> v;
    for (int64_t r = 0; r < n_logits; ++r) {
        double sum = 0;
        for (int64_t i = 0; i < vocab; ++i)
            sum += std::exp(static_cast<double>(logits[static_cast<size_t>(r * vocab + i)] / 0.7f));
        v.push_back(static_cast<float>(std::log(sum)));
    }
    std::vector<SampleRow> rows;
    for (int32_t i = 0; i < n_rows; ++i) {
        SampleRow row{};
        row.seed = 7;
        row.trajectory_id = i;
        row.position = i % 5;
        row.logits_row = i % n_logits;
        row.n_vocab = static_cast<int32_t>(vocab);
        row.top_k = i % 4 == 1 ? 20 : 0;
        row.temperature = i % 6 == 5 ? 0.0f : 0.7f;
        row.top_p = i % 3 == 1 ? 0.9f : 1.0f;
        row.log_min_p = i % 8 == 7 ? std::log(0.05f) : -std::numeric_limits<float>::infinity();
        row.repetition_penalty = 1.2f;
        row.n_seen = i % 2 == 0 ? 3 : 0;
        row.first_masked = 3;
        row.n_masked = i % 2 == 0 ? 2 : 0;
        rows.push_back(row);
    }
    std::vector<int32_t> ids;
    for (int32_t i = 0; i < 5; ++i)
        ids.push_back(static_cast<int32_t>(vocab * (i + 1) / 7));
    const auto device_logits = buffer_of(logits), device_v = buffer_of(v);
    const auto device_rows = buffer_of(rows);
    const auto device_ids = buffer_of(ids);
    DeviceBuffer<char> workspace(device_, device_.sample_workspace_bytes(vocab));
    DeviceBuffer<SampleResult> out(device_, n_rows);
    device_.sample(vocab, device_logits.data(), vocab, device_v.data(), n_rows, device_rows.data(), device_ids.data(),
            workspace.data(), out.data());
    std::vector<SampleResult> results(static_cast<size_t>(n_rows));
    device_.download(results.data(), out.data(), n_rows * static_cast<int64_t>(sizeof(SampleResult)));
    std::vector<float> tokens, logp;
    for (const SampleResult& r : results) {
        tokens.push_back(static_cast<float>(r.token));
        logp.push_back(r.logp);
    }
    const std::string shape = format("vocab %lld", static_cast<long long>(vocab));
    result("sample (tokens)", shape, tokens, kExact);
    result("sample (logp)", shape, logp, kF32);
}

void SelfCheckRun::residual() {
    const std::vector<int64_t> offsets{0, 7, 7, 158, 160};
    const int64_t n_seqs = 4, n_rows = offsets.back();
    const auto device_offsets = buffer_of(offsets);
    const auto q = buffer_of(numbers(n_rows, 4)), v = buffer_of(numbers(n_rows, 4)),
               ref = buffer_of(numbers(n_rows, 4));
    const auto ref_v1 = buffer_of(numbers(n_seqs, 1)), ref_v_end = buffer_of(numbers(n_seqs, 1));
    const auto reward = buffer_of(std::vector<double>{1, 0.3, 0, -1}),
               weight = buffer_of(std::vector<double>{1, 0, 0.5, 1});
    const auto bootstrap = buffer_of(std::vector<int32_t>{0, 0, 1, 0});
    auto residual = buffer_of(numbers(n_seqs, 1)), dq = buffer_of(numbers(n_rows, 1)),
         dv = buffer_of(numbers(n_rows, 1));
    DeviceBuffer<double> loss(device_, 1);
    for (const tbrm_residual_kind_t kind : {TBRM_RESIDUAL_KIND_TBRM, TBRM_RESIDUAL_KIND_REVAL}) {
        tbrm_residual_args_t args{};
        args.struct_size = static_cast<int32_t>(sizeof args);
        args.kind = kind;
        args.beta = 0.1;
        args.loss_scale = 0.25;
        args.n_seqs = n_seqs;
        args.n_rows = n_rows;
        args.row_offsets = device_offsets.data();
        args.ref_logp = ref.data();
        args.ref_v1 = ref_v1.data();
        args.reward = reward.data();
        args.weight = weight.data();
        args.bootstrap = bootstrap.data();
        if (kind == TBRM_RESIDUAL_KIND_REVAL) args.ref_v_end = ref_v_end.data();
        device_.residual_forward(args, q.data(), v.data(), residual.data(), loss.data(), dq.data(), dv.data());
        const std::string shape = kind == TBRM_RESIDUAL_KIND_TBRM ? "TBRM, 4 trajectories" : "ReVal, 4 trajectories";
        double total = 0;
        device_.download(&total, loss.data(), sizeof total);
        result("residual", shape, fetch(Dtype::F32, residual.data(), n_seqs), kF32);
        result("residual (loss)", shape, {static_cast<float>(total)}, kF32);
        result("residual (dQ)", shape, fetch(Dtype::F32, dq.data(), n_rows), kF32);
        result("residual (dV)", shape, fetch(Dtype::F32, dv.data(), n_rows), kF32);
    }
}

void SelfCheckRun::optimizer(int64_t n) {
    const std::string shape = format("n %lld", static_cast<long long>(n));
    auto w = buffer_of(numbers(n, 1)), m = buffer_of(numbers(n, 0.1f)), grad = buffer_of(numbers(n, 1));
    std::vector<float> squares = numbers(n, 0.1f);
    for (float& x : squares)
        x *= x;
    auto v = buffer_of(squares);
    const AdamWStep step{1e-2f, 0.9f, 0.95f, 1e-8f, 0.1f, 0.7, 0.19, 0.0975};
    device_.adamw_step(step, n, w.data(), m.data(), v.data(), grad.data());
    result("adamw_step (w)", shape, fetch(Dtype::F32, w.data(), n), kF32);
    result("adamw_step (m)", shape, fetch(Dtype::F32, m.data(), n), kF32);
    result("adamw_step (v)", shape, fetch(Dtype::F32, v.data(), n), kF32);
    std::vector<float> sums;
    for (const double sum : device_.sums_of_squares({{grad.data(), n}, {w.data(), n - 1}, {m.data(), 0}}))
        sums.push_back(static_cast<float>(sum));
    result("sums_of_squares", shape, sums, kF32);
    DeviceBuffer<float> rounded(device_, n);
    device_.round_vector(Dtype::Bf16, n, grad.data(), rounded.data());
    result("round_vector", shape, fetch(Dtype::F32, rounded.data(), n), kExact);
    device_.shift_vector(n, 1.0f, grad.data(), rounded.data());
    result("shift_vector", shape, fetch(Dtype::F32, rounded.data(), n), kExact);
    const int64_t rows = 5, cols = 9;
    const auto wide = matrix_of(Dtype::F32, rows, cols, numbers(rows * cols, 1));
    auto narrow = matrix_of(Dtype::Bf16, rows, cols, numbers(rows * cols, 1));
    device_.narrow_weights(
            rows, cols, reinterpret_cast<const float*>(wide.data()), reinterpret_cast<bf16*>(narrow.data()));
    std::vector<float> back(static_cast<size_t>(rows * cols));
    device_.unpack_rows(Dtype::Bf16, narrow.data(), rows, cols, 0, rows, Dtype::F32, back.data());
    result("narrow_weights", "5 x 9", back, kExact);
}

std::vector<SelfCheckRun::Result> SelfCheckRun::run() {
    const bool invariant = device_.batch_invariant();
    for (const Dtype dtype : {Dtype::F32, Dtype::Bf16}) {
        for (const bool on : {true, false}) {
            device_.set_batch_invariant(on);
            products(dtype, 3, 40, 72);
            products(dtype, 21, 33, 67);
        }
        device_.set_batch_invariant(invariant);
        rows(dtype, 7, 104);
        rows(dtype, 5, 33);
        value_head(dtype, 13, 72);
        rotation(dtype, 9);
        attention(dtype, {4, 2, 16, 0.25f}, {70, 1, 33});
        attention(dtype, {3, 1, 6, 0.4f}, {5, 66});
        attention(dtype, {4, 1, 16, 0.25f, 37}, {150, 36, 2});
        attention(dtype, {4, 2, 64, 0.125f}, {150, 1});
        head(dtype, 19, 1100, 24);
    }
    sampler(1500);
    residual();
    optimizer(1025);
    return std::move(results_);
}

}  // namespace tbrm
