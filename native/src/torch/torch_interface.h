/* torch_interface.h - what libtbrm_torch offers to libtbrm: plain C in both directions, so that neither the C++ library's ABI, nor that of
 * libtorch, nor an exception crosses. The plug-in knows tensors; libtbrm knows when they are asked for (device/torch_device.cpp).
 *
 * Matrices are row-major, ld elements from row to row. Every call computes on the device of its handle, with pointers of that device; fp32
 * accumulation, one rounding to the output's type. A status other than OK fills err.
 */
#ifndef TBRM_TORCH_INTERFACE_H
#define TBRM_TORCH_INTERFACE_H
#include <tbrm/tbrm.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A device of libtorch, and the stream that its work is queued on. */
typedef struct tbrm_torch tbrm_torch_t;

typedef struct tbrm_torch_matrix {
    tbrm_dtype_t dtype;
    int32_t reserved;
    int64_t rows;
    int64_t cols;
    int64_t ld;
    void* data;
} tbrm_torch_matrix_t;

/* As AttentionShape of ops/attention.hpp. */
typedef struct tbrm_torch_attention {
    int64_t n_heads;
    int64_t n_kv_heads;
    int64_t head_dim;
    int64_t window;
    float scale;
    int32_t reserved;
} tbrm_torch_attention_t;

/* As logprob/head.hpp. words: columns of logits that exist at a time (tbrm_torch_head_words). */
typedef struct tbrm_torch_head {
    tbrm_torch_matrix_t x; /* [R, D] */
    tbrm_torch_matrix_t w; /* [V, D] */
    const int32_t* labels; /* [R] */
    int64_t words;
    float temperature;
    int32_t reserved;
} tbrm_torch_head_t;

/* Copies of a [rows, words] fp32 array that the head holds at once, and the columns that keep them within budget_bytes (0: 256 MiB). */
enum { TBRM_TORCH_HEAD_COPIES = 5, TBRM_TORCH_LEAST_WORDS = 1024 };
static inline int64_t tbrm_torch_head_words(int64_t rows, int64_t vocab, int64_t budget_bytes) {
    const int64_t budget = budget_bytes > 0 ? budget_bytes : (int64_t)256 << 20;
    const int64_t fit = budget / ((rows > 0 ? rows : 1) * 4 * TBRM_TORCH_HEAD_COPIES);
    const int64_t least = TBRM_TORCH_LEAST_WORDS, words = fit > least ? fit : least;
    return words < vocab ? words : vocab;
}

/* What the plug-in takes from libtbrm: memory of the host, 64-byte aligned and counted, null when there is none. */
typedef struct tbrm_torch_host {
    int32_t struct_size;
    int32_t reserved;
    void* (*allocate)(int64_t bytes);
    void (*release)(void* pointer);
} tbrm_torch_host_t;

/* c10d between processes: a store that they find each other by, and links from every one to every other. */
typedef struct tbrm_torch_store tbrm_torch_store_t;
typedef struct tbrm_torch_links tbrm_torch_links_t;

typedef struct tbrm_torch_api {
    int32_t struct_size;
    int32_t has_cuda;
    const char* interface_sha256; /* of this file and tbrm.h, as the plug-in was compiled */
    const char* built_with;       /* libtorch's version, "1.13.1", by its headers */
    const char* runs_with;        /* by the library that is loaded; "" where it does not say */

    /* ordinal: -1 for the CPU, else a CUDA device. stream: a cudaStream_t, null on the CPU. The first call decides about host. */
    tbrm_status_t (*open)(
            const tbrm_torch_host_t* host, int32_t ordinal, void* stream, tbrm_torch_t** out, tbrm_error_t* err);
    void (*close)(tbrm_torch_t* torch);
    /* For the calling thread: what it queues goes to the handle's stream; CPU threads, 0 to leave them. */
    tbrm_status_t (*enter)(tbrm_torch_t* torch, int32_t n_threads, tbrm_error_t* err);

    /* y = x w^T + bias, with add != 0 y += ...; bias [M] or null. */
    tbrm_status_t (*linear_forward)(tbrm_torch_t* torch, const tbrm_torch_matrix_t* x, const tbrm_torch_matrix_t* w,
            const float* bias, int32_t add, const tbrm_torch_matrix_t* y, tbrm_error_t* err);
    /* dx = dy w, with add != 0 dx += ... */
    tbrm_status_t (*linear_backward_input)(tbrm_torch_t* torch, const tbrm_torch_matrix_t* dy,
            const tbrm_torch_matrix_t* w, int32_t add, const tbrm_torch_matrix_t* dx, tbrm_error_t* err);
    /* dw += dy^T x; dbias [M] += column sums of dy, or null. */
    tbrm_status_t (*linear_backward_weight)(tbrm_torch_t* torch, const tbrm_torch_matrix_t* dy,
            const tbrm_torch_matrix_t* x, const tbrm_torch_matrix_t* dw, float* dbias, tbrm_error_t* err);

    tbrm_status_t (*embedding_forward)(tbrm_torch_t* torch, const int32_t* ids, const tbrm_torch_matrix_t* w,
            const tbrm_torch_matrix_t* y, tbrm_error_t* err);
    tbrm_status_t (*embedding_backward)(tbrm_torch_t* torch, const int32_t* ids, const tbrm_torch_matrix_t* dy,
            const tbrm_torch_matrix_t* dw, tbrm_error_t* err);

    /* inv_rms [rows], or null in forward. */
    tbrm_status_t (*rms_norm_forward)(tbrm_torch_t* torch, const tbrm_torch_matrix_t* x, const float* weight, float eps,
            const tbrm_torch_matrix_t* y, float* inv_rms, tbrm_error_t* err);
    /* dx (add != 0: +=) and dweight += (or null). */
    tbrm_status_t (*rms_norm_backward)(tbrm_torch_t* torch, const tbrm_torch_matrix_t* x, const float* weight,
            const float* inv_rms, const tbrm_torch_matrix_t* dy, int32_t add, const tbrm_torch_matrix_t* dx,
            float* dweight, tbrm_error_t* err);

    /* activation: as Activation of ops/glu.hpp. gate_up and dgate_up [n, 2I] may be the same memory. */
    tbrm_status_t (*glu_forward)(tbrm_torch_t* torch, int32_t activation, const tbrm_torch_matrix_t* gate_up,
            const tbrm_torch_matrix_t* y, tbrm_error_t* err);
    tbrm_status_t (*glu_backward)(tbrm_torch_t* torch, int32_t activation, const tbrm_torch_matrix_t* gate_up,
            const tbrm_torch_matrix_t* dy, const tbrm_torch_matrix_t* dgate_up, tbrm_error_t* err);

    /* Packed causal attention; offsets [n_seqs + 1] of the host, lse [rows, n_heads] (null in forward: not wanted). */
    tbrm_status_t (*attention_forward)(tbrm_torch_t* torch, const tbrm_torch_attention_t* shape, int64_t n_seqs,
            const int64_t* offsets, const tbrm_torch_matrix_t* qkv, const tbrm_torch_matrix_t* out, float* lse,
            tbrm_error_t* err);
    tbrm_status_t (*attention_backward)(tbrm_torch_t* torch, const tbrm_torch_attention_t* shape, int64_t n_seqs,
            const int64_t* offsets, const tbrm_torch_matrix_t* qkv, const tbrm_torch_matrix_t* out, const float* lse,
            const tbrm_torch_matrix_t* dout, const tbrm_torch_matrix_t* dqkv, tbrm_error_t* err);

    /* out_h may be null. */
    tbrm_status_t (*head_forward)(tbrm_torch_t* torch, const tbrm_torch_head_t* head, float* out_q, float* out_v,
            float* out_h, tbrm_error_t* err);
    /* logits [R, V] fp32, untouched by the temperature; out_v [R] at the temperature. labels is not read. */
    tbrm_status_t (*head_logits)(tbrm_torch_t* torch, const tbrm_torch_head_t* head, const tbrm_torch_matrix_t* logits,
            float* out_v, tbrm_error_t* err);
    /* v, h: what head_forward gave; h and dh both null or neither. dx is written, dw [V, D] fp32 += (data null: not trained). */
    tbrm_status_t (*head_backward)(tbrm_torch_t* torch, const tbrm_torch_head_t* head, const float* v, const float* h,
            const float* dq, const float* dv, const float* dh, const tbrm_torch_matrix_t* dx,
            const tbrm_torch_matrix_t* dw, tbrm_error_t* err);

    /* All of what follows is null where the plug-in was built without the headers of Gloo. Calls may be made by several threads, of one link's
     * direction by one at a time.
     *
     * is_host != 0: this process holds the store, and listens on the port; the others connect to it within timeout_ms. */
    tbrm_status_t (*store_open)(const char* address, int32_t port, int32_t is_host, int64_t timeout_ms,
            tbrm_torch_store_t** out, tbrm_error_t* err);
    void (*store_close)(tbrm_torch_store_t* store);
    tbrm_status_t (*store_set)(
            tbrm_torch_store_t* store, const char* key, const void* data, int64_t n, tbrm_error_t* err);
    /* Without waiting. *inout_n: the room in out, and then the size of the value, of which as much is copied as there is room; -1: there is none. */
    tbrm_status_t (*store_get)(
            tbrm_torch_store_t* store, const char* key, void* out, int64_t* inout_n, tbrm_error_t* err);

    /* Returns when all n_ranks processes have called it. own_address: the one by which the others reach this process. */
    tbrm_status_t (*links_open)(tbrm_torch_store_t* store, int32_t rank, int32_t n_ranks, const char* own_address,
            int64_t timeout_ms, tbrm_torch_links_t** out, tbrm_error_t* err);
    tbrm_status_t (*links_send)(tbrm_torch_links_t* links, int32_t to, const void* data, int64_t n, tbrm_error_t* err);
    tbrm_status_t (*links_receive)(tbrm_torch_links_t* links, int32_t from, void* data, int64_t n, tbrm_error_t* err);
    /* Ends every wait of links_receive with an error, now and from now on. */
    void (*links_stop)(tbrm_torch_links_t* links);
    void (*links_close)(tbrm_torch_links_t* links);
} tbrm_torch_api_t;

/* The one export of libtbrm_torch; static storage. */
TBRM_EXPORT const tbrm_torch_api_t* tbrm_torch_table(void);

#ifdef __cplusplus
}
#endif
#endif
