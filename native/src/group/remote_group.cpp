#include "group/remote_group.hpp"

#include <algorithm>
#include <cstring>

#include "core/guard.hpp"
#include "core/parallel.hpp"
#include "model/model.hpp"

namespace tbrm {
namespace {

constexpr int32_t kInternal = 1;
constexpr int64_t kWindow = int64_t{1} << 20;  // numbers of a shard that travel at a time
constexpr int64_t kAhead = 2;                  // windows that are sent before the first is waited for

// One rank's shards of all arrays as one row of numbers.
class ShardRow {
public:
    ShardRow(const std::vector<GradientArray>& arrays, int32_t rank, int32_t n_ranks) {
        for (const GradientArray& array : arrays) {
            const int64_t begin = shard_begin(array.n, rank, n_ranks), end = shard_begin(array.n, rank + 1, n_ranks);
            if (end == begin) continue;
            spans_.push_back({array.data + begin, end - begin});
            size_ += end - begin;
        }
    }
    int64_t size() const { return size_; }
    int64_t windows() const { return ceil_div(size_, kWindow); }
    int64_t window_size(int64_t window) const { return std::clamp<int64_t>(size_ - window * kWindow, 0, kWindow); }
    void read(int64_t window, float* out) const {
        visit(window, [&](float* data, int64_t at, int64_t n) { std::copy_n(data, n, out + at); });
    }
    void write(int64_t window, const float* values) const {
        visit(window, [&](float* data, int64_t at, int64_t n) { std::copy_n(values + at, n, data); });
    }

private:
    template <class Body>
    void visit(int64_t window, Body&& body) const {
        const int64_t first = window * kWindow, end = first + window_size(window);
        int64_t begin = 0;
        for (const GradientArray& span : spans_) {
            const int64_t from = std::max(first, begin), to = std::min(end, begin + span.n);
            if (from < to) body(span.data + (from - begin), from - first, to - from);
            begin += span.n;
        }
    }

    std::vector<GradientArray> spans_;
    int64_t size_ = 0;
};

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

void RemoteGroup::require_equal_models(const Model& model, const std::vector<GradientArray>& arrays) {
    const char* phase = "shapes of gradients";
    const Phase scope(*post_, phase);
    const int64_t sequence = begin();
    std::vector<int64_t> own{model.device().kind()};
    for (const GradientArray& array : arrays)
        own.push_back(array.n);
    const int64_t bytes = static_cast<int64_t>(own.size()) * 8;
    for (int32_t r = 0; r < size(); ++r)
        if (r != post_->rank()) post_->send(r, LetterKind::Part, sequence, own.data(), bytes);
    for (int32_t r = 0; r < size(); ++r) {
        if (r == post_->rank()) continue;
        const Letter letter = take(r, sequence, phase);
        TBRM_REQUIRE(letter.head.bytes == bytes && std::memcmp(letter.body.data(), own.data(), letter.body.size()) == 0,
                "rank %d trains a model of another shape, or on another kind of device, than rank %d", r,
                post_->rank());
    }
}

void RemoteGroup::sum_gradients(int32_t rank, Model& model) {
    HostGradients gradients(model);
    require_equal_models(model, gradients.arrays());
    const char* phase = "gradients";
    const Phase scope(*post_, phase);
    const int64_t sequence = begin();
    std::vector<ShardRow> rows;
    int64_t windows = 0;
    for (int32_t r = 0; r < size(); ++r) {
        rows.emplace_back(gradients.arrays(), r, size());
        windows = std::max(windows, rows.back().windows());
    }
    const ShardRow& own = rows[static_cast<size_t>(rank)];
    std::vector<float> buffer(static_cast<size_t>(kWindow));
    // Every rank's part of what another sums.
    const auto send_parts = [&](int64_t window) {
        for (int32_t r = 0; r < size() && window < windows; ++r) {
            const ShardRow& row = rows[static_cast<size_t>(r)];
            if (r == rank || window >= row.windows()) continue;
            row.read(window, buffer.data());
            post_->send(r, LetterKind::Part, sequence, buffer.data(), row.window_size(window) * 4);
        }
    };
    for (int64_t window = 0; window < kAhead; ++window)
        send_parts(window);
    for (int64_t window = 0; window < windows; ++window) {
        send_parts(window + kAhead);
        if (window >= own.windows()) continue;
        const int64_t n = own.window_size(window);
        std::vector<Letter> letters(static_cast<size_t>(size()));
        std::vector<const float*> sources(static_cast<size_t>(size()));
        own.read(window, buffer.data());
        for (int32_t r = 0; r < size(); ++r) {
            Letter& letter = letters[static_cast<size_t>(r)];
            if (r != rank) letter = take(r, sequence, phase);
            sources[static_cast<size_t>(r)] =
                    r == rank ? buffer.data() : reinterpret_cast<const float*>(letter.body.data());
        }
        sum_in_order(sources, 0, n, buffer.data());
        own.write(window, buffer.data());
    }
    // And the sums to all.
    for (int64_t window = 0; window < windows; ++window) {
        if (window < own.windows()) {
            own.read(window, buffer.data());
            for (int32_t r = 0; r < size(); ++r)
                if (r != rank) post_->send(r, LetterKind::Part, sequence, buffer.data(), own.window_size(window) * 4);
        }
        for (int32_t r = 0; r < size(); ++r) {
            const ShardRow& row = rows[static_cast<size_t>(r)];
            if (r == rank || window >= row.windows()) continue;
            const Letter letter = take(r, sequence, phase);
            row.write(window, reinterpret_cast<const float*>(letter.body.data()));
        }
    }
    gradients.store();
}

}  // namespace tbrm
