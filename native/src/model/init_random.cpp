// init_random.cpp - weights drawn by (seed, tensor name, element), so that they do not depend on device, threads or layout.
#include "model/init_random.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/parallel.hpp"
#include "core/philox.hpp"
#include "model/model.hpp"

namespace tbrm {
namespace {

// FNV-1a, 64 bits.
uint64_t hash_name(const std::string& name) {
    uint64_t hash = 0xcbf29ce484222325u;
    for (const char c : name) {
        hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3u;
    }
    return hash;
}

// The four words that elements 4 block .. 4 block + 3 of a tensor are drawn from.
Philox4 words_of(uint64_t seed, uint64_t tensor, uint64_t block) {
    return philox4x32(seed, static_cast<uint32_t>(block), static_cast<uint32_t>(block >> 32),
            static_cast<uint32_t>(tensor), static_cast<uint32_t>(tensor >> 32));
}

constexpr double kUnit = 1.0 / 4294967296.0;

// Elements 4 block .. 4 block + 3 of N(0, std^2): Box-Muller on two pairs of uniform numbers.
void normal_block(uint64_t seed, uint64_t tensor, uint64_t block, double std, float* out) {
    const Philox4 r = words_of(seed, tensor, block);
    constexpr double kTurn = 6.283185307179586476925;
    for (int pair = 0; pair < 2; ++pair) {
        const double radius = std * std::sqrt(-2.0 * std::log((r.x[2 * pair] + 0.5) * kUnit));
        const double angle = kTurn * (r.x[2 * pair + 1] * kUnit);
        out[2 * pair] = static_cast<float>(radius * std::cos(angle));
        out[2 * pair + 1] = static_cast<float>(radius * std::sin(angle));
    }
}

void fill_normal(uint64_t seed, uint64_t tensor, int64_t first, int64_t n, double std, float* out) {
    constexpr int64_t kShare = 4096;  // elements per parallel item, a multiple of 4
    const int64_t begin = first / kShare, end = ceil_div(first + n, kShare);
    parallel_for(end - begin, n * 16, [&](int64_t share) {
        float four[4];
        const int64_t low = std::max((begin + share) * kShare, first),
                      high = std::min(low / kShare * kShare + kShare, first + n);
        for (int64_t block = low / 4; block * 4 < high; ++block) {
            normal_block(seed, tensor, static_cast<uint64_t>(block), std, four);
            for (int64_t i = std::max(block * 4, low); i < std::min(block * 4 + 4, high); ++i)
                out[i - first] = four[i - block * 4];
        }
    });
}

}  // namespace

void draw_uniform(uint64_t seed, const std::string& name, int64_t n, double bound, float* out) {
    const uint64_t tensor = hash_name(name);
    parallel_for(ceil_div(n, 4), n * 4, [&](int64_t block) {
        const Philox4 r = words_of(seed, tensor, static_cast<uint64_t>(block));
        for (int64_t i = block * 4; i < std::min(n, block * 4 + 4); ++i)
            out[i] = static_cast<float>(bound * (2.0 * ((r.x[i % 4] + 0.5) * kUnit) - 1.0));
    });
}

void Model::init_random(uint64_t seed, float std) {
    TBRM_REQUIRE(std >= 0 && std::isfinite(std), "std is %g, expected 0 or more", static_cast<double>(std));
    require_no_kept_forward("a random initialisation");
    const double residual_scale = 1.0 / std::sqrt(2.0 * config_.n_layers);
    for (const ModelTensor& tensor : tensors_) {
        if (tensor.cols == 0 || tensor.adapter) continue;
        draw_normal(tensor, seed, tensor.residual_output ? std * residual_scale : static_cast<double>(std));
    }
    fill(ParameterRole::Norm, 1.0f);
    fill(ParameterRole::Bias, 0.0f);
}

void Model::init_value_head(uint64_t seed, float std) {
    TBRM_REQUIRE(
            config_.has_value_head(), "the model has an LM head, no value head (head_kind is %d)", config_.head_kind);
    TBRM_REQUIRE(std >= 0 && std::isfinite(std), "std is %g, expected 0 or more", static_cast<double>(std));
    require_no_kept_forward("an initialisation of the head");
    draw_normal(require("score.weight"), seed, std);
    const float zero = 0;
    if (score_bias_ != nullptr) score_bias_->write_rows(TBRM_TENSOR_KIND_WEIGHT, 0, 1, &zero);
}

void Model::draw_normal(const ModelTensor& tensor, uint64_t seed, double std) {
    std::vector<float> values;
    const uint64_t hash = hash_name(tensor.name);
    const int64_t step = std::max<int64_t>(1, (int64_t{1} << 22) / tensor.cols);
    for (int64_t first = 0; first < tensor.rows; first += step) {
        const int64_t n = std::min(step, tensor.rows - first);
        values.resize(static_cast<size_t>(n * tensor.cols));
        fill_normal(seed, hash, first * tensor.cols, n * tensor.cols, std, values.data());
        tensor.parameter->write_rows(TBRM_TENSOR_KIND_MASTER, tensor.first_row + first, n, values.data());
    }
}

}  // namespace tbrm
