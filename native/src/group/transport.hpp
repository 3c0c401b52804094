#pragma once
// transport.hpp - bytes from a process of a group to another, reliably and in order. What is sent and when is post.hpp's.
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace tbrm {

class Transport {
public:
    virtual ~Transport() = default;

    // Of one peer's direction, one thread at a time. Throw when the peer is gone, or after stop().
    virtual void send(int32_t to, const void* data, int64_t n) = 0;
    virtual void receive(int32_t from, void* data, int64_t n) = 0;

    // Ends every receive, now and from now on.
    virtual void stop() = 0;
};

// A process's place in a group and how the processes find each other.
struct JoinOptions {
    int32_t rank;
    int32_t n_ranks;
    std::string address;  // of rank 0
    int32_t port;
    std::string host;    // this process's, for messages
    std::string equals;  // lines "name=value" that all ranks must have in common
    double start_s;      // how long to wait for all of them
    double lost_s;       // a rank that is silent for so long is given up
};

struct Joined {
    std::shared_ptr<Transport> transport;
    std::vector<std::string> hosts;  // by rank
};

// Waits for all ranks and compares what they must have in common. Throws UNSUPPORTED where the plug-in or Gloo is not there, GROUP naming the
// ranks that did not come, INVALID_ARGUMENT naming the rank that differs, its host and in what.
Joined join_processes(const JoinOptions& options);

}  // namespace tbrm
