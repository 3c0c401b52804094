// safetensors_writer.cpp - the header of a file to be written, and conversions of elements.
#include <cstring>
#include <string>

#include "checkpoint/safetensors.hpp"
#include "core/dtype.hpp"
#include "core/guard.hpp"

namespace tbrm {
namespace {

// IEEE half to fp32, exactly; subnormals, infinities and NaN included.
float half_to_float(uint16_t half) {
    const uint32_t sign = static_cast<uint32_t>(half & 0x8000u) << 16;
    const uint32_t exponent = (half >> 10) & 0x1fu, fraction = half & 0x3ffu;
    uint32_t bits;
    if (exponent == 0) {
        const float value = static_cast<float>(fraction) * 5.9604644775390625e-8f;  // 2^-24
        std::memcpy(&bits, &value, sizeof bits);
        bits |= sign;
    } else {
        bits = sign | ((exponent == 31 ? 255u : exponent + 112u) << 23) | (fraction << 13);
    }
    float value;
    std::memcpy(&value, &bits, sizeof value);
    return value;
}

// A JSON string. Bytes from 0x80 on are passed through: names are UTF-8.
std::string quoted(const std::string& text) {
    std::string json = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') json += '\\';
        if (static_cast<unsigned char>(c) < 0x20) {
            json += format("\\u%04x", static_cast<unsigned>(c));
        } else {
            json += c;
        }
    }
    return json + '"';
}

template <class T, class Convert>
void widen(const uint8_t* bytes, int64_t n, float* out, Convert&& convert) {
    for (int64_t i = 0; i < n; ++i) {
        T value;
        std::memcpy(&value, bytes + i * static_cast<int64_t>(sizeof(T)), sizeof(T));
        out[i] = convert(value);
    }
}

}  // namespace

void widen_elements(FileDtype dtype, const uint8_t* bytes, int64_t first, int64_t n, float* out) {
    const uint8_t* from = bytes + first * file_dtype_info(dtype).bytes;
    switch (dtype) {
        case FileDtype::F32:
            widen<float>(from, n, out, [](float x) { return x; });
            return;
        case FileDtype::BF16:
            widen<uint16_t>(from, n, out, [](uint16_t x) { return to_float(bf16{x}); });
            return;
        case FileDtype::F16:
            widen<uint16_t>(from, n, out, half_to_float);
            return;
        case FileDtype::F64:
            widen<double>(from, n, out, [](double x) { return static_cast<float>(x); });
            return;
        default:
            TBRM_FAIL(TBRM_STATUS_INTERNAL, "dtype %s is not a weight's", file_dtype_info(dtype).name);
    }
}

// Written by hand: nlohmann's values do not survive an allocation that fails while they are built.
std::string safetensors_header(std::vector<FileTensor>& tensors, const std::map<std::string, std::string>& metadata) {
    std::string text = "{\"__metadata__\":{";
    for (const auto& [key, value] : metadata)
        text += (text.back() == '{' ? "" : ",") + quoted(key) + ':' + quoted(value);
    text += '}';
    int64_t next = 0;
    for (FileTensor& tensor : tensors) {
        int64_t bytes = file_dtype_info(tensor.dtype).bytes;
        std::string shape;
        for (const int64_t size : tensor.shape) {
            bytes *= size;
            shape += (shape.empty() ? "" : ",") + std::to_string(size);
        }
        tensor.begin = next;
        tensor.end = next += bytes;
        text += ',' + quoted(tensor.name) + ":{\"dtype\":\"" + file_dtype_info(tensor.dtype).name + "\",\"shape\":[" +
                shape + "],\"data_offsets\":[" + std::to_string(tensor.begin) + ',' + std::to_string(tensor.end) + "]}";
    }
    text += '}';
    text.resize((text.size() + 7) / 8 * 8, ' ');  // the first tensor starts on a multiple of 8
    std::string bytes(8, '\0');
    for (int i = 0; i < 8; ++i)
        bytes[static_cast<size_t>(i)] = static_cast<char>(static_cast<uint64_t>(text.size()) >> (8 * i));
    for (FileTensor& tensor : tensors) {
        tensor.begin += static_cast<int64_t>(bytes.size() + text.size());
        tensor.end += static_cast<int64_t>(bytes.size() + text.size());
    }
    return bytes + text;
}

}  // namespace tbrm
