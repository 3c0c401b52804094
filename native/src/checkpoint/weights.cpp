#include <algorithm>
#include <cstring>
#include <functional>
#include <utility>
#include <vector>

#include "checkpoint/checkpoint.hpp"
#include "checkpoint/safetensors.hpp"
#include "checkpoint/tensor_io.hpp"
#include "core/guard.hpp"
#include "model/model.hpp"

namespace tbrm {
namespace {

// Tensors of the model that the file holds. A tied model whose file has no embedding takes the head's weights (torch's save_model keeps
// only one name of shared tensors).
std::vector<std::pair<ModelTensor*, const FileTensor*>> match(Model& model, const SafetensorsHeader& header) {
    std::vector<std::pair<ModelTensor*, const FileTensor*>> found;
    for (ModelTensor& tensor : model.tensors()) {
        if (tensor.adapter) continue;
        const FileTensor* stored = header.find(tensor.name);
        if (stored == nullptr && !model.config().has_untied_head() && tensor.parameter == &model.embedding() &&
                !tensor.loaded) {
            stored = header.find("lm_head.weight");
        }
        if (stored != nullptr) found.emplace_back(&tensor, stored);
    }
    return found;
}

bool begins_with(const std::string& text, const char* start) {
    return text.rfind(start, 0) == 0;
}

// Whether two stored tensors have the same dtype, shape and bytes.
bool same_content(const SafetensorsFile& file, const FileTensor& a, const FileTensor& b) {
    if (a.dtype != b.dtype || a.shape != b.shape) return false;
    const int64_t width = file_dtype_info(a.dtype).bytes, step = (int64_t{1} << 20) / width;
    std::vector<uint8_t> left(static_cast<size_t>(step * width)), right(left.size());
    for (int64_t first = 0; first < a.elements(); first += step) {
        const int64_t n = std::min(step, a.elements() - first);
        file.read(a, first, n, left.data());
        file.read(b, first, n, right.data());
        if (std::memcmp(left.data(), right.data(), static_cast<size_t>(n * width)) != 0) return false;
    }
    return true;
}

// A tied model takes a head of the file's own only when it is the embedding once more.
bool is_tied_head(const Model& model, const SafetensorsFile& file, const FileTensor& stored) {
    if (model.config().tie_word_embeddings == 0 || stored.name != "lm_head.weight") return false;
    const FileTensor* embedding = file.header().find("model.embed_tokens.weight");
    if (embedding != nullptr && !same_content(file, *embedding, stored)) {
        TBRM_FAIL(TBRM_STATUS_BAD_FILE,
                "the model's head is its embedding (tie_word_embeddings), but tensor 'lm_head.weight' differs from "
                "'model.embed_tokens.weight': %s",
                file.path().c_str());
    }
    return true;
}

// A tensor of the decoder or the head that the model has no place for means that config.json describes another model: fewer layers, no biases,
// learned positions. Left alone are the heads of other tasks, which the caller counts by name, and the tables that old checkpoints keep
// of the rotations.
void check_all_used(const Model& model, const std::vector<std::pair<ModelTensor*, const FileTensor*>>& found,
        const SafetensorsFile& file) {
    std::vector<const FileTensor*> used;
    for (const auto& [tensor, stored] : found)
        used.push_back(stored);
    std::sort(used.begin(), used.end());
    const bool lm = model.config().has_lm_head(), value = model.config().has_value_head();
    for (const FileTensor& stored : file.header().tensors) {
        const bool ours = begins_with(stored.name, "model.") || (lm && begins_with(stored.name, "lm_head.")) ||
                          (value && begins_with(stored.name, "score."));
        if (!ours || std::binary_search(used.begin(), used.end(), &stored)) continue;
        if (stored.name.find("rotary_emb.") != std::string::npos || is_tied_head(model, file, stored)) continue;
        TBRM_FAIL(TBRM_STATUS_BAD_FILE, "tensor '%s' has no place in the model that config.json describes: %s",
                printable(stored.name).c_str(), file.path().c_str());
    }
}

}  // namespace

int64_t load_weights(Model& model, const std::string& path) {
    model.require_no_kept_forward("loading weights");
    const SafetensorsFile file(path);
    const auto found = match(model, file.header());
    for (const auto& [tensor, stored] : found) {
        check_shape(*tensor, *stored, path);
        check_weight_dtype(*stored, path);
    }
    check_all_used(model, found, file);
    for (const auto& [tensor, stored] : found) {
        load_tensor(*tensor, file, *stored);
        tensor->loaded = true;
    }
    return static_cast<int64_t>(found.size());
}

std::string missing_tensors(Model& model, int64_t* out_count) {
    std::string names;
    *out_count = 0;
    for (const ModelTensor& tensor : model.tensors()) {
        if (tensor.loaded || tensor.adapter) continue;
        names += (*out_count)++ == 0 ? tensor.name : '\n' + tensor.name;
    }
    return names;
}

void save_weights(Model& model, const std::string& path, int64_t first, int64_t count) {
    const int64_t total = static_cast<int64_t>(model.tensors().size());
    TBRM_REQUIRE(first >= 0 && count >= 0 && first <= total && count <= total - first,
            "tensors [%lld, %lld + %lld) were asked for, the model has %lld", static_cast<long long>(first),
            static_cast<long long>(first), static_cast<long long>(count), static_cast<long long>(total));
    const Dtype dtype = model.config().element();
    std::vector<FileTensor> entries;
    for (int64_t i = first; i < first + count; ++i) {
        const ModelTensor& tensor = model.tensors()[static_cast<size_t>(i)];
        entries.push_back(file_tensor(tensor, tensor.name, dtype == Dtype::F32 ? FileDtype::F32 : FileDtype::BF16));
    }
    OutputFile file(path);
    const std::string header = safetensors_header(entries, {{"format", "pt"}});
    file.write(header.data(), static_cast<int64_t>(header.size()));
    for (int64_t i = first; i < first + count; ++i) {
        const ModelTensor& tensor = model.tensors()[static_cast<size_t>(i)];
        const int64_t width = std::max<int64_t>(tensor.cols, 1);
        for_row_chunks(tensor.rows, width, [&](int64_t row, int64_t n, float* scratch) {
            tensor.parameter->save_rows(tensor.first_row + row, n, scratch);
            file.write(scratch, n * width * dtype_bytes(dtype));
        });
    }
    file.finish();
}

}  // namespace tbrm
