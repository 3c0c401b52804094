#include "rollout/kv_cache.hpp"

namespace tbrm {

int64_t KvCache::page_bytes(const ModelView& model) {
    return static_cast<int64_t>(model.layers.size()) * page_elements(model.attention) * dtype_bytes(model.dtype);
}

KvCache::KvCache(Device& device, const ModelView& model, int64_t n_pages)
    : device_(device),
      n_layers_(static_cast<int64_t>(model.layers.size())),
      layer_page_bytes_(page_elements(model.attention) * dtype_bytes(model.dtype)),
      layer_bytes_(n_pages * layer_page_bytes_) {}

void KvCache::ensure() {
    if (!allocated()) {
        const MemoryScope scope(MemoryUse::KvPages);
        memory_.resize(device_, n_layers_ * layer_bytes_);
    }
    if (follower_ != nullptr) follower_->ensure();
}

void KvCache::release() {
    memory_.reset();
    if (follower_ != nullptr) follower_->release();
}

void KvCache::copy_page(int64_t from, int64_t to) {
    for (int64_t l = 0; l < n_layers_; ++l) {
        uint8_t* base = static_cast<uint8_t*>(layer(l));
        device_.copy(base + to * layer_page_bytes_, base + from * layer_page_bytes_, layer_page_bytes_);
    }
    if (follower_ != nullptr) follower_->copy_page(from, to);
}

}  // namespace tbrm
