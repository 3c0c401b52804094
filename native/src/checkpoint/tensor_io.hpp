#pragma once
// tensor_io.hpp - what weights and optimizer state share: a model's tensor as a file's tensor.
#include <algorithm>
#include <string>
#include <vector>

#include "checkpoint/safetensors.hpp"
#include "model/model.hpp"

namespace tbrm {

// Rows of a piece of about `elements` elements. Multiples of 64 rows are whole panels of the weight layout.
inline int64_t chunk_of_rows(int64_t rows, int64_t width, int64_t elements) {
    const int64_t step = std::max<int64_t>(1, elements / width) / 64 * 64;
    return std::min(rows, std::max<int64_t>(step, std::min<int64_t>(rows, 64)));
}

// body(first row, rows, scratch) over a tensor of `rows` rows, in pieces of about 1 MiB of fp32 or one row.
template <class Body>
void for_row_chunks(int64_t rows, int64_t width, Body&& body) {
    const int64_t chunk = chunk_of_rows(rows, width, int64_t{1} << 18);
    std::vector<float> scratch(static_cast<size_t>(chunk * width));
    for (int64_t first = 0; first < rows; first += chunk)
        body(first, std::min(chunk, rows - first), scratch.data());
}

// A file's entry for a tensor of the model; a vector has one dimension.
FileTensor file_tensor(const ModelTensor& tensor, const std::string& name, FileDtype dtype);

// Throws BAD_FILE unless the stored dtype is one that weights may have: F32, BF16, F16, F64.
void check_weight_dtype(const FileTensor& stored, const std::string& path);

// A stored tensor of such a dtype into the model, a few MiB at a time.
void load_tensor(const ModelTensor& tensor, const SafetensorsFile& file, const FileTensor& stored);

// Throws BAD_FILE when the stored shape is not the model's.
void check_shape(const ModelTensor& tensor, const FileTensor& stored, const std::string& path);

}  // namespace tbrm
