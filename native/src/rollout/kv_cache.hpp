#pragma once
// kv_cache.hpp - the memory behind the page pool: keys and values of every layer, page p of layer l at layer(l) + p * page_elements.
#include <cstdint>

#include "device/device.hpp"
#include "model/model_view.hpp"

namespace tbrm {

class KvCache {
public:
    // Bytes of one page over all layers.
    static int64_t page_bytes(const ModelView& model);

    KvCache(Device& device, const ModelView& model, int64_t n_pages);

    // The same pages of another model's cache: whatever happens to a page of this one happens to its page too. Null for none.
    void lead(KvCache* follower) { follower_ = follower; }

    // The pool is allocated by the first call after construction or release.
    void ensure();
    void release();
    bool allocated() const { return memory_.data() != nullptr; }

    void* layer(int64_t index) { return memory_.data() + index * layer_bytes_; }
    // All 64 tokens in every layer.
    void copy_page(int64_t from, int64_t to);

private:
    Device& device_;
    int64_t n_layers_;
    int64_t layer_page_bytes_;
    int64_t layer_bytes_;
    DeviceBuffer<uint8_t> memory_;
    KvCache* follower_ = nullptr;
};

}  // namespace tbrm
