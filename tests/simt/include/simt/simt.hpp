#pragma once
// simt.hpp - what rewritten kernels call: threads of a block as fibers, shared memory, barriers, warp operations, launches.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <tuple>
#include <type_traits>
#include <utility>

struct uint3 {
    unsigned x, y, z;
};
struct dim3 {
    unsigned x, y, z;
    constexpr dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
};
struct CUstream_st;
typedef CUstream_st* cudaStream_t;

namespace simt {

struct Site {
    const char* file;
    int line;
};

// Constant for a fiber from its first to its last instruction, so the compiler may keep them in registers.
__attribute__((const)) uint3 thread_index() noexcept;
__attribute__((const)) uint3 block_index() noexcept;
__attribute__((const)) uint3 block_extent() noexcept;
__attribute__((const)) uint3 grid_extent() noexcept;

void* dynamic_shared();
// The same storage for every thread of a block that brings the same tag.
void* static_shared(const void* tag, std::size_t bytes, std::size_t align, const char* name);
uint32_t shared_offset(const void* generic);
void* shared_pointer(uint32_t offset);

// A vector of `bytes` is moved from or to p, which must be a multiple of that. The asm hides that p's type says so.
void vector_off(std::size_t bytes);
inline void vector_at(const void* p, std::size_t bytes) {
    uintptr_t at = reinterpret_cast<uintptr_t>(p);
    __asm__("" : "+r"(at));
    if (at % bytes != 0) vector_off(bytes);
}

enum class Vote { None, Or, And, Count };
int block_barrier(Vote vote, int predicate, Site site);
void warp_barrier(uint32_t mask, Site site);

// What the lanes of a warp do together. Each lane of `mask` brings `data`; the last one to arrive runs complete(lanes, mask), in which
// lanes[i] is lane i's data (null outside the mask), and all go on.
using Complete = void (*)(void* const* lanes, uint32_t mask);
void collective(uint32_t mask, Complete complete, void* data, Site site);
int lane_id() noexcept;

// Accesses that no instrumentation sees (those of ldmatrix, atomics, ...).
enum class Access { Read, Write, Atomic };
void check_access(const void* p, std::size_t bytes, Access access);

void copy_async(uint32_t shared_to, const void* from, int bytes, int valid);
void commit_copies();
void wait_for_copies(int pending);

struct Config {
    dim3 grid, block;
    std::size_t shared = 0;
    cudaStream_t stream = nullptr;
};

// A launch: invoke(packed) is one thread's run. `packed` holds the arguments, and lives as long as the launch.
struct Kernel {
    const char* name;
    Site site;
    Config config;
    const void* function;  // null where the launch does not say
    void (*invoke)(const void* packed);
    std::shared_ptr<const void> packed;
    std::size_t packed_bytes;
};
void submit(Kernel kernel);

template <class Body, class Arguments>
struct Packed {
    Body body;
    Arguments arguments;
    static void invoke(const void* p) {
        const Packed& packed = *static_cast<const Packed*>(p);
        std::apply(packed.body, packed.arguments);
    }
    static void submit(Kernel kernel, const Body& body, Arguments arguments) {
        auto packed = std::make_shared<const Packed>(Packed{body, std::move(arguments)});
        kernel.invoke = &Packed::invoke;
        kernel.packed_bytes = sizeof(Packed);
        kernel.packed = std::move(packed);
        simt::submit(std::move(kernel));
    }
};

template <class Body>
struct Launch {
    Kernel kernel;
    Body body;
    template <class... Args>
    void operator()(Args&&... args) {
        using Arguments = std::tuple<std::decay_t<Args>...>;
        Packed<Body, Arguments>::submit(kernel, body, Arguments(std::forward<Args>(args)...));
    }
};
template <class Body>
Launch<Body> launch(const char* name, const char* file, int line, const Config& config, Body body) {
    return {{name, {file, line}, config, nullptr, nullptr, {}, 0}, body};
}

template <class... Params>
struct TypedLaunch {
    Kernel kernel;
    void (*function)(Params...);
    void operator()(Params... args) {
        using Arguments = std::tuple<Params...>;
        Packed<void (*)(Params...), Arguments>::submit(kernel, function, Arguments(args...));
    }
};
template <class... Params>
TypedLaunch<Params...> launch_typed(
        const char* name, const char* file, int line, const Config& config, void (*function)(Params...)) {
    return {{name, {file, line}, config, reinterpret_cast<const void*>(function), nullptr, {}, 0}, function};
}

// `value` (bytes of it, up to 16) becomes lane `from`'s; outside 0..31 and outside the mask it stays.
void exchange(uint32_t mask, void* value, std::size_t bytes, int from, Site site);

template <class T, class Pick>
T shuffle(uint32_t mask, T value, Pick pick, Site site) {
    static_assert(sizeof(T) <= 16, "a shuffle moves up to 16 bytes");
    exchange(mask, &value, sizeof value, pick(lane_id()), site);
    return value;
}

uint32_t ballot(uint32_t mask, int predicate, Site site);

}  // namespace simt
