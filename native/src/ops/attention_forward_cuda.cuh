#pragma once
// attention_forward_cuda.cuh - what both forwards of attention share: query rows that are taken together, and where their keys lie.
#include <algorithm>
#include <vector>

#include "ops/attention_tile_cuda.cuh"

namespace tbrm {
namespace cuda {

// Query rows that follow one another in a sequence: row first + i sees n_keys + i keys.
struct RowSpan {
    int64_t first;
    int32_t count;
    int32_t n_keys;
};

// A span of a packed batch and the row at which its sequence starts.
struct PackedSpan {
    RowSpan rows;
    int64_t sequence;
};

template <class T>
struct Forward {
    int group, n_heads, n_kv_heads, head_dim;
    float scale;
    int64_t window;  // AttentionShape::window
    const T* q;
    int64_t ldq;
    T* out;
    int64_t ldo;
    float* out_lse;
    bool wide_q, wide_kv;
};

// Where the 64 keys and values from key `begin` of one kv head lie.
template <class T>
struct PagedKeys {
    const T* head;  // of page 0
    const int64_t* pages;
    int64_t page_elements;
    int head_dim;

    __device__ const T* key(int64_t begin, int slot) const {
        return head + pages[begin / kKeys] * page_elements + slot * head_dim;
    }
    __device__ const T* value(int64_t begin, int slot) const { return key(begin, slot) + kKeys * head_dim; }
    // From one key of a page to the next.
    __device__ int64_t stride() const { return head_dim; }
};

template <class T>
struct PackedKeys {
    const T* keys;  // of the sequence's first token
    const T* values;
    int64_t ld;

    __device__ const T* key(int64_t begin, int slot) const { return keys + (begin + slot) * ld; }
    __device__ const T* value(int64_t begin, int slot) const { return values + (begin + slot) * ld; }
    __device__ int64_t stride() const { return ld; }
};

// Whether row i continues the tile of row i - 1: the next token over the same page list, and not the first of `most`. Tiles are cut at
// multiples of the token's position, so every row can tell by itself.
__device__ inline bool continues(int64_t i, int most, const int64_t* table_offsets, const int32_t* n_keys) {
    return i > 0 && table_offsets[i] == table_offsets[i - 1] && n_keys[i - 1] > 0 && n_keys[i] == n_keys[i - 1] + 1 &&
           (n_keys[i] - 1) % most != 0;
}

// Rows whose pairs a block takes.
inline int64_t rows_per_tile(const AttentionShape& shape, int64_t pairs) {
    return std::max<int64_t>(1, pairs / (shape.n_heads / shape.n_kv_heads));
}

// Of every sequence, tiles of rows_per_tile(shape, pairs) rows. Later rows see more keys; the long walks start first.
inline std::vector<PackedSpan> spans_of(
        const AttentionShape& shape, int64_t pairs, int64_t n_seqs, const int64_t* offsets) {
    const int64_t most = rows_per_tile(shape, pairs);
    std::vector<PackedSpan> spans;
    for (int64_t b = 0; b < n_seqs; ++b) {
        const int64_t length = offsets[b + 1] - offsets[b];
        for (int64_t first = (length - 1) / most * most; length > 0 && first >= 0; first -= most) {
            spans.push_back({{offsets[b] + first, static_cast<int32_t>(std::min(most, length - first)),
                                     static_cast<int32_t>(first + 1)},
                    offsets[b]});
        }
    }
    return spans;
}

// attention_split_cuda.cu takes these. A question of dtype and shape alone: its bits are not those of the other kernels.
inline bool splits_keys(Dtype dtype, const AttentionShape& shape) {
    return dtype == Dtype::Bf16 && (shape.head_dim == 64 || shape.head_dim == 128);
}

void paged_attention_split(const CudaQueue& queue, const AttentionShape& shape, int64_t n, const void* q, int64_t ldq,
        const void* pool, const int64_t* page_table, const int64_t* page_table_offsets, const int32_t* n_keys,
        void* out, int64_t ldo, float* out_lse);
void packed_attention_split(const CudaQueue& queue, const AttentionShape& shape, int64_t n_seqs,
        const int64_t* host_offsets, const void* qkv, int64_t ldqkv, void* out, int64_t ldo, float* out_lse);

}  // namespace cuda
}  // namespace tbrm
