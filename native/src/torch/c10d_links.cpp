// c10d_links.cpp - c10d between processes: TCPStore to find each other, Gloo's links to move bytes. No collective of Gloo is used, so no sum is
// made by it (docs/adr/0011-ranks.md).
#include "torch/aten.hpp"

#if defined(TBRM_TORCH_GLOO)
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <string>
#include <vector>

using WorkHandle = c10::intrusive_ptr<c10d::Work>;

struct tbrm_torch_store {
    c10::intrusive_ptr<c10d::TCPStore> store;
};

struct tbrm_torch_links {
    c10::intrusive_ptr<c10d::ProcessGroupGloo> group;
    std::mutex mutex;
    std::vector<WorkHandle> receiving;
    bool stopped = false;
};

namespace tbrm {
namespace aten {
namespace {

// A link waits for as long as its owner lets it: who has gone silent is not Gloo's to say.
constexpr std::chrono::milliseconds kForEver = std::chrono::hours(24 * 365);

tbrm_status_t store_open(const char* address, int32_t port, int32_t is_host, int64_t timeout_ms,
        tbrm_torch_store_t** out, tbrm_error_t* err) {
    *out = nullptr;
    return guarded(err, "store", [&] {
        c10d::TCPStoreOptions options;
        options.port = static_cast<uint16_t>(port);
        options.isServer = is_host != 0;
        options.waitWorkers = false;
        options.timeout = std::chrono::milliseconds(timeout_ms);
        *out = new tbrm_torch_store{c10::make_intrusive<c10d::TCPStore>(address, options)};
    });
}

void store_close(tbrm_torch_store_t* store) {
    delete store;
}

tbrm_status_t store_set(tbrm_torch_store_t* store, const char* key, const void* data, int64_t n, tbrm_error_t* err) {
    return guarded(err, "store", [&] {
        const auto* bytes = static_cast<const uint8_t*>(data);
        store->store->set(key, std::vector<uint8_t>(bytes, bytes + n));
    });
}

tbrm_status_t store_get(tbrm_torch_store_t* store, const char* key, void* out, int64_t* inout_n, tbrm_error_t* err) {
    return guarded(err, "store", [&] {
        if (!store->store->check({key})) {
            *inout_n = -1;
            return;
        }
        const std::vector<uint8_t> value = store->store->get(key);
        const int64_t room = *inout_n;
        *inout_n = static_cast<int64_t>(value.size());
        std::memcpy(out, value.data(), static_cast<size_t>(std::min(room, *inout_n)));
    });
}

tbrm_status_t links_open(tbrm_torch_store_t* store, int32_t rank, int32_t n_ranks, const char* own_address,
        int64_t timeout_ms, tbrm_torch_links_t** out, tbrm_error_t* err) {
    *out = nullptr;
    return guarded(err, "links", [&] {
        // The links are made within timeout_ms: the store's own limit is the one that counts there.
        store->store->setTimeout(std::chrono::milliseconds(timeout_ms));
        auto options = c10d::ProcessGroupGloo::Options::create(kForEver);
        const char* interface = std::getenv("GLOO_SOCKET_IFNAME");
        options->devices.push_back(interface != nullptr && interface[0] != '\0'
                                           ? c10d::ProcessGroupGloo::createDeviceForInterface(interface)
                                           : c10d::ProcessGroupGloo::createDeviceForHostname(own_address));
        options->threads = 1;
        auto links = std::make_unique<tbrm_torch_links>();
        links->group = c10::make_intrusive<c10d::ProcessGroupGloo>(
                c10::make_intrusive<c10d::PrefixStore>("links", store->store), rank, n_ranks, options);
        *out = links.release();
    });
}

// The bytes as a tensor: c10d takes nothing else.
std::vector<at::Tensor> tensor_of(const void* data, int64_t n) {
    return {at::from_blob(const_cast<void*>(data), {n}, at::TensorOptions().dtype(at::kByte))};
}

tbrm_status_t links_send(tbrm_torch_links_t* links, int32_t to, const void* data, int64_t n, tbrm_error_t* err) {
    return guarded(err, "send", [&] {
        std::vector<at::Tensor> bytes = tensor_of(data, n);
        TORCH_CHECK(links->group->send(bytes, to, 0)->wait(), "the links were stopped");
    });
}

tbrm_status_t links_receive(tbrm_torch_links_t* links, int32_t from, void* data, int64_t n, tbrm_error_t* err) {
    return guarded(err, "receive", [&] {
        std::vector<at::Tensor> bytes = tensor_of(data, n);
        WorkHandle work;
        {
            const std::lock_guard<std::mutex> lock(links->mutex);
            TORCH_CHECK(!links->stopped, "the links were stopped");
            work = links->group->recv(bytes, from, 0);
            links->receiving.push_back(work);
        }
        const auto forget = [&] {
            const std::lock_guard<std::mutex> lock(links->mutex);
            links->receiving.erase(std::find(links->receiving.begin(), links->receiving.end(), work));
        };
        bool came = false;
        try {
            came = work->wait();
        } catch (...) {
            forget();
            throw;
        }
        forget();
        TORCH_CHECK(came, "the links were stopped");
    });
}

void links_stop(tbrm_torch_links_t* links) {
    const std::lock_guard<std::mutex> lock(links->mutex);
    links->stopped = true;
    for (const WorkHandle& work : links->receiving)
        work->abort();
}

void links_close(tbrm_torch_links_t* links) {
    delete links;
}

}  // namespace

void fill_links(tbrm_torch_api_t& api) {
    api.store_open = &store_open;
    api.store_close = &store_close;
    api.store_set = &store_set;
    api.store_get = &store_get;
    api.links_open = &links_open;
    api.links_send = &links_send;
    api.links_receive = &links_receive;
    api.links_stop = &links_stop;
    api.links_close = &links_close;
}

}  // namespace aten
}  // namespace tbrm
#else
namespace tbrm {
namespace aten {

// Without Gloo's headers the table says so by its nulls.
void fill_links(tbrm_torch_api_t&) {}

}  // namespace aten
}  // namespace tbrm
#endif
