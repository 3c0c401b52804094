// fault.c - preloaded: the n-th system call on a folder fails or kills the process. Driven by .ci/faults.
//   FAULT_PATH  counts calls whose path, or whose descriptor's path, contains this
//   FAULT_N     the call that fails; 0: none, count only        FAULT_ERR  its errno; 0: SIGKILL instead
//   FAULT_FULL  1: from that call on, everything that needs room fails: a disk that is full and stays so
//   FAULT_LOG   receives a line per call: number, name, path
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static __thread int inside;
static long calls, chosen;
static int stays_full;
static int error_number = EIO, log_descriptor = -1;
static const char* folder;

__attribute__((constructor)) static void begin(void) {
    const char* text;
    folder = getenv("FAULT_PATH");
    if ((text = getenv("FAULT_N")) != NULL) chosen = atol(text);
    if ((text = getenv("FAULT_ERR")) != NULL) error_number = atoi(text);
    if ((text = getenv("FAULT_FULL")) != NULL) stays_full = atoi(text);
    if ((text = getenv("FAULT_LOG")) != NULL)
        log_descriptor = open(text, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
}

static int needs_room(const char* name) {
    return strstr(name, "write") != NULL || strstr(name, "allocate") != NULL || strstr(name, "mkdir") != NULL ||
            strstr(name, "sync") != NULL;
}

static int hit(const char* name, const char* path) {
    if (inside || folder == NULL || path == NULL || strstr(path, folder) == NULL) return 0;
    inside = 1;
    const long number = __sync_add_and_fetch(&calls, 1);
    if (log_descriptor >= 0) {
        char line[4500];
        const int n = snprintf(line, sizeof line, "%ld %s %s\n", number, name, path);
        if (n > 0 && write(log_descriptor, line, (size_t)n) < 0) abort();
    }
    const int fails = number == chosen || (stays_full && chosen > 0 && number > chosen && needs_room(name));
    if (fails && error_number == 0) kill(getpid(), SIGKILL);
    inside = 0;
    return fails;
}

static const char* path_of(int descriptor, char* path) {
    char link[64];
    if (inside || folder == NULL) return NULL;
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    const ssize_t n = readlink(link, path, 4095);
    if (n < 0) return NULL;
    path[n] = '\0';
    return path;
}

#define REAL(result, name, ...)         \
    static result (*real)(__VA_ARGS__); \
    if (real == NULL) *(void**)&real = dlsym(RTLD_NEXT, #name)

#define BY_DESCRIPTOR(result, name, failed, parameters, arguments, ...) \
    result name parameters {                                            \
        REAL(result, name, __VA_ARGS__);                                \
        char path[4096];                                                \
        if (hit(#name, path_of(fd, path))) {                            \
            errno = error_number;                                       \
            return failed;                                              \
        }                                                               \
        return real arguments;                                          \
    }

BY_DESCRIPTOR(ssize_t, read, -1, (int fd, void* p, size_t n), (fd, p, n), int, void*, size_t)
BY_DESCRIPTOR(ssize_t, pread, -1, (int fd, void* p, size_t n, off_t o), (fd, p, n, o), int, void*, size_t, off_t)
BY_DESCRIPTOR(ssize_t, pread64, -1, (int fd, void* p, size_t n, off64_t o), (fd, p, n, o), int, void*, size_t, off64_t)
BY_DESCRIPTOR(ssize_t, write, -1, (int fd, const void* p, size_t n), (fd, p, n), int, const void*, size_t)
BY_DESCRIPTOR(
        ssize_t, pwrite, -1, (int fd, const void* p, size_t n, off_t o), (fd, p, n, o), int, const void*, size_t, off_t)
BY_DESCRIPTOR(ssize_t, pwrite64, -1, (int fd, const void* p, size_t n, off64_t o), (fd, p, n, o), int, const void*,
        size_t, off64_t)
BY_DESCRIPTOR(ssize_t, writev, -1, (int fd, const struct iovec* v, int n), (fd, v, n), int, const struct iovec*, int)
BY_DESCRIPTOR(ssize_t, pwritev64, -1, (int fd, const struct iovec* v, int n, off64_t o), (fd, v, n, o), int,
        const struct iovec*, int, off64_t)
BY_DESCRIPTOR(int, fsync, -1, (int fd), (fd), int)
BY_DESCRIPTOR(int, fdatasync, -1, (int fd), (fd), int)
BY_DESCRIPTOR(int, fallocate, -1, (int fd, int mode, off_t o, off_t n), (fd, mode, o, n), int, int, off_t, off_t)
BY_DESCRIPTOR(
        int, fallocate64, -1, (int fd, int mode, off64_t o, off64_t n), (fd, mode, o, n), int, int, off64_t, off64_t)
BY_DESCRIPTOR(int, ftruncate, -1, (int fd, off_t o), (fd, o), int, off_t)
BY_DESCRIPTOR(int, ftruncate64, -1, (int fd, off64_t o), (fd, o), int, off64_t)
BY_DESCRIPTOR(void*, mmap, MAP_FAILED, (void* a, size_t n, int prot, int flags, int fd, off_t o),
        (a, n, prot, flags, fd, o), void*, size_t, int, int, int, off_t)

#define BY_PATH(name, parameters, arguments, path, ...) \
    int name parameters {                               \
        REAL(int, name, __VA_ARGS__);                   \
        if (hit(#name, path)) {                         \
            errno = error_number;                       \
            return -1;                                  \
        }                                               \
        return real arguments;                          \
    }

BY_PATH(rename, (const char* from, const char* to), (from, to), to, const char*, const char*)
BY_PATH(unlink, (const char* path), (path), path, const char*)
BY_PATH(rmdir, (const char* path), (path), path, const char*)
BY_PATH(mkdir, (const char* path, mode_t mode), (path, mode), path, const char*, mode_t)
BY_PATH(link, (const char* from, const char* to), (from, to), to, const char*, const char*)

#define OPEN(name)                                  \
    int name(const char* path, int flags, ...) {    \
        REAL(int, name, const char*, int, ...);     \
        mode_t mode = 0;                            \
        if ((flags & (O_CREAT | O_TMPFILE)) != 0) { \
            va_list rest;                           \
            va_start(rest, flags);                  \
            mode = va_arg(rest, mode_t);            \
            va_end(rest);                           \
        }                                           \
        if (hit("open", path)) {                    \
            errno = error_number;                   \
            return -1;                              \
        }                                           \
        return real(path, flags, mode);             \
    }
OPEN(open)
OPEN(open64)
