#include <utility>
#include <vector>

#include "checkpoint/checkpoint.hpp"
#include "checkpoint/safetensors.hpp"
#include "checkpoint/tensor_io.hpp"
#include "core/guard.hpp"
#include "model/model.hpp"

namespace tbrm {
namespace {

std::vector<ModelTensor*> adapter_tensors(Model& model) {
    TBRM_REQUIRE(model.adapter(), "the model has no adapter");
    std::vector<ModelTensor*> found;
    for (ModelTensor& tensor : model.tensors()) {
        if (tensor.adapter) found.push_back(&tensor);
    }
    return found;
}

}  // namespace

void save_adapter(Model& model, const std::string& path) {
    const std::vector<ModelTensor*> tensors = adapter_tensors(model);
    const tbrm_tensor_kind_t kind = model.adapter()->trainable != 0 ? TBRM_TENSOR_KIND_MASTER : TBRM_TENSOR_KIND_WEIGHT;
    std::vector<FileTensor> entries;
    for (const ModelTensor* tensor : tensors)
        entries.push_back(file_tensor(*tensor, tensor->name, FileDtype::F32));
    OutputFile file(path);
    const std::string header = safetensors_header(entries, {{"format", "pt"}});
    file.write(header.data(), static_cast<int64_t>(header.size()));
    for (const ModelTensor* tensor : tensors) {
        for_row_chunks(tensor->rows, tensor->cols, [&](int64_t row, int64_t n, float* scratch) {
            tensor->parameter->read_rows(kind, tensor->first_row + row, n, scratch);
            file.write(scratch, n * tensor->cols * 4);
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
        const FileTensor* stored = file.header().find(tensor->name);
        if (stored == nullptr) {
            TBRM_FAIL(TBRM_STATUS_BAD_FILE, "the file has no tensor '%s': %s", tensor->name.c_str(), path.c_str());
        }
        check_shape(*tensor, *stored, path);
        check_weight_dtype(*stored, path);
        found.emplace_back(tensor, stored);
    }
    for (const FileTensor& stored : file.header().tensors) {
        const ModelTensor* tensor = model.find(stored.name);
        if (tensor == nullptr || !tensor->adapter) {
            TBRM_FAIL(TBRM_STATUS_BAD_FILE, "tensor '%s' at byte %lld belongs to none of the adapter's targets: %s",
                    printable(stored.name).c_str(), static_cast<long long>(stored.begin), path.c_str());
        }
    }
    for (const auto& [tensor, stored] : found)
        load_tensor(*tensor, stored->dtype, file.bytes(*stored));
}

}  // namespace tbrm
