#include "group/replica.hpp"

#include "checkpoint/tensor_io.hpp"
#include "optimizer/optimizer.hpp"

namespace tbrm {

void broadcast_weights(RemoteGroup& group, Model& model) {
    model.require_no_kept_forward("copying weights over ranks");
    TBRM_REQUIRE(!model.is_shared() || !model.trains(), "the ranks share the model: no rank has all of its masters");
    const bool is_source = group.post().rank() == 0;
    for (const ModelTensor& tensor : model.tensors()) {
        Parameter& parameter = *tensor.parameter;
        const Dtype dtype = parameter.trainable() ? Dtype::F32 : parameter.dtype();
        const int64_t width = std::max<int64_t>(tensor.cols, 1);
        for_row_chunks(tensor.rows, width, [&](int64_t row, int64_t n, float* scratch) {
            const int64_t first = tensor.first_row + row;
            if (is_source && parameter.trainable())
                parameter.read_rows(TBRM_TENSOR_KIND_MASTER, first, n, scratch);
            else if (is_source)
                parameter.save_rows(first, n, scratch);
            group.broadcast("weights", scratch, n * width * dtype_bytes(dtype));
            if (!is_source) parameter.load_rows(dtype, first, n, scratch);
        });
    }
}

void broadcast_optimizer(RemoteGroup& group, Optimizer& optimizer) {
    TBRM_REQUIRE(!optimizer.model().is_shared(), "the ranks share the model: no rank has all of its moments");
    const bool is_source = group.post().rank() == 0;
    for (const tbrm_moment_t which : {TBRM_MOMENT_FIRST, TBRM_MOMENT_SECOND}) {
        for (const ModelTensor& tensor : optimizer.model().tensors()) {
            float* state = optimizer.moment(tensor.parameter, which);
            if (state == nullptr) continue;
            const int64_t width = std::max<int64_t>(tensor.cols, 1);
            for_row_chunks(tensor.rows, width, [&](int64_t row, int64_t n, float* scratch) {
                const int64_t first = tensor.first_row + row;
                if (is_source) tensor.parameter->read_state_rows(state, first, n, scratch);
                group.broadcast("moments", scratch, n * width * 4);
                if (!is_source) tensor.parameter->write_state_rows(state, first, n, scratch);
            });
        }
    }
    int64_t steps = optimizer.steps();
    group.broadcast("steps", &steps, sizeof steps);
    optimizer.set_steps(steps);
}

}  // namespace tbrm
