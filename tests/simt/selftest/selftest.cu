// selftest.cu - the emulator's own tests. A case whose `finding` is not null holds a defect that has to be reported under that title; the others
// are clean, and check their results.
//     simt_selftest            every case, each in a process of its own
//     simt_selftest NAME       one case in this process: exit code 86 when something was reported (87: and the processor stopped it)
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "kernels.cuh"

using namespace selftest;

namespace {

template <class T>
struct Device {
    T* p = nullptr;
    size_t n;
    explicit Device(const std::vector<T>& host) : n(host.size()) {
        cudaMalloc(reinterpret_cast<void**>(&p), n * sizeof(T));
        cudaMemcpy(p, host.data(), n * sizeof(T), cudaMemcpyHostToDevice);
    }
    explicit Device(size_t count) : n(count) { cudaMalloc(reinterpret_cast<void**>(&p), n * sizeof(T)); }
    std::vector<T> get() const {
        std::vector<T> host(n);
        cudaMemcpy(host.data(), p, n * sizeof(T), cudaMemcpyDeviceToHost);
        return host;
    }
};

int wrong = 0;
void expect(bool right, const char* what) {
    if (right) return;
    std::printf("wrong: %s\n", what);
    wrong = 1;
}

std::vector<float> ascending(size_t n) {
    std::vector<float> x(n);
    for (size_t i = 0; i < n; ++i)
        x[i] = static_cast<float>(i);
    return x;
}

uint16_t bf16_of(float x) {
    uint32_t bits;
    std::memcpy(&bits, &x, 4);
    return static_cast<uint16_t>(bits >> 16);
}

void mma_case() {
    std::vector<uint16_t> a(256), b(256);
    std::vector<float> right(256, 0.0f);
    for (int i = 0; i < 256; ++i) {
        a[static_cast<size_t>(i)] = bf16_of(static_cast<float>(i * 7 % 13 - 6));
        b[static_cast<size_t>(i)] = bf16_of(static_cast<float>(i * 5 % 11 - 5));
    }
    for (int i = 0; i < 16; ++i)
        for (int j = 0; j < 16; ++j)
            for (int k = 0; k < 16; ++k)
                right[static_cast<size_t>(i * 16 + j)] +=
                        static_cast<float>(((i * 16 + k) * 7 % 13 - 6) * ((k * 16 + j) * 5 % 11 - 5));
    const Device<uint16_t> da(a), db(b);
    const Device<float> dc(256);
    mma_kernel<<<1, 32>>>(da.p, db.p, dc.p);
    expect(dc.get() == right, "mma");
}

// Captured once, launched three times: what a graph does is done anew at every launch, and only then.
void graph_case() {
    cudaStream_t stream = nullptr;
    cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);
    const Device<float> x(std::vector<float>(32, 0.0f)), y(32);
    cudaGraph_t graph = nullptr;
    cudaGraphExec_t exec = nullptr;
    cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal);
    increment_kernel<<<1, 32, 0, stream>>>(x.p);
    cudaMemcpyAsync(y.p, x.p, 32 * sizeof(float), cudaMemcpyDeviceToDevice, stream);
    expect(cudaStreamEndCapture(stream, &graph) == cudaSuccess, "captured");
    expect(x.get()[0] == 0.0f, "nothing has run");
    expect(cudaGraphInstantiateWithFlags(&exec, graph, 0) == cudaSuccess, "instantiated");
    cudaGraphDestroy(graph);
    for (int i = 0; i < 3; ++i)
        cudaGraphLaunch(exec, stream);
    cudaGraphExecDestroy(exec);
    cudaStreamSynchronize(stream);
    expect(y.get()[5] == 3.0f, "launched three times");
    cudaStreamDestroy(stream);
}

// Waiting for a stream that is being captured has no meaning, and spoils the capture.
void spoilt_capture_case() {
    cudaStream_t stream = nullptr;
    cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);
    const Device<float> x(std::vector<float>(32, 0.0f));
    cudaGraph_t graph = nullptr;
    cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal);
    increment_kernel<<<1, 32, 0, stream>>>(x.p);
    expect(cudaStreamSynchronize(stream) != cudaSuccess, "refused");
    expect(cudaStreamEndCapture(stream, &graph) != cudaSuccess && graph == nullptr, "spoilt");
}

Device<float> numbers() {
    return Device<float>(ascending(256));
}

template <bool kBarrier>
void reverse() {
    const Device<float> x = numbers();
    reverse_kernel<kBarrier><<<1, 256>>>(x.p);
    if (kBarrier) expect(x.get()[0] == 255.0f, "reversed");
}
template <bool kBarrier>
void warp_exchange() {
    const Device<int> y(std::vector<int>(32, 1));
    warp_exchange_kernel<kBarrier><<<1, 32>>>(y.p);
}
template <bool kWait, bool kBarrier>
void async_copy() {
    const Device<uint4> from(std::vector<uint4>(64, uint4{1, 2, 3, 4})), to(64);
    async_kernel<kWait, kBarrier><<<1, 64>>>(from.p, to.p);
    if (kWait && kBarrier) expect(to.get()[5].w == 4, "copied");
}
template <int kBeyond>
void dynamic_shared() {
    dynamic_shared_kernel<<<1, 64, 64 * sizeof(float)>>>(numbers().p, kBeyond);
}
void copy_of(const float* from, size_t room) {
    const Device<float> y(room);
    copy_kernel<<<3, 100>>>(256, from, y.p);
}
void after_free() {
    const Device<float> x = numbers();
    float* gone = nullptr;
    cudaMallocAsync(reinterpret_cast<void**>(&gone), 1024, nullptr);
    cudaFreeAsync(gone, nullptr);
    copy_kernel<<<1, 256>>>(256, x.p, gone);
}
void atomics() {
    const Device<unsigned> y(std::vector<unsigned>(1, 0));
    count_kernel<<<5, 64>>>(y.p);
    expect(y.get()[0] == 320, "counted");
}
template <int kShift>
void alignment() {
    const Device<float> x = numbers();
    misaligned_kernel<<<1, kShift == 0 ? 32 : 16>>>(x.p, reinterpret_cast<float4*>(x.p) + 32, kShift);
}
void misaligned_members() {
    const Device<float> x = numbers();
    misaligned_members_kernel<<<1, 16>>>(x.p, x.p + 128, 1);
}
void reduce() {
    const Device<float> x = numbers();
    reduce_kernel<<<1, 32>>>(x.p);
    expect(x.get()[3] == 496.0f + 1.0f + 5.0f, "reduced");
}
void host_pointer() {
    const std::vector<float> host = ascending(256);
    copy_kernel<<<1, 256>>>(256, host.data(), numbers().p);
    cudaDeviceSynchronize();
}

struct Case {
    const char *name, *finding;
    void (*run)();
};

const char kRace[] = "data race in shared memory", kUninitialised[] = "read of uninitialised memory",
           kBounds[] = "access out of bounds", kCopy[] = "asynchronous copy not waited for", kRefused[] = "refused";

const Case kCases[] = {
        {"reverse", nullptr, reverse<true>},
        {"race", kRace, reverse<false>},
        {"write_after_read", kRace, [] { write_after_read_kernel<<<1, 64>>>(numbers().p); }},
        {"warp_exchange", nullptr, warp_exchange<true>},
        {"warp_race", kRace, warp_exchange<false>},
        {"uninitialised_shared", kUninitialised, [] { uninitialised_shared_kernel<<<1, 64>>>(numbers().p); }},
        {"shared_beyond", kBounds, [] { shared_beyond_kernel<<<1, 64>>>(numbers().p); }},
        {"dynamic", nullptr, dynamic_shared<0>},
        {"dynamic_beyond", kBounds, dynamic_shared<1>},
        {"dynamic_unreserved", kRefused, [] { dynamic_shared_kernel<<<1, 64, 50 << 10>>>(numbers().p, 0); }},
        {"copy", nullptr, [] { copy_of(numbers().p, 256); }},
        {"copy_beyond", kBounds, [] { copy_of(numbers().p, 255); }},
        {"copy_uninitialised", kUninitialised, [] { copy_of(Device<float>(256).p, 256); }},
        {"after_free", kBounds, after_free},
        {"same_place", "data race in global memory", [] { same_place_kernel<<<2, 32>>>(numbers().p); }},
        {"atomics", nullptr, atomics},
        {"divergent", "divergent barrier", [] { divergent_kernel<<<1, 64>>>(numbers().p); }},
        {"early_return", "barrier after other threads returned",
                [] { early_return_kernel<<<1, 64>>>(40, numbers().p); }},
        {"partial_shuffle", "deadlock", [] { partial_shuffle_kernel<<<1, 32>>>(20, numbers().p); }},
        {"aligned", nullptr, alignment<0>},
        {"misaligned", "misaligned access", alignment<2>},
        {"misaligned_members", "misaligned access", misaligned_members},
        {"reduce", nullptr, reduce},
        {"async", nullptr, async_copy<true, true>},
        {"async_without_wait", kCopy, async_copy<false, true>},
        {"async_without_barrier", kRace, async_copy<true, false>},
        {"host_pointer", "kernel touches the host's memory", host_pointer},
        {"host_reads_device", "host touches device memory", [] { expect(numbers().p[3] == 3.0f, "read"); }},
        {"grid_too_large", kRefused,
                [] {
                    const Device<float> x = numbers();
                    copy_kernel<<<dim3(1, 70000), 32>>>(0, x.p, x.p);
                }},
        {"mma", nullptr, mma_case},
        {"graph", nullptr, graph_case},
        {"spoilt_capture", "library call", spoilt_capture_case},
};

// What the driver refuses is no finding of the emulator: the program asks for the error.
int run_here(const Case& c) {
    c.run();
    if (c.finding == kRefused && cudaGetLastError() != cudaSuccess) {
        std::fprintf(stderr, "SIMT: refused\n");
        return 86;
    }
    cudaDeviceSynchronize();
    return wrong;
}

// One case in a process of its own; what it printed, and how it ended.
int run_apart(const char* program, const char* name, std::string& text) {
    int ends[2];
    if (pipe(ends) != 0) return -1;
    const pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], 1);
        dup2(ends[1], 2);
        execl(program, program, name, static_cast<char*>(nullptr));
        _exit(127);
    }
    close(ends[1]);
    char part[4096];
    for (ssize_t n; (n = read(ends[0], part, sizeof part)) > 0;)
        text.append(part, static_cast<size_t>(n));
    close(ends[0]);
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace

int main(int argc, char** argv) {
    int cases = 0, failed = 0;
    for (const Case& c : kCases) {
        if (argc > 1 && std::strcmp(argv[1], c.name) == 0) return run_here(c);
        if (argc > 1) continue;
        std::string text;
        const int code = run_apart("/proc/self/exe", c.name, text);
        const bool right = c.finding == nullptr ? code == 0
                                                : (code == 86 || code == 87) &&
                                                          text.find(std::string("SIMT: ") + c.finding) != text.npos;
        std::printf("%s %s%s%s\n", right ? "ok" : "FAILED", c.name, c.finding != nullptr ? ": " : "",
                c.finding != nullptr ? c.finding : "");
        if (!right) std::printf("exit code %d\n%s\n", code, text.c_str());
        ++cases;
        failed += !right;
    }
    std::printf("%d cases, %d failed\n", cases, failed);
    return cases == 0 || failed > 0 ? 1 : 0;
}
