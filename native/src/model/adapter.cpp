#include "model/adapter.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/guard.hpp"
#include "core/parallel.hpp"
#include "model/init_random.hpp"
#include "model/model.hpp"
#include "model/model_parameters.hpp"

namespace tbrm {
namespace {

constexpr int32_t kAllTargets = (1 << kProjections) - 1;
constexpr int32_t kMaxRank = 1 << 16;

void check_modules(AdapterConfig& config) {
    bool any = false;
    for (size_t i = 0; i < config.ranks.size(); ++i) {
        TBRM_REQUIRE(config.ranks[i] >= 0 && config.ranks[i] <= kMaxRank, "ranks[%zu] is %d, expected 0 to %d", i,
                config.ranks[i], kMaxRank);
        if (config.ranks[i] == 0) {
            config.scales[i] = 1;
            continue;
        }
        TBRM_REQUIRE(config.scales[i] > 0 && std::isfinite(config.scales[i]),
                "scales[%zu] is %g, expected a positive number", i, static_cast<double>(config.scales[i]));
        any = true;
    }
    TBRM_REQUIRE(any, "every entry of ranks is 0: no projection is adapted");
}

void read_master(const Parameter& parameter, int64_t first, int64_t n, float* out) {
    const bool trained = parameter.has(TBRM_TENSOR_KIND_MASTER);
    parameter.read_rows(trained ? TBRM_TENSOR_KIND_MASTER : TBRM_TENSOR_KIND_WEIGHT, first, n, out);
}

// Rows of a projection that are merged at a time: 16 MiB of fp32.
int64_t merged_rows(const Projection& projection) {
    return std::min(projection.rows, std::max<int64_t>(1, (int64_t{1} << 22) / projection.inputs));
}

}  // namespace

AdapterConfig check_adapter_config(const tbrm_adapter_config_t* config, int64_t n_layers) {
    TBRM_REQUIRE(config != nullptr, "config is null");
    TBRM_REQUIRE(config->struct_size == static_cast<int32_t>(sizeof(tbrm_adapter_config_t)),
            "config.struct_size is %d, expected %d: caller and library were built from different headers",
            config->struct_size, static_cast<int>(sizeof(tbrm_adapter_config_t)));
    TBRM_REQUIRE(
            config->trainable == 0 || config->trainable == 1, "trainable is %d, expected 0 or 1", config->trainable);
    AdapterConfig checked;
    checked.trainable = config->trainable != 0;
    checked.seed = config->seed;
    const int64_t n = n_layers * kProjections;
    if (config->n_modules != 0) {
        TBRM_REQUIRE(config->n_modules == n && config->ranks != nullptr && config->scales != nullptr,
                "n_modules is %d, expected 0, or %d for each of %lld layers with ranks and scales", config->n_modules,
                kProjections, static_cast<long long>(n_layers));
        checked.ranks.assign(config->ranks, config->ranks + n);
        checked.scales.assign(config->scales, config->scales + n);
        check_modules(checked);
        return checked;
    }
    TBRM_REQUIRE(config->rank >= 1 && config->rank <= kMaxRank, "rank is %d, expected 1 to %d", config->rank, kMaxRank);
    TBRM_REQUIRE(config->targets > 0 && config->targets <= kAllTargets,
            "targets is %d, expected a sum of TBRM_ADAPTER_TARGET_ values (all: %d)", config->targets, kAllTargets);
    TBRM_REQUIRE(config->scale > 0 && std::isfinite(config->scale), "scale is %g, expected a positive number",
            static_cast<double>(config->scale));
    for (int64_t i = 0; i < n; ++i) {
        checked.ranks.push_back((config->targets >> (i % kProjections) & 1) != 0 ? config->rank : 0);
        checked.scales.push_back(config->scale);
    }
    return checked;
}

std::array<Projection, kProjections> projections(const ModelConfig& c) {
    const int64_t hidden = c.hidden_size, inner = c.intermediate_size, queries = c.attention_width(),
                  keys = c.kv_width();
    return {{{"self_attn.q_proj", Linear::Qkv, 0, queries, hidden},
            {"self_attn.k_proj", Linear::Qkv, queries, keys, hidden},
            {"self_attn.v_proj", Linear::Qkv, queries + keys, keys, hidden},
            {"self_attn.o_proj", Linear::O, 0, hidden, queries}, {"mlp.gate_proj", Linear::GateUp, 0, inner, hidden},
            {"mlp.up_proj", Linear::GateUp, inner, inner, hidden}, {"mlp.down_proj", Linear::Down, 0, hidden, inner}}};
}

std::string adapter_tensor_name(int64_t layer, const Projection& projection, char matrix) {
    return "base_model.model.model.layers." + std::to_string(layer) + '.' + projection.module + ".lora_" + matrix +
           ".weight";
}

int64_t Model::adapter_bytes(const AdapterConfig& config) {
    int64_t bytes = 0;
    for (int64_t layer = 0; layer < config_.n_layers; ++layer) {
        for (const ParameterShape& shape : adapter_parameters(config_, config, layer))
            bytes += parameter_bytes(device().sizes(), config_.element(), shape, config.trainable).total();
    }
    return bytes;
}

void Model::attach_adapter(const AdapterConfig& config) {
    TBRM_REQUIRE(!adapter_, "the model has an adapter already");
    TBRM_REQUIRE(n_optimizers == 0, "the model has an optimizer; destroy it first");
    require_no_kept_forward("attaching an adapter");
    // A value head is trained on: nobody has trained it before.
    const auto stays = [&](const Parameter* p) { return config.trainable && is_value_head(p); };
    int64_t freed = 0;
    for (const auto& parameter : parameters_) {
        if (!parameter->trainable() || stays(parameter.get())) continue;
        const ParameterBytes bytes = parameter_bytes(device().sizes(), config_.element(), parameter->shape(), true);
        freed += bytes.master + bytes.gradient;
    }
    require_device_memory(device(), adapter_bytes(config) - freed, "the adapter's weights, masters and gradients",
            "use a smaller rank or fewer targets");
    const MemoryScope scope(owner(), MemoryUse::Adapter);
    for (const auto& parameter : parameters_) {
        if (stays(parameter.get())) {
            parameter->unfreeze();
        } else {
            parameter->freeze();
        }
    }
    config_.trainable = 0;
    adapter_ = config;
    n_base_parameters_ = parameters_.size();
    try {
        for (int64_t layer = 0; layer < config_.n_layers; ++layer)
            add_layer_adapter(layer, config);
        build_adapter_view();
        if (is_shared()) share_parameters();
    } catch (...) {
        remove_adapter();
        throw;
    }
}

void Model::add_layer_adapter(int64_t index, const AdapterConfig& config) {
    LayerAdapterParameters& layer = adapter_parameters_.emplace_back();
    const std::array<Projection, kProjections> all = projections(config_);
    const auto add = [&](int64_t rows, int64_t cols) {
        parameters_.push_back(std::make_unique<Parameter>(device(), config_.element(),
                ParameterShape::weight(rows, cols), config.trainable, !config_.is_shared()));
        return parameters_.back().get();
    };
    std::array<int64_t, kLinears> width{}, row{};
    std::array<size_t, kLinears> part{};
    for (size_t p = 0; p < all.size(); ++p)
        width[static_cast<size_t>(all[p].linear)] += config.rank(index, p);
    for (size_t p = 0; p < all.size(); ++p) {
        const Projection& projection = all[p];
        const size_t linear = static_cast<size_t>(projection.linear);
        const int64_t rank = config.rank(index, p), first = row[linear];
        if (rank == 0) continue;
        row[linear] += rank;
        LinearAdapterParameters& adapter = layer[linear];
        if (adapter.a == nullptr) adapter.a = add(width[linear], projection.inputs);
        Parameter* b = adapter.b[part[linear]++] = add(projection.rows, rank);
        const std::string name = adapter_tensor_name(index, projection, 'A');
        tensors_.push_back({name, rank, projection.inputs, adapter.a, first, false, false, true});
        tensors_.push_back(
                {adapter_tensor_name(index, projection, 'B'), projection.rows, rank, b, 0, false, false, true});

        // Kaiming's uniform with slope sqrt(5), as PEFT: variance 1 / (3 inputs). B stays zero.
        std::vector<float> values(static_cast<size_t>(rank * projection.inputs));
        draw_uniform(config.seed, name, rank * projection.inputs,
                1.0 / std::sqrt(static_cast<double>(projection.inputs)), values.data());
        adapter.a->write_rows(
                config.trainable ? TBRM_TENSOR_KIND_MASTER : TBRM_TENSOR_KIND_WEIGHT, first, rank, values.data());
    }
}

void Model::build_adapter_view() {
    AdapterView& view = view_.adapter;
    view.on = true;
    view.width = adapter_width(config_, *adapter_);
    view.layers.assign(adapter_parameters_.size(), {});
    const std::array<Projection, kProjections> all = projections(config_);
    for (size_t layer = 0; layer < adapter_parameters_.size(); ++layer) {
        for (size_t p = 0; p < all.size(); ++p) {
            const int64_t rank = adapter_->rank(static_cast<int64_t>(layer), p);
            if (rank == 0) continue;
            const size_t linear = static_cast<size_t>(all[p].linear);
            LinearAdapter& adapter = view.layers[layer][linear];
            const LinearAdapterParameters& parameters = adapter_parameters_[layer][linear];
            const size_t part = static_cast<size_t>(adapter.n_parts++);
            adapter.a = parameters.a->weight();
            adapter.inputs = all[p].inputs;
            adapter.parts[part] = {parameters.b[part]->weight(), all[p].first_row, all[p].rows, adapter.width, rank,
                    adapter_->scale(static_cast<int64_t>(layer), p)};
            adapter.width += rank;
        }
    }
}

void Model::enable_adapter(bool on) {
    TBRM_REQUIRE(adapter_, "the model has no adapter");
    require_no_kept_forward("switching the adapter");
    view_.adapter.on = on;
}

// Host memory of a merge, for the largest projection: taken before the first weight changes, so that no merge ends half way.
struct Model::MergeScratch {
    HostBuffer<float> a, b, rows, delta;

    MergeScratch(const ModelConfig& config, const AdapterConfig& adapter) {
        int64_t a_elements = 0, b_elements = 0, elements = 0;
        const std::array<Projection, kProjections> all = projections(config);
        for (int64_t layer = 0; layer < config.n_layers; ++layer) {
            for (size_t p = 0; p < all.size(); ++p) {
                const int64_t rank = adapter.rank(layer, p);
                if (rank == 0) continue;
                a_elements = std::max(a_elements, all[p].inputs * rank);
                b_elements = std::max(b_elements, merged_rows(all[p]) * rank);
                elements = std::max(elements, merged_rows(all[p]) * all[p].inputs);
            }
        }
        a.resize(a_elements);
        b.resize(b_elements);
        rows.resize(elements);
        delta.resize(elements);
    }
};

// W rows += s B A, sums in fp32, rounded to dtype once.
void Model::merge_projection(int64_t layer, const Projection& projection, const AdapterPart& part, const Parameter& a,
        const Parameter& b, MergeScratch& scratch) {
    Parameter& weight = layers_[static_cast<size_t>(layer)].linear(projection.linear);
    const int64_t rank = part.rank, inputs = projection.inputs;
    read_master(a, part.first_column, rank, scratch.a.data());
    const int64_t step = merged_rows(projection);
    for (int64_t first = 0; first < projection.rows; first += step) {
        const int64_t n = std::min(step, projection.rows - first);
        read_master(b, first, n, scratch.b.data());
        weight.read_rows(TBRM_TENSOR_KIND_WEIGHT, projection.first_row + first, n, scratch.rows.data());
        parallel_for(n, n * inputs * rank, [&](int64_t row) {
            float *out = scratch.rows.data() + row * inputs, *delta = scratch.delta.data() + row * inputs;
            std::fill_n(delta, inputs, 0.0f);
            for (int64_t r = 0; r < rank; ++r) {
                const float factor = scratch.b[row * rank + r];
                const float* from = scratch.a.data() + r * inputs;
                for (int64_t i = 0; i < inputs; ++i)
                    delta[i] += factor * from[i];
            }
            for (int64_t i = 0; i < inputs; ++i)
                out[i] += part.scale * delta[i];
        });
        weight.load_rows(Dtype::F32, projection.first_row + first, n, scratch.rows.data());
    }
}

void Model::merge_adapter() {
    TBRM_REQUIRE(adapter_, "the model has no adapter");
    TBRM_REQUIRE(n_optimizers == 0, "the model has an optimizer; destroy it first");
    require_no_kept_forward("merging the adapter");
    MergeScratch scratch(config_, *adapter_);
    const std::array<Projection, kProjections> all = projections(config_);
    for (int64_t layer = 0; layer < config_.n_layers; ++layer) {
        std::array<size_t, kLinears> part{};
        for (size_t p = 0; p < all.size(); ++p) {
            if (adapter_->rank(layer, p) == 0) continue;
            const size_t linear = static_cast<size_t>(all[p].linear), at = part[linear]++;
            const LinearAdapterParameters& adapter = adapter_of(layer, all[p].linear);
            merge_projection(layer, all[p], view_.adapter.layers[static_cast<size_t>(layer)][linear].parts[at],
                    *adapter.a, *adapter.b[at], scratch);
        }
    }
    remove_adapter();
}

void Model::remove_adapter() {
    view_.adapter = AdapterView();
    adapter_.reset();
    adapter_parameters_.clear();
    while (!tensors_.empty() && tensors_.back().adapter)
        tensors_.pop_back();
    parameters_.resize(n_base_parameters_);
    for (Parameter* p : {score_, score_bias_}) {
        if (p != nullptr) p->freeze();
    }
}

}  // namespace tbrm
