// join.cpp - how the processes of a group find each other: by a store of c10d that rank 0 holds until all are linked. Contract: transport.hpp.
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <sstream>
#include <thread>

#include "core/guard.hpp"
#include "device/torch_plugin.hpp"
#include "group/group.hpp"
#include "group/transport.hpp"

#if !defined(_WIN32)
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>
#endif

namespace tbrm {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int32_t kConfig = 2;  // exit codes
constexpr int32_t kInternal = 1;
constexpr double kLinger_s = 3;  // for the others to read why rank 0 gives up
constexpr double kGrace_s = 5;   // the others wait longer than rank 0, whose answer names who is missing
constexpr auto kLook = std::chrono::milliseconds(50);

double seconds_since(Clock::time_point then) {
    return std::chrono::duration<double>(Clock::now() - then).count();
}

int64_t milliseconds(double s) {
    return static_cast<int64_t>(s * 1000);
}

void check(tbrm_status_t status, const tbrm_error_t& err) {
    if (status != TBRM_STATUS_OK) throw Failure(status, err.device_code, TBRM_WHERE, err.message);
}

class TorchTransport final : public Transport {
public:
    TorchTransport(const tbrm_torch_api_t& api, tbrm_torch_links_t* links) : api_(api), links_(links) {}
    ~TorchTransport() override { api_.links_close(links_); }
    void send(int32_t to, const void* data, int64_t n) override {
        tbrm_error_t err{};
        check(api_.links_send(links_, to, data, n, &err), err);
    }
    void receive(int32_t from, void* data, int64_t n) override {
        tbrm_error_t err{};
        check(api_.links_receive(links_, from, data, n, &err), err);
    }
    void stop() override { api_.links_stop(links_); }

private:
    const tbrm_torch_api_t& api_;
    tbrm_torch_links_t* links_;
};

class Store {
public:
    Store(const tbrm_torch_api_t& api, const JoinOptions& options) : api_(api) {
        tbrm_error_t err{};
        check(api_.store_open(options.address.c_str(), options.port, options.rank == 0 ? 1 : 0,
                      milliseconds(options.start_s), &store_, &err),
                err);
    }
    ~Store() { api_.store_close(store_); }
    Store(const Store&) = delete;
    Store& operator=(const Store&) = delete;
    tbrm_torch_store_t* handle() { return store_; }
    void set(const std::string& key, const std::string& value) {
        tbrm_error_t err{};
        check(api_.store_set(store_, key.c_str(), value.data(), static_cast<int64_t>(value.size()), &err), err);
    }
    bool get(const std::string& key, std::string& value) {
        tbrm_error_t err{};
        std::string room(1 << 16, '\0');
        int64_t n = static_cast<int64_t>(room.size());
        check(api_.store_get(store_, key.c_str(), room.data(), &n, &err), err);
        if (n < 0) return false;
        value = room.substr(0, static_cast<size_t>(n));
        return true;
    }

private:
    const tbrm_torch_api_t& api_;
    tbrm_torch_store_t* store_ = nullptr;
};

std::string key_of(const char* kind, int32_t rank) {
    return std::string(kind) + '/' + std::to_string(rank);
}

// The address of this process's host on the way to rank 0's.
std::string own_address(const JoinOptions& options) {
    std::string own = options.host;
#if !defined(_WIN32)
    addrinfo hints{}, *found = nullptr;
    hints.ai_socktype = SOCK_DGRAM;
    if (getaddrinfo(options.address.c_str(), std::to_string(options.port).c_str(), &hints, &found) != 0) return own;
    const int at = socket(found->ai_family, SOCK_DGRAM, 0);
    sockaddr_storage name{};
    socklen_t size = sizeof name;
    char text[256] = "";
    // Nothing is sent: connecting a datagram socket only chooses the route.
    if (at >= 0 && connect(at, found->ai_addr, found->ai_addrlen) == 0 &&
            getsockname(at, reinterpret_cast<sockaddr*>(&name), &size) == 0 &&
            getnameinfo(reinterpret_cast<sockaddr*>(&name), size, text, sizeof text, nullptr, 0, NI_NUMERICHOST) == 0)
        own = text;
    if (at >= 0) close(at);
    freeaddrinfo(found);
#endif
    return own;
}

// What a rank says of itself: its host, then the lines that all must have in common.
struct Hello {
    bool came = false;
    std::string host;
    std::vector<std::pair<std::string, std::string>> lines;
};

Hello parse_hello(const std::string& text) {
    Hello hello;
    hello.came = true;
    std::istringstream in(text);
    std::getline(in, hello.host);
    for (std::string line; std::getline(in, line);) {
        const size_t at = line.find('=');
        if (at != std::string::npos) hello.lines.emplace_back(line.substr(0, at), line.substr(at + 1));
    }
    return hello;
}

std::string missing_text(const std::vector<Hello>& hellos, double waited_s) {
    std::string ranks;
    for (size_t r = 0; r < hellos.size(); ++r)
        if (!hellos[r].came) ranks += (ranks.empty() ? "rank " : ", rank ") + std::to_string(r);
    return format(
            "%s of %zu did not come within %.1f s of the start: is its process running, on the same MASTER_ADDR and "
            "MASTER_PORT, with a RANK of its own?",
            ranks.c_str(), hellos.size(), waited_s);
}

// The first rank that differs from rank 0, and in what; empty: none.
std::string difference_text(const std::vector<Hello>& hellos) {
    for (size_t r = 1; r < hellos.size(); ++r) {
        for (const auto& [name, value] : hellos[0].lines) {
            std::string other = "(nothing)";
            for (const auto& line : hellos[r].lines)
                if (line.first == name) other = line.second;
            if (other != value)
                return format("rank %zu of %zu on %s has another %s than rank 0 on %s: %s, not %s", r, hellos.size(),
                        hellos[r].host.c_str(), name.c_str(), hellos[0].host.c_str(), other.c_str(), value.c_str());
        }
    }
    return "";
}

// Rank 0's last word before it gives up; the others may still be waiting.
[[noreturn]] void give_up(Store& store, const JoinOptions& options, const std::string& why) {
    if (options.rank == 0) {
        store.set("end", why);
        std::this_thread::sleep_for(std::chrono::duration<double>(kLinger_s));
    }
    throw_group_failure(kInternal, why);
}

std::vector<Hello> wait_for_all(Store& store, const JoinOptions& options) {
    std::vector<Hello> hellos(static_cast<size_t>(options.n_ranks));
    const Clock::time_point begin = Clock::now();
    const double limit = options.start_s + (options.rank == 0 ? 0 : kGrace_s);
    for (;;) {
        bool all = true;
        for (int32_t r = 0; r < options.n_ranks; ++r) {
            Hello& hello = hellos[static_cast<size_t>(r)];
            std::string text;
            if (!hello.came && store.get(key_of("hello", r), text)) hello = parse_hello(text);
            all = all && hello.came;
        }
        if (all) return hellos;
        std::string end;
        if (options.rank != 0 && store.get("end", end)) throw_group_failure(kInternal, end);
        if (seconds_since(begin) > limit) give_up(store, options, missing_text(hellos, seconds_since(begin)));
        std::this_thread::sleep_for(kLook);
    }
}

// Rank 0 keeps the store until everybody has read what it needs.
void wait_for_readers(Store& store, const JoinOptions& options, const char* kind, double limit_s) {
    store.set(key_of(kind, options.rank), "1");
    const Clock::time_point begin = Clock::now();
    std::string text;
    for (int32_t r = 0; options.rank == 0 && r < options.n_ranks;) {
        if (store.get(key_of(kind, r), text) || seconds_since(begin) > limit_s)
            ++r;
        else
            std::this_thread::sleep_for(kLook);
    }
}

const TorchPlugin& plugin_with_links() {
#if !defined(_WIN32)
    // c10d warns of every connection that it tries again, which is how a start goes.
    setenv("TORCH_CPP_LOG_LEVEL", "ERROR", 0);
#endif
    const TorchPlugin& plugin = torch_plugin();
    if (plugin.api->store_open == nullptr)
        TBRM_FAIL(TBRM_STATUS_UNSUPPORTED,
                "ranks in several processes need c10d with Gloo, and %s was built without Gloo's headers "
                "(libgloo-dev); "
                "install them and run ./build.sh again, or use one node",
                plugin.path.c_str());
    return plugin;
}

}  // namespace

Joined join_processes(const JoinOptions& options) {
    const tbrm_torch_api_t& api = *plugin_with_links().api;
    const Clock::time_point begin = Clock::now();
    std::unique_ptr<Store> store;
    try {
        store = std::make_unique<Store>(api, options);
    } catch (const Failure& e) {
        throw_group_failure(kInternal,
                options.rank == 0
                        ? format("rank 0 cannot listen on %s port %d (MASTER_ADDR, MASTER_PORT): %s",
                                  options.address.c_str(), options.port, e.what())
                        : format("rank 0 of %d does not answer on %s port %d (MASTER_ADDR, MASTER_PORT) for %.1f s: %s",
                                  options.n_ranks, options.address.c_str(), options.port, seconds_since(begin),
                                  e.what()));
    }
    std::vector<Hello> hellos;
    try {
        store->set(key_of("hello", options.rank), options.host + '\n' + options.equals);
        hellos = wait_for_all(*store, options);
    } catch (const Failure& e) {
        if (e.code == TBRM_STATUS_GROUP) throw;
        throw_group_failure(kInternal, format("rank 0 of %d on %s is gone, %.1f s after the start: %s", options.n_ranks,
                                               options.address.c_str(), seconds_since(begin), e.what()));
    }
    const std::string difference = difference_text(hellos);
    if (!difference.empty()) {
        wait_for_readers(*store, options, "read", kLinger_s);
        throw_group_failure(kConfig, difference);
    }
    tbrm_torch_links_t* links = nullptr;
    tbrm_error_t err{};
    const tbrm_status_t status = api.links_open(store->handle(), options.rank, options.n_ranks,
            own_address(options).c_str(), milliseconds(options.start_s), &links, &err);
    if (status != TBRM_STATUS_OK)
        throw_group_failure(
                kInternal, format("rank %d of %d on %s found no link to the others within %.1f s: %s", options.rank,
                                   options.n_ranks, options.host.c_str(), options.start_s, err.message));
    Joined joined{std::make_shared<TorchTransport>(api, links), {}};
    for (const Hello& hello : hellos)
        joined.hosts.push_back(hello.host);
    wait_for_readers(*store, options, "linked", options.start_s);
    return joined;
}

}  // namespace tbrm
