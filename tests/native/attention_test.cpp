// attention_test.cpp - attention against fp64, and the promise that a query row's bits depend on its own keys alone.
#include <algorithm>
#include <numeric>

#include "attention_oracle.hpp"
#include "ops/row_kernels.hpp"

using namespace tbrm;
using namespace tbrm::testing;

namespace {

struct Forward {
    Array out;
    std::vector<float> lse;
};

Forward packed_forward(const AttentionProblem& a) {
    Forward f{Array(a.dtype, a.tokens() * a.out_width()),
            std::vector<float>(static_cast<size_t>(a.tokens() * a.shape.n_heads))};
    cpu::packed_attention_forward(a.dtype, a.shape, a.n_seqs(), a.offsets.data(), a.qkv.data(), a.width(), f.out.data(),
            a.out_width(), f.lse.data());
    return f;
}

Array packed_backward(const AttentionProblem& a, const Forward& f) {
    Array dqkv(a.dtype, a.tokens() * a.width());
    dqkv.fill(NAN);  // every element must be written
    cpu::packed_attention_backward(a.dtype, a.shape, a.n_seqs(), a.offsets.data(), a.qkv.data(), a.width(),
            f.out.data(), a.out_width(), f.lse.data(), a.dout.data(), a.out_width(), dqkv.data(), a.width());
    return dqkv;
}

// A KV pool whose pages are handed out in a shuffled order and whose unwritten slots hold NaN.
class PagedCache {
public:
    PagedCache(const AttentionProblem& a, uint64_t seed) : a_(a) {
        int64_t n_pages = 3;  // some that nobody uses
        for (int64_t b = 0; b < a.n_seqs(); ++b)
            n_pages += pages_of(b);
        std::vector<int64_t> order(static_cast<size_t>(n_pages));
        std::iota(order.begin(), order.end(), 0);
        for (int64_t i = n_pages - 1; i > 0; --i) {
            const auto other =
                    static_cast<size_t>(uniform(seed, static_cast<uint64_t>(i)) * static_cast<double>(i + 1));
            std::swap(order[static_cast<size_t>(i)], order[other]);
        }
        int64_t next = 0;
        for (int64_t b = 0; b < a.n_seqs(); ++b) {
            first_page_.push_back(static_cast<int64_t>(table_.size()));
            for (int64_t page = 0; page < pages_of(b); ++page)
                table_.push_back(order[static_cast<size_t>(next++)]);
        }
        pool_ = Array(a.dtype, n_pages * page_elements(a.shape));
        pool_.fill(NAN);
    }

    // Appends tokens and then attends from them; `tokens` are (sequence, position).
    void step(const std::vector<std::pair<int64_t, int64_t>>& tokens, Array& out, std::vector<float>& lse) {
        const int64_t n = static_cast<int64_t>(tokens.size()), width = a_.width(), size = dtype_bytes(a_.dtype);
        Array rows(a_.dtype, n * width), step_out(a_.dtype, n * a_.out_width());
        std::vector<int64_t> pages, offsets;
        std::vector<int32_t> slots, n_keys;
        for (int64_t i = 0; i < n; ++i) {
            const auto [b, position] = tokens[static_cast<size_t>(i)];
            std::memcpy(rows.at(i * width), a_.qkv.at((a_.offsets[static_cast<size_t>(b)] + position) * width),
                    static_cast<size_t>(width * size));
            pages.push_back(table_[static_cast<size_t>(first_page_[static_cast<size_t>(b)] + position / kPageTokens)]);
            slots.push_back(static_cast<int32_t>(position % kPageTokens));
            offsets.push_back(first_page_[static_cast<size_t>(b)]);
            n_keys.push_back(static_cast<int32_t>(position + 1));
        }
        const int64_t d = a_.shape.head_dim;
        cpu::kv_write(a_.dtype, a_.shape, n, rows.at(a_.shape.n_heads * d),
                rows.at((a_.shape.n_heads + a_.shape.n_kv_heads) * d), width, pages.data(), slots.data(), pool_.data());
        std::vector<float> step_lse(static_cast<size_t>(n * a_.shape.n_heads));
        cpu::paged_attention(a_.dtype, a_.shape, n, rows.data(), width, pool_.data(), table_.data(), offsets.data(),
                n_keys.data(), step_out.data(), a_.out_width(), step_lse.data());
        for (int64_t i = 0; i < n; ++i) {
            const auto [b, position] = tokens[static_cast<size_t>(i)];
            const int64_t token = a_.offsets[static_cast<size_t>(b)] + position;
            std::memcpy(out.at(token * a_.out_width()), step_out.at(i * a_.out_width()),
                    static_cast<size_t>(a_.out_width() * size));
            std::copy_n(
                    step_lse.begin() + i * a_.shape.n_heads, a_.shape.n_heads, lse.begin() + token * a_.shape.n_heads);
        }
    }

private:
    int64_t length(int64_t b) const {
        return a_.offsets[static_cast<size_t>(b) + 1] - a_.offsets[static_cast<size_t>(b)];
    }
    int64_t pages_of(int64_t b) const { return (length(b) + kPageTokens - 1) / kPageTokens; }

    const AttentionProblem& a_;
    std::vector<int64_t> table_, first_page_;
    Array pool_;
};

void check_forward(const AttentionProblem& a, const Forward& f, const AttentionOracle& oracle) {
    for (int64_t i = 0; i < f.out.size(); ++i) {
        const size_t at = static_cast<size_t>(i);
        CHECK_MSG(close(f.out[i], oracle.out[at], oracle.out_bound[at]), "%s out %lld: %g vs %g, allowed %g",
                a.name().c_str(), static_cast<long long>(i), f.out[i], oracle.out[at], oracle.out_bound[at]);
    }
    for (size_t i = 0; i < f.lse.size(); ++i) {
        CHECK_MSG(close(f.lse[i], oracle.lse[i], oracle.lse_bound[i]), "%s lse %zu: %g vs %g", a.name().c_str(), i,
                static_cast<double>(f.lse[i]), oracle.lse[i]);
    }
}

void check_backward(const AttentionProblem& a, const Forward& f, const AttentionOracle& oracle) {
    const Array dqkv = packed_backward(a, f);
    for (int64_t i = 0; i < dqkv.size(); ++i) {
        const size_t at = static_cast<size_t>(i);
        CHECK_MSG(close(dqkv[i], oracle.dqkv[at], oracle.dqkv_bound[at]),
                "%s dqkv token %lld column %lld: %g vs %g, allowed %g", a.name().c_str(),
                static_cast<long long>(i / a.width()), static_cast<long long>(i % a.width()), dqkv[i], oracle.dqkv[at],
                oracle.dqkv_bound[at]);
    }
    // The bounds are for the worst case; the errors of a sum mostly cancel.
    CHECK_MSG(relative_error(dqkv, oracle.dqkv, dqkv.size()) < (a.dtype == Dtype::Bf16 ? 1e-2 : 2e-6), "%s",
            a.name().c_str());
}

void check_all(const AttentionProblem& a) {
    const AttentionOracle oracle(a);
    const Forward f = packed_forward(a);
    check_forward(a, f, oracle);
    check_backward(a, f, oracle);
}

}  // namespace

TBRM_TEST(attention_and_its_gradient_match_fp64_at_every_length) {
    for (const Dtype dtype : kDtypes) {
        for (const int64_t length : {1, 2, 63, 64, 65, 127, 300, 513}) {
            check_all(AttentionProblem(dtype, 2, 1, 64, {length}, 100 + static_cast<uint64_t>(length)));
        }
        check_all(AttentionProblem(dtype, 1, 1, 64, {1100}, 99));
    }
}

TBRM_TEST(attention_matches_fp64_for_every_group_and_head_width) {
    for (const Dtype dtype : kDtypes) {
        for (const int64_t group : {1, 2, 6, 7, 8})
            check_all(AttentionProblem(dtype, 2 * group, 2, 64, {70, 0, 33}, 200 + static_cast<uint64_t>(group)));
        for (const int64_t head_dim : {2, 6, 16, 32, 40, 64, 80, 96, 128, 192, 256})
            check_all(AttentionProblem(dtype, 4, 2, head_dim, {5, 130}, 300 + static_cast<uint64_t>(head_dim)));
        check_all(AttentionProblem(dtype, 60, 1, 32, {67}, 400));  // a group wider than a tile
    }
}

TBRM_TEST(windowed_attention_and_its_gradient_match_fp64) {
    for (const Dtype dtype : kDtypes) {
        for (const int64_t window : {1, 2, 17, 63, 64, 65, 100, 128, 1000}) {
            const uint64_t seed = 450 + static_cast<uint64_t>(window);
            check_all(with_window(AttentionProblem(dtype, 2, 1, 32, {5, 300, 0, 130, 64}, seed), window));
            check_all(with_window(AttentionProblem(dtype, 14, 2, 16, {197}, seed), window));
        }
        check_all(with_window(AttentionProblem(dtype, 60, 1, 32, {167}, 451), 70));  // a group wider than a tile
    }
}

// Keys before a window take no part in the log-sum-exp: their probabilities may overflow, and must not reach a gradient.
TBRM_TEST(keys_before_a_window_may_score_anything) {
    for (const Dtype dtype : kDtypes) {
        AttentionProblem a = with_window(AttentionProblem(dtype, 4, 2, 64, {300}, 901), 70);
        // The keys of the first page point where the queries from the third on do, with scores in the hundreds.
        for (int64_t token = 0; token < 300; ++token) {
            for (int64_t c = 0; c < 6 * 64; ++c) {
                const bool key = c >= 4 * 64;
                if ((key && token < 64) || (!key && token >= 150)) a.qkv.set(token * a.width() + c, key ? 40.0f : 3.0f);
            }
        }
        const Forward f = packed_forward(a);
        const AttentionOracle oracle(a);
        check_forward(a, f, oracle);
        const Array dqkv = packed_backward(a, f);
        for (int64_t i = 0; i < dqkv.size(); ++i) {
            const size_t at = static_cast<size_t>(i);
            CHECK_MSG(close(dqkv[i], oracle.dqkv[at], oracle.dqkv_bound[at]), "%s dqkv %lld: %g vs %g",
                    a.name().c_str(), static_cast<long long>(i), dqkv[i], oracle.dqkv[at]);
        }
    }
}

TBRM_TEST(attention_of_packed_sequences_is_that_of_each_alone) {
    for (const Dtype dtype : kDtypes) {
        const AttentionProblem a(dtype, 6, 2, 64, {0, 64, 1, 0, 130, 63, 2, 0}, 500);
        check_all(a);
        const Forward together = packed_forward(a);
        const Array gradients = packed_backward(a, together);
        for (int64_t b = 0; b < a.n_seqs(); ++b) {
            const int64_t begin = a.offsets[static_cast<size_t>(b)], end = a.offsets[static_cast<size_t>(b) + 1];
            AttentionProblem one(dtype, 6, 2, 64, {end - begin}, 0);
            for (int64_t i = 0; i < one.qkv.size(); ++i)
                one.qkv.set(i, static_cast<float>(a.qkv[begin * a.width() + i]));
            for (int64_t i = 0; i < one.dout.size(); ++i)
                one.dout.set(i, static_cast<float>(a.dout[begin * a.out_width() + i]));
            const Forward alone = packed_forward(one);
            const Array alone_gradients = packed_backward(one, alone);
            for (int64_t i = 0; i < alone.out.size(); ++i)
                CHECK(alone.out[i] == together.out[begin * a.out_width() + i]);
            for (int64_t i = 0; i < alone_gradients.size(); ++i)
                CHECK(alone_gradients[i] == gradients[begin * a.width() + i]);
        }
    }
}

TBRM_TEST(a_query_row_has_the_same_bits_packed_paged_in_any_chunks_pages_and_batch) {
    for (const Dtype dtype : kDtypes) {
        for (const auto& [head_dim, window] :
                std::vector<std::pair<int64_t, int64_t>>{{32, 0}, {64, 0}, {128, 0}, {32, 1}, {32, 50}, {64, 90}}) {
            const AttentionProblem a =
                    with_window(AttentionProblem(dtype, 7, 1, head_dim, {131, 64, 200, 1, 65}, 600), window);
            const Forward expected = packed_forward(a);
            // Prompts in chunks of several sizes, one after another and interleaved; 1 = decode of all sequences together.
            for (const int64_t chunk : {1, 3, 17, 64, 100, 1000}) {
                PagedCache cache(a, 601 + static_cast<uint64_t>(chunk));
                Forward f{Array(dtype, expected.out.size()), std::vector<float>(expected.lse.size())};
                for (int64_t at = 0; at < 200; at += chunk) {
                    std::vector<std::pair<int64_t, int64_t>> tokens;
                    for (int64_t b = a.n_seqs() - 1; b >= 0; --b) {
                        const int64_t length =
                                a.offsets[static_cast<size_t>(b) + 1] - a.offsets[static_cast<size_t>(b)];
                        for (int64_t t = at; t < std::min(at + chunk, length); ++t)
                            tokens.emplace_back(b, t);
                    }
                    cache.step(tokens, f.out, f.lse);
                }
                CHECK_MSG(f.out.same_bits(expected.out), "%s chunk %lld: element %lld", a.name().c_str(),
                        static_cast<long long>(chunk), static_cast<long long>(f.out.first_difference(expected.out)));
                CHECK_MSG(float_bits_equal(f.lse, expected.lse), "%s chunk %lld: lse", a.name().c_str(),
                        static_cast<long long>(chunk));
            }
        }
    }
}

TBRM_TEST(attention_does_not_depend_on_threads) {
    for (const Dtype dtype : kDtypes) {
        const AttentionProblem a(dtype, 8, 4, 64, {90, 200, 17}, 700);
        Forward first;
        Array first_gradients;
        for (const int threads : {1, 2, 3}) {
            with_threads(threads, [&] {
                const Forward f = packed_forward(a);
                const Array gradients = packed_backward(a, f);
                if (threads == 1) first = f, first_gradients = gradients;
                CHECK(f.out.same_bits(first.out) && float_bits_equal(f.lse, first.lse));
                CHECK(gradients.same_bits(first_gradients));
            });
        }
    }
}

// The oracle's own gradients, so that the chain of proof starts at the definition: d loss / d x by central differences in fp64.
TBRM_TEST(oracle_gradients_match_finite_differences) {
    AttentionProblem a(Dtype::F32, 4, 2, 6, {5, 3}, 800);
    const AttentionOracle oracle(a);
    const auto loss = [&] {
        const AttentionOracle o(a, false);
        double sum = 0;
        for (size_t i = 0; i < o.out.size(); ++i)
            sum += o.out[i] * a.dout[static_cast<int64_t>(i)];
        return sum;
    };
    constexpr float kStep = 0x1p-7f;
    for (int64_t i = 0; i < a.qkv.size(); ++i) {
        const float x = static_cast<float>(a.qkv[i]);
        a.qkv.set(i, x + kStep);
        const double above = loss(), up = a.qkv[i];
        a.qkv.set(i, x - kStep);
        const double below = loss(), down = a.qkv[i];
        a.qkv.set(i, x);
        // The third derivative times step^2 / 6 is below 1e-3 for these inputs.
        CHECK_MSG(close((above - below) / (up - down), oracle.dqkv[static_cast<size_t>(i)], 1e-3),
                "element %lld: %g vs %g", static_cast<long long>(i), (above - below) / (up - down),
                oracle.dqkv[static_cast<size_t>(i)]);
    }
}

TBRM_TEST(large_scores_do_not_overflow) {
    for (const Dtype dtype : kDtypes) {
        AttentionProblem a(dtype, 2, 1, 64, {150}, 900);
        for (int64_t i = 0; i < a.qkv.size(); ++i) {
            if (i % a.width() < 3 * 64) a.qkv.set(i, static_cast<float>(a.qkv[i] * 16));
        }
        const AttentionOracle oracle(a, false);
        check_forward(a, packed_forward(a), oracle);
    }
}

// Through the softmax of one row whose largest score is 0.
TBRM_TEST(the_exponential_is_exact_to_a_rounding) {
    double worst = 0;
    for (int64_t block = 0; block < 40000; ++block) {
        std::vector<float> scores(64), p(64);
        for (int64_t i = 1; i < 64; ++i)
            scores[static_cast<size_t>(i)] =
                    -87.3f * static_cast<float>(uniform(990, static_cast<uint64_t>(block * 64 + i)));
        const int32_t valid = 64;
        float top = -INFINITY, sum = 0, acc = 0;
        cpu::row_kernels(Dtype::F32).softmax({1, &valid, 1.0f, scores.data(), &top, &sum, p.data(), &acc, 1, 1});
        CHECK(p[0] == 1.0f && top == 0.0f);
        for (size_t i = 0; i < 64; ++i) {
            const double expected = std::exp(static_cast<double>(scores[i]));
            worst = std::max(worst, std::isnan(p[i]) ? INFINITY : std::fabs(static_cast<double>(p[i]) / expected - 1));
        }
    }
    CHECK_MSG(worst < 2e-7, "relative error %g", worst);
}

TBRM_TEST(the_exponential_underflows_to_zero_and_keeps_nan) {
    std::vector<float> scores(64, -INFINITY), p(64, NAN);
    scores[0] = 0.0f, scores[1] = -110.0f, scores[2] = -3e38f, scores[3] = -1.0f;
    int32_t valid = 64;
    float top = -INFINITY, sum = 0, acc = 0;
    cpu::row_kernels(Dtype::F32).softmax({1, &valid, 1.0f, scores.data(), &top, &sum, p.data(), &acc, 1, 1});
    for (size_t i = 0; i < 64; ++i)
        CHECK((p[i] == 0.0f) == (i != 0 && i != 3));
    scores[5] = NAN;
    cpu::row_kernels(Dtype::F32).softmax({1, &valid, 1.0f, scores.data(), &top, &sum, p.data(), &acc, 1, 1});
    CHECK(std::isnan(p[5]) && std::isnan(sum));
    // Keys beyond the valid ones are not used, NaN or not.
    valid = 5, top = -INFINITY, sum = 0;
    cpu::row_kernels(Dtype::F32).softmax({1, &valid, 1.0f, scores.data(), &top, &sum, p.data(), &acc, 1, 1});
    CHECK(p[5] == 0.0f && close(sum, 1.0 + std::exp(-1.0), 1e-6));
}

TBRM_TEST(a_row_without_keys_is_zero) {
    for (const Dtype dtype : kDtypes) {
        const AttentionProblem a(dtype, 2, 1, 64, {1}, 950);
        const int64_t table = 0, offset = 0;
        const int32_t none = 0;
        Array pool(dtype, page_elements(a.shape)), out(dtype, a.out_width());
        pool.fill(NAN);
        out.fill(NAN);
        float lse[2] = {};
        cpu::paged_attention(dtype, a.shape, 1, a.qkv.data(), a.width(), pool.data(), &table, &offset, &none,
                out.data(), a.out_width(), lse);
        for (int64_t i = 0; i < out.size(); ++i)
            CHECK(out[i] == 0);
        CHECK(lse[0] == -INFINITY && lse[1] == -INFINITY);
    }
}

int main(int argc, char** argv) {
    return tbrm::testing::run(argc, argv);
}
