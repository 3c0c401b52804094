#include <charconv>
#include <optional>
#include <utility>
#include <vector>

#include "checkpoint/checkpoint.hpp"
#include "checkpoint/safetensors.hpp"
#include "checkpoint/tensor_io.hpp"
#include "core/guard.hpp"
#include "group/remote_group.hpp"
#include "model/model.hpp"
#include "optimizer/optimizer.hpp"

namespace tbrm {
namespace {

// One tensor's rows of an fp32 array that lies as its parameter's master, with its name in the file. Of what ranks share: of own().
struct StateTensor {
    const ModelTensor* tensor;
    float* state;  // null: the master weight, whose rounded copy is written along
    std::string name;
};

// Rows of an array that ranks share, on rank 0.
void gather_rows(Model& model, const StateTensor& from, int64_t row, int64_t n, float* out) {
    Parameter& parameter = *from.tensor->parameter;
    Device& device = model.device();
    float* own = from.state != nullptr ? from.state : parameter.own_master();
    const Parameter::Cover cover = parameter.cover(from.tensor->first_row + row, n);
    const Range all = cover.elements, part = common(all, parameter.own());
    HostBuffer<float> host(all.n);
    if (part.n > 0)
        device.download(host.data() + (part.first - all.first), own + (part.first - parameter.own().first), part.n * 4);
    SharedBytes bytes{reinterpret_cast<uint8_t*>(host.data()), {}};
    for (const Range& range : model.ranges_of(parameter)) {
        const Range theirs = common(all, range);
        bytes.of_rank.push_back({theirs.n > 0 ? (theirs.first - all.first) * 4 : 0, theirs.n * 4});
    }
    model.group()->gather(model.rank(), {bytes}, true, "optimizer state");
    if (model.rank() != 0) return;
    DeviceBuffer<float> layout(device, all.n);
    device.upload(layout.data(), host.data(), all.n * 4);
    parameter.unpack_cover(cover, layout.data(), n, out);
}

// body(first row, rows, scratch) over a tensor; of a shared model in larger pieces, each of which the ranks meet for.
template <class Body>
void for_state_rows(const Model& model, const ModelTensor& tensor, Body&& body) {
    const int64_t width = std::max<int64_t>(tensor.cols, 1);
    if (!model.is_shared()) return for_row_chunks(tensor.rows, width, body);
    const int64_t chunk = chunk_of_rows(tensor.rows, width, int64_t{1} << 22);
    HostBuffer<float> scratch(chunk * width);
    for (int64_t first = 0; first < tensor.rows; first += chunk)
        body(first, std::min(chunk, tensor.rows - first), scratch.data());
}

// Of the ranks of a shared model rank 0 alone has a file.
bool has_file(const Model& model) {
    return !model.is_shared() || model.rank() == 0;
}

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

void read_state(Model& model, const StateTensor& from, int64_t row, int64_t n, float* out) {
    const Parameter& parameter = *from.tensor->parameter;
    if (model.is_shared() && (from.state != nullptr || parameter.shares_master()))
        return gather_rows(model, from, row, n, out);
    if (from.state != nullptr) return parameter.read_state_rows(from.state, from.tensor->first_row + row, n, out);
    parameter.read_rows(TBRM_TENSOR_KIND_MASTER, from.tensor->first_row + row, n, out);
}

void write_state(const StateTensor& to, int64_t row, int64_t n, const float* values) {
    Parameter& parameter = *to.tensor->parameter;
    // own() is everything where nothing is shared.
    if (to.state != nullptr && parameter.own().n < parameter.layout_elements())
        return parameter.write_own_rows(to.state, to.tensor->first_row + row, n, values);
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
    Model& model = optimizer.model();
    const std::vector<StateTensor> states = state_tensors(optimizer);
    std::vector<FileTensor> entries;
    for (const StateTensor& state : states)
        entries.push_back(file_tensor(*state.tensor, state.name, FileDtype::F32));
    std::optional<OutputFile> file;
    if (has_file(model)) {
        file.emplace(path);
        const std::string header =
                safetensors_header(entries, {{"format", "pt"}, {"step", std::to_string(optimizer.steps())}});
        file->write(header.data(), static_cast<int64_t>(header.size()));
    }
    for (const StateTensor& state : states) {
        for_state_rows(model, *state.tensor, [&](int64_t row, int64_t n, float* scratch) {
            read_state(model, state, row, n, scratch);
            if (file) file->write(scratch, n * std::max<int64_t>(state.tensor->cols, 1) * 4);
        });
    }
    if (file) file->finish();
}

namespace {

// What the file has for each state, after it has been compared with the model.
std::vector<const FileTensor*> match(const SafetensorsFile& file, const std::vector<StateTensor>& states) {
    std::vector<const FileTensor*> stored;
    const std::string& path = file.path();
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
    return stored;
}

}  // namespace

void load_optimizer(Optimizer& optimizer, const std::string& path) {
    Model& model = optimizer.model();
    model.require_no_kept_forward("loading an optimizer state");
    // Threads read it each for itself.
    auto* processes = model.is_shared() ? dynamic_cast<RemoteGroup*>(model.group()) : nullptr;
    const std::vector<StateTensor> states = state_tensors(optimizer);
    std::optional<SafetensorsFile> file;
    std::vector<const FileTensor*> stored;
    int64_t step = 0;
    if (processes == nullptr || model.rank() == 0) {
        file.emplace(path);
        step = parse_step(file->header(), path);
        stored = match(*file, states);
    }
    for (size_t i = 0; i < states.size(); ++i) {
        const ModelTensor& tensor = *states[i].tensor;
        const int64_t width = std::max<int64_t>(tensor.cols, 1);
        for_state_rows(model, tensor, [&](int64_t row, int64_t n, float* scratch) {
            if (file) file->read(*stored[i], row * width, n * width, scratch);
            if (processes != nullptr) processes->broadcast("optimizer state", scratch, n * width * 4);
            write_state(states[i], row, n, scratch);
        });
    }
    if (processes != nullptr) processes->broadcast("steps", &step, sizeof step);
    optimizer.set_steps(step);
}

}  // namespace tbrm
