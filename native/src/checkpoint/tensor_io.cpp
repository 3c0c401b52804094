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

void check_weight_dtype(const FileTensor& stored, const std::string& path) {
    switch (stored.dtype) {
        case FileDtype::F32:
        case FileDtype::BF16:
        case FileDtype::F16:
        case FileDtype::F64:
            return;
        default:
            TBRM_FAIL(TBRM_STATUS_BAD_FILE, "tensor '%s' at byte %lld is %s, expected F32, BF16, F16 or F64: %s",
                    printable(stored.name).c_str(), static_cast<long long>(stored.begin),
                    file_dtype_info(stored.dtype).name, path.c_str());
    }
}

// Through fp32 scratch of about 1 MiB where it cannot go straight.
void load_tensor(const ModelTensor& tensor, FileDtype dtype, const uint8_t* bytes) {
    const bool aligned = reinterpret_cast<uintptr_t>(bytes) % static_cast<uintptr_t>(file_dtype_info(dtype).bytes) == 0;
    if (aligned && (dtype == FileDtype::F32 || dtype == FileDtype::BF16)) {
        tensor.parameter->load_rows(
                dtype == FileDtype::F32 ? Dtype::F32 : Dtype::Bf16, tensor.first_row, tensor.rows, bytes);
        return;
    }
    const int64_t width = std::max<int64_t>(tensor.cols, 1);
    for_row_chunks(tensor.rows, width, [&](int64_t first, int64_t n, float* scratch) {
        widen_elements(dtype, bytes, first * width, n * width, scratch);
        tensor.parameter->load_rows(Dtype::F32, tensor.first_row + first, n, scratch);
    });
}

}  // namespace tbrm
