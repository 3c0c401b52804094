#pragma once
// file.hpp - a mapped input file and a synced output file. Errors: IO with the operating system's error number, naming the path.
#include <cstdint>
#include <string>

namespace tbrm {

// The whole of a regular file, read-only. Pages are read when touched.
class MappedFile {
public:
    explicit MappedFile(const std::string& path);
    ~MappedFile();
    MappedFile(const MappedFile&) = delete;
    MappedFile& operator=(const MappedFile&) = delete;

    const uint8_t* data() const { return data_; }
    int64_t size() const { return size_; }

private:
    const uint8_t* data_ = nullptr;
    int64_t size_ = 0;
};

// Created or truncated. What was written counts only after finish(): without it the destructor removes the file again.
class OutputFile {
public:
    explicit OutputFile(const std::string& path);
    ~OutputFile();
    OutputFile(const OutputFile&) = delete;
    OutputFile& operator=(const OutputFile&) = delete;

    void write(const void* bytes, int64_t n);
    // Brings everything to the disk and closes.
    void finish();

private:
    [[noreturn]] void fail(const char* action, int error);

    std::string path_;
    int descriptor_ = -1;
    bool regular_ = false;
    int64_t written_ = 0;
};

}  // namespace tbrm
