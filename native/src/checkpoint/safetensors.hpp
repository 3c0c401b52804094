#pragma once
// safetensors.hpp - the file format of Hugging Face's weights: 8 bytes little-endian header length, a JSON header, then the tensors' bytes.
// Reading takes nothing on trust: every length, offset, shape and name is checked before a byte of it is used.
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "checkpoint/file.hpp"

namespace tbrm {

enum class FileDtype { Bool, U8, I8, F8E4M3, F8E5M2, F8E8M0, U16, I16, F16, BF16, U32, I32, F32, U64, I64, F64, C64 };

struct FileDtypeInfo {
    const char* name;
    int64_t bytes;
};

const FileDtypeInfo& file_dtype_info(FileDtype dtype);

struct FileTensor {
    std::string name;
    FileDtype dtype;
    std::vector<int64_t> shape;
    int64_t begin;  // byte of the file
    int64_t end;

    int64_t elements() const { return (end - begin) / file_dtype_info(dtype).bytes; }
};

struct SafetensorsHeader {
    std::vector<FileTensor> tensors;  // ordered by name
    std::map<std::string, std::string> metadata;

    const FileTensor* find(const std::string& name) const;
};

// Reads the header of a file of `size` bytes, of which data holds at least length and header. Throws BAD_FILE naming tensor and byte; `path` is
// for the message.
SafetensorsHeader parse_safetensors(const uint8_t* data, int64_t size, const std::string& path);

// An open file with its header.
class SafetensorsFile {
public:
    explicit SafetensorsFile(const std::string& path);

    const std::string& path() const { return path_; }
    const SafetensorsHeader& header() const { return header_; }

    // Elements [first, first + n) of a tensor, as they are stored.
    void read(const FileTensor& tensor, int64_t first, int64_t n, void* out) const;

private:
    std::string path_;
    InputFile file_;
    SafetensorsHeader header_;
};

// Elements [first, first + n) as fp32, from bytes of any alignment. dtype: one of F64, F32, F16, BF16.
void widen_elements(FileDtype dtype, const uint8_t* bytes, int64_t first, int64_t n, float* out);

// A tensor's name for a message: shortened, control characters replaced.
std::string printable(const std::string& name);

// The 8 + header bytes of a file that holds `tensors` (name, dtype, shape; begin and end are filled in) in this order.
std::string safetensors_header(std::vector<FileTensor>& tensors, const std::map<std::string, std::string>& metadata);

}  // namespace tbrm
