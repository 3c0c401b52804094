#if !defined(NOMINMAX)
#define NOMINMAX
#endif
#include <windows.h>

#include <fcntl.h>
#include <io.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "checkpoint/file.hpp"
#include "core/guard.hpp"

namespace tbrm {
namespace {

// UTF-8, as every path of the contract, to what the system's wide functions take.
std::wstring wide(const std::string& path) {
    const int n = MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, path.c_str(), -1, nullptr, 0);
    if (n <= 0) throw Failure(TBRM_STATUS_IO, EINVAL, TBRM_WHERE, "the path is not UTF-8: " + path);
    std::wstring out(static_cast<size_t>(n), L'\0');
    MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, path.c_str(), -1, &out[0], n);
    out.resize(static_cast<size_t>(n) - 1);
    return out;
}

// The closest errno: callers on every system tell a missing file and a full disk from the rest by it.
int as_errno(DWORD error) {
    switch (error) {
        case ERROR_FILE_NOT_FOUND:
        case ERROR_PATH_NOT_FOUND:
            return ENOENT;
        case ERROR_ACCESS_DENIED:
        case ERROR_SHARING_VIOLATION:
            return EACCES;
        case ERROR_DIRECTORY:
            return EISDIR;
        case ERROR_DISK_FULL:
        case ERROR_HANDLE_DISK_FULL:
            return ENOSPC;
        case ERROR_NOT_ENOUGH_MEMORY:
        case ERROR_COMMITMENT_LIMIT:
            return ENOMEM;
        default:
            return EIO;
    }
}

[[noreturn]] void fail_io(const std::string& path, const char* action, DWORD error) {
    const int number = as_errno(error);
    throw Failure(TBRM_STATUS_IO, number, TBRM_WHERE,
            format("cannot %s: %s (Windows error %lu): %s", action, std::strerror(number), error, path.c_str()));
}

[[noreturn]] void fail_cut_short(const std::string& path, int64_t end, int64_t size) {
    TBRM_FAIL(TBRM_STATUS_BAD_FILE,
            "the file ends at byte %lld, it had %lld bytes when it was opened: something cut it short meanwhile: %s",
            static_cast<long long>(end), static_cast<long long>(size), path.c_str());
}

}  // namespace

InputFile::InputFile(const std::string& path) : path_(path) {
    const DWORD attributes = GetFileAttributesW(wide(path).c_str());
    if (attributes != INVALID_FILE_ATTRIBUTES && (attributes & FILE_ATTRIBUTE_DIRECTORY) != 0)
        fail_io(path, "read", ERROR_DIRECTORY);
    const HANDLE file = CreateFileW(wide(path).c_str(), GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_DELETE, nullptr,
            OPEN_EXISTING, FILE_FLAG_SEQUENTIAL_SCAN, nullptr);
    if (file == INVALID_HANDLE_VALUE) fail_io(path, "open", GetLastError());
    LARGE_INTEGER size{};
    DWORD error = GetFileType(file) != FILE_TYPE_DISK ? ERROR_BAD_FILE_TYPE : 0;
    if (error == 0 && !GetFileSizeEx(file, &size)) error = GetLastError();
    if (error != 0) {
        CloseHandle(file);
        fail_io(path, "read", error);
    }
    handle_ = reinterpret_cast<intptr_t>(file);
    size_ = size.QuadPart;
}

InputFile::~InputFile() {
    CloseHandle(reinterpret_cast<HANDLE>(handle_));
}

void InputFile::read(int64_t offset, int64_t n, void* out) const {
    uint8_t* next = static_cast<uint8_t*>(out);
    while (n > 0) {
        OVERLAPPED at{};
        at.Offset = static_cast<DWORD>(static_cast<uint64_t>(offset));
        at.OffsetHigh = static_cast<DWORD>(static_cast<uint64_t>(offset) >> 32);
        DWORD done = 0;
        const DWORD now = static_cast<DWORD>(std::min<int64_t>(n, 1 << 30));
        const bool good = ReadFile(reinterpret_cast<HANDLE>(handle_), next, now, &done, &at) != 0;
        if (!good && GetLastError() != ERROR_HANDLE_EOF) fail_io(path_, "read", GetLastError());
        if (done == 0) fail_cut_short(path_, offset, size_);
        next += done;
        offset += done;
        n -= done;
    }
}

OutputFile::OutputFile(const std::string& path) : path_(path) {
    descriptor_ = _wopen(
            wide(path).c_str(), _O_WRONLY | _O_CREAT | _O_TRUNC | _O_BINARY | _O_NOINHERIT, _S_IREAD | _S_IWRITE);
    if (descriptor_ < 0) fail("create", errno);
    struct _stat64 status {};
    regular_ = _fstat64(descriptor_, &status) == 0 && (status.st_mode & _S_IFREG) != 0;
}

OutputFile::~OutputFile() {
    if (descriptor_ < 0) return;
    _close(descriptor_);
    if (regular_) _wunlink(wide(path_).c_str());
}

void OutputFile::fail(const char* action, int error) {
    throw Failure(TBRM_STATUS_IO, error, TBRM_WHERE,
            format("cannot %s after %lld bytes: %s (errno %d): %s", action, static_cast<long long>(written_),
                    std::strerror(error), error, path_.c_str()));
}

void OutputFile::write(const void* bytes, int64_t n) {
    const uint8_t* next = static_cast<const uint8_t*>(bytes);
    while (n > 0) {
        const int done = _write(descriptor_, next, static_cast<unsigned>(std::min<int64_t>(n, 1 << 30)));
        if (done < 0) fail("write", errno);
        next += done;
        n -= done;
        written_ += done;
    }
}

void OutputFile::finish() {
    if (regular_ && _commit(descriptor_) != 0) fail("sync", errno);
    const int descriptor = descriptor_;
    descriptor_ = -1;
    if (_close(descriptor) != 0) fail("close", errno);
}

}  // namespace tbrm
