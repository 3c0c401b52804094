#pragma once
// layer_tape.hpp - what one layer's backward needs of its forward, and the scratch that all layers share.
#include <cstdint>

#include "device/device.hpp"
#include "model/decoder_layer.hpp"
#include "model/model_view.hpp"

namespace tbrm {

// Kept per layer; with recompute, one for all layers, filled again layer by layer in backward.
struct LayerTape {
    DeviceBuffer<uint8_t> qkv;
    DeviceBuffer<uint8_t> attention;
    DeviceBuffer<uint8_t> gate_up;
    DeviceBuffer<uint8_t> middle;
    DeviceBuffer<uint8_t> qk_before_norm;
    DeviceBuffer<float> lse;  // [n, n_heads] of attention
    DeviceBuffer<float> input_inv_rms;
    DeviceBuffer<float> middle_inv_rms;
    DeviceBuffer<float> qk_inv_rms;

    void resize(Device& device, const ModelView& model, int64_t n);
    static int64_t bytes_per_token(const ModelView& model);
};

// Scratch of a forward: with a tape, the tape's own buffers take the place of qkv, attention and gate_up.
struct ForwardScratch {
    DeviceBuffer<uint8_t> normed;
    DeviceBuffer<uint8_t> inner;
    DeviceBuffer<uint8_t> adapter;
    DeviceBuffer<uint8_t> qkv;
    DeviceBuffer<uint8_t> attention;
    DeviceBuffer<uint8_t> gate_up;

    void resize(Device& device, const ModelView& model, int64_t n, bool with_tape);
    static int64_t bytes_per_token(const ModelView& model, bool with_tape);
};

// Gradients that travel through one layer.
struct BackwardScratch {
    DeviceBuffer<uint8_t> normed;  // the norms' outputs, computed again
    DeviceBuffer<uint8_t> d_normed;
    DeviceBuffer<uint8_t> inner;  // SwiGLU's output, computed again
    DeviceBuffer<uint8_t> d_inner;
    DeviceBuffer<uint8_t> d_attention;
    DeviceBuffer<uint8_t> d_qkv;
    DeviceBuffer<uint8_t> adapter;  // s x A^T, computed again
    DeviceBuffer<uint8_t> d_adapter;

    void resize(Device& device, const ModelView& model, int64_t n);
    static int64_t bytes_per_token(const ModelView& model);
};

LayerBuffers layer_buffers(ForwardScratch& scratch);
LayerBuffers layer_buffers(ForwardScratch& scratch, LayerTape& tape);

}  // namespace tbrm
