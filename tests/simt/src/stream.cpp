// stream.cpp - streams, events and graphs of the CUDA runtime.
#include "stream.hpp"

#include "engine.hpp"

namespace simt {

std::recursive_mutex runtime_guard;

std::set<cudaStream_t>& streams() {
    static auto* const all = new std::set<cudaStream_t>();
    return *all;
}

CUstream_st& stream_of(cudaStream_t stream) {
    static CUstream_st legacy;
    return stream != nullptr ? *stream : legacy;
}

bool refused_in_capture(cudaStream_t stream, const char* call) {
    CUstream_st& s = stream_of(stream);
    if (s.capture == nullptr) return false;
    report(Kind::Library, nullptr, "%s on a stream that is being captured", call);
    s.capture_failed = true;
    return true;
}

bool refused_in_any_capture(const char* call) {
    const Lock lock(runtime_guard);
    bool refused = refused_in_capture(nullptr, call);
    for (cudaStream_t s : streams())
        refused |= refused_in_capture(s, call);
    return refused;
}

void enqueue(cudaStream_t stream, std::function<void()> work) {
    const Lock lock(runtime_guard);
    CUstream_st& s = stream_of(stream);
    if (s.capture != nullptr) {
        s.capture->nodes.push_back(std::move(work));
        return;
    }
    s.work.push_back(std::move(work));
    if (!settings().lazy) drain(stream);
}

namespace {

void run_next(CUstream_st& s) {
    const std::function<void()> work = std::move(s.work.front());
    s.work.pop_front();
    work();
}

}  // namespace

void drain(cudaStream_t stream) {
    const Lock lock(runtime_guard);
    CUstream_st& s = stream_of(stream);
    if (s.running) return;
    s.running = true;
    while (!s.work.empty())
        run_next(s);
    s.running = false;
}

}  // namespace simt

using simt::Lock;

cudaError_t cudaDeviceSynchronize() {
    const Lock lock(simt::runtime_guard);
    if (simt::refused_in_any_capture("cudaDeviceSynchronize")) return simt::fail(cudaErrorStreamCaptureUnsupported);
    simt::drain(nullptr);
    for (cudaStream_t s : simt::streams())
        simt::drain(s);
    return cudaSuccess;
}
cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
    const Lock lock(simt::runtime_guard);
    *stream = new CUstream_st();
    simt::streams().insert(*stream);
    return cudaSuccess;
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
    if (simt::refused_in_capture(stream, "cudaStreamSynchronize")) return simt::fail(cudaErrorStreamCaptureUnsupported);
    simt::drain(stream);
    return cudaSuccess;
}
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
    const Lock lock(simt::runtime_guard);
    simt::drain(stream);
    simt::streams().erase(stream);
    delete stream;
    return cudaSuccess;
}

cudaError_t cudaEventCreate(cudaEvent_t* event) {
    *event = new CUevent_st();
    return cudaSuccess;
}
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
    return cudaEventCreate(event);
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
    const Lock lock(simt::runtime_guard);
    event->stream = stream;
    ++event->pending;
    simt::enqueue(stream, [event] {
        --event->pending;
        event->at = std::chrono::steady_clock::now();
    });
    return cudaSuccess;
}
// Runs the stream's work up to the event, and no further.
cudaError_t cudaEventSynchronize(cudaEvent_t event) {
    const Lock lock(simt::runtime_guard);
    CUstream_st& s = simt::stream_of(event->stream);
    if (simt::refused_in_capture(event->stream, "cudaEventSynchronize"))
        return simt::fail(cudaErrorStreamCaptureUnsupported);
    s.running = true;
    while (event->pending > 0 && !s.work.empty())
        simt::run_next(s);
    s.running = false;
    return cudaSuccess;
}
cudaError_t cudaEventElapsedTime(float* ms, cudaEvent_t from, cudaEvent_t to) {
    *ms = std::chrono::duration<float, std::milli>(to->at - from->at).count();
    return cudaSuccess;
}
cudaError_t cudaEventDestroy(cudaEvent_t event) {
    if (event->pending > 0) cudaEventSynchronize(event);
    delete event;
    return cudaSuccess;
}

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode) {
    const Lock lock(simt::runtime_guard);
    if (stream == nullptr || stream->capture != nullptr) return simt::fail(cudaErrorStreamCaptureUnsupported);
    stream->capture = new CUgraph_st();
    stream->capture_failed = false;
    return cudaSuccess;
}
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
    const Lock lock(simt::runtime_guard);
    *graph = nullptr;
    if (stream == nullptr || stream->capture == nullptr) return simt::fail(cudaErrorInvalidValue);
    cudaGraph_t captured = std::exchange(stream->capture, nullptr);
    if (stream->capture_failed) {
        delete captured;
        return simt::fail(cudaErrorStreamCaptureInvalidated);
    }
    *graph = captured;
    return cudaSuccess;
}
cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus* status) {
    const CUstream_st& s = simt::stream_of(stream);
    *status = s.capture == nullptr ? cudaStreamCaptureStatusNone
              : s.capture_failed   ? cudaStreamCaptureStatusInvalidated
                                   : cudaStreamCaptureStatusActive;
    return cudaSuccess;
}
cudaError_t cudaGraphInstantiateWithFlags(cudaGraphExec_t* exec, cudaGraph_t graph, unsigned long long) {
    *exec = new CUgraphExec_st{graph->nodes};
    return cudaSuccess;
}
cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream) {
    const Lock lock(simt::runtime_guard);
    if (simt::refused_in_capture(stream, "cudaGraphLaunch")) return simt::fail(cudaErrorStreamCaptureUnsupported);
    simt::count_graph_launch();
    for (const SimtWork& node : exec->nodes)
        simt::enqueue(stream, node);
    return cudaSuccess;
}
cudaError_t cudaGraphGetNodes(cudaGraph_t graph, cudaGraphNode_t*, size_t* count) {
    *count = graph->nodes.size();
    return cudaSuccess;
}
cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
    delete graph;
    return cudaSuccess;
}
// What was launched keeps its work: the queue holds copies.
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec) {
    delete exec;
    return cudaSuccess;
}
