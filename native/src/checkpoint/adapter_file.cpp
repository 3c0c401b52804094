#include <algorithm>
#include <utility>
#include <vector>

#include "checkpoint/checkpoint.hpp"
#include "checkpoint/safetensors.hpp"
#include "checkpoint/tensor_io.hpp"
#include "core/guard.hpp"
#include "model/model.hpp"

namespace tbrm {
namespace {

// With a value head, which is saved with it as PEFT does; but not beside an LM head, where the adapter is a language model's and nobody else
// knows the value head.
std::vector<ModelTensor*> adapter_tensors(Model& model) {
    TBRM_REQUIRE(model.adapter(), "the model has no adapter");
    const bool with_head = !model.config().has_lm_head();
    std::vector<ModelTensor*> found;
    for (ModelTensor& tensor : model.tensors()) {
        if (tensor.adapter || (with_head && model.is_value_head(tensor.parameter))) found.push_back(&tensor);
    }
    return found;
}

// A value head has no name of PEFT's own: it is saved as one of modules_to_save.
std::string name_in_file(const ModelTensor& tensor) {
    return tensor.adapter ? tensor.name : "base_model.model." + tensor.name;
}

}  // namespace

void save_adapter(Model& model, const std::string& path) {
    const std::vector<ModelTensor*> tensors = adapter_tensors(model);
    std::vector<FileTensor> entries;
    for (const ModelTensor* tensor : tensors)
        entries.push_back(file_tensor(*tensor, name_in_file(*tensor), FileDtype::F32));
    OutputFile file(path);
    const std::string header = safetensors_header(entries, {{"format", "pt"}});
    file.write(header.data(), static_cast<int64_t>(header.size()));
    for (const ModelTensor* tensor : tensors) {
        const tbrm_tensor_kind_t kind =
                tensor->parameter->trainable() ? TBRM_TENSOR_KIND_MASTER : TBRM_TENSOR_KIND_WEIGHT;
        const int64_t width = std::max<int64_t>(tensor->cols, 1);
        for_row_chunks(tensor->rows, width, [&](int64_t row, int64_t n, float* scratch) {
            tensor->parameter->read_rows(kind, tensor->first_row + row, n, scratch);
            file.write(scratch, n * width * 4);
        });
    }
    file.finish();
}

void load_adapter(Model& model, const std::string& path) {
    model.require_no_kept_forward("loading an adapter");
    const std::vector<ModelTensor*> tensors = adapter_tensors(model);
    const SafetensorsFile file(path);
    std::vector<std::pair<ModelTensor*, const FileTensor*>> found;
    for (ModelTensor* tensor : tensors) {
        const std::string name = name_in_file(*tensor);
        const FileTensor* stored = file.header().find(name);
        if (stored == nullptr)
            TBRM_FAIL(TBRM_STATUS_BAD_FILE, "the file has no tensor '%s': %s", name.c_str(), path.c_str());
        check_shape(*tensor, *stored, path);
        check_weight_dtype(*stored, path);
        found.emplace_back(tensor, stored);
    }
    for (const FileTensor& stored : file.header().tensors) {
        const auto is_stored = [&](const ModelTensor* tensor) { return name_in_file(*tensor) == stored.name; };
        if (std::none_of(tensors.begin(), tensors.end(), is_stored)) {
            TBRM_FAIL(TBRM_STATUS_BAD_FILE, "tensor '%s' at byte %lld belongs to none of the adapter's targets: %s",
                    printable(stored.name).c_str(), static_cast<long long>(stored.begin), path.c_str());
        }
    }
    for (const auto& [tensor, stored] : found)
        load_tensor(*tensor, file, *stored);
}

}  // namespace tbrm
