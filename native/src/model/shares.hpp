#pragma once
// shares.hpp - how the ranks of a group share a model's training state (ZeRO, arXiv 1910.02054): every rank keeps the moments of its share of each
// parameter, and of a share of master weight and gradient where the stage says so.
#include <cstdint>

#include "core/parallel.hpp"

namespace tbrm {

// Elements [first, first + n) of an array.
struct Range {
    int64_t first = 0;
    int64_t n = 0;
    int64_t end() const { return first + n; }
};

inline Range common(const Range& a, const Range& b) {
    const int64_t first = a.first > b.first ? a.first : b.first, end = a.end() < b.end() ? a.end() : b.end();
    return {first, end > first ? end - first : 0};
}

// What a rank keeps of every parameter. Without a group: all of it.
struct Sharing {
    int32_t rank = 0;
    int32_t n_ranks = 1;
    bool masters = false;    // of weights: stages 1 and 2
    bool gradients = false;  // stage 2
};

// A parameter's elements in pieces of one length (the last may be shorter), which depends on the parameter alone. The norm of a gradient is
// summed piece by piece, so its bits do not depend on who holds them; a rank's share is consecutive pieces. Pieces of a weight are whole units of
// the weight layout in both types (gemm/panels.hpp), so that a share of the compute copy follows from the same share of the master.
struct Pieces {
    static constexpr int64_t kMost = 1024;
    int64_t elements;
    int64_t length;

    Pieces(int64_t all, int64_t unit) : elements(all), length(unit) {
        const int64_t n = ceil_div(all, unit) < kMost ? ceil_div(all, unit) : kMost;
        if (n > 0) length = ceil_div(ceil_div(all, n), unit) * unit;
    }
    int64_t count() const { return ceil_div(elements, length); }
    Range between(int64_t begin, int64_t end) const {
        const int64_t first = begin * length, last = end * length < elements ? end * length : elements;
        return {first, last > first ? last - first : 0};
    }
    Range piece(int64_t index) const { return between(index, index + 1); }
    // number: of the parameter in its model. The ranks take turns, so that the larger shares are not one's.
    Range of_rank(int64_t number, int64_t rank, int64_t n_ranks) const {
        const int64_t place = (rank + number) % n_ranks;
        return between(count() * place / n_ranks, count() * (place + 1) / n_ranks);
    }
};

}  // namespace tbrm
