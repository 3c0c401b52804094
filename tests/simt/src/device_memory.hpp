#pragma once
// device_memory.hpp - the device's memory: one stretch of addresses with a state for each byte, and for each two bytes a cell that says who
// wrote them last and one for who read them last.
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace simt {

constexpr std::size_t kArena = std::size_t{1} << 36;
enum ByteState : unsigned char { kNothing, kFresh, kWritten };

struct Allocation {
    std::size_t bytes;
    bool pinned;
};

struct DeviceMemory {
    char* base;
    unsigned char* state;      // of each byte
    uint64_t *writes, *reads;  // of each two bytes
    std::size_t used = 4096;
    std::map<std::size_t, Allocation> live;
    std::deque<std::pair<std::size_t, std::size_t>> resting;   // offset, room: what is freed is used again late
    std::map<std::size_t, std::vector<std::size_t>> reusable;  // by room
    std::mutex guard;

    DeviceMemory();
    bool contains(const void* p) const { return offset(p) < kArena; }
    std::size_t offset(const void* p) const { return static_cast<std::size_t>(static_cast<const char*>(p) - base); }
};
extern DeviceMemory* const device;

// Where an address lies relative to what is allocated there; for reports.
std::string near(const void* p);

}  // namespace simt
