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

// One tensor's share of an fp32 array that lies as its parameter's master, with its name in the file.
struct StateTensor {
    const ModelTensor* tensor;
    float* state;  // null: the master weight, whose rounded copy is written along
    std::string name;
};

std::vector<StateTensor> state_tensors(Optimizer& optimizer) {
    std::vector<StateTensor> all;
    const auto add = [&](const char* prefix, auto&& state_of) {
        for (const ModelTensor& tensor : optimizer.model().tensors()) {
            if (optimizer.moment(tensor.parameter, TBRM_MOMENT_FIRST) != nullptr)
                all.push_back({&tensor, state_of(tensor.parameter), prefix + tensor.name});
        }
    };
    add("master.", [](const Parameter*) -> float* { return nullptr; });
    add("adam_m.", [&](const Parameter* p) { return optimizer.moment(p, TBRM_MOMENT_FIRST); });
    add("adam_v.", [&](const Parameter* p) { return optimizer.moment(p, TBRM_MOMENT_SECOND); });
    return all;
}

void read_state(const StateTensor& from, int64_t row, int64_t n, float* out) {
    const Parameter& parameter = *from.tensor->parameter;
    if (from.state != nullptr) return parameter.read_state_rows(from.state, from.tensor->first_row + row, n, out);
    parameter.read_rows(TBRM_TENSOR_KIND_MASTER, from.tensor->first_row + row, n, out);
}

void write_state(const StateTensor& to, int64_t row, int64_t n, const float* values) {
    Parameter& parameter = *to.tensor->parameter;
    if (to.state != nullptr) return parameter.write_state_rows(to.state, to.tensor->first_row + row, n, values);
    parameter.write_rows(TBRM_TENSOR_KIND_MASTER, to.tensor->first_row + row, n, values);
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
    const std::vector<StateTensor> states = state_tensors(optimizer);
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
            read_state(state, row, n, scratch);
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
    const std::vector<StateTensor> states = state_tensors(optimizer);
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
            file.read(*stored[i], row * width, n * width, scratch);
            write_state(states[i], row, n, scratch);
        });
    }
    optimizer.set_steps(step);
}

}  // namespace tbrm
