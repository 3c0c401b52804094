// checkpoint_test.cpp - weights and optimizer state through files: bytes, precision, shards, and what is refused.
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>

#include "checkpoint/safetensors.hpp"
#include "core/dtype.hpp"
#include "core/guard.hpp"
#include "temporary_folder.hpp"
#include "testing.hpp"
#include "tiny_model.hpp"

using namespace tbrm;
using namespace tbrm::testing;

namespace {

constexpr tbrm_dtype_t kDtypes[] = {TBRM_DTYPE_F32, TBRM_DTYPE_BF16};

std::string file_content(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

void save(tbrm_model_t* model, const std::string& path, int32_t first, int32_t count) {
    tbrm_error_t err{};
    expect_ok(tbrm_checkpoint_save_weights(model, path.c_str(), first, count, &err), err, "save_weights");
}

void save_all(tbrm_model_t* model, const std::string& path) {
    save(model, path, 0, tbrm_model_tensor_count(model));
}

int64_t load(tbrm_model_t* model, const std::string& path) {
    int64_t found = 0;
    tbrm_error_t err{};
    expect_ok(tbrm_checkpoint_load_weights(model, path.c_str(), &found, &err), err, "load_weights");
    return found;
}

std::string missing(tbrm_model_t* model) {
    char names[4096];
    int64_t n = 0;
    tbrm_error_t err{};
    expect_ok(tbrm_checkpoint_missing(model, sizeof names, names, &n, &err), err, "missing");
    return std::to_string(n) + ':' + names;
}

// One tensor of a hand-made file.
struct Stored {
    std::string name;
    FileDtype dtype;
    std::vector<int64_t> shape;
    std::string bytes;
};

// `shift` spaces in the header move the tensors off their alignment.
void write_file(const std::string& path, const std::vector<Stored>& stored, size_t shift = 0) {
    std::vector<FileTensor> tensors;
    for (const Stored& tensor : stored)
        tensors.push_back({tensor.name, tensor.dtype, tensor.shape, 0, 0});
    std::string bytes = safetensors_header(tensors, {}) + std::string(shift, ' ');
    bytes[0] = static_cast<char>(bytes[0] + static_cast<char>(shift));
    for (const Stored& tensor : stored)
        bytes += tensor.bytes;
    std::ofstream(path, std::ios::binary) << bytes;
}

template <class T>
std::string bytes_of(const std::vector<T>& values) {
    return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

// Status and message of a load that must fail, with the weights unchanged.
std::string load_failure(tbrm_model_t* model, const std::string& path) {
    const std::vector<TensorValues> before = read_tensors(model, TBRM_TENSOR_KIND_WEIGHT);
    int64_t found = 0;
    tbrm_error_t err{};
    const tbrm_status_t status = tbrm_checkpoint_load_weights(model, path.c_str(), &found, &err);
    CHECK(found == 0 && same_bits(before, read_tensors(model, TBRM_TENSOR_KIND_WEIGHT)));
    return std::to_string(status) + ' ' + err.message;
}

bool contains(const std::string& text, const char* part) {
    const bool found = text.find(part) != std::string::npos;
    if (!found) std::printf("    expected '%s', found '%s'\n", part, text.c_str());
    return found;
}

}  // namespace

TBRM_TEST(weights_survive_a_round_trip_bit_for_bit) {
    const TemporaryFolder folder;
    for (const tbrm_dtype_t dtype : kDtypes) {
        for (const int32_t tied : {0, 1}) {
            const ContextHandle context = make_context(2);
            tbrm_model_config_t config = tiny_config(dtype);
            config.tie_word_embeddings = tied;
            config.architecture = tied != 0 ? kGemma3 : kQwen3;
            const ModelHandle model = make_model(context.get(), config, 1),
                              other = make_model(context.get(), config, 2);
            const int32_t n = tbrm_model_tensor_count(model.get());
            save_all(model.get(), folder / "a");
            CHECK(load(other.get(), folder / "a") == n && missing(other.get()) == "0:");
            CHECK(same_bits(read_tensors(model.get(), TBRM_TENSOR_KIND_WEIGHT),
                    read_tensors(other.get(), TBRM_TENSOR_KIND_WEIGHT)));
            save_all(other.get(), folder / "b");
            CHECK(file_content(folder / "a") == file_content(folder / "b") && !file_content(folder / "a").empty());

            const SafetensorsFile file(folder / "a");
            CHECK(file.header().metadata.at("format") == "pt");
            CHECK(static_cast<int32_t>(file.header().tensors.size()) == n);
            for (const TensorValues& tensor : read_tensors(model.get(), TBRM_TENSOR_KIND_WEIGHT)) {
                const FileTensor* stored = file.header().find(tensor.name);
                CHECK(stored != nullptr &&
                        stored->dtype == (dtype == TBRM_DTYPE_F32 ? FileDtype::F32 : FileDtype::BF16));
                if (stored == nullptr) continue;
                CHECK(stored->shape == (tensor.cols > 0 ? std::vector<int64_t>{tensor.rows, tensor.cols}
                                                        : std::vector<int64_t>{tensor.rows}));
                std::vector<float> values(tensor.values.size());
                std::vector<uint8_t> raw(static_cast<size_t>(stored->end - stored->begin));
                file.read(*stored, 0, stored->elements(), raw.data());
                widen_elements(stored->dtype, raw.data(), 0, stored->elements(), values.data());
                CHECK(values == tensor.values);
            }
        }
    }
}

TBRM_TEST(shards_fill_a_model_one_after_another) {
    const TemporaryFolder folder;
    const ContextHandle context = make_context(1);
    tbrm_model_config_t config = tiny_config(TBRM_DTYPE_BF16);
    config.n_layers = 1;
    const ModelHandle model = make_model(context.get(), config, 1), other = make_model(context.get(), config, 2);
    const int32_t n = tbrm_model_tensor_count(model.get());
    save(model.get(), folder / "first", 0, 3);
    save(model.get(), folder / "second", 3, n - 4);
    save(model.get(), folder / "empty", n, 0);
    CHECK(load(other.get(), folder / "first") == 3);
    CHECK(load(other.get(), folder / "second") == n - 4);
    CHECK(load(other.get(), folder / "empty") == 0);
    CHECK(missing(other.get()) == "1:model.norm.weight");
    char small[6];
    int64_t n_missing = 0;
    tbrm_error_t err{};
    expect_ok(tbrm_checkpoint_missing(other.get(), sizeof small, small, &n_missing, &err), err, "missing");
    CHECK(n_missing == 1 && std::string(small) == "model");
    for (const auto& [first, count] : {std::pair{-1, 1}, std::pair{0, n + 1}, std::pair{n + 1, 0}, std::pair{1, -1}}) {
        CHECK(tbrm_checkpoint_save_weights(model.get(), (folder / "none").c_str(), first, count, &err) ==
                TBRM_STATUS_INVALID_ARGUMENT);
    }
}

// fp64, fp32, fp16 and bf16 files into both kinds of model, from aligned and from odd addresses. Masters keep the file's precision.
TBRM_TEST(every_float_format_is_read) {
    const TemporaryFolder folder;
    const std::string name = "model.layers.1.self_attn.k_proj.weight";  // rows 24 to 35 of a fused parameter
    const int64_t n = 12 * 18;
    const std::vector<float> wide = normals(n, 3);
    std::vector<double> doubles(wide.begin(), wide.end());
    std::vector<uint16_t> halves, brains;
    std::vector<float> of_halves, of_brains;
    for (int64_t i = 0; i < n; ++i) {
        halves.push_back(static_cast<uint16_t>(0x3000 + i * 13));  // 0.125 and up
        of_halves.push_back(
                std::ldexp(1.0f + static_cast<float>(halves.back() & 1023) / 1024.0f, (halves.back() >> 10) - 15));
        brains.push_back(to_bf16(wide[static_cast<size_t>(i)]).bits);
        of_brains.push_back(to_float(bf16{brains.back()}));
    }
    const struct {
        FileDtype dtype;
        std::string bytes;
        const std::vector<float>* values;
    } formats[] = {{FileDtype::F64, bytes_of(doubles), &wide}, {FileDtype::F32, bytes_of(wide), &wide},
            {FileDtype::F16, bytes_of(halves), &of_halves}, {FileDtype::BF16, bytes_of(brains), &of_brains}};
    for (const tbrm_dtype_t dtype : kDtypes) {
        const ContextHandle context = make_context(1);
        const ModelHandle model = make_model(context.get(), tiny_config(dtype), 1);
        for (const auto& format : formats) {
            for (const size_t shift : {0, 1, 2}) {
                write_file(folder / "x",
                        {{name, format.dtype, {12, 18}, format.bytes},
                                {"extra", FileDtype::I64, {}, std::string(8, 'x')}},
                        shift);
                CHECK(load(model.get(), folder / "x") == 1);
                std::vector<float> master(static_cast<size_t>(n)), weight(static_cast<size_t>(n)),
                        expected = *format.values;
                tbrm_error_t err{};
                expect_ok(tbrm_model_tensor_read(
                                  model.get(), name.c_str(), TBRM_TENSOR_KIND_MASTER, n, master.data(), &err),
                        err, "read");
                expect_ok(tbrm_model_tensor_read(
                                  model.get(), name.c_str(), TBRM_TENSOR_KIND_WEIGHT, n, weight.data(), &err),
                        err, "read");
                CHECK(master == expected);
                for (float& value : expected)
                    value = round_to(static_cast<Dtype>(dtype), value);
                CHECK(weight == expected);
            }
        }
    }
}

TBRM_TEST(a_tensor_of_the_decoder_that_the_model_has_no_place_for_is_refused) {
    const TemporaryFolder folder;
    const ContextHandle context = make_context(1);
    const ModelHandle model = make_model(context.get(), tiny_config(TBRM_DTYPE_F32), 1);
    const std::string scalar(4, '\0');
    const auto file_with = [&](const std::string& name) {
        write_file(folder / "x", {{name, FileDtype::F32, {1}, scalar}});
        return folder / "x";
    };
    int64_t found = 0;
    tbrm_error_t err{};
    for (const char* name : {"model.layers.90.mlp.up_proj.weight", "model.embed_positions.weight", "lm_head.bias"}) {
        const std::string other = file_with(name);
        CHECK(tbrm_checkpoint_load_weights(model.get(), other.c_str(), &found, &err) == TBRM_STATUS_BAD_FILE);
        CHECK(std::string(err.message).find(name) != std::string::npos);
    }
    CHECK(load(model.get(), file_with("model.layers.0.self_attn.rotary_emb.inv_freq")) == 0);
    CHECK(load(model.get(), file_with("v_head.weight")) == 0);
}

TBRM_TEST(a_tied_model_takes_the_embedding_under_either_name) {
    const TemporaryFolder folder;
    const ContextHandle context = make_context(1);
    const ModelHandle model = make_model(context.get(), tiny_config(TBRM_DTYPE_F32), 1);
    const std::vector<float> head = normals(29 * 18, 3), embedding = normals(29 * 18, 4);
    std::vector<float> values(29 * 18);
    tbrm_error_t err{};
    const auto read_embedding = [&] {
        expect_ok(tbrm_model_tensor_read(model.get(), "model.embed_tokens.weight", 0, 29 * 18, values.data(), &err),
                err, "read");
        return values;
    };
    write_file(folder / "head", {{"lm_head.weight", FileDtype::F32, {29, 18}, bytes_of(head)}});
    CHECK(load(model.get(), folder / "head") == 1 && read_embedding() == head);
    write_file(folder / "both", {{"lm_head.weight", FileDtype::F32, {29, 18}, bytes_of(head)},
                                        {"model.embed_tokens.weight", FileDtype::F32, {29, 18}, bytes_of(embedding)}});
    int64_t found = 0;
    const std::string both = folder / "both";
    CHECK(tbrm_checkpoint_load_weights(model.get(), both.c_str(), &found, &err) == TBRM_STATUS_BAD_FILE);
    CHECK(std::string(err.message).find("lm_head.weight") != std::string::npos && read_embedding() == head);
    write_file(both, {{"lm_head.weight", FileDtype::F32, {29, 18}, bytes_of(embedding)},
                             {"model.embed_tokens.weight", FileDtype::F32, {29, 18}, bytes_of(embedding)}});
    CHECK(load(model.get(), both) == 1 && read_embedding() == embedding);
    CHECK(load(model.get(), folder / "head") == 0 && read_embedding() == embedding);
}

TBRM_TEST(what_a_file_has_wrong_is_named_and_changes_nothing) {
    const TemporaryFolder folder;
    const ContextHandle context = make_context(1);
    const ModelHandle model = make_model(context.get(), tiny_config(TBRM_DTYPE_BF16), 1);
    const std::string good = bytes_of(normals(18, 1)), norm = "model.norm.weight";
    const std::string embedding = bytes_of(normals(29 * 18, 1));
    const auto failure = [&](const std::vector<Stored>& stored) {
        write_file(folder / "x", stored);
        return load_failure(model.get(), folder / "x");
    };
    CHECK(contains(failure({{"model.embed_tokens.weight", FileDtype::F32, {29, 18}, embedding},
                           {norm, FileDtype::F32, {17}, good.substr(4)}}),
            "7 tensor 'model.norm.weight' at byte 2"));
    CHECK(contains(failure({{norm, FileDtype::F32, {17}, good.substr(4)}}), "has shape [17], the model's is [18]"));
    CHECK(contains(failure({{norm, FileDtype::F32, {18, 1}, good}}), "has shape [18, 1], the model's is [18]"));
    CHECK(contains(failure({{"model.embed_tokens.weight", FileDtype::F32, {18, 29}, embedding}}),
            "has shape [18, 29], the model's is [29, 18]"));
    CHECK(contains(failure({{norm, FileDtype::I32, {18}, good}}), "is I32, expected F32, BF16, F16 or F64"));

    save_all(model.get(), folder / "whole");
    const std::string whole = file_content(folder / "whole");
    std::ofstream(folder / "cut", std::ios::binary) << whole.substr(0, whole.size() - 1);
    CHECK(contains(load_failure(model.get(), folder / "cut"), "7 tensor 'model.norm.weight' is bytes"));
    std::ofstream(folder / "none", std::ios::binary);
    CHECK(contains(load_failure(model.get(), folder / "none"), "7 the file has 0 bytes"));
    CHECK(contains(load_failure(model.get(), folder / "absent"), "8 cannot open"));
    CHECK(contains(load_failure(model.get(), folder.path()), "8 cannot read"));
    CHECK(contains(load_failure(model.get(), ""), "1 path is null or empty"));
}

TBRM_TEST(no_space_left_is_an_io_error_with_errno) {
    const ContextHandle context = make_context(1);
    const ModelHandle model = make_model(context.get(), tiny_config(TBRM_DTYPE_F32), 1);
    const OptimizerHandle optimizer = make_optimizer(model.get(), 0);
    if (!std::ofstream("/dev/full")) return;
    tbrm_error_t err{};
    CHECK(tbrm_checkpoint_save_weights(model.get(), "/dev/full", 0, 1, &err) == TBRM_STATUS_IO);
    CHECK(err.device_code == ENOSPC && std::strstr(err.message, "/dev/full") != nullptr);
    CHECK(tbrm_checkpoint_save_optimizer(optimizer.get(), "/dev/full", &err) == TBRM_STATUS_IO &&
            err.device_code == ENOSPC);
}

namespace {

void train_step(tbrm_model_t* model, tbrm_optimizer_t* optimizer, uint64_t seed) {
    Batch batch;
    batch.add_sequence(20, 12, 29, seed);
    forward(model, batch, true);
    backward(model, normals(12, seed), normals(12, seed + 1), {});
    tbrm_step_result_t result{};
    tbrm_error_t err{};
    expect_ok(tbrm_optimizer_step(optimizer, 0.01f, 1, &result, &err), err, "step");
    CHECK(result.applied == 1);
}

}  // namespace

TBRM_TEST(training_resumes_bit_for_bit) {
    const TemporaryFolder folder;
    for (const tbrm_dtype_t dtype : kDtypes) {
        const ContextHandle context = make_context(2);
        const tbrm_model_config_t config = tiny_config(dtype);
        const ModelHandle model = make_model(context.get(), config, 1);
        const OptimizerHandle optimizer = make_optimizer(model.get(), 0.1f);
        train_step(model.get(), optimizer.get(), 11);
        train_step(model.get(), optimizer.get(), 12);
        save_all(model.get(), folder / "weights");
        tbrm_error_t err{};
        expect_ok(tbrm_checkpoint_save_optimizer(optimizer.get(), (folder / "state").c_str(), &err), err, "save");
        train_step(model.get(), optimizer.get(), 13);

        const ModelHandle resumed = make_model(context.get(), config, 9);
        const OptimizerHandle resumed_optimizer = make_optimizer(resumed.get(), 0.1f);
        load(resumed.get(), folder / "weights");
        expect_ok(
                tbrm_checkpoint_load_optimizer(resumed_optimizer.get(), (folder / "state").c_str(), &err), err, "load");
        train_step(resumed.get(), resumed_optimizer.get(), 13);
        for (const tbrm_tensor_kind_t kind : {TBRM_TENSOR_KIND_WEIGHT, TBRM_TENSOR_KIND_MASTER})
            CHECK(same_bits(read_tensors(model.get(), kind), read_tensors(resumed.get(), kind)));
        for (const tbrm_moment_t moment : {TBRM_MOMENT_FIRST, TBRM_MOMENT_SECOND})
            CHECK(same_bits(read_moments(model.get(), optimizer.get(), moment),
                    read_moments(resumed.get(), resumed_optimizer.get(), moment)));

        const SafetensorsFile state(folder / "state");
        CHECK(state.header().metadata.at("step") == "2");
        CHECK(state.header().tensors.size() == 3 * static_cast<size_t>(tbrm_model_tensor_count(model.get())));
    }
}

TBRM_TEST(an_optimizer_state_is_verified_before_it_is_used) {
    const TemporaryFolder folder;
    const ContextHandle context = make_context(1);
    tbrm_model_config_t config = tiny_config(TBRM_DTYPE_F32), smaller = config;
    smaller.n_layers = 1;
    const ModelHandle model = make_model(context.get(), config, 1), small = make_model(context.get(), smaller, 1);
    const OptimizerHandle optimizer = make_optimizer(model.get(), 0), of_small = make_optimizer(small.get(), 0);
    tbrm_error_t err{};
    expect_ok(tbrm_checkpoint_save_optimizer(optimizer.get(), (folder / "state").c_str(), &err), err, "save");
    expect_ok(tbrm_checkpoint_save_optimizer(of_small.get(), (folder / "small").c_str(), &err), err, "save");
    save_all(model.get(), folder / "weights");
    const std::vector<TensorValues> before = read_tensors(model.get(), TBRM_TENSOR_KIND_MASTER);
    const auto failure = [&](tbrm_optimizer_t* of, const std::string& path) {
        const tbrm_status_t status = tbrm_checkpoint_load_optimizer(of, path.c_str(), &err);
        return std::to_string(status) + ' ' + err.message;
    };
    CHECK(contains(failure(optimizer.get(), folder / "small"), "7 the file has no tensor 'master.model.layers.1."));
    CHECK(contains(failure(of_small.get(), folder / "state"), "tensors, the optimizer of this model"));
    CHECK(contains(failure(optimizer.get(), folder / "weights"), "7 the metadata has no 'step'"));
    CHECK(contains(failure(optimizer.get(), folder / "absent"), "8 cannot open"));
    std::string bytes = file_content(folder / "state");
    bytes.replace(bytes.find("\"step\":\"0\""), 10, "\"step\":\"x\"");
    std::ofstream(folder / "step", std::ios::binary) << bytes;
    CHECK(contains(failure(optimizer.get(), folder / "step"), "7 the metadata has no 'step'"));
    CHECK(same_bits(before, read_tensors(model.get(), TBRM_TENSOR_KIND_MASTER)));
}

int main(int argc, char** argv) {
    return tbrm::testing::run(argc, argv);
}
