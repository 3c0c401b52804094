#pragma once
// post.hpp - letters between the processes of a group, and who of them is still there. Every peer has a thread that receives from it and one that
// sends to it: a letter a second at least, so that a process that hangs is told from one that computes for long.
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "group/transport.hpp"

namespace tbrm {

enum class LetterKind : int32_t { Beat = 1, Part, Message, Abort, Leave };

// What travels before every body.
struct LetterHead {
    uint32_t magic;
    LetterKind kind;
    int64_t bytes;
    int64_t sequence;  // Part: which collective of the group
    int32_t signals;   // the sender's, see Post::signal
    int32_t code;      // Abort, Leave: an exit code
    double since_s;    // how long the sender has been in phase
    char phase[64];    // what it does, NUL-terminated
};

struct Letter {
    LetterHead head;
    std::vector<uint8_t> body;
};

class Post : public std::enable_shared_from_this<Post> {
public:
    // lost_s: how long a peer may be silent.
    static std::shared_ptr<Post> open(
            std::shared_ptr<Transport> transport, int32_t rank, const std::vector<std::string>& hosts, double lost_s);
    // Ends the threads: after leave(), once the peers have left too; else what is queued is sent for a moment, and a thread that does not end
    // by itself is left to the end of the process.
    void close();

    int32_t size() const { return static_cast<int32_t>(peers_.size()); }
    int32_t rank() const { return rank_; }

    // What this process does, for the others' messages; returns what it did before.
    std::string note(const std::string& phase);
    // Bits that the peers see.
    void signal(int32_t bits);

    // Queues a letter. Waits only while too much is queued for that peer. Throws the group's failure.
    void send(int32_t to, LetterKind kind, int64_t sequence, const void* data, int64_t n);
    // Waits for a peer's next letter of a kind (Part, Message). Throws the group's failure.
    Letter take(int32_t from, LetterKind kind);
    // The same without waiting longer than timeout_s; false: none came.
    bool try_take(int32_t from, LetterKind kind, double timeout_s, Letter& out);

    // The group is of no use any more: the first reason stands, and goes to all peers.
    void fail(int32_t code, const std::string& why);
    // The same of this rank's own reason.
    void abort(int32_t code, const std::string& why);
    // This process has nothing more to say. The peers are told its exit code.
    void leave(int32_t code);

    struct State {
        std::string host, phase, failure;
        double since_s, silent_s;
        int32_t signals, code;  // code: of the failure, or with which it left
        bool left, failed;
    };
    State state(int32_t rank);

private:
    using Clock = std::chrono::steady_clock;
    using Lock = std::unique_lock<std::mutex>;
    struct Peer {
        std::string host, phase = "start";
        Clock::time_point heard, since;
        int32_t signals = 0, code = 0;
        bool left = false, is_sending = false;
        std::deque<Letter> parts, messages, outbox;
        int64_t queued = 0;
        int32_t running = 0;  // of its two threads
        std::thread receiver, sender;
    };

    Post(std::shared_ptr<Transport> transport, int32_t rank, const std::vector<std::string>& hosts, double lost_s);
    Peer& peer(int32_t rank) { return peers_[static_cast<size_t>(rank)]; }
    bool is_peer(int32_t rank) const { return rank != rank_; }
    std::deque<Letter>& queue(int32_t from, LetterKind kind);
    void receive_from(int32_t rank);
    void send_to(int32_t rank);
    Letter receive_letter(int32_t from);
    void send_letter(int32_t to, const Letter& letter);
    void deliver(int32_t from, Letter letter);
    LetterHead head(LetterKind kind, int64_t bytes, int64_t sequence, int32_t code);  // under the lock
    // Under the lock.
    void fail_locked(int32_t code, const std::string& why);
    void check_silence();
    void wait(Lock& lock, const std::function<bool()>& ready, double timeout_s);
    std::string name_of(int32_t rank);
    void finish_threads(double limit_s);

    std::shared_ptr<Transport> transport_;
    int32_t rank_;
    double lost_s_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<Peer> peers_;
    std::string phase_ = "start", failure_;  // failure_ empty: none
    Clock::time_point since_;
    int32_t signals_ = 0, code_ = 0;
    bool leaving_ = false, stopping_ = false, closed_ = false;
};

}  // namespace tbrm
