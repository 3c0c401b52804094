// safetensors_reader.cpp - the header, checked. Format: https://huggingface.co/docs/safetensors (Format).
#include <algorithm>
#include <cstring>
#include <iterator>
#include <limits>
#include <nlohmann/json.hpp>

#include "checkpoint/safetensors.hpp"
#include "core/guard.hpp"

namespace tbrm {
namespace {

constexpr int64_t kMaxHeaderBytes = 100'000'000;
constexpr int64_t kLengthBytes = 8;

constexpr FileDtypeInfo kDtypes[] = {{"BOOL", 1}, {"U8", 1}, {"I8", 1}, {"F8_E4M3", 1}, {"F8_E5M2", 1}, {"F8_E8M0", 1},
        {"U16", 2}, {"I16", 2}, {"F16", 2}, {"BF16", 2}, {"U32", 4}, {"I32", 4}, {"F32", 4}, {"U64", 8}, {"I64", 8},
        {"F64", 8}, {"C64", 8}};

// Walks the header's bytes and says how far the parser has come, for messages.
class CountingIterator {
public:
    using iterator_category = std::input_iterator_tag;
    using value_type = char;
    using difference_type = std::ptrdiff_t;
    using pointer = const char*;
    using reference = const char&;

    CountingIterator(const char* at, int64_t* position) : at_(at), position_(position) {}
    reference operator*() const { return *at_; }
    CountingIterator& operator++() {
        ++at_;
        if (position_ != nullptr) ++*position_;
        return *this;
    }
    CountingIterator operator++(int) {
        const CountingIterator before = *this;
        ++*this;
        return before;
    }
    bool operator==(const CountingIterator& other) const { return at_ == other.at_; }
    bool operator!=(const CountingIterator& other) const { return at_ != other.at_; }

private:
    const char* at_;
    int64_t* position_;
};

// Receives the header's JSON events: {"name": {"dtype": s, "shape": [..], "data_offsets": [b, e]}, "__metadata__": {s: s}}.
// Anything else stops the parser with a message.
class HeaderHandler final : public nlohmann::json_sax<nlohmann::json> {
public:
    explicit HeaderHandler(SafetensorsHeader& header) : header_(header) {}

    std::string error;  // of what was found where it does not belong; empty: the JSON itself is at fault

    bool null() override {
        // Some writers put null where they have no metadata.
        if (place_ != Place::MetadataStart) return refuse("null");
        place_ = Place::Tensors;
        return true;
    }
    bool boolean(bool) override { return refuse("a boolean"); }
    bool number_integer(number_integer_t) override { return refuse("a negative number"); }
    bool number_float(number_float_t, const string_t&) override { return refuse("a fraction or a number past 2^64"); }
    bool binary(binary_t&) override { return refuse("binary data"); }

    bool number_unsigned(number_unsigned_t value) override {
        if (place_ != Place::Shape && place_ != Place::Offsets) return refuse("a number");
        if (value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) return refuse("a number past 2^63");
        (place_ == Place::Shape ? tensor_.shape : offsets_).push_back(static_cast<int64_t>(value));
        if (place_ == Place::Offsets && offsets_.size() > 2) return refuse("a third data offset");
        if (tensor_.shape.size() > 64) return refuse("a shape of more than 64 dimensions");
        return true;
    }

    bool string(string_t& value) override {
        if (place_ == Place::MetadataValue) {
            if (!header_.metadata.emplace(key_, value).second) return refuse("the same metadata key again");
            place_ = Place::Metadata;
            return true;
        }
        if (place_ != Place::Dtype) return refuse("a string");
        const auto* known = std::find_if(
                std::begin(kDtypes), std::end(kDtypes), [&](const FileDtypeInfo& info) { return value == info.name; });
        if (known == std::end(kDtypes)) return refuse(("the unknown dtype '" + printable(value) + '\'').c_str());
        tensor_.dtype = static_cast<FileDtype>(known - std::begin(kDtypes));
        return field_done();
    }

    bool key(string_t& value) override {
        if (place_ == Place::Tensors) {
            if (value == "__metadata__") {
                if (seen_metadata_) return refuse("a second __metadata__");
                seen_metadata_ = true;
                place_ = Place::MetadataStart;
                return true;
            }
            tensor_ = FileTensor{value, FileDtype::U8, {}, 0, 0};
            place_ = Place::TensorStart;
            return true;
        }
        if (place_ == Place::Metadata) {
            key_ = value;
            place_ = Place::MetadataValue;
            return true;
        }
        return tensor_field(value);
    }

    bool start_object(std::size_t) override {
        switch (place_) {
            case Place::Start:
                place_ = Place::Tensors;
                return true;
            case Place::MetadataStart:
                place_ = Place::Metadata;
                return true;
            case Place::TensorStart:
                place_ = Place::Fields;
                fields_ = 0;
                offsets_.clear();
                return true;
            default:
                return refuse("an object");
        }
    }

    bool end_object() override {
        if (place_ == Place::Fields) {
            if (fields_ != 7) return refuse("a tensor without all of dtype, shape and data_offsets");
            tensor_.begin = offsets_[0];
            tensor_.end = offsets_[1];
            header_.tensors.push_back(std::move(tensor_));
            tensor_ = {};
        }
        place_ = place_ == Place::Tensors ? Place::End : Place::Tensors;
        return true;
    }

    bool start_array(std::size_t) override {
        if (place_ == Place::ShapeStart) {
            place_ = Place::Shape;
            return true;
        }
        if (place_ == Place::OffsetsStart) {
            place_ = Place::Offsets;
            return true;
        }
        return refuse("a list");
    }

    bool end_array() override {
        if (place_ == Place::Offsets && offsets_.size() != 2) return refuse("fewer than two data offsets");
        return field_done();
    }

    bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) override { return false; }

private:
    enum class Place {
        Start,
        Tensors,
        MetadataStart,
        Metadata,
        MetadataValue,
        TensorStart,
        Fields,
        Dtype,
        ShapeStart,
        Shape,
        OffsetsStart,
        Offsets,
        End
    };

    bool tensor_field(const std::string& name) {
        const int bit = name == "dtype" ? 1 : name == "shape" ? 2 : name == "data_offsets" ? 4 : 0;
        if (bit == 0) return refuse(("the unknown field '" + printable(name) + '\'').c_str());
        if ((fields_ & bit) != 0) return refuse(("the field '" + name + "' twice").c_str());
        fields_ |= bit;
        place_ = bit == 1 ? Place::Dtype : bit == 2 ? Place::ShapeStart : Place::OffsetsStart;
        return true;
    }

    bool field_done() {
        place_ = Place::Fields;
        return true;
    }

    bool refuse(const char* found) {
        error = std::string("found ") + found;
        const bool in_tensor = place_ >= Place::TensorStart && place_ <= Place::Offsets;
        if (in_tensor) error += " in tensor '" + printable(tensor_.name) + '\'';
        return false;
    }

    SafetensorsHeader& header_;
    Place place_ = Place::Start;
    FileTensor tensor_{};
    std::vector<int64_t> offsets_;
    std::string key_;
    int fields_ = 0;
    bool seen_metadata_ = false;
};

[[noreturn]] void fail_file(const std::string& path, const std::string& message) {
    TBRM_FAIL(TBRM_STATUS_BAD_FILE, "%s: not a valid safetensors file: %s", message.c_str(), path.c_str());
}

using ll = long long;

// Bytes that the tensor's shape takes; -1 when that passes 2^63.
int64_t shape_bytes(const FileTensor& tensor) {
    int64_t bytes = file_dtype_info(tensor.dtype).bytes;
    bool empty = false;
    for (const int64_t size : tensor.shape)
        empty = empty || size == 0;
    if (empty) return 0;
    for (const int64_t size : tensor.shape) {
        if (bytes > std::numeric_limits<int64_t>::max() / size) return -1;
        bytes *= size;
    }
    return bytes;
}

// Tensors lie end to end: no gap, no overlap, nothing after the last. Offsets become bytes of the file.
void check_tensors(std::vector<FileTensor>& tensors, int64_t data_begin, int64_t size, const std::string& path) {
    std::sort(tensors.begin(), tensors.end(), [](const FileTensor& a, const FileTensor& b) {
        return a.begin != b.begin ? a.begin < b.begin : a.end < b.end;
    });
    int64_t next = 0;
    const int64_t data_bytes = size - data_begin;
    for (FileTensor& tensor : tensors) {
        const std::string name = printable(tensor.name);
        if (tensor.begin > tensor.end || tensor.end > data_bytes) {
            fail_file(path, format("tensor '%s' is bytes %lld to %lld of %lld that follow the header at byte %lld",
                                    name.c_str(), ll{tensor.begin}, ll{tensor.end}, ll{data_bytes}, ll{data_begin}));
        }
        const int64_t expected = shape_bytes(tensor);
        if (expected != tensor.end - tensor.begin) {
            fail_file(path, format("tensor '%s' has %lld bytes at byte %lld, its shape and dtype %s take %lld",
                                    name.c_str(), ll{tensor.end - tensor.begin}, ll{data_begin + tensor.begin},
                                    file_dtype_info(tensor.dtype).name, ll{expected}));
        }
        if (tensor.begin != next) {
            fail_file(path, format("tensor '%s' starts at byte %lld, %s the tensor before it, which ends at byte %lld",
                                    name.c_str(), ll{data_begin + tensor.begin},
                                    tensor.begin < next ? "inside" : "after a gap behind", ll{data_begin + next}));
        }
        next = tensor.end;
        tensor.begin += data_begin;
        tensor.end += data_begin;
    }
    if (next != data_bytes) {
        fail_file(path, format("%lld bytes follow the last tensor, which ends at byte %lld", ll{data_bytes - next},
                                ll{data_begin + next}));
    }
}

// The header's bytes behind its length, which are the file's first 8.
int64_t header_bytes(const uint8_t* data, int64_t size, const std::string& path) {
    if (size < kLengthBytes)
        fail_file(path, format("the file has %lld bytes, the header's length alone takes 8", ll{size}));
    uint64_t length = 0;
    for (int i = 0; i < 8; ++i)
        length |= static_cast<uint64_t>(data[i]) << (8 * i);
    if (length > static_cast<uint64_t>(std::min(kMaxHeaderBytes, size - kLengthBytes))) {
        fail_file(path,
                format("bytes 0 to 7 give a header of %llu bytes; the file has %lld behind them, and a header has at "
                       "most %lld",
                        static_cast<unsigned long long>(length), ll{size - kLengthBytes}, ll{kMaxHeaderBytes}));
    }
    return static_cast<int64_t>(length);
}

SafetensorsHeader read_header(const InputFile& file, const std::string& path) {
    std::vector<uint8_t> bytes(kLengthBytes);
    file.read(0, std::min(file.size(), kLengthBytes), bytes.data());
    const int64_t n = header_bytes(bytes.data(), file.size(), path);
    bytes.resize(static_cast<size_t>(kLengthBytes + n));
    file.read(kLengthBytes, n, bytes.data() + kLengthBytes);
    return parse_safetensors(bytes.data(), file.size(), path);
}

void sort_by_name(std::vector<FileTensor>& tensors, const std::string& path) {
    std::sort(tensors.begin(), tensors.end(), [](const FileTensor& a, const FileTensor& b) { return a.name < b.name; });
    const auto twice = std::adjacent_find(
            tensors.begin(), tensors.end(), [](const FileTensor& a, const FileTensor& b) { return a.name == b.name; });
    if (twice != tensors.end()) fail_file(path, "the header names tensor '" + printable(twice->name) + "' twice");
}

}  // namespace

const FileDtypeInfo& file_dtype_info(FileDtype dtype) {
    return kDtypes[static_cast<int>(dtype)];
}

std::string printable(const std::string& name) {
    constexpr size_t kShown = 96;
    std::string shown = name.substr(0, kShown);
    for (char& c : shown) {
        if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) >= 0x7f) c = '?';
    }
    return name.size() > kShown ? shown + "..." : shown;
}

SafetensorsFile::SafetensorsFile(const std::string& path)
    : path_(path), file_(path), header_(read_header(file_, path)) {}

void SafetensorsFile::read(const FileTensor& tensor, int64_t first, int64_t n, void* out) const {
    const int64_t size = file_dtype_info(tensor.dtype).bytes;
    file_.read(tensor.begin + first * size, n * size, out);
}

const FileTensor* SafetensorsHeader::find(const std::string& name) const {
    const auto at = std::lower_bound(tensors.begin(), tensors.end(), name,
            [](const FileTensor& tensor, const std::string& wanted) { return tensor.name < wanted; });
    return at != tensors.end() && at->name == name ? &*at : nullptr;
}

SafetensorsHeader parse_safetensors(const uint8_t* data, int64_t size, const std::string& path) {
    const char* json = reinterpret_cast<const char*>(data) + kLengthBytes;
    const int64_t n = header_bytes(data, size, path);
    if (n == 0 || json[0] != '{') fail_file(path, "the header at byte 8 does not begin with '{'");

    // The parser takes a NUL for the end of its input.
    if (const void* nul = std::memchr(json, '\0', static_cast<size_t>(n))) {
        fail_file(path, format("the header is not JSON: a NUL at byte %lld",
                                ll{kLengthBytes + (static_cast<const char*>(nul) - json)}));
    }

    SafetensorsHeader header;
    HeaderHandler handler(header);
    int64_t position = kLengthBytes;
    const bool good =
            nlohmann::json::sax_parse(CountingIterator(json, &position), CountingIterator(json + n, nullptr), &handler);
    if (!good) {
        fail_file(path, (handler.error.empty() ? std::string("the header is not JSON") : handler.error) +
                                format(" near byte %lld", ll{position}));
    }
    check_tensors(header.tensors, kLengthBytes + n, size, path);
    sort_by_name(header.tensors, path);
    return header;
}

}  // namespace tbrm
