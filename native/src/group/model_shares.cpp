// model_shares.cpp - a model that the ranks of a group train together: what of model.hpp needs the group.
#include <cmath>

#include "core/guard.hpp"
#include "group/group.hpp"
#include "model/model.hpp"

namespace tbrm {

std::vector<int64_t> Model::trained_shape() const {
    std::vector<int64_t> shape{device().kind(), config_.zero_stage};
    for (const auto& parameter : parameters_)
        if (parameter->trainable()) shape.push_back(parameter->layout_elements());
    return shape;
}

void Model::share(std::shared_ptr<Group> group, int32_t rank) {
    TBRM_REQUIRE(trains(), "the model is frozen (trainable = 0): there is nothing to share");
    TBRM_REQUIRE(config_.is_shared(),
            "the model was created with zero_stage = %d and n_ranks = %d: its ranks share nothing", config_.zero_stage,
            config_.n_ranks);
    TBRM_REQUIRE(group->size() == config_.n_ranks, "the model was created for n_ranks = %d, the group has %d",
            config_.n_ranks, group->size());
    TBRM_REQUIRE(group_ == nullptr, "the ranks share the model already");
    TBRM_REQUIRE(n_optimizers == 0, "the model has an optimizer; destroy it first");
    require_no_kept_forward("sharing its masters");
    group->require_equal(rank, trained_shape());
    group_ = std::move(group);
    rank_ = rank;
    share_parameters();
}

void Model::share_parameters() {
    const MemoryScope scope(owner(), MemoryUse::Gradients);
    int64_t number = 0;
    for (size_t i = 0; i < parameters_.size(); ++i) {
        if (!parameters_[i]->trainable()) continue;
        const bool is_adapter = adapter_ && i >= n_base_parameters_;
        parameters_[i]->share(is_adapter, number++, config_.sharing_of(rank_));
    }
}

std::vector<Range> Model::ranges_of(const Parameter& parameter) const {
    std::vector<Range> ranges;
    for (int32_t r = 0; r < config_.n_ranks; ++r)
        ranges.push_back(parameter.of_rank(r));
    return ranges;
}

double Model::gradient_norm() {
    std::vector<FloatSpan> pieces;
    std::vector<int64_t> ends{0};  // of the parameters' pieces
    for (const auto& parameter : parameters_) {
        if (!parameter->trainable()) continue;
        const Pieces all = parameter->pieces();
        for (int64_t i = 0; i < all.count(); ++i) {
            const Range piece = common(all.piece(i), parameter->own());
            const int64_t at = piece.n > 0 ? piece.first - parameter->own().first : 0;
            pieces.push_back({parameter->own_gradient() + at, piece.n});
        }
        ends.push_back(static_cast<int64_t>(pieces.size()));
    }
    // A piece is one rank's: the others add zero to it, which changes no bit.
    std::vector<double> sums = device().sums_of_squares(pieces);
    if (is_shared()) group_->sum(rank_, static_cast<int64_t>(sums.size()), sums.data());
    double total = 0;
    for (size_t p = 0; p + 1 < ends.size(); ++p) {
        double sum = 0;
        for (int64_t i = ends[p]; i < ends[p + 1]; ++i)
            sum += sums[static_cast<size_t>(i)];
        total += sum;
    }
    return std::sqrt(total);
}

void Model::gather_weights() {
    if (!is_shared()) return;
    std::vector<SharedBytes> arrays;
    for (const auto& parameter : parameters_) {
        if (!parameter->trainable()) continue;
        parameter->refresh_own();
        const bool copies = parameter->shares_master();
        SharedBytes& array = arrays.emplace_back(
                SharedBytes{copies ? parameter->weight_bytes() : reinterpret_cast<uint8_t*>(parameter->master()), {}});
        for (const Range& range : ranges_of(*parameter))
            array.of_rank.push_back(copies ? parameter->weight_bytes_of(range) : Range{range.first * 4, range.n * 4});
    }
    gather_on(device(), *group_, rank_, std::move(arrays), "weights");
    for (const auto& parameter : parameters_)
        if (parameter->trainable() && !parameter->shares_master()) parameter->refresh();
}

}  // namespace tbrm
