#pragma once
// scratch.hpp - working memory of a kernel on one thread: counted, kept between calls, so that a step in the steady state allocates nothing.
// Of a size that depends on the width of the model, and for attention on the longest sequence of a batch.
#include <cstdint>

#include "core/memory.hpp"
#include "core/parallel.hpp"

namespace tbrm {
namespace cpu {

// Who holds what at the same time; two users of one name must not be nested.
enum class ScratchUse { Accumulators, Slab, Transposed, Attention, AttentionKeys, Logits, kCount };

class Scratch {
public:
    // At least n elements, 64-byte aligned, uninitialised, valid until this thread asks for the same use again.
    template <class T>
    static T* get(ScratchUse use, int64_t n) {
        HostBuffer<char>& buffer = buffers()[static_cast<int>(use)];
        const int64_t bytes = n * static_cast<int64_t>(sizeof(T));
        if (buffer.size() < bytes) {
            const MemoryScope scope(MemoryOwner::Library, MemoryUse::Scratch);
            buffer.resize(bytes);
        }
        return reinterpret_cast<T*>(buffer.data());
    }

private:
    static HostBuffer<char>* buffers() {
        thread_local HostBuffer<char> all[static_cast<int>(ScratchUse::kCount)];
        return all;
    }
};

// Cuts one block of scratch into arrays, each on a line of its own: `place` is called twice with a carver, to count and to place.
class Carver {
public:
    template <class Place>
    static void carve(ScratchUse use, Place&& place) {
        Carver placing(Scratch::get<char>(use, count(place)));
        place(placing);
    }
    // The bytes of such a block.
    template <class Place>
    static int64_t count(Place&& place) {
        Carver counting(nullptr);
        place(counting);
        return counting.bytes_;
    }
    template <class T>
    T* take(int64_t n) {
        char* const at = base_ != nullptr ? base_ + bytes_ : nullptr;
        bytes_ += ceil_div(n * static_cast<int64_t>(sizeof(T)), 64) * 64;
        return reinterpret_cast<T*>(at);
    }

private:
    explicit Carver(char* base) : base_(base) {}
    char* base_;
    int64_t bytes_ = 0;
};

// Rows of a block such that n rows times `columns` tasks keep every thread busy: between `low` and `high`, a multiple of low.
inline int64_t rows_per_task(int64_t n, int64_t columns, int64_t high, int64_t low, int64_t tasks_per_thread,
        int64_t n_threads = max_threads()) {
    const int64_t wanted = ceil_div(n_threads * tasks_per_thread, columns > 0 ? columns : 1);
    const int64_t rows = ceil_div(ceil_div(n, wanted), low) * low;
    return rows < high ? rows : high;
}

}  // namespace cpu
}  // namespace tbrm
