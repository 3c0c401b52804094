#include "checkpoint/tensor_io.hpp"

#include "core/guard.hpp"

namespace tbrm {
namespace {

std::string shape_text(const std::vector<int64_t>& shape) {
    std::string text = "[";
    for (size_t i = 0; i < shape.size() && i < 8; ++i)
        text += (i > 0 ? ", " : "") + std::to_string(shape[i]);
    return text + (shape.size() > 8 ? ", ...]" : "]");
}

}  // namespace

FileTensor file_tensor(const ModelTensor& tensor, const std::string& name, FileDtype dtype) {
    FileTensor entry{name, dtype, {tensor.rows}, 0, 0};
    if (tensor.cols > 0) entry.shape.push_back(tensor.cols);
    return entry;
}

void check_shape(const ModelTensor& tensor, const FileTensor& stored, const std::string& path) {
    const std::vector<int64_t> expected = file_tensor(tensor, stored.name, stored.dtype).shape;
    if (stored.shape == expected) return;
    TBRM_FAIL(TBRM_STATUS_BAD_FILE, "tensor '%s' at byte %lld has shape %s, the model's is %s: %s",
            printable(stored.name).c_str(), static_cast<long long>(stored.begin), shape_text(stored.shape).c_str(),
            shape_text(expected).c_str(), path.c_str());
}

}  // namespace tbrm
