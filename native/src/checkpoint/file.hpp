#pragma once
// file.hpp - an input file and a synced output file. Errors: IO with the operating system's error number, naming the path.
#include <cstdint>
#include <string>

namespace tbrm {

// A regular file, read-only. Not mapped: a mapped page that cannot be read, because the disk failed or another process cut the file short,
// ends the process by a signal.
class InputFile {
public:
    explicit InputFile(const std::string& path);
    ~InputFile();
    InputFile(const InputFile&) = delete;
    InputFile& operator=(const InputFile&) = delete;

    // As the file was opened.
    int64_t size() const { return size_; }

    // Bytes [offset, offset + n) to out. BAD_FILE when the file has become shorter than that.
    void read(int64_t offset, int64_t n, void* out) const;

private:
    std::string path_;
    intptr_t handle_ = -1;
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
