#pragma once
// block.hpp - the blocks of a decoder layer, forward and backward of each side by side: attention_block.cpp, mlp_block.cpp, and what both do with
// the residual stream, residual.cpp. A property of an architecture (model/architecture.hpp) is known to the block that it changes.
// docs/math/decoder.md.
#include <cstdint>
#include <functional>

#include "decoder/layer.hpp"
#include "model/layer_memory.hpp"
#include "model/model.hpp"
#include "model/packed_batch.hpp"

namespace tbrm {

// ------------------------------------------------------- forward -------------------------------------------------------

// The forward of one layer over a block of the batch's rows: `count` of them, of the n of the batch.
struct Block {
    Device& device;
    const ModelView& model;
    int64_t layer;
    int64_t count;
    int64_t n;
    const LayerBuffers& buffers;  // from the block's first row on

    const LayerView& weights() const { return model.layers[static_cast<size_t>(layer)]; }

    // x [count, D] -> Normed.
    void norm(const void* x, LayerTensor weight, float* out_inv_rms) const;

    // y [count, outputs] = (epilogue) x W^T + bias, and what an adapter adds.
    void linear(Linear which, int64_t inputs, int64_t outputs, const void* x, Epilogue epilogue, void* y,
            const float* bias = nullptr) const;
};

// x [count, D] -> q, k, v after norm and rotation.
void qkv_forward(const Block& b, const int32_t* positions, const void* x);
// The same into pages; those of `paged` are the block's.
void qkv_forward_paged(const Block& b, const int32_t* positions, const void* x, const PagedStep& paged);
// Attention's output -> x, and the MLP's norm of it.
void attention_output_forward(const Block& b, void* x);
// x and its norm -> the MLP's input projection.
void gate_up_forward(const Block& b, const void* x);
// The rest of the MLP -> x.
void mlp_output_forward(const Block& b, void* x);
// Both in a rollout, where nobody keeps the projection; and the norm that follows (null: none does).
void mlp_forward_paged(const Block& b, void* x, const float* next_norm);

// ------------------------------------------------------ backward -------------------------------------------------------

// What every step of one layer's backward works on: all rows of the batch.
struct LayerStep {
    Model& model;
    int64_t layer;
    Device& device;
    const ModelView& view;
    LayerParameters& parameters;
    const PackedBatch& batch;
    LayerMemory& tape;
    LayerMemory& scratch;
    Dtype dtype;
    int64_t n;

    // Whether the gradient of a trained parameter needs the layer's input.
    bool reads_input(Linear linear) const {
        return parameters.linear(linear).trainable() || view.adapter_of(layer, linear) != nullptr;
    }

    // A row block's part of an array of rows of `width`.
    uint8_t* at(void* base, int64_t first, int64_t width) const {
        return static_cast<uint8_t*>(base) + first * width * dtype_bytes(dtype);
    }

    // Row by row where nothing sums over rows on the way: an adapter's gradients do, and those of the norms of q and k.
    void for_row_blocks(bool sums_over_rows, const std::function<void(int64_t first, int64_t count)>& body) const;

    // dx = dy W for rows [first, first + count), and for what the adapter adds (all rows then). x is not read otherwise.
    void input_gradient(Linear linear, int64_t first, int64_t count, const void* x, void* dy, void* dx) const;

    // dW += dy^T x and db += column sums, for what is trained.
    void weight_gradient(Linear linear, Parameter* bias, const void* x, const void* dy) const;

    // The first layer's input is the embedding: where that is frozen, nobody asks for its gradient.
    bool needs_dx(Linear linear) const { return layer > 0 || linear != Linear::Qkv || model.embedding().trainable(); }

    // dx += (or =) gradient through the norm of x.
    void norm_gradient(
            Parameter& norm, const void* x, const float* inv_rms, const void* dy, void* dx, bool add = true) const;

    // NormedAgain, rows [first, first + count).
    void normed_again(const Parameter& norm, const void* x, int64_t first, int64_t count) const;
};

// dx [n, D]: on entry the gradient of what the MLP added to, on return that of what it read.
void mlp_backward(const LayerStep& s, void* dx);
// The same of attention; x: the layer's input.
void attention_backward(const LayerStep& s, const void* x, void* dx);

// --------------------------------------------------- residual stream ---------------------------------------------------

// A branch of the residual stream: the product of o or down, which is added as it is, or through a norm of its own, whose input goes to `kept`.
struct Branch {
    Linear which;
    int64_t inputs;
    const void* from;
    LayerArray kept;
    LayerTensor norm;
    LayerArray inv_rms;
};
// Adds it to the residual stream x [count, D], and takes the norm that follows -> Normed, unless its weight is null.
void add_branch(const Block& b, const Branch& branch, void* x, const float* next_norm, float* out_inv_rms);
// The gradient of what o or down gave, from dx of the residual stream that it was added to.
void* branch_gradient(const LayerStep& s, LayerTensor norm, LayerArray out, LayerArray inv_rms, void* dx);

}  // namespace tbrm
