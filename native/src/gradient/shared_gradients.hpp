#pragma once
// shared_gradients.hpp - gradients of which every rank keeps its share alone (ZeRO's second stage): a backward adds into arrays of one unit at a
// time - a layer; the heads; the embedding - and the ranks add these up before the arrays serve the next.
#include <cstdint>
#include <vector>

#include "device/device.hpp"
#include "model/adapter.hpp"
#include "model/config.hpp"

namespace tbrm {

class Model;
class Parameter;

class SharedGradients {
public:
    explicit SharedGradients(Model& model) : model_(model) {}

    // In this order, around what adds to the gradients named. All ranks make the same calls. Without sharing they do nothing.
    void begin_heads();  // LM head, value head, final norm; the embedding where it is the head
    void end_heads();
    void begin_layer(int64_t layer);
    void end_layer(int64_t layer);
    void begin_embedding();
    void end_embedding();

    // All of it with zeros: this rank has no rows.
    void take_part();

    void release();

private:
    using Parameters = std::vector<Parameter*>;
    bool is_on() const;
    bool is_tied() const;  // the embedding is the LM head
    Parameters heads() const;
    Parameters embedding() const;
    Parameters layer(int64_t index) const;
    void begin(const Parameters& unit, DeviceBuffer<float>& arrays);
    void end(const Parameters& unit);

    Model& model_;
    DeviceBuffer<float> ends_, embedding_, layer_;
};

// Bytes of those arrays.
int64_t shared_gradient_bytes(const DeviceSizes& sizes, const ModelConfig& config, const AdapterConfig* adapter);

}  // namespace tbrm
