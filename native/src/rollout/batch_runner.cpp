#include "rollout/batch_runner.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>

#include "core/parallel.hpp"
#include "decoder/ends.hpp"

namespace tbrm {
namespace {

// As DeviceBuffer::resize, with room to spare, so that a batch that grows row by row does not allocate row by row: half as much again,
// up to `most`.
template <class T>
T* fit(Device& device, DeviceBuffer<T>& buffer, int64_t n, int64_t most = INT64_MAX) {
    if (n > buffer.size()) buffer.resize(device, std::max(n, std::min(n + n / 2, most)));
    return buffer.data();
}

template <class T>
void upload(Device& device, DeviceBuffer<T>& buffer, const std::vector<T>& host) {
    const int64_t n = static_cast<int64_t>(host.size());
    if (n > 0) device.upload(fit(device, buffer, n), host.data(), n * static_cast<int64_t>(sizeof(T)));
}

// Rows of fp32 logits that exist at a time.
int64_t logits_rows_within(const ModelView& model, int64_t budget_bytes) {
    return std::max<int64_t>(1, budget_bytes / (model.vocab * static_cast<int64_t>(sizeof(float))));
}

float head_temperature(const Sequence& sequence) {
    const float temperature = sequence.prompt->sampling.row.temperature;
    return temperature > 0 ? temperature : 1.0f;
}

}  // namespace

RunnerBytes runner_bytes(const DeviceSizes& sizes, const ModelView& model, int64_t max_seqs, int64_t max_batched_tokens,
        int64_t logits_budget_bytes) {
    const int64_t element = dtype_bytes(model.dtype), rows = max_seqs + max_batched_tokens;
    const int64_t row = model.hidden * element + LayerMemory::bytes_per_row(model, kScratch | kForward);
    const int64_t inputs = BatchRunner::kInputBytes;
    const int64_t pages = max_seqs * ceil_div(model.max_positions, kPageTokens) * 8;
    // Arrays that grow with the draws have room for half as many again (fit).
    const int64_t draws = max_seqs + max_seqs / 2;
    const int64_t logits_rows = std::min(draws, logits_rows_within(model, logits_budget_bytes));
    const HeadShape head{model.dtype, model.hidden, model.vocab, 1.0f, logits_budget_bytes};
    const int64_t sample_row = static_cast<int64_t>(sizeof(SampleRow) + sizeof(SampleResult)) + 4;
    return {rows * (row + inputs + inputs / 2) + pages + pages / 2 + draws * model.hidden * element,
            logits_rows * model.vocab * 4 + sizes.head_logits(head, logits_rows) + sizes.sample_workspace(model.vocab) +
                    draws * sample_row};
}

BatchRunner::BatchRunner(Device& device, const ModelView& model, KvCache& cache, int64_t max_rows,
        int64_t logits_budget_bytes, int64_t decode_rows)
    : device_(device),
      model_(model),
      cache_(cache),
      max_rows_(max_rows),
      logits_budget_bytes_(logits_budget_bytes),
      max_logits_rows_(logits_rows_within(model, logits_budget_bytes)),
      decode_rows_(device.can_record() ? decode_rows : 0) {}

void BatchRunner::mix(const ModelView* guide, KvCache* cache, float scale) {
    guide_ = guide;
    guide_cache_ = cache;
    scale_ = scale;
}

const std::vector<SampleResult>& BatchRunner::run(const Plan& plan) {
    gather_inputs(plan);
    order_draws(plan);
    results_.resize(plan.draws.size());
    if (decodes_alone(plan)) {
        run_decode(plan);
        return results_;
    }
    upload_inputs(plan.n_rows);
    run_model(model_, cache_, act_, plan.n_rows);
    if (guide_ != nullptr) run_model(*guide_, *guide_cache_, guide_act_, plan.n_rows);
    if (plan.draws.empty()) return results_;

    const int64_t n_last = static_cast<int64_t>(last_rows_.size());
    final_rows(model_, act_, n_last);
    if (guide_ != nullptr) final_rows(*guide_, guide_act_, n_last);
    HeadChunk chunk = {0, 0, 0, 0};
    while (chunk.end_draw < plan.draws.size()) {
        chunk = next_chunk(plan, chunk.end_draw, chunk.end_row);
        run_chunk(plan, chunk);
    }
    return results_;
}

void BatchRunner::release() {
    graphs_.clear();
    in_ = Inputs();
    act_ = Activations();
    out_ = Output();
    guide_act_ = Activations();
    guide_logits_ = DeviceBuffer<float>();
}

void BatchRunner::gather_inputs(const Plan& plan) {
    for (std::vector<int32_t>* list : {&ids_, &positions_, &slots_, &n_keys_})
        list->clear();
    for (std::vector<int64_t>* list : {&write_pages_, &page_table_, &page_table_offsets_, &span_last_row_})
        list->clear();
    for (const Span& span : plan.spans) {
        const int64_t table = static_cast<int64_t>(page_table_.size());
        const std::vector<int64_t>& pages = span.pages();
        page_table_.insert(page_table_.end(), pages.begin(), pages.end());
        for (int64_t i = span.start; i < span.start + span.count; ++i) {
            ids_.push_back(span.token(i));
            positions_.push_back(static_cast<int32_t>(i));
            write_pages_.push_back(pages[static_cast<size_t>(i / kPageTokens)]);
            slots_.push_back(static_cast<int32_t>(i % kPageTokens));
            page_table_offsets_.push_back(table);
            n_keys_.push_back(static_cast<int32_t>(i + 1));
        }
        span_last_row_.push_back(static_cast<int64_t>(ids_.size()) - 1);
    }
}

// Room for `rows` rows; the arrays may have fewer.
void BatchRunner::upload_inputs(int64_t rows) {
    const int64_t table_bytes = static_cast<int64_t>(page_table_.size()) * 8, bytes = rows * kInputBytes + table_bytes;
    packed_.resize(static_cast<size_t>(bytes));
    uint8_t* at = packed_.data();
    const auto pack = [&](const auto& list, int64_t room) {
        const size_t size = list.size() * sizeof list[0];
        if (size > 0) std::memcpy(at, list.data(), size);
        at += room * static_cast<int64_t>(sizeof list[0]);
    };
    for (const std::vector<int64_t>* list : {&write_pages_, &page_table_offsets_, &last_rows_})
        pack(*list, rows);
    for (const std::vector<int32_t>* list : {&ids_, &positions_, &slots_, &n_keys_})
        pack(*list, rows);
    pack(page_table_, static_cast<int64_t>(page_table_.size()));
    in_.rows = rows;
    device_.upload(fit(device_, in_.memory, bytes), packed_.data(), bytes);
}

// Steps that are recorded: each sequence has one row and draws from it, at one temperature, and the logits fit at once.
bool BatchRunner::decodes_alone(const Plan& plan) const {
    const int64_t n = plan.n_rows, rows = decode_bucket(n, decode_rows_);
    if (n > rows || guide_ != nullptr || plan.draws.empty()) return false;
    if (static_cast<int64_t>(plan.spans.size()) != n || static_cast<int64_t>(plan.draws.size()) != n) return false;
    if (rows > max_logits_rows_) return false;
    const float temperature = head_temperature(*plan.draws[0]);
    return std::all_of(plan.draws.begin(), plan.draws.end(),
            [&](const Sequence* s) { return head_temperature(*s) == temperature; });
}

// Rows that nobody asked for: they see no key, and their own keys and values are not written.
void BatchRunner::pad_inputs(int64_t rows) {
    const size_t n = static_cast<size_t>(rows);
    for (std::vector<int32_t>* list : {&ids_, &positions_, &slots_, &n_keys_})
        list->resize(n, 0);
    write_pages_.resize(n, -1);
    page_table_offsets_.resize(n, 0);
    for (int64_t row = static_cast<int64_t>(last_rows_.size()); row < rows; ++row)
        last_rows_.push_back(row);
    SampleRow nothing{};
    nothing.n_vocab = 1;
    for (size_t row = sample_rows_.size(); row < n; ++row) {
        nothing.logits_row = static_cast<int32_t>(row);
        sample_rows_.push_back(nothing);
    }
}

void BatchRunner::run_decode(const Plan& plan) {
    const int64_t n = plan.n_rows, rows = decode_bucket(n, decode_rows_);
    const HeadChunk chunk{0, static_cast<size_t>(n), 0, n}, padded{0, static_cast<size_t>(n), 0, rows};
    const float temperature = head_temperature(*plan.draws[0]);
    gather_samples(plan, chunk);
    pad_inputs(rows);
    upload_inputs(rows);
    upload_samples();
    const auto step = [&] {
        run_model(model_, cache_, act_, rows);
        final_rows(model_, act_, rows);
        const MemoryScope scope(MemoryUse::Head);
        sample_from_head(padded, temperature, rows);
    };
    graphs_.run(
            device_, [&] { return decode_key(rows, temperature); }, step);
    take_results(chunk);
}

DecodeGraphs::Key BatchRunner::decode_key(int64_t rows, float temperature) {
    DecodeGraphs::Key key{static_cast<uint64_t>(rows), static_cast<uint64_t>(device_.batch_invariant()),
            static_cast<uint64_t>(model_.adapter.on)};
    uint32_t bits = 0;
    std::memcpy(&bits, &temperature, sizeof bits);
    key.push_back(bits);
    const auto add = [&](const void* address) { key.push_back(reinterpret_cast<uintptr_t>(address)); };
    for (const LayerView& layer : model_.layers) {
        for (const void* tensor : layer.tensors)
            add(tensor);
        add(layer.rope_cos);
    }
    for (const void* address : {model_.embedding, static_cast<const void*>(model_.final_norm), model_.head,
                 static_cast<const void*>(in_.memory.data()), static_cast<const void*>(cache_.layer(0)),
                 static_cast<const void*>(act_.x.data()), static_cast<const void*>(act_.last.data()),
                 static_cast<const void*>(out_.logits.data()), static_cast<const void*>(out_.v.data()),
                 static_cast<const void*>(out_.rows.data()), static_cast<const void*>(out_.ids.data()),
                 static_cast<const void*>(out_.results.data()), static_cast<const void*>(out_.workspace.data())})
        add(address);
    const LayerBuffers buffers = layer_buffers(act_.layer);
    for (const void* array : buffers.arrays)
        add(array);
    return key;
}

void BatchRunner::run_model(const ModelView& model, KvCache& cache, Activations& act, int64_t n) {
    const Dtype dtype = model.dtype;
    const int64_t element = dtype_bytes(dtype), width = model.qkv_width();
    void* x = fit(device_, act.x, n * model.hidden * element, max_rows_ * model.hidden * element);
    act.layer.reserve(device_, model, n, std::max(n, std::min(n + n / 2, max_rows_)), kScratch | kForward);
    const LayerBuffers buffers = layer_buffers(act.layer);

    const AttentionStep attention = [&](int64_t layer, const void* qkv, void* out) {
        const AttentionShape shape = model.attention_of(layer);
        device_.paged_attention(dtype, shape, n, qkv, width, cache.layer(layer), in_.page_table(),
                in_.page_table_offsets(), in_.n_keys(), out, model.attention_width(), nullptr);
    };
    embed_tokens(device_, model, n, in_.ids(), x);
    const int64_t n_layers = static_cast<int64_t>(model.layers.size());
    for (int64_t layer = 0; layer < n_layers; ++layer) {
        const float* next = layer + 1 < n_layers
                                    ? model.layers[static_cast<size_t>(layer) + 1].vector(LayerTensor::InputNorm)
                                    : nullptr;
        const PagedStep paged{in_.write_pages(), in_.slots(), cache.layer(layer), layer > 0, next};
        layer_forward_paged(device_, model, layer, n, in_.positions(), x, buffers, paged, attention);
    }
}

void BatchRunner::final_rows(const ModelView& model, Activations& act, int64_t n_last) {
    void* last = fit(device_, act.last, n_last * model.hidden * dtype_bytes(model.dtype));
    device_.gather_rows(model.dtype, n_last, model.hidden, in_.last_rows(), act.x.data(), last);
    final_norm_forward(device_, model, n_last, last, last, nullptr);
}

// The head takes one temperature per call: draws are taken in order of temperature. A span that several samples draw from is one row.
void BatchRunner::order_draws(const Plan& plan) {
    order_.resize(plan.draws.size());
    std::iota(order_.begin(), order_.end(), 0);
    const auto temperature = [&](int32_t draw) { return head_temperature(*plan.draws[static_cast<size_t>(draw)]); };
    const auto colder = [&](int32_t a, int32_t b) { return temperature(a) < temperature(b); };
    if (!std::is_sorted(order_.begin(), order_.end(), colder)) std::stable_sort(order_.begin(), order_.end(), colder);

    last_rows_.clear();
    draw_last_row_.clear();
    for (const int32_t draw : order_) {
        const int64_t row = span_last_row_[static_cast<size_t>(plan.draw_span[static_cast<size_t>(draw)])];
        if (last_rows_.empty() || last_rows_.back() != row) last_rows_.push_back(row);
        draw_last_row_.push_back(static_cast<int64_t>(last_rows_.size()) - 1);
    }
}

BatchRunner::HeadChunk BatchRunner::next_chunk(const Plan& plan, size_t first_draw, int64_t first_row) const {
    const auto temperature = [&](size_t i) { return head_temperature(*plan.draws[static_cast<size_t>(order_[i])]); };
    size_t end = first_draw;
    while (end < order_.size() && draw_last_row_[end] < first_row + max_logits_rows_ &&
            temperature(end) == temperature(first_draw))
        ++end;
    return {first_draw, end, first_row, draw_last_row_[end - 1] + 1};
}

void BatchRunner::run_chunk(const Plan& plan, const HeadChunk& chunk) {
    const MemoryScope scope(MemoryUse::Head);
    const Sequence& first = *plan.draws[static_cast<size_t>(order_[chunk.first_draw])];
    const float temperature = head_temperature(first);
    gather_samples(plan, chunk);
    upload_samples();
    const int64_t n = static_cast<int64_t>(sample_rows_.size());
    if (guide_ == nullptr) {
        sample_from_head(chunk, temperature, n);
    } else {
        for (const bool guides : {false, true}) {
            const ChunkLogits c = guides ? chunk_logits(*guide_, guide_act_, chunk, temperature, guide_logits_)
                                         : chunk_logits(model_, act_, chunk, temperature, out_.logits);
            device_.head_logits(c.shape, c.rows, c.x, c.w, c.logits, c.shape.vocab, c.v);
        }
        mix_chunk(chunk.end_row - chunk.first_row, temperature);
        const DrawnRows rows = drawn_rows(n);
        device_.sample(model_.vocab, out_.logits.data(), model_.vocab, out_.v.data(), rows.n, rows.rows, rows.ids,
                rows.workspace, rows.out);
    }
    take_results(chunk);
}

BatchRunner::ChunkLogits BatchRunner::chunk_logits(const ModelView& model, const Activations& act,
        const HeadChunk& chunk, float temperature, DeviceBuffer<float>& out) {
    const int64_t n = chunk.end_row - chunk.first_row;
    return {{model.dtype, model.hidden, model.vocab, temperature, logits_budget_bytes_}, n,
            act.last.data() + chunk.first_row * model.hidden * dtype_bytes(model.dtype), model.head,
            fit(device_, out, n * model.vocab, max_logits_rows_ * model.vocab), fit(device_, out_.v, n)};
}

void BatchRunner::sample_from_head(const HeadChunk& chunk, float temperature, int64_t n) {
    const ChunkLogits c = chunk_logits(model_, act_, chunk, temperature, out_.logits);
    device_.sample_from_head(c.shape, c.rows, c.x, c.w, c.logits, c.shape.vocab, c.v, drawn_rows(n));
}

// z = scale z + (1 - scale) z_guide, and v = logsumexp(z / temperature), on the host: the same arithmetic whatever the device, one order of summation.
void BatchRunner::mix_chunk(int64_t n, float temperature) {
    const int64_t size = n * model_.vocab, bytes = size * static_cast<int64_t>(sizeof(float));
    mixed_.resize(static_cast<size_t>(size));
    guided_.resize(static_cast<size_t>(size));
    mixed_v_.resize(static_cast<size_t>(n));
    device_.download(mixed_.data(), out_.logits.data(), bytes);
    device_.download(guided_.data(), guide_logits_.data(), bytes);
    parallel_for(n, size, [&](int64_t row) {
        float* z = mixed_.data() + row * model_.vocab;
        const float* other = guided_.data() + row * model_.vocab;
        float largest = -std::numeric_limits<float>::infinity();
        for (int64_t a = 0; a < model_.vocab; ++a) {
            z[a] = scale_ * z[a] + (1.0f - scale_) * other[a];
            largest = std::max(largest, z[a]);
        }
        double sum = 0;
        for (int64_t a = 0; a < model_.vocab; ++a)
            sum += std::exp((static_cast<double>(z[a]) - largest) / temperature);
        mixed_v_[static_cast<size_t>(row)] = static_cast<float>(largest / temperature + std::log(sum));
    });
    device_.upload(out_.logits.data(), mixed_.data(), bytes);
    device_.upload(out_.v.data(), mixed_v_.data(), n * static_cast<int64_t>(sizeof(float)));
}

void BatchRunner::gather_samples(const Plan& plan, const HeadChunk& chunk) {
    sample_rows_.clear();
    sample_ids_.clear();
    for (size_t i = chunk.first_draw; i < chunk.end_draw; ++i) {
        const Sequence& sequence = *plan.draws[static_cast<size_t>(order_[i])];
        const Sampling& sampling = sequence.prompt->sampling;
        SampleRow row = sampling.row;
        row.trajectory_id = sequence.trajectory_id;
        row.position = static_cast<int32_t>(sequence.length());
        row.logits_row = static_cast<int32_t>(draw_last_row_[i] - chunk.first_row);
        row.first_seen = static_cast<int32_t>(sample_ids_.size());
        row.n_seen = static_cast<int32_t>(sequence.seen.size());
        sample_ids_.insert(sample_ids_.end(), sequence.seen.begin(), sequence.seen.end());
        if (sequence.n_response() < sampling.min_new_tokens) {
            row.first_masked = static_cast<int32_t>(sample_ids_.size());
            row.n_masked = static_cast<int32_t>(sampling.stop_ids.size());
            sample_ids_.insert(sample_ids_.end(), sampling.stop_ids.begin(), sampling.stop_ids.end());
        }
        sample_rows_.push_back(row);
    }
}

void BatchRunner::upload_samples() {
    upload(device_, out_.rows, sample_rows_);
    if (out_.ids.data() == nullptr) fit(device_, out_.ids, 1);  // a recorded step names it, whether it has ids or not
    upload(device_, out_.ids, sample_ids_);
}

DrawnRows BatchRunner::drawn_rows(int64_t n) {
    return {n, out_.rows.data(), out_.ids.data(),
            fit(device_, out_.workspace, device_.sample_workspace_bytes(model_.vocab)), fit(device_, out_.results, n)};
}

void BatchRunner::take_results(const HeadChunk& chunk) {
    chunk_results_.resize(chunk.end_draw - chunk.first_draw);
    device_.download(chunk_results_.data(), out_.results.data(),
            static_cast<int64_t>(chunk_results_.size() * sizeof(SampleResult)));
    for (size_t i = 0; i < chunk_results_.size(); ++i)
        results_[static_cast<size_t>(order_[chunk.first_draw + i])] = chunk_results_[i];
}

}  // namespace tbrm
