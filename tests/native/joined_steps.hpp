#pragma once
// joined_steps.hpp - Device::qkv_to_pages and add_branch_norm against what Device itself makes of them: the same bits from a device's own kernels,
// everything around what they write left alone.
#include <limits>
#include <vector>

#include "device/device.hpp"
#include "rounding.hpp"

namespace tbrm::testing {

class JoinedSteps {
public:
    JoinedSteps(Device& device, Dtype dtype) : device_(device), dtype_(dtype) {}

    // n tokens at scattered places of two pages, through a projection that is 1056 deep.
    void check_pages(int64_t n, int64_t n_heads, int64_t n_kv_heads, int64_t head_dim, bool norms, bool projects) {
        const AttentionShape shape{n_heads, n_kv_heads, head_dim, 0.25f};
        const int64_t width = (n_heads + 2 * n_kv_heads) * head_dim, inputs = 1056, positions = 37;
        const auto x = rows(n * inputs, 1), weight = matrix(width, inputs, 2), qkv = rows(n * width, 3);
        const auto bias = vector(width, 4), q_norm = vector(head_dim, 5), k_norm = vector(head_dim, 6);
        const auto cosines = vector(positions * head_dim / 2, 7), sines = vector(positions * head_dim / 2, 8);
        std::vector<int32_t> at, slots;
        std::vector<int64_t> pages;
        for (int64_t i = 0; i < n; ++i) {
            at.push_back(static_cast<int32_t>(i * 11 % positions));
            slots.push_back(static_cast<int32_t>((i * 29 + 63) % kPageTokens));
            pages.push_back(i % 2);
        }
        DeviceBuffer<int32_t> device_at(device_, 0), device_slots(device_, 0);
        DeviceBuffer<int64_t> device_pages(device_, 0);
        device_at.assign(device_, at.data(), n);
        device_slots.assign(device_, slots.data(), n);
        device_pages.assign(device_, pages.data(), n);
        const auto run = [&](bool joined) {
            auto out = copy_of(qkv);
            auto pool = rows(2 * page_elements(shape), 9);
            const LinearCall call{inputs, width, x.data(), weight.data(), bias.data()};
            const QkvRows all{dtype_, shape, n, out.data(), width, norms ? q_norm.data() : nullptr,
                    norms ? k_norm.data() : nullptr, 1e-6f, device_at.data(), cosines.data(), sines.data(),
                    device_pages.data(), device_slots.data(), pool.data()};
            if (joined)
                device_.qkv_to_pages(projects ? &call : nullptr, all);
            else
                device_.Device::qkv_to_pages(projects ? &call : nullptr, all);
            std::vector<char> bytes = fetch(pool), q = fetch(out);
            for (int64_t i = 0; i < n; ++i) {
                const auto row = q.begin() + i * width * dtype_bytes(dtype_);
                bytes.insert(bytes.end(), row, row + n_heads * head_dim * dtype_bytes(dtype_));
            }
            return bytes;
        };
        CHECK_MSG(run(true) == run(false), "%s rows %lld heads %lld/%lld dim %lld%s%s", name_of(dtype_),
                static_cast<long long>(n), static_cast<long long>(n_heads), static_cast<long long>(n_kv_heads),
                static_cast<long long>(head_dim), norms ? " norms" : "", projects ? " projection" : "");
    }

    void check_branch(int64_t n, int64_t d, bool own_norm, float multiplier, bool apart) {
        const int64_t inputs = 1056;
        const auto from = rows(n * inputs, 11), weight = matrix(d, inputs, 12), x = rows(n * d, 13);
        const auto norm = vector(d, 14), branch_norm = vector(d, 15);
        const bool own = own_norm || multiplier != 1.0f;
        const auto run = [&](bool joined) {
            auto stream = copy_of(x), normed = rows(n * d, 16), branch = rows(n * d, 17);
            auto inv_rms = vector(n, 18), branch_inv_rms = vector(n, 19);
            const LinearCall call{inputs, d, from.data(), weight.data(), nullptr};
            // Where nobody keeps the branch it is computed where the norm goes.
            const BranchRows all{dtype_, n, d,
                    !own    ? nullptr
                    : apart ? branch.data()
                            : normed.data(),
                    own_norm ? branch_norm.data() : nullptr, own_norm ? branch_inv_rms.data() : nullptr, multiplier,
                    stream.data(), norm.data(), normed.data(), inv_rms.data(), 1e-6f};
            if (joined)
                device_.add_branch_norm(call, all);
            else
                device_.Device::add_branch_norm(call, all);
            std::vector<char> bytes = fetch(stream);
            for (const std::vector<char>& more : {fetch(normed), fetch(inv_rms), fetch(branch_inv_rms)})
                bytes.insert(bytes.end(), more.begin(), more.end());
            return bytes;
        };
        CHECK_MSG(run(true) == run(false), "%s rows %lld width %lld%s factor %g%s", name_of(dtype_),
                static_cast<long long>(n), static_cast<long long>(d), own_norm ? " own norm" : "",
                static_cast<double>(multiplier), apart ? " kept" : "");
    }

    // Through a projection that is 1056 deep.
    void check_gated(int64_t n, int64_t width, Activation activation) {
        const int64_t inputs = 1056;
        const auto x = rows(n * inputs, 21), weight = matrix(2 * width, inputs, 22);
        const auto run = [&](bool joined) {
            auto gate_up = rows(n * 2 * width, 23), y = rows(n * width + 8, 24);
            const LinearCall call{inputs, 2 * width, x.data(), weight.data(), nullptr};
            if (joined)
                device_.gated_linear(activation, dtype_, n, call, gate_up.data(), y.data());
            else
                device_.Device::gated_linear(activation, dtype_, n, call, gate_up.data(), y.data());
            return fetch(y);
        };
        CHECK_MSG(run(true) == run(false), "%s rows %lld width %lld activation %d", name_of(dtype_),
                static_cast<long long>(n), static_cast<long long>(width), static_cast<int>(activation));
    }

    // Three draws from each row of logits, of all ids and of those below the last segment's end; a vocabulary of three segments.
    void check_drawn(int64_t n, float temperature) {
        const int64_t hidden = 40, vocab = 2 * 1024 + 200, n_draws = 3 * n;
        const auto x = rows(n * hidden, 31), w = matrix(vocab, hidden, 32);
        std::vector<SampleRow> draws;
        for (int64_t i = 0; i < n_draws; ++i) {
            SampleRow row{};
            row.seed = 33;
            row.trajectory_id = i;
            row.logits_row = static_cast<int32_t>(i % n);
            row.n_vocab = static_cast<int32_t>(i % 3 == 0 ? vocab : vocab - 113 * i);
            row.temperature = temperature;
            row.top_p = i % 3 == 2 ? 0.8f : 1.0f;
            row.log_min_p = i % 2 == 0 ? -std::numeric_limits<float>::infinity() : -3.0f;
            row.repetition_penalty = 1.0f;
            draws.push_back(row);
        }
        DeviceBuffer<SampleRow> device_draws;
        device_draws.assign(device_, draws.data(), n_draws);
        const std::vector<int32_t> no_ids{0};
        DeviceBuffer<int32_t> ids;
        ids.assign(device_, no_ids.data(), 1);
        const auto run = [&](bool joined) {
            DeviceBuffer<float> logits(device_, n * vocab), v(device_, n);
            DeviceBuffer<char> workspace(device_, device_.sample_workspace_bytes(vocab));
            DeviceBuffer<SampleResult> out(device_, n_draws);
            const HeadShape shape{dtype_, hidden, vocab, temperature > 0 ? temperature : 1.0f, 1 << 20};
            const DrawnRows all{n_draws, device_draws.data(), ids.data(), workspace.data(), out.data()};
            if (joined)
                device_.sample_from_head(shape, n, x.data(), w.data(), logits.data(), vocab, v.data(), all);
            else
                device_.Device::sample_from_head(shape, n, x.data(), w.data(), logits.data(), vocab, v.data(), all);
            std::vector<char> bytes = fetch(out);
            for (const std::vector<char>& more : {fetch(logits), fetch(v)})
                bytes.insert(bytes.end(), more.begin(), more.end());
            return bytes;
        };
        CHECK_MSG(run(true) == run(false), "%s draws at temperature %g", name_of(dtype_),
                static_cast<double>(temperature));
    }

    void check_all() {
        check_drawn(3, 0.7f);
        check_drawn(2, 0.0f);
        check_gated(3, 40, Activation::Silu);
        check_gated(2, 24, Activation::GeluTanh);
        check_gated(2, 33, Activation::Silu);
        check_pages(5, 3, 1, 16, false, true);
        check_pages(3, 4, 2, 10, true, true);
        check_pages(2, 2, 2, 64, true, false);
        check_branch(3, 72, false, 1.0f, false);
        check_branch(2, 33, true, 1.0f, true);
        check_branch(2, 64, true, 0.5f, false);
        check_branch(2, 64, false, 0.25f, false);
    }

private:
    DeviceBuffer<char> rows(int64_t n, uint64_t seed) const {
        const Array host = random_array(dtype_, n, seed);
        DeviceBuffer<char> buffer(device_, n * dtype_bytes(dtype_));
        device_.upload(buffer.data(), host.data(), buffer.size());
        return buffer;
    }
    DeviceBuffer<float> vector(int64_t n, uint64_t seed) const {
        std::vector<float> host = normals(n, seed);
        for (float& value : host)
            value = round_to(dtype_, value);
        DeviceBuffer<float> buffer;
        buffer.assign(device_, host.data(), n);
        return buffer;
    }
    DeviceBuffer<char> matrix(int64_t n_rows, int64_t cols, uint64_t seed) const {
        const std::vector<float> host = normals(n_rows * cols, seed);
        DeviceBuffer<char> buffer(device_, device_.weight_elements(dtype_, n_rows, cols) * dtype_bytes(dtype_));
        device_.pack_rows(dtype_, buffer.data(), n_rows, cols, 0, n_rows, Dtype::F32, host.data());
        return buffer;
    }
    DeviceBuffer<char> copy_of(const DeviceBuffer<char>& from) const {
        DeviceBuffer<char> buffer(device_, from.size());
        device_.copy(buffer.data(), from.data(), from.size());
        return buffer;
    }
    template <class T>
    std::vector<char> fetch(const DeviceBuffer<T>& from) const {
        std::vector<char> host(static_cast<size_t>(from.size()) * sizeof(T));
        device_.download(host.data(), from.data(), static_cast<int64_t>(host.size()));
        return host;
    }

    Device& device_;
    Dtype dtype_;
};

}  // namespace tbrm::testing
