#include "group/remote_group.hpp"

#include <algorithm>
#include <cstring>

#include "core/guard.hpp"
#include "core/parallel.hpp"

namespace tbrm {
namespace {

constexpr int32_t kInternal = 1;
constexpr int64_t kWindow = int64_t{4} << 20;  // bytes of a rank's ranges that travel at a time
constexpr int64_t kAhead = 2;                  // windows that are sent before the first is waited for

// One rank's ranges of all arrays as one row of bytes.
class RangeRow {
public:
    void add(uint8_t* data, int64_t n) {
        if (n == 0) return;
        ranges_.push_back({data, n});
        size_ += n;
    }
    int64_t windows() const { return ceil_div(size_, kWindow); }
    int64_t window_size(int64_t window) const { return std::clamp<int64_t>(size_ - window * kWindow, 0, kWindow); }
    void read(int64_t window, uint8_t* out) const {
        visit(window, [&](uint8_t* data, int64_t at, int64_t n) { std::copy_n(data, n, out + at); });
    }
    void write(int64_t window, const uint8_t* values) const {
        visit(window, [&](uint8_t* data, int64_t at, int64_t n) { std::copy_n(values + at, n, data); });
    }
    // body(data, first byte in the window, bytes) of the pieces of a window.
    template <class Body>
    void visit(int64_t window, Body&& body) const {
        const int64_t first = window * kWindow, end = first + window_size(window);
        int64_t begin = 0;
        for (const auto& [data, n] : ranges_) {
            const int64_t from = std::max(first, begin), to = std::min(end, begin + n);
            if (from < to) body(data + (from - begin), from - first, to - from);
            begin += n;
        }
    }

private:
    std::vector<std::pair<uint8_t*, int64_t>> ranges_;
    int64_t size_ = 0;
};

int64_t most_windows(const std::vector<RangeRow>& rows) {
    int64_t windows = 0;
    for (const RangeRow& row : rows)
        windows = std::max(windows, row.windows());
    return windows;
}

}  // namespace

// What this process does while a collective runs, for the others' messages.
class RemoteGroup::Phase {
public:
    Phase(Post& post, const char* phase) : post_(post), before_(post.note(phase)) {}
    ~Phase() { post_.note(before_); }

private:
    Post& post_;
    std::string before_;
};

RemoteGroup::RemoteGroup(std::shared_ptr<Post> post)
    : post_(std::move(post)), received_(static_cast<size_t>(post_->size())) {}

RemoteGroup::~RemoteGroup() {
    post_->close();
}

Letter RemoteGroup::take(int32_t from, int64_t sequence, const char* phase) {
    Letter letter = post_->take(from, LetterKind::Part);
    if (letter.head.sequence != sequence || std::strncmp(letter.head.phase, phase, sizeof letter.head.phase - 1) != 0) {
        post_->fail(kInternal,
                format("rank %d came to '%s' while rank %d waits in '%s': the ranks do not make the same calls", from,
                        letter.head.phase, post_->rank(), phase));
        return post_->take(from, LetterKind::Part);  // throws
    }
    return letter;
}

void RemoteGroup::meet(int32_t, const char* phase) {
    const Phase scope(*post_, phase);
    const int64_t sequence = begin();
    for (int32_t r = 0; r < size(); ++r)
        if (r != post_->rank()) post_->send(r, LetterKind::Part, sequence, nullptr, 0);
    for (int32_t r = 0; r < size(); ++r)
        if (r != post_->rank()) take(r, sequence, phase);
}

void RemoteGroup::abort(int32_t, int32_t code, const std::string& why) {
    post_->abort(code, why);
}

void RemoteGroup::sum(int32_t rank, int64_t n, double* values) {
    const char* phase = "sum of numbers";
    const Phase scope(*post_, phase);
    const int64_t sequence = begin();
    for (int32_t r = 0; r < size(); ++r)
        if (r != rank) post_->send(r, LetterKind::Part, sequence, values, n * 8);
    std::vector<double> own(values, values + n);
    for (int32_t r = 0; r < size(); ++r) {
        const Letter letter = r == rank ? Letter{} : take(r, sequence, phase);
        TBRM_REQUIRE(r == rank || letter.head.bytes == n * 8, "rank %d gave %lld numbers, rank %d gives %lld", r,
                static_cast<long long>(letter.head.bytes / 8), rank, static_cast<long long>(n));
        for (size_t i = 0; i < own.size(); ++i) {
            double other = own[i];
            if (r != rank) std::memcpy(&other, letter.body.data() + i * 8, 8);
            values[i] = r == 0 ? other : values[i] + other;
        }
    }
}

void RemoteGroup::broadcast(const char* phase, void* data, int64_t n) {
    const Phase scope(*post_, phase);
    const int64_t sequence = begin();
    if (post_->rank() == 0) {
        for (int32_t r = 1; r < size(); ++r)
            post_->send(r, LetterKind::Part, sequence, data, n);
        return;
    }
    const Letter letter = take(0, sequence, phase);
    TBRM_REQUIRE(letter.head.bytes == n, "rank 0 sends %lld bytes of '%s', rank %d expects %lld",
            static_cast<long long>(letter.head.bytes), phase, post_->rank(), static_cast<long long>(n));
    std::memcpy(data, letter.body.data(), static_cast<size_t>(n));
}

void RemoteGroup::require_equal(int32_t rank, const std::vector<int64_t>& shape) {
    const char* phase = "shapes";
    const Phase scope(*post_, phase);
    const int64_t sequence = begin(), bytes = static_cast<int64_t>(shape.size()) * 8;
    for (int32_t r = 0; r < size(); ++r)
        if (r != rank) post_->send(r, LetterKind::Part, sequence, shape.data(), bytes);
    for (int32_t r = 0; r < size(); ++r) {
        if (r == rank) continue;
        const Letter letter = take(r, sequence, phase);
        TBRM_REQUIRE(
                letter.head.bytes == bytes && std::memcmp(letter.body.data(), shape.data(), letter.body.size()) == 0,
                "rank %d trains a model of another shape than rank %d, or on another kind of device", r, rank);
    }
}

void RemoteGroup::reduce(int32_t rank, const std::vector<SharedSum>& arrays) {
    const char* phase = "gradients";
    const Phase scope(*post_, phase);
    const int64_t sequence = begin();
    std::vector<RangeRow> rows(static_cast<size_t>(size()));  // what each rank sums, as it is here
    RangeRow sums;
    for (const SharedSum& array : arrays) {
        for (size_t r = 0; r < rows.size(); ++r) {
            const Range& range = array.of_rank[r];
            rows[r].add(reinterpret_cast<uint8_t*>(const_cast<float*>(array.values + range.first)), range.n * 4);
        }
        sums.add(reinterpret_cast<uint8_t*>(array.sums), array.of_rank[static_cast<size_t>(rank)].n * 4);
    }
    const bool add = !arrays.empty() && arrays[0].add;
    const int64_t windows = most_windows(rows);
    std::vector<uint8_t> buffer(static_cast<size_t>(kWindow)), before(add ? buffer.size() : 0);
    const auto send_parts = [&](int64_t window) {
        for (int32_t r = 0; r < size() && window < windows; ++r) {
            const RangeRow& row = rows[static_cast<size_t>(r)];
            if (r == rank || window >= row.windows()) continue;
            row.read(window, buffer.data());
            post_->send(r, LetterKind::Part, sequence, buffer.data(), row.window_size(window));
        }
    };
    for (int64_t window = 0; window < kAhead; ++window)
        send_parts(window);
    const RangeRow& own = rows[static_cast<size_t>(rank)];
    for (int64_t window = 0; window < windows; ++window) {
        send_parts(window + kAhead);
        if (window >= own.windows()) continue;
        std::vector<Letter> letters(static_cast<size_t>(size()));
        std::vector<const float*> sources(static_cast<size_t>(size()));
        own.read(window, buffer.data());
        for (int32_t r = 0; r < size(); ++r) {
            Letter& letter = letters[static_cast<size_t>(r)];
            if (r != rank) letter = take(r, sequence, phase);
            sources[static_cast<size_t>(r)] =
                    reinterpret_cast<const float*>(r == rank ? buffer.data() : letter.body.data());
        }
        const int64_t n = own.window_size(window) / 4;
        float* out = reinterpret_cast<float*>(add ? before.data() : buffer.data());
        if (add) sums.read(window, before.data());
        sum_in_order(sources, 0, n, out, add);
        sums.write(window, reinterpret_cast<const uint8_t*>(out));
    }
}

void RemoteGroup::gather(int32_t rank, const std::vector<SharedBytes>& arrays, bool first_only, const char* phase) {
    const Phase scope(*post_, phase);
    const int64_t sequence = begin();
    std::vector<RangeRow> rows(static_cast<size_t>(size()));
    for (const SharedBytes& array : arrays) {
        for (size_t r = 0; r < rows.size(); ++r)
            rows[r].add(array.data + array.of_rank[r].first, array.of_rank[r].n);
    }
    const auto receives = [&](int32_t r) { return r == 0 || !first_only; };
    const int64_t windows = most_windows(rows);
    const RangeRow& own = rows[static_cast<size_t>(rank)];
    std::vector<uint8_t> buffer(static_cast<size_t>(kWindow));
    for (int64_t window = 0; window < windows; ++window) {
        if (window < own.windows()) {
            own.read(window, buffer.data());
            for (int32_t r = 0; r < size(); ++r) {
                if (r != rank && receives(r))
                    post_->send(r, LetterKind::Part, sequence, buffer.data(), own.window_size(window));
            }
        }
        for (int32_t r = 0; r < size() && receives(rank); ++r) {
            const RangeRow& row = rows[static_cast<size_t>(r)];
            if (r != rank && window < row.windows()) row.write(window, take(r, sequence, phase).body.data());
        }
    }
}

}  // namespace tbrm
