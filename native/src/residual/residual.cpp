// residual.cpp - what the contract of tbrm_residual_forward asks of its arguments, checked once for both twins.
#include "residual/residual.hpp"

#include <cmath>

#include "core/guard.hpp"

namespace tbrm {

void check_residual_args(const tbrm_residual_args_t& args) {
    TBRM_REQUIRE(args.struct_size == static_cast<int32_t>(sizeof args), "struct_size is %d, expected %d",
            args.struct_size, static_cast<int32_t>(sizeof args));
    TBRM_REQUIRE(args.kind == TBRM_RESIDUAL_KIND_TBRM || args.kind == TBRM_RESIDUAL_KIND_REVAL,
            "kind is %d, expected 0 (TBRM) or 1 (ReVal)", args.kind);
    TBRM_REQUIRE(std::isfinite(args.beta) && args.beta > 0, "beta is %g, expected a finite number above 0", args.beta);
    TBRM_REQUIRE(std::isfinite(args.loss_scale) && args.loss_scale > 0,
            "loss_scale is %g, expected a finite number above 0 (1, or beta^2 for reward units)", args.loss_scale);
    TBRM_REQUIRE(args.n_seqs >= 0, "n_seqs is %lld, expected 0 or more", static_cast<long long>(args.n_seqs));
    TBRM_REQUIRE(args.n_rows >= 0, "n_rows is %lld, expected 0 or more", static_cast<long long>(args.n_rows));
    TBRM_REQUIRE(args.row_offsets != nullptr, "row_offsets is null, expected n_seqs + 1 offsets");
    TBRM_REQUIRE(args.n_rows == 0 || args.ref_logp != nullptr, "ref_logp is null but n_rows is %lld",
            static_cast<long long>(args.n_rows));
    TBRM_REQUIRE(args.n_seqs == 0 || (args.reward != nullptr && args.weight != nullptr),
            "reward or weight is null but n_seqs is %lld", static_cast<long long>(args.n_seqs));
    TBRM_REQUIRE(args.n_seqs == 0 || args.kind != TBRM_RESIDUAL_KIND_REVAL || args.ref_v1 != nullptr,
            "ref_v1 is null; ReVal needs V_ref(s_1) of each trajectory");
    TBRM_REQUIRE(args.n_seqs == 0 || args.kind != TBRM_RESIDUAL_KIND_REVAL || args.bootstrap == nullptr ||
                         args.ref_v_end != nullptr,
            "ref_v_end is null; ReVal with bootstrap needs V_ref(s_{H+1}) of each trajectory");
    TBRM_REQUIRE(args.row_offsets[0] == 0, "row_offsets[0] is %lld, expected 0",
            static_cast<long long>(args.row_offsets[0]));
    for (int64_t b = 0; b < args.n_seqs; ++b) {
        TBRM_REQUIRE(args.row_offsets[b] <= args.row_offsets[b + 1], "row_offsets[%lld] = %lld is above the next, %lld",
                static_cast<long long>(b), static_cast<long long>(args.row_offsets[b]),
                static_cast<long long>(args.row_offsets[b + 1]));
    }
    TBRM_REQUIRE(args.row_offsets[args.n_seqs] == args.n_rows, "row_offsets[%lld] = %lld but there are %lld rows",
            static_cast<long long>(args.n_seqs), static_cast<long long>(args.row_offsets[args.n_seqs]),
            static_cast<long long>(args.n_rows));
}

}  // namespace tbrm
