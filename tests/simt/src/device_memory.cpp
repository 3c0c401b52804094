// device_memory.cpp - allocation, and the checks of whole ranges.
#include "device_memory.hpp"

#include <sys/mman.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "engine.hpp"

namespace simt {
namespace {

constexpr std::size_t kResting = 1000;  // freed allocations that nobody gets, so that whoever still uses one is seen

char* address_space(std::size_t bytes) {
    void* p = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) {
        std::perror("SIMT: address space for device memory");
        std::abort();
    }
    madvise(p, bytes, MADV_NOHUGEPAGE);
    return static_cast<char*>(p);
}

DeviceMemory& memory() {
    static DeviceMemory* const m = new DeviceMemory();
    return *m;
}

void forget_pages(void* p, std::size_t bytes) {
    const uintptr_t first = (reinterpret_cast<uintptr_t>(p) + 4095) / 4096 * 4096,
                    end = (reinterpret_cast<uintptr_t>(p) + bytes) / 4096 * 4096;
    if (end > first) madvise(reinterpret_cast<void*>(first), end - first, MADV_DONTNEED);
}

// Bytes that an allocation takes up, with a gap behind it.
std::size_t room_of(std::size_t bytes) {
    const std::size_t unit = bytes >= 4096 ? 4096 : 512;
    return (bytes + 512 + unit - 1) / unit * unit;
}

}  // namespace

DeviceMemory* const device = &memory();

DeviceMemory::DeviceMemory()
    : base(address_space(kArena)),
      state(reinterpret_cast<unsigned char*>(address_space(kArena))),
      writes(reinterpret_cast<uint64_t*>(address_space(kArena / 2 * 8))),
      reads(reinterpret_cast<uint64_t*>(address_space(kArena / 2 * 8))) {}

std::string near(const void* p) {
    DeviceMemory& m = *device;
    const std::lock_guard<std::mutex> lock(m.guard);
    const std::size_t at = m.offset(p);
    auto next = m.live.upper_bound(at);
    if (next == m.live.begin()) return "before every allocation";
    --next;
    char text[200];
    const std::size_t into = at - next->first;
    if (into < next->second.bytes)
        std::snprintf(text, sizeof text, "byte %zu of an allocation of %zu", into, next->second.bytes);
    else
        std::snprintf(text, sizeof text, "%zu bytes beyond an allocation of %zu (or in one that is gone)",
                into - next->second.bytes, next->second.bytes);
    return text;
}

char* device_allocate(std::size_t bytes, bool pinned) {
    DeviceMemory& m = *device;
    const std::lock_guard<std::mutex> lock(m.guard);
    const std::size_t room = room_of(bytes);
    std::size_t at = 0;
    if (auto& list = m.reusable[room]; !list.empty()) {
        at = list.back();
        list.pop_back();
    } else {
        const std::size_t unit = bytes >= 4096 ? 4096 : 512;
        at = (m.used + unit - 1) / unit * unit;
        if (at + room > kArena) return nullptr;
        m.used = at + room;
    }
    m.live[at] = {bytes, pinned};
    if (settings().sample > 0) return m.base + at;  // large and never read: no page of it is touched
    std::memset(m.state + at, pinned ? kWritten : kFresh, bytes);
    std::memset(m.base + at, 0xff, bytes);  // NaN, in fp32 and in bf16
    return m.base + at;
}

bool device_free(void* p, const char* what) {
    DeviceMemory& m = *device;
    std::size_t bytes = 0;
    {
        const std::lock_guard<std::mutex> lock(m.guard);
        const auto found = device->contains(p) ? m.live.find(m.offset(p)) : m.live.end();
        if (found != m.live.end()) {
            bytes = found->second.bytes;
            m.live.erase(found);
        }
    }
    if (bytes == 0) {
        report(Kind::Library, nullptr, "%s of %p, which is not allocated", what, p);
        return false;
    }
    const std::size_t at = m.offset(p);
    if (settings().sample == 0) {
        std::memset(m.state + at, kNothing, bytes);
        std::memset(p, 0xff, bytes);
    }
    forget_pages(p, bytes);
    forget_pages(m.state + at, bytes);
    forget_pages(m.writes + at / 2, bytes / 2 * 8);
    forget_pages(m.reads + at / 2, bytes / 2 * 8);
    const std::lock_guard<std::mutex> lock(m.guard);
    m.resting.emplace_back(at, room_of(bytes));
    if (m.resting.size() > kResting) {
        m.reusable[m.resting.front().second].push_back(m.resting.front().first);
        m.resting.pop_front();
    }
    return true;
}

bool is_device(const void* p) {
    return device->contains(p);
}

bool is_pinned(const void* p) {
    DeviceMemory& m = *device;
    if (!m.contains(p)) return false;
    const std::lock_guard<std::mutex> lock(m.guard);
    auto next = m.live.upper_bound(m.offset(p));
    if (next == m.live.begin()) return false;
    --next;
    return next->second.pinned && m.offset(p) < next->first + next->second.bytes;
}

void check_range(const void* p, std::size_t bytes, bool read, const char* what) {
    DeviceMemory& m = *device;
    if (bytes == 0 || settings().sample > 0) return;
    if (!m.contains(p)) {
        report(Kind::Library, nullptr, "%s: %p is not device memory", what, p);
        return;
    }
    const unsigned char* const state = m.state + m.offset(p);
    if (settings().bounds && std::memchr(state, kNothing, bytes) != nullptr)
        report(Kind::OutOfBounds, nullptr, "%s of %zu bytes: %s", what, bytes,
                near(static_cast<const char*>(p) +
                        (static_cast<const unsigned char*>(std::memchr(state, kNothing, bytes)) - state))
                        .c_str());
    else if (read && settings().init && std::memchr(state, kFresh, bytes) != nullptr)
        report(Kind::Uninitialised, nullptr, "%s reads %s, which nobody has written", what,
                near(static_cast<const char*>(p) +
                        (static_cast<const unsigned char*>(std::memchr(state, kFresh, bytes)) - state))
                        .c_str());
}

void mark_written(void* p, std::size_t bytes) {
    if (bytes > 0 && settings().sample == 0 && device->contains(p))
        std::memset(device->state + device->offset(p), kWritten, bytes);
}

void copy_state(void* to, const void* from, std::size_t bytes) {
    if (bytes > 0 && settings().sample == 0)
        std::memcpy(device->state + device->offset(to), device->state + device->offset(from), bytes);
}

}  // namespace simt
