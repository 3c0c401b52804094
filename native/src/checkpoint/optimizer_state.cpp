#include <charconv>
#include <utility>
#include <vector>

#include "checkpoint/checkpoint.hpp"
#include "checkpoint/safetensors.hpp"
#include "checkpoint/tensor_io.hpp"
#include "core/guard.hpp"
#include "model/model.hpp"
#include "optimizer/optimizer.hpp"

namespace tbrm {
namespace {

struct StateKind {
    const char* prefix;
    tbrm_tensor_kind_t kind;
};

constexpr StateKind kStates[] = {{"master.", TBRM_TENSOR_KIND_MASTER}, {"adam_m.", TBRM_TENSOR_KIND_ADAM_M},
        {"adam_v.", TBRM_TENSOR_KIND_ADAM_V}};

// One tensor of one kind, with its name in the file.
struct StateTensor {
    const ModelTensor* tensor;
    tbrm_tensor_kind_t kind;
    std::string name;
};

std::vector<StateTensor> state_tensors(Model& model) {
    std::vector<StateTensor> all;
    for (const StateKind& state : kStates) {
        for (const ModelTensor& tensor : model.tensors()) {
            if (tensor.parameter->trainable()) all.push_back({&tensor, state.kind, state.prefix + tensor.name});
        }
    }
    return all;
}

int64_t parse_step(const SafetensorsHeader& header, const std::string& path) {
    const auto entry = header.metadata.find("step");
    int64_t step = -1;
    if (entry != header.metadata.end()) {
        const std::string& text = entry->second;
        const auto parsed = std::from_chars(text.data(), text.data() + text.size(), step);
        if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size()) step = -1;
    }
    if (step < 0) {
        TBRM_FAIL(TBRM_STATUS_BAD_FILE,
                "the metadata has no 'step' that is a whole number: not an optimizer state of this program: %s",
                path.c_str());
    }
    return step;
}

}  // namespace

void save_optimizer(Optimizer& optimizer, const std::string& path) {
    const std::vector<StateTensor> states = state_tensors(optimizer.model());
    std::vector<FileTensor> entries;
    for (const StateTensor& state : states)
        entries.push_back(file_tensor(*state.tensor, state.name, FileDtype::F32));
    OutputFile file(path);
    const std::string header =
            safetensors_header(entries, {{"format", "pt"}, {"step", std::to_string(optimizer.steps())}});
    file.write(header.data(), static_cast<int64_t>(header.size()));
    for (const StateTensor& state : states) {
        const ModelTensor& tensor = *state.tensor;
        const int64_t width = std::max<int64_t>(tensor.cols, 1);
        for_row_chunks(tensor.rows, width, [&](int64_t row, int64_t n, float* scratch) {
            tensor.parameter->read_rows(state.kind, tensor.first_row + row, n, scratch);
            file.write(scratch, n * width * 4);
        });
    }
    file.finish();
}

void load_optimizer(Optimizer& optimizer, const std::string& path) {
    Model& model = optimizer.model();
    model.require_no_kept_forward("loading an optimizer state");
    const SafetensorsFile file(path);
    const int64_t step = parse_step(file.header(), path);
    const std::vector<StateTensor> states = state_tensors(model);
    std::vector<const FileTensor*> stored;
    for (const StateTensor& state : states) {
        stored.push_back(file.header().find(state.name));
        if (stored.back() == nullptr) {
            TBRM_FAIL(TBRM_STATUS_BAD_FILE, "the file has no tensor '%s': %s", state.name.c_str(), path.c_str());
        }
        check_shape(*state.tensor, *stored.back(), path);
        if (stored.back()->dtype != FileDtype::F32) {
            TBRM_FAIL(TBRM_STATUS_BAD_FILE, "tensor '%s' at byte %lld is %s, expected F32: %s", state.name.c_str(),
                    static_cast<long long>(stored.back()->begin), file_dtype_info(stored.back()->dtype).name,
                    path.c_str());
        }
    }
    if (file.header().tensors.size() != states.size()) {
        TBRM_FAIL(TBRM_STATUS_BAD_FILE, "the file has %zu tensors, the optimizer of this model %zu: %s",
                file.header().tensors.size(), states.size(), path.c_str());
    }
    for (size_t i = 0; i < states.size(); ++i) {
        const ModelTensor& tensor = *states[i].tensor;
        const int64_t width = std::max<int64_t>(tensor.cols, 1);
        for_row_chunks(tensor.rows, width, [&](int64_t row, int64_t n, float* scratch) {
            widen_elements(FileDtype::F32, file.bytes(*stored[i]), row * width, n * width, scratch);
            tensor.parameter->write_rows(states[i].kind, tensor.first_row + row, n, scratch);
        });
    }
    optimizer.set_steps(step);
}

}  // namespace tbrm
