#pragma once
// staged.hpp - host arrays of a caller as memory of a device: borrowed in place on a CPU, copied on another device.
#include "device/device.hpp"

namespace tbrm {

// What a kernel reads. A null source stays null.
template <class T>
class StagedInput {
public:
    StagedInput(Device& device, const T* host, int64_t n) : pointer_(host) {
        if (host == nullptr || device.is_host()) return;
        buffer_.assign(device, host, n);
        pointer_ = buffer_.data();
    }
    const T* get() const noexcept { return pointer_; }

private:
    DeviceBuffer<T> buffer_;
    const T* pointer_;
};

// What a kernel writes; finish() brings it to the caller.
template <class T>
class StagedOutput {
public:
    StagedOutput(Device& device, T* host, int64_t n) : device_(device), host_(host), pointer_(host), n_(n) {
        if (host == nullptr || device.is_host()) return;
        buffer_.resize(device, n);
        pointer_ = buffer_.data();
    }
    T* get() noexcept { return pointer_; }
    void finish() {
        if (pointer_ != host_ && n_ > 0) device_.download(host_, pointer_, n_ * static_cast<int64_t>(sizeof(T)));
    }

private:
    Device& device_;
    DeviceBuffer<T> buffer_;
    T* host_;
    T* pointer_;
    int64_t n_;
};

}  // namespace tbrm
