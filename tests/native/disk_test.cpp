// disk_test.cpp - every call on a file fails once, over what is written and read of a model: the status is IO with the errno, the message names the
// file, nothing half written stays, and the call made again succeeds with the same bytes. The calls come here through the linker's --wrap.
#include <fcntl.h>
#include <sys/types.h>

#include <cerrno>
#include <cstdarg>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>

#include "adapter_cases.hpp"
#include "core/guard.hpp"
#include "temporary_folder.hpp"

namespace {

int64_t g_left = 0;  // calls up to the one that fails
int g_error = 0;

bool fails() {
    if (g_left <= 0 || --g_left > 0) return false;
    errno = g_error;
    return true;
}

}  // namespace

extern "C" {
int __real_open(const char* path, int flags, mode_t mode);
ssize_t __real_write(int descriptor, const void* bytes, size_t n);
ssize_t __real_pread(int descriptor, void* bytes, size_t n, off_t offset);
int __real_fsync(int descriptor);
int __wrap_open(const char* path, int flags, ...);
ssize_t __wrap_write(int descriptor, const void* bytes, size_t n);
ssize_t __wrap_pread(int descriptor, void* bytes, size_t n, off_t offset);
int __wrap_fsync(int descriptor);

int __wrap_open(const char* path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    return fails() ? -1 : __real_open(path, flags, mode);
}
ssize_t __wrap_write(int descriptor, const void* bytes, size_t n) {
    return fails() ? -1 : __real_write(descriptor, bytes, n);
}
ssize_t __wrap_pread(int descriptor, void* bytes, size_t n, off_t offset) {
    return fails() ? -1 : __real_pread(descriptor, bytes, n, offset);
}
int __wrap_fsync(int descriptor) {
    return fails() ? -1 : __real_fsync(descriptor);
}
}

using namespace tbrm;
using namespace tbrm::testing;

namespace {

using Call = std::function<tbrm_status_t(const char* path, tbrm_error_t* err)>;

std::string content(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

// The n-th call fails with `error`, for every n, until the whole succeeds. How many calls there were.
int64_t every_call_fails(const char* name, const std::string& path, int error, bool writes, const Call& call) {
    for (int64_t n = 1;; ++n) {
        if (writes) std::filesystem::remove(path);
        tbrm_error_t err{};
        g_left = n;
        g_error = error;
        const tbrm_status_t status = call(path.c_str(), &err);
        const bool reached = g_left == 0;
        g_left = 0;
        if (!reached || failures() > 20) {
            CHECK_MSG(status == TBRM_STATUS_OK, "%s: status %d: %s", name, status, err.message);
            return n - 1;
        }
        if (error == EINTR) {
            CHECK_MSG(status == TBRM_STATUS_OK || n == 1, "%s, call %d: an interruption is no failure: %s", name,
                    static_cast<int>(n), err.message);
            continue;
        }
        CHECK_MSG(status == TBRM_STATUS_IO && err.device_code == error, "%s, call %d: status %d, errno %d: %s", name,
                static_cast<int>(n), status, err.device_code, err.message);
        CHECK_MSG(std::strstr(err.message, path.c_str()) != nullptr &&
                          std::strstr(err.message, std::strerror(error)) != nullptr,
                "%s, call %d: '%s' does not say which file and what", name, static_cast<int>(n), err.message);
        CHECK_MSG(!writes || !std::filesystem::exists(path), "%s, call %d: a part of the file stays", name,
                static_cast<int>(n));
    }
}

}  // namespace

TBRM_TEST(every_call_on_a_file_fails_once) {
    const TemporaryFolder folder;
    const ContextHandle context = make_context(1);
    const ModelHandle model = make_model(context.get(), tiny_config(TBRM_DTYPE_F32), 100),
                      adapted = adapted_model(context.get(), tiny_config(TBRM_DTYPE_F32));
    const OptimizerHandle optimizer = make_optimizer(model.get(), 0.1f);
    const struct {
        const char* name;
        Call save, load;
    } files[] = {
            {"weights",
                    [&](const char* path, tbrm_error_t* err) {
                        return tbrm_checkpoint_save_weights(
                                model.get(), path, 0, tbrm_model_tensor_count(model.get()), err);
                    },
                    [&](const char* path, tbrm_error_t* err) {
                        int64_t found = 0;
                        return tbrm_checkpoint_load_weights(model.get(), path, &found, err);
                    }},
            {"adapter",
                    [&](const char* path, tbrm_error_t* err) {
                        return tbrm_checkpoint_save_adapter(adapted.get(), path, err);
                    },
                    [&](const char* path, tbrm_error_t* err) {
                        return tbrm_checkpoint_load_adapter(adapted.get(), path, err);
                    }},
            {"optimizer",
                    [&](const char* path, tbrm_error_t* err) {
                        return tbrm_checkpoint_save_optimizer(optimizer.get(), path, err);
                    },
                    [&](const char* path, tbrm_error_t* err) {
                        return tbrm_checkpoint_load_optimizer(optimizer.get(), path, err);
                    }},
    };
    for (const auto& file : files) {
        const std::string path = folder / file.name;
        tbrm_error_t err{};
        expect_ok(file.save(path.c_str(), &err), err, file.name);
        const std::string whole = content(path);
        for (const int error : {EIO, ENOSPC, EDQUOT, EINTR}) {
            CHECK(every_call_fails(file.name, path, error, true, file.save) >= 3);  // open, write, sync
            CHECK_MSG(content(path) == whole, "%s: other bytes", file.name);
            if (error == ENOSPC || error == EDQUOT) continue;
            CHECK(every_call_fails(file.name, path, error, false, file.load) >= 2);  // open, read
        }
    }
}

int main(int argc, char** argv) {
    return tbrm::testing::run(argc, argv);
}
