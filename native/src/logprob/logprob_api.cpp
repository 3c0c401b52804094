// logprob_api.cpp - export tbrm_logprob_forward. Contract: tbrm.h.
#include "gradient/training_pass.hpp"
#include "model/model.hpp"

extern "C" tbrm_status_t tbrm_logprob_forward(tbrm_model_t* model, const tbrm_batch_t* batch, int32_t keep,
        float* out_q, float* out_v, float* out_h, tbrm_error_t* err) noexcept {
    return tbrm::guard(err, __func__, [&] {
        TBRM_REQUIRE(model != nullptr, "model is null");
        tbrm::Model& impl = *model->impl;
        impl.device().enter();
        if (keep != 0) {
            impl.training_pass().forward(batch, true, {out_q, out_v, out_h});
        } else {
            // On buffers of its own, so that a kept forward may wait meanwhile.
            tbrm::TrainingPass(impl).forward(batch, false, {out_q, out_v, out_h});
        }
    });
}
