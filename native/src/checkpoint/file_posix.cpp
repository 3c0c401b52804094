#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "checkpoint/file.hpp"
#include "core/guard.hpp"

namespace tbrm {
namespace {

[[noreturn]] void fail_io(const std::string& path, const char* action, int error) {
    throw Failure(TBRM_STATUS_IO, error, TBRM_WHERE,
            format("cannot %s: %s (errno %d): %s", action, std::strerror(error), error, path.c_str()));
}

[[noreturn]] void fail_cut_short(const std::string& path, int64_t end, int64_t size) {
    TBRM_FAIL(TBRM_STATUS_BAD_FILE,
            "the file ends at byte %lld, it had %lld bytes when it was opened: something cut it short meanwhile: %s",
            static_cast<long long>(end), static_cast<long long>(size), path.c_str());
}

}  // namespace

InputFile::InputFile(const std::string& path) : path_(path) {
    // Non-blocking, or a named pipe would wait for its writer.
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0) fail_io(path, "open", errno);
    struct stat status {};
    int error = ::fstat(descriptor, &status) != 0 ? errno : 0;
    if (error == 0 && !S_ISREG(status.st_mode)) error = S_ISDIR(status.st_mode) ? EISDIR : EINVAL;
    if (error != 0) {
        ::close(descriptor);
        fail_io(path, "read", error);
    }
    handle_ = descriptor;
    size_ = static_cast<int64_t>(status.st_size);
#if defined(POSIX_FADV_SEQUENTIAL)
    ::posix_fadvise(descriptor, 0, 0, POSIX_FADV_SEQUENTIAL);
#endif
}

InputFile::~InputFile() {
    ::close(static_cast<int>(handle_));
}

void InputFile::read(int64_t offset, int64_t n, void* out) const {
    uint8_t* next = static_cast<uint8_t*>(out);
    while (n > 0) {
        const size_t now = static_cast<size_t>(std::min<int64_t>(n, 1 << 30));
        const ssize_t done = ::pread(static_cast<int>(handle_), next, now, static_cast<off_t>(offset));
        if (done < 0 && errno == EINTR) continue;
        if (done < 0) fail_io(path_, "read", errno);
        if (done == 0) fail_cut_short(path_, offset, size_);
        next += done;
        offset += done;
        n -= done;
    }
}

OutputFile::OutputFile(const std::string& path) : path_(path) {
    descriptor_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (descriptor_ < 0) fail("create", errno);
    struct stat status {};
    regular_ = ::fstat(descriptor_, &status) == 0 && S_ISREG(status.st_mode);
}

OutputFile::~OutputFile() {
    if (descriptor_ < 0) return;
    ::close(descriptor_);
    if (regular_) ::unlink(path_.c_str());
}

void OutputFile::fail(const char* action, int error) {
    throw Failure(TBRM_STATUS_IO, error, TBRM_WHERE,
            format("cannot %s after %lld bytes: %s (errno %d): %s", action, static_cast<long long>(written_),
                    std::strerror(error), error, path_.c_str()));
}

void OutputFile::write(const void* bytes, int64_t n) {
    const uint8_t* next = static_cast<const uint8_t*>(bytes);
    while (n > 0) {
        const ssize_t done = ::write(descriptor_, next, static_cast<size_t>(std::min<int64_t>(n, 1 << 30)));
        if (done < 0 && errno == EINTR) continue;
        if (done < 0) fail("write", errno);
        next += done;
        n -= done;
        written_ += done;
    }
}

void OutputFile::finish() {
    while (regular_ && ::fsync(descriptor_) != 0) {
        if (errno != EINTR) fail("sync", errno);
    }
    const int descriptor = descriptor_;
    descriptor_ = -1;
    if (::close(descriptor) != 0) fail("close", errno);
}

}  // namespace tbrm
