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

void load_tensor(const ModelTensor& tensor, const SafetensorsFile& file, const FileTensor& stored) {
    const bool straight = stored.dtype == FileDtype::F32 || stored.dtype == FileDtype::BF16;
    const int64_t width = std::max<int64_t>(tensor.cols, 1);
    const int64_t chunk = chunk_of_rows(tensor.rows, width, int64_t{1} << 21);
    std::vector<uint64_t> raw(static_cast<size_t>((chunk * width * file_dtype_info(stored.dtype).bytes + 7) / 8));
    std::vector<float> wide(straight ? 0 : static_cast<size_t>(chunk * width));
    for (int64_t first = 0; first < tensor.rows; first += chunk) {
        const int64_t n = std::min(chunk, tensor.rows - first);
        file.read(stored, first * width, n * width, raw.data());
        if (!straight)
            widen_elements(stored.dtype, reinterpret_cast<const uint8_t*>(raw.data()), 0, n * width, wide.data());
        tensor.parameter->load_rows(stored.dtype == FileDtype::BF16 ? Dtype::Bf16 : Dtype::F32,
                tensor.first_row + first, n, straight ? static_cast<const void*>(raw.data()) : wide.data());
    }
}

}  // namespace tbrm
