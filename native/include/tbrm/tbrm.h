/* tbrm.h - the contract of libtbrm: everything that crosses from C# to native code.
 *
 * The library works on engines (context, model, optimizer, rollout), never on tensors: parameters, activations, gradients and
 * the KV cache stay behind these handles. What crosses are packed token arrays, three numbers per scored token, and paths.
 *
 * One section per stage, in the order of a training step:
 *     context | model | plan | rollout | logprob | value | residual | gradient | group | optimizer | checkpoint | kernels
 *
 * Rules
 *   Pointers    are host memory, borrowed for the call. A pointer may be null if and only if its count is 0, or where it says so.
 *   Structs     begin with struct_size = sizeof(the struct); they grow at the end only.
 *   Errors      every fallible call returns a status and fills `err` (may be null). No exception crosses, nothing is printed.
 *   Memory      a call that failed for want of memory has not happened and may be made again. But a training pass leaves gradients that
 *               mean nothing until tbrm_gradient_zero (and no kept forward, after tbrm_gradient_discard), a load leaves a part of what
 *               it reads, and attaching an adapter leaves the base frozen without one.
 *   Ownership   tbrm_x_create / tbrm_x_destroy is the only owning pair; destroy accepts null. A model keeps its context alive, an
 *               optimizer and a rollout keep their model alive, so handles may be destroyed in any order.
 *   Threads     one handle, one thread at a time. Different contexts are independent.
 *   Packing     B sequences are ids[N] end to end with offsets[B+1], offsets[0] = 0, offsets[B] = N. There is no padding.
 *   Determinism the same calls give the same bits on the same machine; the bits of a row do not depend on the other rows.
 */
#ifndef TBRM_H
#define TBRM_H
#include <stdint.h>

#if defined(_WIN32)
#if defined(TBRM_BUILD)
#define TBRM_EXPORT __declspec(dllexport)
#else
#define TBRM_EXPORT __declspec(dllimport)
#endif
#else
#define TBRM_EXPORT __attribute__((visibility("default")))
#endif
#ifdef __cplusplus
#define TBRM_NOEXCEPT noexcept
extern "C" {
#else
#define TBRM_NOEXCEPT
#endif
#if defined(__GNUC__)
#define TBRM_MUST_CHECK __attribute__((warn_unused_result))
#else
#define TBRM_MUST_CHECK
#endif
/* One export. The ABI tests read the lines that start with this macro. */
#define TBRM_API(ret) TBRM_EXPORT ret

#define TBRM_ABI_VERSION 1

typedef int32_t tbrm_status_t;
enum {
    TBRM_STATUS_OK = 0,
    TBRM_STATUS_INVALID_ARGUMENT = 1, /* the caller passed something that the contract forbids */
    TBRM_STATUS_OUT_OF_MEMORY = 2,    /* host or device memory, or a byte budget that cannot hold one unit of work */
    TBRM_STATUS_CUDA = 3,             /* device_code holds the cudaError_t */
    TBRM_STATUS_TORCH = 4,            /* a device of the plug-in threw; message is its first line */
    TBRM_STATUS_UNSUPPORTED = 5,      /* this build or this device cannot do it */
    TBRM_STATUS_INTERNAL = 6,         /* a bug of ours */
    TBRM_STATUS_BAD_FILE = 7,         /* a file's content does not hold together */
    TBRM_STATUS_IO = 8,               /* the operating system refused; device_code holds errno */
    TBRM_STATUS_GROUP = 9             /* another rank did not come, left, or made another call */
};

typedef int32_t tbrm_device_kind_t;
enum {
    TBRM_DEVICE_KIND_CPU = 0,
    TBRM_DEVICE_KIND_CUDA = 1,
    /* libtorch's kernels by the plug-in libtbrm_torch, loaded when first asked for: an independent implementation to be held against. Their
     * forward is not row-invariant, so a rollout's log-probs are not the training pass's to the bit. */
    TBRM_DEVICE_KIND_TORCH_CPU = 2,
    TBRM_DEVICE_KIND_TORCH_CUDA = 3
};

/* Type of parameters and activations. Accumulation is fp32 in either; bf16 models train fp32 master weights. */
typedef int32_t tbrm_dtype_t;
enum { TBRM_DTYPE_F32 = 0, TBRM_DTYPE_BF16 = 1 };

typedef struct tbrm_error {
    int32_t code;        /* tbrm_status_t */
    int32_t device_code; /* cudaError_t or errno, by code; else 0 */
    char where[120];     /* "src/residual/residual_api.cpp:31", UTF-8, NUL-terminated */
    char message[384];   /* expected, found, what to try; UTF-8, NUL-terminated */
} tbrm_error_t;

typedef struct tbrm_context tbrm_context_t;
typedef struct tbrm_model tbrm_model_t;
typedef struct tbrm_optimizer tbrm_optimizer_t;
typedef struct tbrm_rollout tbrm_rollout_t;
typedef struct tbrm_group tbrm_group_t;
typedef struct tbrm_bench tbrm_bench_t;

/* ======================================================== library ======================================================== */

/* TBRM_ABI_VERSION of the library that is loaded. */
TBRM_API(int32_t) tbrm_abi_version(void) TBRM_NOEXCEPT;

/* "name:size,offset,offset,...;" for each struct of this header, as the library was compiled; static storage. */
TBRM_API(const char*) tbrm_abi_layout(void) TBRM_NOEXCEPT;

/* SHA-256 of the tbrm.h that the library was built with, 64 lower-case hex digits; static storage. */
TBRM_API(const char*) tbrm_abi_header_sha256(void) TBRM_NOEXCEPT;

/* One JSON object: library version, compiler, libtorch version, CUDA version or null, instruction sets compiled in and found. */
TBRM_API(const char*) tbrm_build_info(void) TBRM_NOEXCEPT;

/* Handles created and not yet destroyed; for leak tests. */
TBRM_API(int64_t) tbrm_debug_live_objects(void) TBRM_NOEXCEPT;

/* ======================================================== context ======================================================== */

/* A device with its threads or its stream. ordinal: CUDA device number, 0 on CPU. n_threads: CPU threads, 0 = all cores that the
 * process may use. Errors: UNSUPPORTED when the build or the machine lacks the device; of a torch device, when the plug-in is not beside the
 * library (TBRM_TORCH_PLUGIN names another file), was built from another header, or finds another libtorch than it was built with. */
TBRM_API(tbrm_status_t)
tbrm_context_create(tbrm_device_kind_t kind, int32_t ordinal, int32_t n_threads, tbrm_context_t** out_context,
        tbrm_error_t* err) TBRM_NOEXCEPT TBRM_MUST_CHECK;

TBRM_API(void) tbrm_context_destroy(tbrm_context_t* context) TBRM_NOEXCEPT;

/* Waits for the device, and reports what failed there since the last call. */
TBRM_API(tbrm_status_t)
tbrm_context_synchronize(tbrm_context_t* context, tbrm_error_t* err) TBRM_NOEXCEPT TBRM_MUST_CHECK;

/* on != 0 (the start value): the bits of a token's forward do not depend on other rows, so that the log-probs of a rollout are those of a
 * training pass. 0: the faster products of cuBLASLt, where that differs (CUDA); a CPU ignores it. Applies to later calls; both a rollout
 * and a training pass under way should be over. */
TBRM_API(tbrm_status_t)
tbrm_context_set_batch_invariant(tbrm_context_t* context, int32_t on, tbrm_error_t* err) TBRM_NOEXCEPT TBRM_MUST_CHECK;

/* Bytes that the library holds on this device now and at most since the last reset (parameters, optimizer state, KV pages,
 * activations, workspaces). reset_peak != 0 sets the peak to the present value after reading it. */
TBRM_API(tbrm_status_t)
tbrm_context_memory(tbrm_context_t* context, int32_t reset_peak, int64_t* out_in_use_bytes, int64_t* out_peak_bytes,
        int64_t* out_device_total_bytes, tbrm_error_t* err) TBRM_NOEXCEPT TBRM_MUST_CHECK;

/* Whose memory it is. */
typedef int32_t tbrm_memory_owner_t;
enum {
    TBRM_MEMORY_OWNER_LIBRARY = 0, /* of no model: working memory of threads, workspaces of products */
    TBRM_MEMORY_OWNER_POLICY = 1,  /* a model with an LM head, its optimizers and rollouts */
    TBRM_MEMORY_OWNER_COPY = 2,    /* what tbrm_model_clone_frozen made */
    TBRM_MEMORY_OWNER_CRITIC = 3   /* a model with a value head */
};

/* What it is for. */
typedef int32_t tbrm_memory_use_t;
enum {
    TBRM_MEMORY_USE_OTHER = 0,
    TBRM_MEMORY_USE_WEIGHTS = 1, /* what forward reads, rotation tables */
    TBRM_MEMORY_USE_ADAPTER = 2, /* A and B as forward reads them */
    TBRM_MEMORY_USE_MASTERS = 3,
    TBRM_MEMORY_USE_GRADIENTS = 4,
    TBRM_MEMORY_USE_MOMENTS = 5,
    TBRM_MEMORY_USE_KV_PAGES = 6,
    TBRM_MEMORY_USE_ACTIVATIONS =
            7, /* of a rollout, of forward and backward: inputs, tapes, scratch of a layer, numbers per row */
    TBRM_MEMORY_USE_HEAD = 8,   /* logits and exponentials within head_budget_bytes, products of the head, sampling */
    TBRM_MEMORY_USE_SCRATCH = 9 /* kept by threads between calls */
};
enum { TBRM_MEMORY_USES = 10, TBRM_MEMORY_PARTS = 40 };

/* What the two numbers of tbrm_context_memory are made of: part owner * TBRM_MEMORY_USES + use. Where several threads allocate at once, the
 * parts at the peak may miss its sum by what is allocated in that moment.
 * Shapes   out_in_use_bytes, out_at_peak_bytes [TBRM_MEMORY_PARTS], n_parts = TBRM_MEMORY_PARTS; out_used_by_all_bytes [1]: bytes of the
 *          device that anybody uses (cudaMemGetInfo), -1 on a CPU. */
TBRM_API(tbrm_status_t)
tbrm_context_memory_parts(tbrm_context_t* context, int32_t n_parts, int64_t* out_in_use_bytes,
        int64_t* out_at_peak_bytes, int64_t* out_used_by_all_bytes, tbrm_error_t* err) TBRM_NOEXCEPT TBRM_MUST_CHECK;

/* Runs every kernel of the device on small odd shapes and compares with the CPU's (well under a second on a GPU). out_results: how many
 * results were compared. Errors: INTERNAL when one is off, naming kernel, shape, element and the error that is allowed. */
TBRM_API(tbrm_status_t)
tbrm_context_self_check(tbrm_context_t* context, int32_t* out_results, tbrm_error_t* err) TBRM_NOEXCEPT TBRM_MUST_CHECK;

/* One JSON object about the device: name, threads, instruction set in use or compute capability. Writes at most n_bytes with the
 * final NUL; out_needed_bytes receives the length needed. */
TBRM_API(tbrm_status_t)
tbrm_context_describe(tbrm_context_t* context, int64_t n_bytes, char* out_json, int64_t* out_needed_bytes,
        tbrm_error_t* err) TBRM_NOEXCEPT TBRM_MUST_CHECK;

/* ========================================================= model ========================================================= */

/* What stands on the decoder's last hidden state. */
typedef int32_t tbrm_head_kind_t;
enum {
    TBRM_HEAD_KIND_LM = 0,         /* logits over the vocabulary: a policy. Sections rollout, logprob and residual */
    TBRM_HEAD_KIND_VALUE = 1,      /* one number per token, score.weight [1, D]: a critic. Section value */
    TBRM_HEAD_KIND_VALUE_BIAS = 2, /* the same with score.bias [1], as Hugging Face's ...ForTokenClassification */
    TBRM_HEAD_KIND_LM_VALUE = 3    /* logits and score.weight [1, D] on one body: a policy that is its own critic */
};

/* A decoder. Every size is in elements. */
typedef struct tbrm_model_config {
    int32_t struct_size;
    tbrm_dtype_t dtype;
    int32_t vocab_size;          /* V: rows of the embedding, padding rows included */
    int32_t hidden_size;         /* D */
    int32_t intermediate_size;   /* I */
    int32_t n_layers;            /* L */
    int32_t n_heads;             /* query heads */
    int32_t n_kv_heads;          /* divides n_heads */
    int32_t head_dim;            /* even, at most 256 */
    int32_t max_positions;       /* longest sequence that will ever be run */
    int32_t tie_word_embeddings; /* 1: the LM head is the embedding; of no effect without an LM head */
    int32_t trainable;           /* 1: keeps fp32 master weights and gradients; 0: weights alone (a frozen reference) */
    int32_t recompute;           /* 1: layers keep their input only and run again in backward */
    float rms_norm_eps;
    float rope_attention_factor; /* multiplies cos and sin of the first table; 1 unless the checkpoint uses YaRN */
    tbrm_head_kind_t head_kind;
    /* What of [rows, vocabulary] exists at any time, at any N and V; 0 = 256 MiB. In training: exponentials kept from forward to backward,
     * 2 or 4 bytes each, and slices of the vocabulary for the rows that did not fit. In a rollout: fp32 logits of the rows that are
     * drawn at once, at least one row. A budget below 16 rows of a 1024-column slice is exceeded by that much. Not counted: sums per row and
     * segment, one chunk of inputs and of their gradient, tiles per thread (docs/math/logprob.md, Cost). */
    int64_t head_budget_bytes;
    /* What sets the architecture apart from a plain decoder (RMSNorm, rotary embedding, grouped queries, SwiGLU): "name=value", separated by
     * spaces, each name at most once; names, values and meanings stand in src/model/architecture.hpp. Null or empty: nothing. */
    const char* architecture;
    /* What the ranks of a group hold one share of each (tbrm_model_share; ZeRO, arXiv 1910.02054): 0: nothing, every rank has all;
     * 1: an optimizer's moments, and the fp32 masters of a bf16 model's weights; 2: the gradients too. Of no effect where nothing is trained. */
    int32_t zero_stage;
    int32_t n_ranks; /* of that group; 0 or 1: none */
} tbrm_model_config_t;

/* Allocates the model with all parameters zero (norm weights one).
 * Shapes   rope_inv_freq [n_inv_freq]: rotation per position in radians, after any RoPE scaling. n_inv_freq = head_dim / 2, or head_dim:
 *          then the second half is the sliding layers' own table.
 * Errors   INVALID_ARGUMENT names the field; OUT_OF_MEMORY names the bytes. */
TBRM_API(tbrm_status_t)
tbrm_model_create(tbrm_context_t* context, const tbrm_model_config_t* config, int32_t n_inv_freq,
        const float* rope_inv_freq, tbrm_model_t** out_model, tbrm_error_t* err) TBRM_NOEXCEPT TBRM_MUST_CHECK;

TBRM_API(void) tbrm_model_destroy(tbrm_model_t* model) TBRM_NOEXCEPT;

/* Draws every matrix from N(0, std^2) by Philox keyed with (seed, tensor name, element), residual outputs scaled by 1/sqrt(2L);
 * norms are 1 and biases 0. Independent of device, threads and layout. */
TBRM_API(tbrm_status_t)
tbrm_model_init_random(tbrm_model_t* model, uint64_t seed, float std, tbrm_error_t* err) TBRM_NOEXCEPT TBRM_MUST_CHECK;

/* A frozen copy (trainable = 0) of the present weights, its adapter included: the reference policy. Same device, same dtype, same bits. */
TBRM_API(tbrm_status_t)
tbrm_model_clone_frozen(tbrm_model_t* model, tbrm_model_t** out_model, tbrm_error_t* err) TBRM_NOEXCEPT TBRM_MUST_CHECK;

/* Copies the present weights of `source` into `model` (reference reset, replicas of a rank). Same configuration and adapter but for trainable and
 * recompute; on the same device, or both on CPUs. */
TBRM_API(tbrm_status_t)
tbrm_model_copy_weights(tbrm_model_t* model, tbrm_model_t* source, tbrm_error_t* err) TBRM_NOEXCEPT TBRM_MUST_CHECK;

/* Copies the present weights of embedding, layers and final norm of `source` into `model`; heads and adapters are left alone. What makes a
 * critic of a policy. Same configuration but for head_kind, tie_word_embeddings, trainable, recompute and head_budget_bytes. */
TBRM_API(tbrm_status_t)
tbrm_model_copy_body(tbrm_model_t* model, tbrm_model_t* source, tbrm_error_t* err) TBRM_NOEXCEPT TBRM_MUST_CHECK;

/* Draws the value head's weight from N(0, std^2) as tbrm_model_init_random does; std = 0 makes it zero. Its bias becomes 0.
 * Errors: INVALID_ARGUMENT for a model without a value head. */
TBRM_API(tbrm_status_t)
tbrm_model_init_value_head(
        tbrm_model_t* model, uint64_t seed, float std, tbrm_error_t* err) TBRM_NOEXCEPT TBRM_MUST_CHECK;

/* Number of tensors under their Hugging Face names (fused parameters are listed as their parts; a tied head is not listed), and after
 * them the adapter's under PEFT's. */
TBRM_API(int32_t) tbrm_model_tensor_count(tbrm_model_t* model) TBRM_NOEXCEPT;

/* Name (valid for the model's life; an adapter's until it is merged) and shape of tensor `index`; a vector has cols = 0. */
TBRM_API(tbrm_status_t)
tbrm_model_tensor_info(tbrm_model_t* model, int32_t index, const char** out_name, int64_t* out_rows, int64_t* out_cols,
        tbrm_error_t* err) TBRM_NOEXCEPT TBRM_MUST_CHECK;

typedef int32_t tbrm_tensor_kind_t;
enum {
    TBRM_TENSOR_KIND_WEIGHT = 0,  /* what forward uses, widened to fp32 */
    TBRM_TENSOR_KIND_MASTER = 1,  /* fp32 master weight (trainable models) */
    TBRM_TENSOR_KIND_GRADIENT = 2 /* accumulated gradient (trainable models) */
};

/* Copies one tensor out / in as row-major fp32. Writing WEIGHT rounds to dtype and sets the master too; GRADIENT may be written as well.
 * n = rows * max(cols, 1). */
TBRM_API(tbrm_status_t)
tbrm_model_tensor_read(tbrm_model_t* model, const char* name, tbrm_tensor_kind_t kind, int64_t n, float* out_values,
        tbrm_error_t* err) TBRM_NOEXCEPT TBRM_MUST_CHECK;
TBRM_API(tbrm_status_t)
tbrm_model_tensor_write(tbrm_model_t* model, const char* name, tbrm_tensor_kind_t kind, int64_t n, const float* values,
        tbrm_error_t* err) TBRM_NOEXCEPT TBRM_MUST_CHECK;

/* Frees the buffers of forward and backward; the next pass allocates them again. What makes room for a rollout's pages after the last update
 * of a step. Errors: INVALID_ARGUMENT while a forward is kept. */
TBRM_API(tbrm_status_t)
tbrm_model_release_activations(tbrm_model_t* model, tbrm_error_t* err) TBRM_NOEXCEPT TBRM_MUST_CHECK;

/* Projections of a decoder layer that a low-rank adapter may add to; targets is a sum of them. */
typedef int32_t tbrm_adapter_target_t;
enum {
    TBRM_ADAPTER_TARGET_Q_PROJ = 1,
    TBRM_ADAPTER_TARGET_K_PROJ = 2,
    TBRM_ADAPTER_TARGET_V_PROJ = 4,
    TBRM_ADAPTER_TARGET_O_PROJ = 8,
    TBRM_ADAPTER_TARGET_GATE_PROJ = 16,
    TBRM_ADAPTER_TARGET_UP_PROJ = 32,
    TBRM_ADAPTER_TARGET_DOWN_PROJ = 64
};

/* LoRA (arXiv 2106.09685): y = x W^T + scale (x A^T) B^T, A [rank, inputs], B [outputs, rank]. */
typedef struct tbrm_adapter_config {
    int32_t struct_size;
    int32_t rank;
    int32_t targets;   /* of every layer */
    int32_t trainable; /* 1: keeps fp32 master weights and gradients of A and B */
    float scale;       /* alpha / rank, or what the adapter was trained with */
    int32_t n_modules; /* 0: rank and scale are those of every target; else 7 n_layers, and rank, targets and scale are not read */
    uint64_t seed; /* of the initial A */
    const int32_t*
            ranks; /* [n_modules] of projection p (bit p of targets) of layer l at 7 l + p; 0: not adapted. Or null */
    const float* scales; /* [n_modules] likewise, read where the rank is not 0. Or null */
} tbrm_adapter_config_t;

/* Puts an adapter on the model and switches it on. A is drawn from U(-1/sqrt(inputs), 1/sqrt(inputs)) by Philox keyed with (seed, tensor
 * name, element), B is zero: the model's outputs stay what they were. The base is frozen from then on: masters and gradients that it had
 * are freed, and only the adapter's parameters have them, and a value head, which is trained on as before. Errors: INVALID_ARGUMENT with an adapter, an optimizer or a kept forward. */
TBRM_API(tbrm_status_t)
tbrm_model_attach_adapter(
        tbrm_model_t* model, const tbrm_adapter_config_t* config, tbrm_error_t* err) TBRM_NOEXCEPT TBRM_MUST_CHECK;

/* on = 0: forward computes the base alone, to the bit (the reference policy). Start value 1. Nothing of a rollout may be queued. */
TBRM_API(tbrm_status_t)
tbrm_model_enable_adapter(tbrm_model_t* model, int32_t on, tbrm_error_t* err) TBRM_NOEXCEPT TBRM_MUST_CHECK;

/* W += scale B A from the master weights, sums in fp32, rounded to dtype once; then the model has no adapter. */
TBRM_API(tbrm_status_t)
tbrm_model_merge_adapter(tbrm_model_t* model, tbrm_error_t* err) TBRM_NOEXCEPT TBRM_MUST_CHECK;

/* ========================================================= plan ========================================================== */

/* Tokens of a page of the KV cache. */
enum { TBRM_PAGE_TOKENS = 64 };

/* What is done with a model: the largest batch of each kind, 0 where there is none. Sequences of a batch count as equally long. */
typedef struct tbrm_memory_load {
    int32_t struct_size;
    tbrm_device_kind_t device_kind; /* need not be of this machine */
    int32_t n_threads;              /* CPU threads that compute; 0 = 1; no matter on CUDA */
    int32_t entropy;                /* 1: H is asked for, and has a gradient */
    int64_t update_sequences;       /* a micro-batch whose gradient is taken */
    int64_t update_tokens;
    int64_t update_rows;
    int64_t score_sequences; /* a batch that is only scored: reference, old log-probs, values */
    int64_t score_tokens;
    int64_t score_rows;
    int64_t kv_budget_bytes; /* as tbrm_rollout_config_t; 0: no rollout */
    int32_t max_seqs;
    int32_t max_batched_tokens;
} tbrm_memory_load_t;

/* Bytes that the library allocates for it, from the expressions that it allocates by. Update, score and rollout give their memory back
 * (tbrm_model_release_activations, tbrm_rollout_release_pages), so that the largest of the three counts. Small arrays per sequence and what
 * the heap of the process takes besides are not counted. */
typedef struct tbrm_memory_bytes {
    int32_t struct_size;
    int32_t reserved;
    int64_t n_parameters; /* elements, without padding; the adapter's too */
    int64_t n_trained;
    int64_t weights; /* what forward reads: one copy for rollout and training, rotation tables */
    int64_t adapter; /* A and B as forward reads them */
    int64_t masters; /* fp32 masters of what is trained; 0 in an fp32 model, whose weights are they */
    int64_t gradients;
    int64_t moments;     /* of one optimizer. Of what ranks share the largest share */
    int64_t frozen_copy; /* tbrm_model_clone_frozen */
    int64_t kv_page;     /* one page, all layers */
    int64_t kv_pages;    /* all of them: whole pages within kv_budget_bytes */
    int64_t rollout_activations;
    int64_t rollout_logits; /* and the sampler's workspace */
    int64_t update_inputs;  /* residual stream before each layer */
    int64_t update_tape;    /* what the layers keep for their backward */
    int64_t update_forward; /* scratch of a layer's forward, and of its backward */
    int64_t update_backward;
    int64_t update_rows;  /* residual stream, its rows that the head reads, ids, numbers per row */
    int64_t update_layer; /* what one layer's kernels take while they run */
    int64_t update_head;  /* the head at its widest; beside no layer's kernels */
    int64_t update_gradients; /* whole gradients of a layer, and of embedding and heads, before the ranks have added them up: stage 2 */
    int64_t start;       /* whole masters, beside the weights, before the ranks share them */
    int64_t score_batch; /* a forward alone, all of it */
    int64_t kernels;     /* working memory of threads, kept from the first use on */
    int64_t always;      /* weights + adapter + masters + gradients + moments + kernels */
    int64_t update;      /* the most of an update at a time */
    int64_t rollout;     /* the same of a rollout */
} tbrm_memory_bytes_t;

/* Reckons without allocating anything, for any device. adapter may be null; with one, config->trainable = 0 is what attaching leaves.
 * Errors   INVALID_ARGUMENT names the field; OUT_OF_MEMORY as tbrm_rollout_create when kv_budget_bytes holds less than one sequence. */
TBRM_API(tbrm_status_t)
tbrm_memory_plan(const tbrm_model_config_t* config, int32_t n_inv_freq, const float* rope_inv_freq,
        const tbrm_adapter_config_t* adapter, const tbrm_memory_load_t* load, tbrm_memory_bytes_t* out_plan,
        tbrm_error_t* err) TBRM_NOEXCEPT TBRM_MUST_CHECK;

/* ======================================================== rollout ======================================================== */

typedef struct tbrm_rollout_config {
    int32_t struct_size;
    int32_t max_seqs;           /* sequences decoded together */
    int32_t max_batched_tokens; /* prompt tokens prefilled in one iteration (chunked prefill) */
    int32_t decode_graph; /* 1: on a GPU, steps of decoding are recorded and launched at once; same bits. 0: every kernel is launched */
    int64_t kv_budget_bytes; /* the page pool's size; the number of pages follows from it */
} tbrm_rollout_config_t;

typedef struct tbrm_sampling {
    int32_t struct_size;
    int32_t max_new_tokens;
    int32_t min_new_tokens;   /* until so many are drawn, stop ids are masked and completed stop strings do not end */
    int32_t top_k;            /* 0 = off */
    float top_p;              /* 1 = off */
    float min_p;              /* 0 = off */
    float temperature;        /* 0 = greedy: argmax, lowest id on ties */
    float repetition_penalty; /* 1 = off; over prompt and response, as Hugging Face */
    uint64_t seed;
    int32_t sampled_vocab_size; /* ids from here on are never drawn (padding rows); 0 = all */
    int32_t n_stop_ids;
    const int32_t* stop_ids;
    int32_t n_stop_strings;
    int32_t reserved;
    const int64_t* stop_string_offsets; /* [n_stop_strings + 1] into stop_string_bytes */
    const uint8_t* stop_string_bytes;   /* UTF-8 */
} tbrm_sampling_t;

typedef int32_t tbrm_finish_reason_t;
enum {
    TBRM_FINISH_REASON_STOP_ID = 0,     /* the stop id is the last token of the response */
    TBRM_FINISH_REASON_STOP_STRING = 1, /* the response ends with the token that completed the string */
    TBRM_FINISH_REASON_LENGTH = 2,      /* max_new_tokens, or the model's max_positions */
    TBRM_FINISH_REASON_CANCELLED = 3,
    TBRM_FINISH_REASON_NON_FINITE = 4 /* the logits were NaN or all -inf; the response ends before that token */
};

typedef struct tbrm_finished {
    int64_t trajectory_id;
    int32_t n_tokens;
    tbrm_finish_reason_t reason;
} tbrm_finished_t;

typedef struct tbrm_rollout_status {
    int32_t n_waiting;
    int32_t n_running;
    int32_t n_finished; /* finished and not yet read */
    int32_t reserved;
    int64_t n_pages;
    int64_t n_pages_free;
    int64_t n_preemptions;    /* since creation */
    int64_t n_prefill_tokens; /* prompt tokens computed since creation (a shared prompt counts once) */
    int64_t n_decode_tokens;  /* response tokens produced since creation */
} tbrm_rollout_status_t;

/* A page pool and a scheduler over `model`, whose weights it reads in place: an optimizer step is seen by the next token.
 * Errors   OUT_OF_MEMORY when the budget holds less than one sequence of max_positions: the message gives the bytes needed. */
TBRM_API(tbrm_status_t)
tbrm_rollout_create(tbrm_model_t* model, const tbrm_rollout_config_t* config, tbrm_rollout_t** out_rollout,
        tbrm_error_t* err) TBRM_NOEXCEPT TBRM_MUST_CHECK;

TBRM_API(void) tbrm_rollout_destroy(tbrm_rollout_t* rollout) TBRM_NOEXCEPT;

/* The bytes that each id stands for, needed for stop strings: bytes[offsets[id] .. offsets[id + 1]). */
TBRM_API(tbrm_status_t)
tbrm_rollout_set_token_bytes(tbrm_rollout_t* rollout, int32_t n_ids, const int64_t* offsets, const uint8_t* bytes,
        tbrm_error_t* err) TBRM_NOEXCEPT TBRM_MUST_CHECK;

/* Samples from pi_guide^(1 - scale) pi^scale: the logits of every row are scale z + (1 - scale) z_guide, before temperature, penalties and
 * filters; reported log-probs are those of the mixture. The guide has a page pool of its own, as many pages of its size, and stays alive
 * as long as the rollout. A null guide samples from the model alone again. Logits are mixed on the host.
 * Errors   INVALID_ARGUMENT while trajectories are queued; when scale is negative or not finite; when the guide has another vocabulary,
 *          fewer positions, a value head, or lives in another context. */
TBRM_API(tbrm_status_t)
tbrm_rollout_set_guide(
        tbrm_rollout_t* rollout, tbrm_model_t* guide, float scale, tbrm_error_t* err) TBRM_NOEXCEPT TBRM_MUST_CHECK;

/* Queues n_samples trajectories of one prompt; they share the prompt's pages and its prefill.
 * trajectory_ids [n_samples] key the random stream together with sampling->seed: Philox4x32-10 with
 * (seed, trajectory id, position), so a trajectory's tokens do not depend on other sequences, slot, order or preemption. */
TBRM_API(tbrm_status_t)
tbrm_rollout_submit(tbrm_rollout_t* rollout, int32_t n_prompt_tokens, const int32_t* prompt_ids, int32_t n_samples,
        const int64_t* trajectory_ids, const tbrm_sampling_t* sampling,
        tbrm_error_t* err) TBRM_NOEXCEPT TBRM_MUST_CHECK;

/* Runs at most n_iterations scheduler iterations (one token for every running sequence each), less when all is done, then reports.
 * The caller polls in slices so that it can show progress, read finished trajectories and stop between two slices. */
TBRM_API(tbrm_status_t)
tbrm_rollout_step(tbrm_rollout_t* rollout, int32_t n_iterations, tbrm_rollout_status_t* out_status,
        tbrm_error_t* err) TBRM_NOEXCEPT TBRM_MUST_CHECK;

/* The oldest finished trajectory without removing it; out_finished->trajectory_id = -1 when there is none. */
TBRM_API(tbrm_status_t)
tbrm_rollout_peek(
        tbrm_rollout_t* rollout, tbrm_finished_t* out_finished, tbrm_error_t* err) TBRM_NOEXCEPT TBRM_MUST_CHECK;

/* Copies the oldest finished trajectory out and removes it.
 * Shapes   out_ids, out_logp, out_processed_logp [n_tokens], n_tokens from peek. The last two may be null.
 * Units    out_logp: nats, log softmax(logits / temperature)[id] (temperature 1 when greedy), before penalties and filters: what the
 *          trainer recomputes, bit for bit. out_processed_logp: nats, under the distribution that was drawn from. */
TBRM_API(tbrm_status_t)
tbrm_rollout_read(tbrm_rollout_t* rollout, int32_t n_tokens, int32_t* out_ids, float* out_logp,
        float* out_processed_logp, tbrm_error_t* err) TBRM_NOEXCEPT TBRM_MUST_CHECK;

/* Ends every waiting and running trajectory with CANCELLED. */
TBRM_API(tbrm_status_t) tbrm_rollout_cancel(tbrm_rollout_t* rollout, tbrm_error_t* err) TBRM_NOEXCEPT TBRM_MUST_CHECK;

/* Frees the page pool while nothing is queued (the update needs the memory); the next step allocates it again. */
TBRM_API(tbrm_status_t)
tbrm_rollout_release_pages(tbrm_rollout_t* rollout, tbrm_error_t* err) TBRM_NOEXCEPT TBRM_MUST_CHECK;

/* ======================================================== logprob ======================================================== */

/* Packed sequences and the rows to be scored. Row r reads the hidden state of packed token rows[r] and scores labels[r]: for a
 * response token at packed index i, rows[r] = i - 1 and labels[r] = ids[i]. */
typedef struct tbrm_batch {
    int32_t struct_size;
    float temperature;      /* z = logit / temperature, > 0 */
    int64_t n_seqs;         /* B */
    int64_t n_tokens;       /* N */
    int64_t n_rows;         /* R */
    const int32_t* ids;     /* [N] */
    const int64_t* offsets; /* [B+1] */
    const int64_t* rows;    /* [R] ascending packed indices */
    const int32_t* labels;  /* [R] */
} tbrm_batch_t;

/* Q = z[label], V = logsumexp(z), H = entropy of softmax(z), from fp32 accumulators; log pi = Q - V.
 * Shapes   out_q, out_v [R]; out_h [R] or null. Units: nats. keep != 0 keeps what tbrm_gradient_backward needs (one at a time).
 * Numerics the bits of a row do not depend on the other sequences or rows; equal to what the rollout recorded. */
TBRM_API(tbrm_status_t)
tbrm_logprob_forward(tbrm_model_t* model, const tbrm_batch_t* batch, int32_t keep, float* out_q, float* out_v,
        float* out_h, tbrm_error_t* err) TBRM_NOEXCEPT TBRM_MUST_CHECK;

/* ========================================================= value ========================================================= */

/* values[r] = score.weight . x + score.bias of the hidden state x of packed token rows[r], from fp32 accumulators: what a critic thinks of
 * the state that the next token is chosen in. batch->labels is not read and may be null, nor is batch->temperature.
 * Shapes   out_values [R]. Units: those of the returns that it is trained on. keep != 0 keeps what tbrm_value_backward needs (one at a time).
 * Numerics the bits of a row do not depend on the other sequences or rows.
 * Errors   INVALID_ARGUMENT for a model without a value head. */
TBRM_API(tbrm_status_t)
tbrm_value_forward(tbrm_model_t* model, const tbrm_batch_t* batch, int32_t keep, float* out_values,
        tbrm_error_t* err) TBRM_NOEXCEPT TBRM_MUST_CHECK;

/* Adds to the gradients what follows from dL/dvalue of the forward that was kept, and drops what was kept.
 * Shapes   d_values [R]. Numerics: fp32 accumulation (the head's weight: fp64), fixed order, no atomics.
 * Twins    src/value/value_{cpu.cpp,cuda.cu} */
TBRM_API(tbrm_status_t)
tbrm_value_backward(
        tbrm_model_t* model, int64_t n_rows, const float* d_values, tbrm_error_t* err) TBRM_NOEXCEPT TBRM_MUST_CHECK;

/* With both heads (TBRM_HEAD_KIND_LM_VALUE): the values of the rows of the tbrm_logprob_forward that was kept. Same bits as tbrm_value_forward.
 * Shapes   out_values [R]. Errors: INVALID_ARGUMENT when no scores are kept. */
TBRM_API(tbrm_status_t)
tbrm_value_of_kept(
        tbrm_model_t* model, int64_t n_rows, float* out_values, tbrm_error_t* err) TBRM_NOEXCEPT TBRM_MUST_CHECK;

/* With both heads: dL/dvalue of the rows of the tbrm_logprob_forward that was kept, which the next tbrm_gradient_backward adds to the gradient
 * of their hidden states: one walk back over the body serves both heads. Dropped with what was kept.
 * Shapes   d_values [R]. Numerics: the gradients of the two heads are rounded to dtype each, then added. Errors: as tbrm_value_of_kept. */
TBRM_API(tbrm_status_t)
tbrm_value_add_gradient(
        tbrm_model_t* model, int64_t n_rows, const float* d_values, tbrm_error_t* err) TBRM_NOEXCEPT TBRM_MUST_CHECK;

/* ======================================================= residual ======================================================== */

typedef int32_t tbrm_residual_kind_t;
enum { TBRM_RESIDUAL_KIND_TBRM = 0, TBRM_RESIDUAL_KIND_REVAL = 1 };

/* B trajectories over R scored rows: trajectory b owns rows [row_offsets[b], row_offsets[b+1]). */
typedef struct tbrm_residual_args {
    int32_t struct_size;
    tbrm_residual_kind_t kind;
    double beta;          /* reward units per nat, > 0 */
    double loss_scale;    /* multiplies the loss: 1, or beta^2 for reward units */
    int32_t detach_value; /* 1: V(s_1) carries no gradient */
    int32_t reserved;
    int64_t n_seqs;
    int64_t n_rows;
    const int64_t* row_offsets; /* [B+1] */
    const float* ref_logp;      /* [R] log pi_ref of the labels */
    const float* ref_v1;        /* [B] V_ref(s_1); null for TBRM */
    const double* reward;       /* [B] */
    const double* weight;       /* [B] weight in the mean: 1/|D|, or 0 for a dropped trajectory */
    const int32_t* bootstrap; /* [B] 1: the last row is V(s_{H+1}) of a truncated response and no action; may be null */
    const float* v_frozen;    /* [B] stands for V_1 in f and carries no gradient (the iterative form); may be null */
    const float* ref_v_end;   /* [B] V_ref(s_{H+1}), read where bootstrap is 1 (ReVal, else null) */
} tbrm_residual_args_t;

/* The squared trajectory Bellman residual and its gradient.
 *     f_b  = V_1 + sum_h (logp_h - ref_logp_h) - reward_b / beta  [- ref_v1_b for ReVal]  [- V_{H+1} with bootstrap, + ref_v_end_b for ReVal]
 *     logp_h = Q_h - V_h rounded to fp32, as ref_logp was: where the policy is the reference the sum is 0, bit for bit
 *     loss = loss_scale * sum_b weight_b f_b^2
 *     dQ_h = c_b, dV_h = -c_b with c_b = 2 loss_scale weight_b f_b, but dV_1 = 0 (-c_b with detach_value or v_frozen);
 *     the bootstrap row has dQ = 0, dV = -c_b
 * Shapes   q, v, out_dq, out_dv [R]; out_residual [B]; out_loss [1].
 * Units    q, v, ref_logp, ref_v1, out_residual: nats.
 * Errors   INVALID_ARGUMENT: beta or loss_scale not finite or <= 0, offsets not ascending from 0 to R. An empty trajectory gives f = 0.
 * Numerics fp64 accumulator per trajectory in row order.
 * Source   TBRM arXiv 2505.15311 Alg. 1; ReVal arXiv 2603.23355 Eq. 2; docs/math/residual.md.
 * Twins    src/residual/residual_{cpu.cpp,cuda.cu} */
TBRM_API(tbrm_status_t)
tbrm_residual_forward(tbrm_context_t* context, const tbrm_residual_args_t* args, const float* q, const float* v,
        float* out_residual, double* out_loss, float* out_dq, float* out_dv,
        tbrm_error_t* err) TBRM_NOEXCEPT TBRM_MUST_CHECK;

/* ======================================================= gradient ======================================================== */

/* Sets every accumulated gradient to zero. */
TBRM_API(tbrm_status_t) tbrm_gradient_zero(tbrm_model_t* model, tbrm_error_t* err) TBRM_NOEXCEPT TBRM_MUST_CHECK;

/* The 2-norm over all accumulated gradients; infinity or NaN when one of them is. fp64 sums in an order that depends on shapes alone: over
 * the shares of ranks it has the bits that it has over the whole. */
TBRM_API(tbrm_status_t)
tbrm_gradient_norm(tbrm_model_t* model, double* out_norm, tbrm_error_t* err) TBRM_NOEXCEPT TBRM_MUST_CHECK;

/* Adds to the gradients what follows from dL/dQ, dL/dV, dL/dH of the forward that was kept, and drops what was kept.
 * Shapes   dq, dv [R]; dh [R] or null. Numerics: fp32 accumulation, fixed order, no atomics. */
TBRM_API(tbrm_status_t)
tbrm_gradient_backward(tbrm_model_t* model, int64_t n_rows, const float* dq, const float* dv, const float* dh,
        tbrm_error_t* err) TBRM_NOEXCEPT TBRM_MUST_CHECK;

/* logprob, residual and gradient of one micro-batch without leaving the device: what the three calls do, in one.
 * Shapes   out_q, out_v [R], out_residual [B], out_loss [1]. */
TBRM_API(tbrm_status_t)
tbrm_gradient_residual(tbrm_model_t* model, const tbrm_batch_t* batch, const tbrm_residual_args_t* args, float* out_q,
        float* out_v, float* out_residual, double* out_loss, tbrm_error_t* err) TBRM_NOEXCEPT TBRM_MUST_CHECK;

/* Drops a kept forward without using it (after an interruption). */
TBRM_API(tbrm_status_t) tbrm_gradient_discard(tbrm_model_t* model, tbrm_error_t* err) TBRM_NOEXCEPT TBRM_MUST_CHECK;

/* ========================================================= group ========================================================= */

/* Ranks that make one step together, each with its own context and a model with equal weights: every rank takes the gradient of its part of
 * the batch, tbrm_gradient_reduce adds them up, and tbrm_gradient_norm and tbrm_optimizer_update then do the same on all. A rank is a thread of
 * this process, or a process of its own. Calls that name a group are made by all of its ranks, in the same order, unless they say otherwise;
 * each returns when all have come. A rank that does not come, leaves, dies or makes another call ends the wait of the others with GROUP, which
 * names it, and whose device_code is the exit code that it gave (1: none); the group is of no use then.
 * Numerics every sum over ranks is ours, in the order of the ranks: its bits depend on their number alone. */

/* The ranks' ends of a group of threads of this process; out_groups [n_ranks]. timeout_s: seconds, for the emergency alone. */
TBRM_API(tbrm_status_t)
tbrm_group_create_local(
        int32_t n_ranks, double timeout_s, tbrm_group_t** out_groups, tbrm_error_t* err) TBRM_NOEXCEPT TBRM_MUST_CHECK;

/* A process's place among those of a group. */
typedef struct tbrm_group_config {
    int32_t struct_size;
    int32_t rank;
    int32_t n_ranks;
    int32_t port; /* rank 0 listens on it until all are linked; the links listen on ports of their own. Neither asks who comes */
    const char* address; /* of rank 0's host */
    const char* host;    /* of this process, for messages */
    const char* equals;  /* lines "name=value" that all ranks must have in common */
    double start_s;      /* how long to wait for all of them */
    double lost_s; /* a process that is silent for so long is given up; it speaks every second, whatever it computes */
} tbrm_group_config_t;

/* This process's end of a group of processes, by c10d of the plug-in libtbrm_torch. Returns when all have come.
 * Errors   UNSUPPORTED without the plug-in, or where it was built without Gloo; GROUP naming the ranks that did not come within start_s, or
 *          (device_code 2) the rank that differs, its host and in what. */
TBRM_API(tbrm_status_t)
tbrm_group_join(
        const tbrm_group_config_t* config, tbrm_group_t** out_group, tbrm_error_t* err) TBRM_NOEXCEPT TBRM_MUST_CHECK;

/* Of processes: after tbrm_group_leave, waits for the others to leave too. */
TBRM_API(void) tbrm_group_destroy(tbrm_group_t* group) TBRM_NOEXCEPT;

/* This process has nothing more to say and will end with this exit code; the others are told. Waits for nobody. */
TBRM_API(tbrm_status_t)
tbrm_group_leave(tbrm_group_t* group, int32_t code, tbrm_error_t* err) TBRM_NOEXCEPT TBRM_MUST_CHECK;

/* What this process does from now on, for messages; and bits that the others see, 0 at the start. By one process, at any time. */
TBRM_API(tbrm_status_t)
tbrm_group_note(
        tbrm_group_t* group, const char* phase, int32_t signals, tbrm_error_t* err) TBRM_NOEXCEPT TBRM_MUST_CHECK;

/* A message to one process, which takes it in order. Waits only while too much is on its way. */
TBRM_API(tbrm_status_t)
tbrm_group_send(
        tbrm_group_t* group, int32_t to, int64_t n, const void* data, tbrm_error_t* err) TBRM_NOEXCEPT TBRM_MUST_CHECK;

/* Waits for the next message of one process, at most timeout_s (0: without end). out_n: its bytes, -1 when none came. tbrm_group_read
 * copies it before the next one of that process is received. Different processes' messages may be waited for on different threads. */
TBRM_API(tbrm_status_t)
tbrm_group_receive(tbrm_group_t* group, int32_t from, double timeout_s, int64_t* out_n,
        tbrm_error_t* err) TBRM_NOEXCEPT TBRM_MUST_CHECK;

/* Copies the message that was received. out [n]. */
TBRM_API(tbrm_status_t)
tbrm_group_read(
        tbrm_group_t* group, int32_t from, int64_t n, void* out, tbrm_error_t* err) TBRM_NOEXCEPT TBRM_MUST_CHECK;

/* What is known of a process. */
typedef struct tbrm_group_state {
    int32_t struct_size;
    int32_t signals;  /* as it noted */
    int32_t has_left; /* 1: it has ended in order, with exit_code */
    int32_t exit_code;
    double phase_s;  /* for how long it has been doing what it does */
    double silent_s; /* since it was last heard */
    char host[128];
    char phase[64];
} tbrm_group_state_t;
TBRM_API(tbrm_status_t)
tbrm_group_look(tbrm_group_t* group, int32_t rank, tbrm_group_state_t* out_state,
        tbrm_error_t* err) TBRM_NOEXCEPT TBRM_MUST_CHECK;

/* Waits for all ranks. phase: what they are about to do, for messages. */
TBRM_API(tbrm_status_t)
tbrm_group_barrier(tbrm_group_t* group, const char* phase, tbrm_error_t* err) TBRM_NOEXCEPT TBRM_MUST_CHECK;

/* This rank fails and will not come again: the others are told why, and with which exit code. Waits for nobody. */
TBRM_API(tbrm_status_t)
tbrm_group_abort(
        tbrm_group_t* group, int32_t code, const char* reason, tbrm_error_t* err) TBRM_NOEXCEPT TBRM_MUST_CHECK;

/* inout_values[i] = its sum over the ranks. Shapes: inout_values [n]. */
TBRM_API(tbrm_status_t)
tbrm_group_sum(tbrm_group_t* group, int64_t n, double* inout_values, tbrm_error_t* err) TBRM_NOEXCEPT TBRM_MUST_CHECK;

/* From now on the ranks train one model: each keeps its share of what config.zero_stage names, and updates its share alone. Once, before a
 * forward is kept and without an optimizer. An adapter that is attached later is shared as well. Then these calls are made by all ranks:
 * tbrm_gradient_norm, tbrm_optimizer_update and _step, tbrm_checkpoint_save_optimizer and, of processes, _load_optimizer; with stage 2 also
 * every backward, by a rank that has no rows as tbrm_gradient_share. Masters and gradients that are shared can be neither read nor written.
 * Updates have the bits that they have without sharing; but with stage 2 the ranks add up every backward's gradient, not those of an update.
 * Errors   INVALID_ARGUMENT on all ranks when the models or the kinds of device differ; when the group has not config.n_ranks ranks. */
TBRM_API(tbrm_status_t)
tbrm_model_share(tbrm_model_t* model, tbrm_group_t* group, tbrm_error_t* err) TBRM_NOEXCEPT TBRM_MUST_CHECK;

/* A rank's part of the others' backward when it has no rows of its own: their gradients are added up, with zeros from here. Of no effect
 * unless the ranks share the gradients. */
TBRM_API(tbrm_status_t) tbrm_gradient_share(tbrm_model_t* model, tbrm_error_t* err) TBRM_NOEXCEPT TBRM_MUST_CHECK;

/* The accumulated gradients of every rank's model = their sum over the ranks, fp32, each sum made once. Between backward and optimizer. Where
 * the ranks share a model (stage 1), a rank gets the sums of its share alone; with stage 2 they are added up already.
 * Errors   INVALID_ARGUMENT on all ranks when the models or the kinds of device differ. */
TBRM_API(tbrm_status_t)
tbrm_gradient_reduce(tbrm_model_t* model, tbrm_group_t* group, tbrm_error_t* err) TBRM_NOEXCEPT TBRM_MUST_CHECK;

/* The weights of rank 0's model on the models of all other processes; with an optimizer its moments and step count too. Before they share
 * the model: then tbrm_checkpoint_load_optimizer does both.
 * Errors   INVALID_ARGUMENT for a group of threads, which copy memory (tbrm_model_copy_weights); where the ranks share the model. */
TBRM_API(tbrm_status_t)
tbrm_group_copy_model(tbrm_group_t* group, tbrm_model_t* model, tbrm_error_t* err) TBRM_NOEXCEPT TBRM_MUST_CHECK;
TBRM_API(tbrm_status_t)
tbrm_group_copy_optimizer(
        tbrm_group_t* group, tbrm_optimizer_t* optimizer, tbrm_error_t* err) TBRM_NOEXCEPT TBRM_MUST_CHECK;

/* ======================================================= optimizer ======================================================= */

typedef struct tbrm_optimizer_config {
    int32_t struct_size;
    float beta1;
    float beta2;
    float eps;
    float weight_decay; /* decoupled; not applied to norms and biases */
} tbrm_optimizer_config_t;

typedef struct tbrm_step_result {
    double grad_norm; /* 2-norm over all gradients before clipping; may be inf or nan */
    int64_t step;     /* updates applied so far */
    int32_t applied;  /* 0: the norm was not finite, nothing was changed */
    int32_t reserved;
} tbrm_step_result_t;

/* AdamW (arXiv 1711.05101) over all that is trained of a model. The fp32 moments are the optimizer's own: a model may have several
 * optimizers, each steps with the gradients that are accumulated when it is called. While it has one, no adapter can be attached or merged. */
TBRM_API(tbrm_status_t)
tbrm_optimizer_create(tbrm_model_t* model, const tbrm_optimizer_config_t* config, tbrm_optimizer_t** out_optimizer,
        tbrm_error_t* err) TBRM_NOEXCEPT TBRM_MUST_CHECK;

TBRM_API(void) tbrm_optimizer_destroy(tbrm_optimizer_t* optimizer) TBRM_NOEXCEPT;

/* One update from the accumulated gradients, clipped to max_grad_norm (<= 0: not clipped); then sets the gradients to zero:
 * tbrm_gradient_norm and tbrm_optimizer_update in one. */
TBRM_API(tbrm_status_t)
tbrm_optimizer_step(tbrm_optimizer_t* optimizer, float learning_rate, float max_grad_norm,
        tbrm_step_result_t* out_result, tbrm_error_t* err) TBRM_NOEXCEPT TBRM_MUST_CHECK;

/* The same, clipped by a norm that the caller knows: of gradients over several models, or over the ranks of a group. A grad_norm that is
 * not finite leaves weights, moments and the count of steps as they are (out_result->applied = 0); a negative one is INVALID_ARGUMENT. */
TBRM_API(tbrm_status_t)
tbrm_optimizer_update(tbrm_optimizer_t* optimizer, float learning_rate, double grad_norm, float max_grad_norm,
        tbrm_step_result_t* out_result, tbrm_error_t* err) TBRM_NOEXCEPT TBRM_MUST_CHECK;

typedef int32_t tbrm_moment_t;
enum { TBRM_MOMENT_FIRST = 0, TBRM_MOMENT_SECOND = 1 };

/* Copies one tensor's moment out / in as row-major fp32; n as in tbrm_model_tensor_read. */
TBRM_API(tbrm_status_t)
tbrm_optimizer_moment_read(tbrm_optimizer_t* optimizer, const char* name, tbrm_moment_t moment, int64_t n,
        float* out_values, tbrm_error_t* err) TBRM_NOEXCEPT TBRM_MUST_CHECK;
TBRM_API(tbrm_status_t)
tbrm_optimizer_moment_write(tbrm_optimizer_t* optimizer, const char* name, tbrm_moment_t moment, int64_t n,
        const float* values, tbrm_error_t* err) TBRM_NOEXCEPT TBRM_MUST_CHECK;

/* ======================================================= checkpoint ====================================================== */

/* Reads every parameter of the model, its adapter's left aside, that one safetensors file holds; how many were found is added to inout_n_found, so that
 * shards are read one after another. Every header length and offset is checked before use. A tied model takes lm_head.weight for its
 * embedding where the file has no other.
 * Errors   BAD_FILE names the tensor and the byte: a wrong shape, an unknown dtype, a tensor of "model." or "lm_head." that the model has no
 *          place for, a head in a tied model's file that is not its embedding, a file that is cut short while it is read. */
TBRM_API(tbrm_status_t)
tbrm_checkpoint_load_weights(
        tbrm_model_t* model, const char* path, int64_t* inout_n_found, tbrm_error_t* err) TBRM_NOEXCEPT TBRM_MUST_CHECK;

/* Names of the model's tensors that no load has filled since creation, '\n'-separated; at most n_bytes with the final NUL. */
TBRM_API(tbrm_status_t)
tbrm_checkpoint_missing(tbrm_model_t* model, int64_t n_bytes, char* out_names, int64_t* out_n_missing,
        tbrm_error_t* err) TBRM_NOEXCEPT TBRM_MUST_CHECK;

/* Writes the tensors numbered [first, first + count) in order into one safetensors file in the model's dtype, metadata
 * {"format": "pt"}, and syncs it to disk. The caller names shards and writes the index. */
TBRM_API(tbrm_status_t)
tbrm_checkpoint_save_weights(tbrm_model_t* model, const char* path, int32_t first, int32_t count,
        tbrm_error_t* err) TBRM_NOEXCEPT TBRM_MUST_CHECK;

/* Writes / reads the adapter's A and B (safetensors, PEFT's names), and with them a critic's value head, as PEFT does with modules_to_save
 * (not one beside an LM head). Written are the fp32 master weights, or the weights where nothing is
 * trained. A file to be read must hold exactly the model's tensors; everything is checked before the first weight changes. */
TBRM_API(tbrm_status_t)
tbrm_checkpoint_save_adapter(tbrm_model_t* model, const char* path, tbrm_error_t* err) TBRM_NOEXCEPT TBRM_MUST_CHECK;
TBRM_API(tbrm_status_t)
tbrm_checkpoint_load_adapter(tbrm_model_t* model, const char* path, tbrm_error_t* err) TBRM_NOEXCEPT TBRM_MUST_CHECK;

/* Writes / reads master weights, both moments and the step count of what is trained (safetensors, fp32, the tensors' names with a prefix
 * each): one file, whatever ranks share. Where they share the model, rank 0 alone writes, and of processes rank 0 alone reads; the paths of the
 * others do not count. */
TBRM_API(tbrm_status_t)
tbrm_checkpoint_save_optimizer(
        tbrm_optimizer_t* optimizer, const char* path, tbrm_error_t* err) TBRM_NOEXCEPT TBRM_MUST_CHECK;
TBRM_API(tbrm_status_t)
tbrm_checkpoint_load_optimizer(
        tbrm_optimizer_t* optimizer, const char* path, tbrm_error_t* err) TBRM_NOEXCEPT TBRM_MUST_CHECK;

/* ======================================================== kernels ======================================================== */

/* The head alone, for tests and microbenchmarks. x [R, D] and w [V, D] row-major in dtype (bf16 as uint16_t bits).
 * budget_bytes as head_budget_bytes of tbrm_model_config_t. */
typedef struct tbrm_head_args {
    int32_t struct_size;
    tbrm_dtype_t dtype;
    int64_t n_rows;
    int64_t vocab_size;
    int64_t hidden_size;
    int64_t budget_bytes;
    float temperature;
    int32_t reserved;
    const void* x;
    const void* w;
    const int32_t* labels;
} tbrm_head_args_t;

/* Shapes: out_q, out_v [R]; out_h [R] or null. */
TBRM_API(tbrm_status_t)
tbrm_kernel_head_forward(tbrm_context_t* context, const tbrm_head_args_t* args, float* out_q, float* out_v,
        float* out_h, tbrm_error_t* err) TBRM_NOEXCEPT TBRM_MUST_CHECK;

/* Shapes: dq, dv [R]; dh [R] or null; out_dx [R, D], out_dw [V, D], fp32 row-major. */
TBRM_API(tbrm_status_t)
tbrm_kernel_head_backward(tbrm_context_t* context, const tbrm_head_args_t* args, const float* dq, const float* dv,
        const float* dh, float* out_dx, float* out_dw, tbrm_error_t* err) TBRM_NOEXCEPT TBRM_MUST_CHECK;

/* ========================================================= bench ========================================================= */

/* Microbenchmarks of the library's kernels on inputs of its own: list them, create one, check it, then time it. */
TBRM_API(int32_t) tbrm_bench_count(void) TBRM_NOEXCEPT;

/* Name and shape of microbenchmark `index` (both live as long as the library) and the type of its inputs. */
TBRM_API(tbrm_status_t)
tbrm_bench_info(int32_t index, const char** out_name, const char** out_shape, tbrm_dtype_t* out_dtype,
        tbrm_error_t* err) TBRM_NOEXCEPT TBRM_MUST_CHECK;

TBRM_API(tbrm_status_t)
tbrm_bench_create(tbrm_context_t* context, int32_t index, tbrm_bench_t** out_bench,
        tbrm_error_t* err) TBRM_NOEXCEPT TBRM_MUST_CHECK;

TBRM_API(void) tbrm_bench_destroy(tbrm_bench_t* bench) TBRM_NOEXCEPT;

/* Runs the kernel once and compares some of its results with fp64 arithmetic on the same inputs. out_share: the largest error as a share
 * of what rounding allows, so at most 1 where the kernel is right; infinite where a result is NaN. out_flops, out_bytes: what one run
 * computes, and what it reads and writes at least; out_flops is 0 where memory alone bounds it. */
TBRM_API(tbrm_status_t)
tbrm_bench_check(tbrm_bench_t* bench, double* out_flops, double* out_bytes, double* out_share,
        tbrm_error_t* err) TBRM_NOEXCEPT TBRM_MUST_CHECK;

/* Seconds that n runs take together, the wait for the device included. */
TBRM_API(tbrm_status_t)
tbrm_bench_run(tbrm_bench_t* bench, int32_t n, double* out_seconds, tbrm_error_t* err) TBRM_NOEXCEPT TBRM_MUST_CHECK;

/* What the context's threads can do now, measured in about a quarter of a second: multiply-adds (counted twice) of the instruction set in
 * use, and bytes read from main memory. 0 where it is not measured: on a GPU, and multiply-adds of the scalar instruction set. */
TBRM_API(tbrm_status_t)
tbrm_bench_peak(tbrm_context_t* context, tbrm_dtype_t dtype, double* out_flops_per_s, double* out_bytes_per_s,
        tbrm_error_t* err) TBRM_NOEXCEPT TBRM_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
