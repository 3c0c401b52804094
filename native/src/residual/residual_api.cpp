// residual_api.cpp - exports of the section "residual". Contract: tbrm.h.
#include "core/context.hpp"
#include "device/staged.hpp"
#include "residual/residual.hpp"

extern "C" tbrm_status_t tbrm_residual_forward(tbrm_context_t* context, const tbrm_residual_args_t* args,
        const float* q, const float* v, float* out_residual, double* out_loss, float* out_dq, float* out_dv,
        tbrm_error_t* err) noexcept {
    return tbrm::guard(err, __func__, [&] {
        TBRM_REQUIRE(context != nullptr && args != nullptr && out_loss != nullptr, "context, args or out_loss is null");
        tbrm::check_residual_args(*args);
        const int64_t n_seqs = args->n_seqs, n_rows = args->n_rows;
        TBRM_REQUIRE(n_rows == 0 || (q && v && out_dq && out_dv), "q, v, out_dq or out_dv is null but n_rows is %lld",
                static_cast<long long>(n_rows));
        TBRM_REQUIRE(
                n_seqs == 0 || out_residual, "out_residual is null but n_seqs is %lld", static_cast<long long>(n_seqs));

        tbrm::Device& device = *context->impl->device;
        device.enter();
        const tbrm::StagedInput<int64_t> offsets(device, args->row_offsets, n_seqs + 1);
        const tbrm::StagedInput<float> ref_logp(device, args->ref_logp, n_rows), ref_v1(device, args->ref_v1, n_seqs),
                v_frozen(device, args->v_frozen, n_seqs), ref_v_end(device, args->ref_v_end, n_seqs),
                staged_q(device, q, n_rows), staged_v(device, v, n_rows);
        const tbrm::StagedInput<double> reward(device, args->reward, n_seqs), weight(device, args->weight, n_seqs);
        const tbrm::StagedInput<int32_t> bootstrap(device, args->bootstrap, n_seqs);
        tbrm::StagedOutput<float> residual(device, out_residual, n_seqs), dq(device, out_dq, n_rows),
                dv(device, out_dv, n_rows);
        tbrm::StagedOutput<double> loss(device, out_loss, 1);

        tbrm_residual_args_t on_device = *args;
        on_device.row_offsets = offsets.get();
        on_device.ref_logp = ref_logp.get();
        on_device.ref_v1 = ref_v1.get();
        on_device.reward = reward.get();
        on_device.weight = weight.get();
        on_device.bootstrap = bootstrap.get();
        on_device.v_frozen = v_frozen.get();
        on_device.ref_v_end = ref_v_end.get();
        device.residual_forward(
                on_device, staged_q.get(), staged_v.get(), residual.get(), loss.get(), dq.get(), dv.get());
        residual.finish();
        loss.finish();
        dq.finish();
        dv.finish();
    });
}
