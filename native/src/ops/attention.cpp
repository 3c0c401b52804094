// attention.cpp - the forward: online softmax over 64-key pages. One task is a few consecutive query rows of one sequence times the
// query heads of one kv head; their scores, and their sums over the values, are micro-kernel tiles.
#include "ops/attention.hpp"

#include <cmath>
#include <vector>

#include "core/memory.hpp"
#include "core/parallel.hpp"
#include "gemm/scratch.hpp"
#include "ops/kv_page.hpp"
#include "ops/row_kernels.hpp"

namespace tbrm {
namespace cpu {
namespace {

constexpr int64_t kTileRows = 48;  // (query row, head) pairs per task

struct Forward {
    Dtype dtype;
    AttentionShape shape;
    const char* q;
    int64_t ldq;
    const char* pool;
    const int64_t* page_table;
    const int64_t* page_table_offsets;
    const int32_t* n_keys;
    char* out;
    int64_t ldo;
    float* out_lse;
};

// Consecutive query rows over one page list.
struct RowRange {
    int64_t first;
    int64_t count;
};

// The arrays of one task, one row per (query row, head), query rows outermost.
struct Tile {
    char* q;        // [rows][head_dim]
    char* p;        // [rows][64]
    float* scores;  // [rows][64]
    float* acc;     // [rows][head_dim]
    float* max;
    float* sum;
    int32_t *n_valid, *n_before;

    static int64_t q_bytes(Dtype dtype, int64_t rows, int64_t head_dim) {
        return ceil_div(rows * head_dim * dtype_bytes(dtype), 64) * 64;
    }
    static int64_t bytes(Dtype dtype, int64_t rows, int64_t head_dim) {
        const int64_t floats = rows * (kPageTokens + head_dim + 2);
        return q_bytes(dtype, rows, head_dim) + rows * kPageTokens * dtype_bytes(dtype) + floats * 4 + rows * 8;
    }

    Tile(Dtype dtype, int64_t rows, int64_t head_dim) {
        const int64_t p_bytes = rows * kPageTokens * dtype_bytes(dtype);
        q = Scratch::get<char>(ScratchUse::Attention, bytes(dtype, rows, head_dim));
        p = q + q_bytes(dtype, rows, head_dim);
        scores = reinterpret_cast<float*>(p + p_bytes);
        acc = scores + rows * kPageTokens;
        max = acc + rows * head_dim;
        sum = max + rows;
        n_valid = reinterpret_cast<int32_t*>(sum + rows);
        n_before = n_valid + rows;
        std::fill(acc, acc + rows * head_dim, 0.0f);
        std::fill(max, max + rows, -INFINITY);
        std::fill(sum, sum + rows, 0.0f);
    }
};

// Keys and values of a packed batch in pages, and who sees which.
struct PackedArrays {
    char* pool = nullptr;
    int64_t *table = nullptr, *first_tokens = nullptr, *table_offsets = nullptr;
    int32_t *counts = nullptr, *n_keys = nullptr;

    void place(Carver& carver, int64_t pool_bytes, int64_t n_pages, int64_t n_tokens) {
        pool = carver.take<char>(pool_bytes);
        table = carver.take<int64_t>(n_pages);
        first_tokens = carver.take<int64_t>(n_pages);
        counts = carver.take<int32_t>(n_pages);
        table_offsets = carver.take<int64_t>(n_tokens);
        n_keys = carver.take<int32_t>(n_tokens);
    }
};

// Keys that query row i may see in the 64 tokens from `begin`.
int32_t valid_keys(const Forward& f, int64_t i, int64_t begin) {
    return static_cast<int32_t>(std::max<int64_t>(0, std::min(kPageTokens, f.n_keys[i] - begin)));
}

// Keys among the 64 tokens from `begin` that lie before query row i's window.
int32_t keys_before(const Forward& f, int64_t i, int64_t begin) {
    return static_cast<int32_t>(std::max<int64_t>(0, std::min(kPageTokens, f.shape.first_key(f.n_keys[i]) - begin)));
}

void write_rows(const Forward& f, const RowKernels& rows, const RowRange& range, int64_t kv_head, const Tile& tile) {
    const int64_t group = f.shape.n_heads / f.shape.n_kv_heads, d = f.shape.head_dim, size = dtype_bytes(f.dtype);
    for (int64_t i = 0; i < range.count; ++i) {
        for (int64_t g = 0; g < group; ++g) {
            const int64_t row = i * group + g, head = kv_head * group + g, at = range.first + i;
            const float sum = tile.sum[row];
            const bool empty = f.n_keys[at] <= 0;
            rows.scale_row(d, tile.acc + row * d, empty ? 0.0f : 1.0f / sum, f.out + (at * f.ldo + head * d) * size);
            if (f.out_lse != nullptr) {
                f.out_lse[at * f.shape.n_heads + head] =
                        empty ? -INFINITY : static_cast<float>(tile.max[row] + std::log(static_cast<double>(sum)));
            }
        }
    }
}

// Wakes the processor's own prefetcher for a block of the next page: one line of each KiB (all lines would fill the queue of outstanding
// loads, and measured slower).
void prefetch(const char* block, int64_t bytes) {
#if defined(__GNUC__)
    for (int64_t at = 0; at < bytes; at += 1024) {
        __builtin_prefetch(block + at, 0, 2);
    }
#else
    static_cast<void>(block), static_cast<void>(bytes);
#endif
}

void forward_task(const Forward& f, const RowRange& range, int64_t kv_head) {
    const MicroKernels& products = micro_kernels();
    const RowKernels& row_ops = row_kernels(f.dtype);
    const int64_t group = f.shape.n_heads / f.shape.n_kv_heads, d = f.shape.head_dim, size = dtype_bytes(f.dtype);
    const int64_t rows = range.count * group, block_bytes = kv_block_elements(d) * size;
    const Tile tile(f.dtype, rows, d);
    int64_t last_key = 0, first_key = INT64_MAX;
    for (int64_t i = 0; i < range.count; ++i) {
        std::memcpy(tile.q + i * group * d * size, f.q + ((range.first + i) * f.ldq + kv_head * group * d) * size,
                static_cast<size_t>(group * d * size));
        last_key = std::max<int64_t>(last_key, f.n_keys[range.first + i]);
        first_key = std::min(first_key, f.shape.first_key(f.n_keys[range.first + i]));
    }
    const int64_t* pages = f.page_table + f.page_table_offsets[range.first];
    const auto block_of = [&](int64_t key) {
        return f.pool + pages[key / kPageTokens] * page_elements(f.shape) * size + kv_head * 2 * block_bytes;
    };
    for (int64_t begin = first_key / kPageTokens * kPageTokens; begin < last_key; begin += kPageTokens) {
        for (int64_t row = 0; row < rows; ++row) {
            tile.n_valid[row] = valid_keys(f, range.first + row / group, begin);
            tile.n_before[row] = keys_before(f, range.first + row / group, begin);
        }
        // Rows ahead of the block (a chunk of a prompt) come first; the others need not be contiguous. Rows whose window begins after the
        // block come last, and are left as they are.
        int64_t skip = 0;
        while (tile.n_valid[skip] == 0) {
            ++skip;
        }
        const int64_t live = rows - skip;
        const char* keys = block_of(begin);
        const char* next = begin + kPageTokens < last_key ? block_of(begin + kPageTokens) : nullptr;
        if (next != nullptr) prefetch(next, block_bytes);
        products.tile(f.dtype)(live, kPageTokens, d, tile.q + skip * d * size, d, keys,
                tile.scores + skip * kPageTokens, kPageTokens, false);
        row_ops.softmax({live, tile.n_valid + skip, f.shape.scale, tile.scores + skip * kPageTokens, tile.max + skip,
                tile.sum + skip, tile.p + skip * kPageTokens * size, tile.acc + skip * d, d, d,
                f.shape.window > 0 ? tile.n_before + skip : nullptr});
        if (next != nullptr) prefetch(next + block_bytes, block_bytes);
        add_values(products, f.dtype, live, d, std::min(kPageTokens, last_key - begin),
                tile.p + skip * kPageTokens * size, kPageTokens, keys + block_bytes, tile.acc + skip * d, d);
    }
    write_rows(f, row_ops, range, kv_head, tile);
}

std::vector<RowRange> split_rows(const Forward& f, int64_t n) {
    const int64_t group = f.shape.n_heads / f.shape.n_kv_heads;
    const int64_t most = std::max<int64_t>(1, kTileRows / group);
    std::vector<RowRange> ranges;
    for (int64_t i = 0; i < n; ++i) {
        const bool same = !ranges.empty() && f.page_table_offsets[i] == f.page_table_offsets[ranges.back().first];
        if (same && ranges.back().count < most) {
            ++ranges.back().count;
        } else {
            ranges.push_back({i, 1});
        }
    }
    return ranges;
}

void forward(const Forward& f, int64_t n) {
    const std::vector<RowRange> ranges = split_rows(f, n);
    int64_t keys = 0;
    for (int64_t i = 0; i < n; ++i) {
        keys += f.n_keys[i];
    }
    const int64_t n_ranges = static_cast<int64_t>(ranges.size());
    // Neighbouring tasks share a kv head's pages. Later ranges of a sequence see more keys, so the long ones start first.
    parallel_for_dynamic(n_ranges * f.shape.n_kv_heads, keys * f.shape.n_heads * f.shape.head_dim, [&](int64_t task) {
        const int64_t index = n_ranges - 1 - task % n_ranges;
        forward_task(f, ranges[static_cast<size_t>(index)], task / n_ranges);
    });
}

}  // namespace

void paged_attention(Dtype dtype, const AttentionShape& shape, int64_t n, const void* q, int64_t ldq, const void* pool,
        const int64_t* page_table, const int64_t* page_table_offsets, const int32_t* n_keys, void* out, int64_t ldo,
        float* out_lse) {
    require_attention_shape(shape);
    forward({dtype, shape, static_cast<const char*>(q), ldq, static_cast<const char*>(pool), page_table,
                    page_table_offsets, n_keys, static_cast<char*>(out), ldo, out_lse},
            n);
}

AttentionScratch attention_forward_scratch(Dtype dtype, const AttentionShape& shape, int64_t n_seqs, int64_t longest) {
    const int64_t group = shape.n_heads / shape.n_kv_heads, pages = n_seqs * ceil_div(longest, kPageTokens);
    PackedArrays arrays;
    return {Tile::bytes(dtype, std::max<int64_t>(1, kTileRows / group) * group, shape.head_dim),
            pages == 0 ? 0 : Carver::count([&](Carver& carver) {
                arrays.place(carver, pages * page_elements(shape) * dtype_bytes(dtype), pages, n_seqs * longest);
            })};
}

void packed_attention_forward(Dtype dtype, const AttentionShape& shape, int64_t n_seqs, const int64_t* offsets,
        const void* qkv, int64_t ldqkv, void* out, int64_t ldo, float* out_lse) {
    require_attention_shape(shape);
    if (n_seqs <= 0) return;
    const int64_t first = offsets[0], n = offsets[n_seqs] - first, size = dtype_bytes(dtype);
    int64_t n_pages = 0;
    for (int64_t b = 0; b < n_seqs; ++b)
        n_pages += ceil_div(offsets[b + 1] - offsets[b], kPageTokens);
    PackedArrays arrays;  // of the calling thread, filled and read by all
    Carver::carve(ScratchUse::AttentionKeys,
            [&](Carver& carver) { arrays.place(carver, n_pages * page_elements(shape) * size, n_pages, n); });
    char* const pool = arrays.pool;
    int64_t *const table = arrays.table, *const first_tokens = arrays.first_tokens;
    int64_t* const table_offsets = arrays.table_offsets;
    int32_t *const counts = arrays.counts, *const n_keys = arrays.n_keys;
    for (int64_t b = 0, page = 0; b < n_seqs; ++b) {
        const int64_t length = offsets[b + 1] - offsets[b], at = offsets[b] - first, base = page;
        for (int64_t t = 0; t < length; t += kPageTokens, ++page) {
            table[page] = page;
            first_tokens[page] = at + t;
            counts[page] = static_cast<int32_t>(std::min(kPageTokens, length - t));
        }
        for (int64_t t = 0; t < length; ++t) {
            table_offsets[at + t] = base;
            n_keys[at + t] = static_cast<int32_t>(t + 1);
        }
    }
    const char* rows = static_cast<const char*>(qkv) + first * ldqkv * size;
    const int64_t d = shape.head_dim, block_bytes = kv_block_elements(d) * size;
    const MicroKernels& kernels = micro_kernels();
    parallel_for(n_pages, n * shape.n_kv_heads * d * 4, [&](int64_t page) {
        char* block = pool + page * page_elements(shape) * size;
        const char* keys = rows + (first_tokens[page] * ldqkv + shape.n_heads * d) * size;
        for (int64_t head = 0; head < shape.n_kv_heads; ++head, block += 2 * block_bytes) {
            const char* key = keys + head * d * size;
            pack_keys(kernels, dtype, counts[page], d, key, ldqkv, block);
            pack_values(kernels, dtype, counts[page], d, key + shape.n_kv_heads * d * size, ldqkv, block + block_bytes);
        }
    });
    paged_attention(dtype, shape, n, rows, ldqkv, pool, table, table_offsets, n_keys,
            static_cast<char*>(out) + first * ldo * size, ldo,
            out_lse != nullptr ? out_lse + first * shape.n_heads : nullptr);
}

}  // namespace cpu
}  // namespace tbrm
