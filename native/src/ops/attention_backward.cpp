// attention_backward.cpp - dQ, dK, dV of packed causal attention. One task is one kv head of one sequence: it alone writes its keys'
// gradients, so nothing is shared and every sum has one order. Scores are recomputed from lse, 64 keys at a time (docs/math/attention.md).
#include <algorithm>
#include <cstring>
#include <vector>

#include "core/parallel.hpp"
#include "gemm/scratch.hpp"
#include "ops/attention.hpp"
#include "ops/kv_page.hpp"
#include "ops/row_kernels.hpp"

namespace tbrm {
namespace cpu {
namespace {

constexpr int64_t kTileRows = 48;  // (query row, head) pairs at a time

struct Backward {
    Dtype dtype;
    AttentionShape shape;
    const char* qkv;
    int64_t ldqkv;
    const char* out;
    int64_t ldo;
    const float* lse;
    const char* dout;
    int64_t lddo;
    char* dqkv;
    int64_t lddqkv;

    int64_t group() const { return shape.n_heads / shape.n_kv_heads; }
    int64_t size() const { return dtype_bytes(dtype); }
    // Column of the first of `heads` heads from head `head` of the queries, keys or values.
    int64_t q_column(int64_t head) const { return head * shape.head_dim; }
    int64_t k_column(int64_t head) const { return (shape.n_heads + head) * shape.head_dim; }
    int64_t v_column(int64_t head) const { return (shape.n_heads + shape.n_kv_heads + head) * shape.head_dim; }
};

// Keys and values of one kv head of one sequence, packed for the three products that read them, and their gradients.
struct KvSide {
    char* keys;      // keys blocks (kv_page.hpp): scores
    char* values;    // the values in keys form: dP
    char* key_rows;  // the keys in values form: dQ
    float *dk, *dv;  // [tokens rounded up to 64][head_dim]

    KvSide() = default;
    KvSide(const Backward& b, int64_t length) {
        Carver::carve(
                ScratchUse::AttentionKeys, [&](Carver& carver) { place(carver, b.dtype, length, b.shape.head_dim); });
        for (float* array : {dk, dv})
            std::fill(array, array + elements(length, b.shape.head_dim), 0.0f);
    }
    static int64_t elements(int64_t length, int64_t head_dim) {
        return ceil_div(length, kPageTokens) * kPageTokens * head_dim;
    }
    void place(Carver& carver, Dtype dtype, int64_t length, int64_t head_dim) {
        const int64_t n = elements(length, head_dim);
        for (char** array : {&keys, &values, &key_rows})
            *array = carver.take<char>(n * dtype_bytes(dtype));
        for (float** array : {&dk, &dv})
            *array = carver.take<float>(n);
    }
};

void pack_kv(const Backward& b, int64_t begin, int64_t length, int64_t kv_head, const KvSide& side) {
    const MicroKernels& kernels = micro_kernels();
    const int64_t d = b.shape.head_dim, block_bytes = kv_block_elements(d) * b.size();
    for (int64_t t = 0; t < length; t += kPageTokens) {
        const int64_t count = std::min(kPageTokens, length - t), at = t / kPageTokens * block_bytes;
        if (count < kPageTokens) {
            // The keys beyond the last: what they give is masked, but for products of zero with what lies here.
            for (char* array : {side.keys, side.values, side.key_rows})
                std::memset(array + at, 0, static_cast<size_t>(block_bytes));
        }
        const char* row = b.qkv + (begin + t) * b.ldqkv * b.size();
        const char *key = row + b.k_column(kv_head) * b.size(), *value = row + b.v_column(kv_head) * b.size();
        pack_keys(kernels, b.dtype, count, d, key, b.ldqkv, side.keys + at);
        pack_keys(kernels, b.dtype, count, d, value, b.ldqkv, side.values + at);
        pack_values(kernels, b.dtype, count, d, key, b.ldqkv, side.key_rows + at);
    }
}

// Transposes run over whole blocks: rows of p and ds beyond the last are not used.
int64_t padded_rows(int64_t rows) {
    return ceil_div(rows, 32) * 32;
}

// The arrays of some query rows times the heads of a group; R rows, R <= max(kTileRows, group).
struct QuerySide {
    char *q, *dout;               // [R][head_dim]
    char *q_slab, *dout_slab;     // values form of the two, R tokens
    char *p, *ds;                 // [padded R][64]
    char *p_rows, *ds_rows;       // [64][padded R]
    float *scores, *dp;           // [R][64]
    float* dq;                    // [R][head_dim]
    float *lse, *delta;           // [R]
    int32_t *n_valid, *n_before;  // [R]

    QuerySide() = default;
    QuerySide(Dtype dtype, int64_t rows, int64_t head_dim) {
        Carver::carve(ScratchUse::Attention, [&](Carver& carver) { place(carver, dtype, rows, head_dim); });
        for (char* array : {p, ds})
            std::memset(array, 0, static_cast<size_t>(padded_rows(rows) * kPageTokens * dtype_bytes(dtype)));
    }
    void place(Carver& carver, Dtype dtype, int64_t rows, int64_t head_dim) {
        const int64_t size = dtype_bytes(dtype), even = (rows + 1) / 2 * 2, padded = padded_rows(rows);
        for (char** array : {&q, &dout})
            *array = carver.take<char>(rows * head_dim * size);
        for (char** array : {&q_slab, &dout_slab})
            *array = carver.take<char>(even * head_dim * size);
        for (char** array : {&p, &ds, &p_rows, &ds_rows})
            *array = carver.take<char>(padded * kPageTokens * size);
        for (float** array : {&scores, &dp})
            *array = carver.take<float>(rows * kPageTokens);
        dq = carver.take<float>(rows * head_dim);
        for (float** array : {&lse, &delta})
            *array = carver.take<float>(rows);
        for (int32_t** array : {&n_valid, &n_before})
            *array = carver.take<int32_t>(rows);
    }
};

// Copies query rows [first, first + count) of the packed batch and computes delta = sum(dout * out).
void load_queries(const Backward& b, int64_t first, int64_t count, int64_t kv_head, const QuerySide& side) {
    const int64_t d = b.shape.head_dim, group = b.group(), size = b.size(), head = kv_head * group;
    const RowKernels& row_ops = row_kernels(b.dtype);
    for (int64_t i = 0; i < count; ++i) {
        const int64_t row = first + i;
        const char* out = b.out + (row * b.ldo + b.q_column(head)) * size;
        const char* dout = b.dout + (row * b.lddo + b.q_column(head)) * size;
        const size_t bytes = static_cast<size_t>(group * d * size);
        std::memcpy(side.q + i * group * d * size, b.qkv + (row * b.ldqkv + b.q_column(head)) * size, bytes);
        std::memcpy(side.dout + i * group * d * size, dout, bytes);
        for (int64_t g = 0; g < group; ++g) {
            side.lse[i * group + g] = b.lse[row * b.shape.n_heads + head + g];
            side.delta[i * group + g] = row_ops.dot(d, dout + g * d * size, out + g * d * size);
        }
    }
    const MicroKernels& products = micro_kernels();
    const int64_t rows = count * group, even = b.dtype == Dtype::F32 ? rows : (rows + 1) / 2 * 2;
    for (int64_t d0 = 0; d0 < d; d0 += kSlabCols) {
        const int64_t cols = std::min(kSlabCols, d - d0);
        products.interleave_rows(b.dtype)(rows, cols, side.q + d0 * size, d, cols, side.q_slab + d0 * even * size);
        products.interleave_rows(b.dtype)(
                rows, cols, side.dout + d0 * size, d, cols, side.dout_slab + d0 * even * size);
    }
}

// acc[64][head_dim] += a[64][rows] . slab[rows][head_dim].
void add_queries(const MicroKernels& products, Dtype dtype, int64_t d, int64_t rows, const char* a, const char* slab,
        float* acc) {
    const int64_t even = dtype == Dtype::F32 ? rows : (rows + 1) / 2 * 2;
    for (int64_t d0 = 0; d0 < d; d0 += kSlabCols) {
        products.tile(dtype)(kPageTokens, std::min(kSlabCols, d - d0), rows, a, padded_rows(rows),
                slab + d0 * even * dtype_bytes(dtype), acc + d0, d, true);
    }
}

// Some query rows, of which the first is token `position` of the sequence, against all keys they see.
void backward_rows(const Backward& b, int64_t position, int64_t count, const KvSide& kv, const QuerySide& side) {
    const MicroKernels& products = micro_kernels();
    const int64_t d = b.shape.head_dim, group = b.group(), size = b.size(), rows = count * group;
    const int64_t padded = padded_rows(rows);
    std::fill(side.dq, side.dq + rows * d, 0.0f);
    const auto within = [](int64_t keys) {
        return static_cast<int32_t>(std::max<int64_t>(0, std::min(kPageTokens, keys)));
    };
    const int64_t first_key = b.shape.first_key(position + 1);
    for (int64_t begin = first_key / kPageTokens * kPageTokens; begin < position + count; begin += kPageTokens) {
        const int64_t at = begin * d;
        for (int64_t row = 0; row < rows; ++row) {
            const int64_t n_keys = position + row / group + 1;
            side.n_valid[row] = within(n_keys - begin);
            side.n_before[row] = within(b.shape.first_key(n_keys) - begin);
        }
        products.tile(b.dtype)(rows, kPageTokens, d, side.q, d, kv.keys + at * size, side.scores, kPageTokens, false);
        products.tile(b.dtype)(rows, kPageTokens, d, side.dout, d, kv.values + at * size, side.dp, kPageTokens, false);
        row_kernels(b.dtype).softmax_backward({rows, side.n_valid, b.shape.scale, side.scores, side.dp, side.lse,
                side.delta, side.p, side.ds, b.shape.window > 0 ? side.n_before : nullptr});
        products.transpose_rows(b.dtype)(padded, kPageTokens, side.p, kPageTokens, side.p_rows, padded);
        products.transpose_rows(b.dtype)(padded, kPageTokens, side.ds, kPageTokens, side.ds_rows, padded);
        add_queries(products, b.dtype, d, rows, side.p_rows, side.dout_slab, kv.dv + at);
        add_queries(products, b.dtype, d, rows, side.ds_rows, side.q_slab, kv.dk + at);
        add_values(products, b.dtype, rows, d, kPageTokens, side.ds, kPageTokens, kv.key_rows + at * size, side.dq, d);
    }
}

void backward_task(const Backward& b, int64_t begin, int64_t length, int64_t kv_head) {
    const int64_t d = b.shape.head_dim, group = b.group(), size = b.size();
    const int64_t most = std::max<int64_t>(1, kTileRows / group);
    const RowKernels& row_ops = row_kernels(b.dtype);
    const KvSide kv(b, length);
    pack_kv(b, begin, length, kv_head, kv);
    const QuerySide side(b.dtype, std::min(most, length) * group, d);
    for (int64_t position = 0; position < length; position += most) {
        const int64_t count = std::min(most, length - position);
        load_queries(b, begin + position, count, kv_head, side);
        backward_rows(b, position, count, kv, side);
        for (int64_t i = 0; i < count; ++i) {
            row_ops.scale_row(group * d, side.dq + i * group * d, 1.0f,
                    b.dqkv + ((begin + position + i) * b.lddqkv + b.q_column(kv_head * group)) * size);
        }
    }
    for (int64_t t = 0; t < length; ++t) {
        char* row = b.dqkv + (begin + t) * b.lddqkv * size;
        row_ops.scale_row(d, kv.dk + t * d, 1.0f, row + b.k_column(kv_head) * size);
        row_ops.scale_row(d, kv.dv + t * d, 1.0f, row + b.v_column(kv_head) * size);
    }
}

}  // namespace

AttentionScratch attention_backward_scratch(Dtype dtype, const AttentionShape& shape, int64_t longest) {
    const int64_t group = shape.n_heads / shape.n_kv_heads;
    const int64_t rows = std::min(std::max<int64_t>(1, kTileRows / group), longest) * group;
    KvSide keys{};
    QuerySide queries{};
    return {Carver::count([&](Carver& carver) { queries.place(carver, dtype, rows, shape.head_dim); }),
            Carver::count([&](Carver& carver) { keys.place(carver, dtype, longest, shape.head_dim); })};
}

void packed_attention_backward(Dtype dtype, const AttentionShape& shape, int64_t n_seqs, const int64_t* offsets,
        const void* qkv, int64_t ldqkv, const void* out, int64_t ldo, const float* lse, const void* dout, int64_t lddo,
        void* dqkv, int64_t lddqkv) {
    require_attention_shape(shape);
    const Backward b{dtype, shape, static_cast<const char*>(qkv), ldqkv, static_cast<const char*>(out), ldo, lse,
            static_cast<const char*>(dout), lddo, static_cast<char*>(dqkv), lddqkv};
    // Longest first: the last tasks to finish are short.
    std::vector<int64_t> order;
    int64_t work = 0;
    for (int64_t s = 0; s < n_seqs; ++s) {
        const int64_t length = offsets[s + 1] - offsets[s];
        if (length <= 0) continue;
        order.push_back(s);
        work += length * length * shape.n_heads * shape.head_dim;
    }
    std::stable_sort(order.begin(), order.end(), [&](int64_t left, int64_t right) {
        return offsets[left + 1] - offsets[left] > offsets[right + 1] - offsets[right];
    });
    parallel_for_dynamic(static_cast<int64_t>(order.size()) * shape.n_kv_heads, work, [&](int64_t task) {
        const int64_t s = order[static_cast<size_t>(task / shape.n_kv_heads)];
        backward_task(b, offsets[s], offsets[s + 1] - offsets[s], task % shape.n_kv_heads);
    });
}

}  // namespace cpu
}  // namespace tbrm
