// attention_cuda_test.cpp - attention on a GPU against the fp64 oracle, within the bounds that the CPU twin is held to, and the promise that
// packed and paged attention give a query row the same bits in any batch.
#include <algorithm>
#include <utility>

#include "attention_oracle.hpp"
#include "cuda_testing.hpp"

using namespace tbrm;
using namespace tbrm::testing;

namespace {

OnDevice<char> bytes_of(const Array& array, Dtype dtype) {
    return OnDevice<char>(static_cast<const char*>(array.data()), array.size() * dtype_bytes(dtype));
}

void fetch(const OnDevice<char>& from, Array& to) {
    const std::vector<char> bytes = from.download();
    std::memcpy(to.data(), bytes.data(), bytes.size());
}

struct Result {
    Array out;
    std::vector<float> lse;
    Array dqkv;
};

Result packed(const AttentionProblem& a) {
    Result r{Array(a.dtype, a.tokens() * a.out_width()), {}, Array(a.dtype, a.tokens() * a.width())};
    r.out.fill(NAN);
    r.dqkv.fill(NAN);
    const OnDevice<char> qkv = bytes_of(a.qkv, a.dtype), out = bytes_of(r.out, a.dtype),
                         dout = bytes_of(a.dout, a.dtype), dqkv = bytes_of(r.dqkv, a.dtype);
    const OnDevice<float> lse(std::vector<float>(static_cast<size_t>(a.tokens() * a.shape.n_heads), NAN));
    cuda::packed_attention_forward(queue(), a.dtype, a.shape, a.n_seqs(), a.offsets.data(), qkv.get(), a.width(),
            out.get(), a.out_width(), lse.get());
    cuda::packed_attention_backward(queue(), a.dtype, a.shape, a.n_seqs(), a.offsets.data(), qkv.get(), a.width(),
            out.get(), a.out_width(), lse.get(), dout.get(), a.out_width(), dqkv.get(), a.width());
    fetch(out, r.out);
    fetch(dqkv, r.dqkv);
    r.lse = lse.download();
    return r;
}

void check(const AttentionProblem& a) {
    const AttentionOracle oracle(a);
    const Result r = packed(a);
    for (int64_t i = 0; i < r.out.size(); ++i) {
        const size_t at = static_cast<size_t>(i);
        CHECK_MSG(close(r.out[i], oracle.out[at], oracle.out_bound[at]), "%s out %lld: %g vs %g, allowed %g",
                a.name().c_str(), static_cast<long long>(i), r.out[i], oracle.out[at], oracle.out_bound[at]);
    }
    for (size_t i = 0; i < r.lse.size(); ++i)
        CHECK_MSG(close(r.lse[i], oracle.lse[i], oracle.lse_bound[i]), "%s lse %zu: %g vs %g", a.name().c_str(), i,
                static_cast<double>(r.lse[i]), oracle.lse[i]);
    for (int64_t i = 0; i < r.dqkv.size(); ++i) {
        const size_t at = static_cast<size_t>(i);
        CHECK_MSG(close(r.dqkv[i], oracle.dqkv[at], oracle.dqkv_bound[at]),
                "%s dqkv token %lld column %lld: %g vs %g, allowed %g", a.name().c_str(),
                static_cast<long long>(i / a.width()), static_cast<long long>(i % a.width()), r.dqkv[i],
                oracle.dqkv[at], oracle.dqkv_bound[at]);
    }
}

// Writes and attends token by token or chunk by chunk, through pages whose unwritten slots hold NaN, all sequences interleaved.
Result paged(const AttentionProblem& a, int64_t chunk) {
    Result r{Array(a.dtype, a.tokens() * a.out_width()), {}, Array(a.dtype, 0)};
    r.lse.resize(static_cast<size_t>(a.tokens() * a.shape.n_heads));
    const int64_t size = dtype_bytes(a.dtype), d = a.shape.head_dim;
    std::vector<int64_t> table, first_page;
    int64_t longest = 0;
    for (int64_t b = 0; b < a.n_seqs(); ++b) {
        const int64_t length = a.offsets[static_cast<size_t>(b) + 1] - a.offsets[static_cast<size_t>(b)];
        first_page.push_back(static_cast<int64_t>(table.size()));
        for (int64_t p = 0; p < (length + kPageTokens - 1) / kPageTokens; ++p)
            table.push_back(static_cast<int64_t>(table.size()));
        longest = std::max(longest, length);
    }
    std::reverse(table.begin(), table.end());
    Array empty(a.dtype, static_cast<int64_t>(table.size()) * page_elements(a.shape));
    empty.fill(NAN);
    const OnDevice<char> pool = bytes_of(empty, a.dtype);
    const OnDevice<int64_t> device_table(table);
    for (int64_t at = 0; at < longest; at += chunk) {
        std::vector<int64_t> tokens, pages, offsets;
        std::vector<int32_t> slots, n_keys;
        for (int64_t b = a.n_seqs() - 1; b >= 0; --b) {
            const int64_t begin = a.offsets[static_cast<size_t>(b)], end = a.offsets[static_cast<size_t>(b) + 1];
            for (int64_t t = at; t < std::min(at + chunk, end - begin); ++t) {
                tokens.push_back(begin + t);
                offsets.push_back(first_page[static_cast<size_t>(b)]);
                pages.push_back(table[static_cast<size_t>(first_page[static_cast<size_t>(b)] + t / kPageTokens)]);
                slots.push_back(static_cast<int32_t>(t % kPageTokens));
                n_keys.push_back(static_cast<int32_t>(t + 1));
            }
        }
        const int64_t n = static_cast<int64_t>(tokens.size());
        Array rows(a.dtype, n * a.width()), out(a.dtype, n * a.out_width());
        for (int64_t i = 0; i < n; ++i)
            std::memcpy(rows.at(i * a.width()), a.qkv.at(tokens[static_cast<size_t>(i)] * a.width()),
                    static_cast<size_t>(a.width() * size));
        const OnDevice<char> device_rows = bytes_of(rows, a.dtype), device_out = bytes_of(out, a.dtype);
        const OnDevice<int64_t> device_pages(pages), device_offsets(offsets);
        const OnDevice<int32_t> device_slots(slots), device_n_keys(n_keys);
        const OnDevice<float> lse(std::vector<float>(static_cast<size_t>(n * a.shape.n_heads), NAN));
        const char* keys = device_rows.get() + a.shape.n_heads * d * size;
        cuda::kv_write(queue(), a.dtype, a.shape, n, keys, keys + a.shape.n_kv_heads * d * size, a.width(),
                device_pages.get(), device_slots.get(), pool.get());
        cuda::paged_attention(queue(), a.dtype, a.shape, n, device_rows.get(), a.width(), pool.get(),
                device_table.get(), device_offsets.get(), device_n_keys.get(), device_out.get(), a.out_width(),
                lse.get());
        fetch(device_out, out);
        const std::vector<float> step_lse = lse.download();
        for (int64_t i = 0; i < n; ++i) {
            const int64_t token = tokens[static_cast<size_t>(i)];
            std::memcpy(r.out.at(token * a.out_width()), out.at(i * a.out_width()),
                    static_cast<size_t>(a.out_width() * size));
            std::copy_n(
                    step_lse.begin() + i * a.shape.n_heads, a.shape.n_heads, r.lse.begin() + token * a.shape.n_heads);
        }
    }
    return r;
}

// All keys are written, then the last row of each sequence attends.
Result last_rows(const AttentionProblem& a) {
    const int64_t n = a.n_seqs(), d = a.shape.head_dim;
    Result r{Array(a.dtype, n * a.out_width()), {}, Array(a.dtype, 0)};
    std::vector<int64_t> table, first_page, pages;
    std::vector<int32_t> slots, n_keys;
    Array rows(a.dtype, n * a.width());
    for (int64_t b = 0; b < n; ++b) {
        const int64_t begin = a.offsets[static_cast<size_t>(b)], end = a.offsets[static_cast<size_t>(b) + 1];
        first_page.push_back(static_cast<int64_t>(table.size()));
        for (int64_t t = begin; t < end; ++t) {
            if ((t - begin) % kPageTokens == 0) table.push_back(static_cast<int64_t>(table.size()) ^ 1);
            pages.push_back(table.back());
            slots.push_back(static_cast<int32_t>((t - begin) % kPageTokens));
        }
        n_keys.push_back(static_cast<int32_t>(end - begin));
        std::memcpy(rows.at(b * a.width()), a.qkv.at((end - 1) * a.width()), static_cast<size_t>(a.width() * 2));
    }
    Array empty(a.dtype, (static_cast<int64_t>(table.size()) + 1) * page_elements(a.shape));
    empty.fill(NAN);
    const OnDevice<char> pool = bytes_of(empty, a.dtype), qkv = bytes_of(a.qkv, a.dtype),
                         device_rows = bytes_of(rows, a.dtype), out = bytes_of(r.out, a.dtype);
    const OnDevice<int64_t> device_table(table), device_first(first_page), device_pages(pages);
    const OnDevice<int32_t> device_slots(slots), device_n_keys(n_keys);
    const OnDevice<float> lse(std::vector<float>(static_cast<size_t>(n * a.shape.n_heads), NAN));
    const char* const keys = qkv.get() + a.shape.n_heads * d * 2;
    cuda::kv_write(queue(), a.dtype, a.shape, a.tokens(), keys, keys + a.shape.n_kv_heads * d * 2, a.width(),
            device_pages.get(), device_slots.get(), pool.get());
    cuda::paged_attention(queue(), a.dtype, a.shape, n, device_rows.get(), a.width(), pool.get(), device_table.get(),
            device_first.get(), device_n_keys.get(), out.get(), a.out_width(), lse.get());
    fetch(out, r.out);
    r.lse = lse.download();
    return r;
}

constexpr Dtype kBoth[] = {Dtype::F32, Dtype::Bf16};

}  // namespace

TBRM_TEST(attention_on_a_gpu_matches_fp64_at_every_length) {
    for (const Dtype dtype : kBoth)
        for (const int64_t length : shapes<int64_t>({1, 2, 31, 32, 63, 64, 65, 127, 300, 513}, {1, 33, 65, 130}))
            check(AttentionProblem(dtype, 2, 1, 64, {length}, 100 + static_cast<uint64_t>(length)));
}

TBRM_TEST(attention_on_a_gpu_matches_fp64_for_every_group_and_head_width) {
    for (const Dtype dtype : kBoth) {
        for (const int64_t group : shapes<int64_t>({1, 2, 4, 6, 7, 8, 40}, {1, 7, 40}))
            check(AttentionProblem(
                    dtype, 2 * group, 2, thinned() ? 16 : 64, {70, 0, 33}, 200 + static_cast<uint64_t>(group)));
        for (const int64_t head_dim : shapes<int64_t>({2, 6, 16, 24, 40, 64, 80, 96, 128}, {2, 24, 80, 128}))
            check(AttentionProblem(
                    dtype, 4, 2, head_dim, {5, thinned() ? 70 : 130}, 300 + static_cast<uint64_t>(head_dim)));
    }
}

TBRM_TEST(windowed_attention_on_a_gpu_matches_fp64) {
    for (const Dtype dtype : kBoth) {
        for (const int64_t window : shapes<int64_t>({1, 2, 17, 63, 64, 65, 100, 1000}, {1, 65, 100}))
            check(with_window(AttentionProblem(dtype, 6, 2, thinned() && window != 65 ? 16 : 64,
                                      {thinned() ? 150 : 300, 3, 0, 64}, 450),
                    window));
    }
}

TBRM_TEST(packed_and_paged_attention_on_a_gpu_have_the_same_bits) {
    for (const Dtype dtype : kBoth) {
        for (const auto& [head_dim, window] :
                shapes<std::pair<int64_t, int64_t>>({{64, 0}, {128, 0}, {64, 1}, {64, 50}}, {{64, 0}, {16, 50}})) {
            const AttentionProblem a = with_window(
                    AttentionProblem(dtype, 7, 1, head_dim, {131, 64, thinned() ? 3 : 200, 1, 65}, 600), window);
            const Result expected = packed(a);
            for (const int64_t chunk : shapes<int64_t>({1, 3, 17, 64, 1000}, {17, 1000})) {
                const Result r = paged(a, chunk);
                CHECK_MSG(r.out.same_bits(expected.out), "%s chunk %lld: element %lld", a.name().c_str(),
                        static_cast<long long>(chunk), static_cast<long long>(r.out.first_difference(expected.out)));
                CHECK_MSG(float_bits_equal(r.lse, expected.lse), "%s chunk %lld: lse", a.name().c_str(),
                        static_cast<long long>(chunk));
            }
        }
    }
}

// Decode: the last row of every sequence alone. Its keys are walked by one block, by several, or by one because there is no room for what several
// would leave behind.
TBRM_TEST(a_row_alone_has_the_bits_of_its_sequence_however_its_keys_are_dealt_out) {
    struct Case {
        int64_t group, head_dim, window;
    };
    for (const Case& c :
            shapes<Case>({{3, 64, 0}, {6, 128, 0}, {12, 64, 200}, {2, 64, 64}}, {{3, 64, 0}, {2, 128, 200}})) {
        // Five parts: more than a block has warps.
        const std::vector<int64_t> lengths{thinned() ? (c.window == 0 ? 530 : 250) : 2100, 140, 3, 128};
        const AttentionProblem a =
                with_window(AttentionProblem(Dtype::Bf16, 2 * c.group, 2, c.head_dim, lengths, 700), c.window);
        const Result expected = packed(a);
        const int64_t bytes = queue().scratch_bytes;
        const int64_t part_bytes = a.n_seqs() * 2 * c.group * (c.head_dim + 8) * 4;
        for (const int64_t room : {bytes, part_bytes, int64_t{0}}) {
            queue().scratch_bytes = room;
            const Result r = last_rows(a);
            queue().scratch_bytes = bytes;
            for (int64_t b = 0; b < a.n_seqs(); ++b) {
                const int64_t row = a.offsets[static_cast<size_t>(b) + 1] - 1;
                CHECK_MSG(std::memcmp(r.out.at(b * a.out_width()), expected.out.at(row * a.out_width()),
                                  static_cast<size_t>(a.out_width() * 2)) == 0,
                        "%s sequence %lld room %lld", a.name().c_str(), static_cast<long long>(b),
                        static_cast<long long>(room));
                for (int64_t h = 0; h < a.shape.n_heads; ++h)
                    CHECK(r.lse[static_cast<size_t>(b * a.shape.n_heads + h)] ==
                            expected.lse[static_cast<size_t>(row * a.shape.n_heads + h)]);
            }
        }
    }
}

TBRM_TEST(attention_gradients_on_a_gpu_are_those_of_each_sequence_alone_and_repeat) {
    for (const Dtype dtype : kBoth) {
        const AttentionProblem a(dtype, 6, 2, thinned() ? 32 : 64, {0, 64, 1, thinned() ? 70 : 130, 63, 2}, 500);
        const Result together = packed(a), again = packed(a);
        CHECK(together.dqkv.same_bits(again.dqkv));
        for (int64_t b = 0; b < a.n_seqs(); ++b) {
            const int64_t begin = a.offsets[static_cast<size_t>(b)], end = a.offsets[static_cast<size_t>(b) + 1];
            if (begin == end) continue;
            AttentionProblem one(dtype, 6, 2, a.shape.head_dim, {end - begin}, 0);
            std::memcpy(one.qkv.data(), a.qkv.at(begin * a.width()),
                    static_cast<size_t>(one.qkv.size() * dtype_bytes(dtype)));
            std::memcpy(one.dout.data(), a.dout.at(begin * a.out_width()),
                    static_cast<size_t>(one.dout.size() * dtype_bytes(dtype)));
            const Result alone = packed(one);
            CHECK(std::memcmp(alone.dqkv.data(), together.dqkv.at(begin * a.width()),
                          static_cast<size_t>(alone.dqkv.size() * dtype_bytes(dtype))) == 0);
        }
    }
}
