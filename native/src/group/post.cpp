#include "group/post.hpp"

#include <algorithm>
#include <cstring>

#include "core/guard.hpp"
#include "group/group.hpp"

namespace tbrm {
namespace {

constexpr uint32_t kMagic = 0x7462726d;  // "tbrm"
constexpr int64_t kPiece =
        int64_t{4} << 20;  // bytes that travel at a time, so that a long letter is a sign of life too
constexpr int64_t kMostQueued = int64_t{64} << 20;  // bytes that wait to be sent to a peer
constexpr int64_t kLongest = int64_t{1} << 40;
constexpr int32_t kInternal = 1;  // the exit code of a rank that gave none
constexpr double kLook_s = 0.2;   // between two looks at who is silent
constexpr double kStall_s = 2.0;  // a look that comes so late says that this process stood still, not the others
constexpr double kFlush_s = 1.0;  // to send a last letter to a peer that may not take it

double seconds_since(std::chrono::steady_clock::time_point then) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - then).count();
}

std::chrono::duration<double> seconds(double s) {
    return std::chrono::duration<double>(s);
}

}  // namespace

Post::Post(std::shared_ptr<Transport> transport, int32_t rank, const std::vector<std::string>& hosts, double lost_s)
    : transport_(std::move(transport)), rank_(rank), lost_s_(lost_s), peers_(hosts.size()), since_(Clock::now()) {
    for (size_t r = 0; r < hosts.size(); ++r) {
        peers_[r].host = hosts[r];
        peers_[r].heard = peers_[r].since = since_;
    }
}

std::shared_ptr<Post> Post::open(
        std::shared_ptr<Transport> transport, int32_t rank, const std::vector<std::string>& hosts, double lost_s) {
    const std::shared_ptr<Post> post(new Post(std::move(transport), rank, hosts, lost_s));
    for (int32_t r = 0; r < post->size(); ++r) {
        if (!post->is_peer(r)) continue;
        post->peer(r).running = 2;
        // The threads keep the object: one that hangs in the network may outlive its owner.
        post->peer(r).receiver = std::thread([post, r] { post->receive_from(r); });
        post->peer(r).sender = std::thread([post, r] { post->send_to(r); });
    }
    return post;
}

std::string Post::name_of(int32_t rank) {
    return format("rank %d of %d on %s", rank, size(), peer(rank).host.c_str());
}

std::string Post::note(const std::string& phase) {
    const Lock lock(mutex_);
    std::string before = phase_;
    phase_ = phase;
    since_ = Clock::now();
    return before;
}

void Post::signal(int32_t bits) {
    const Lock lock(mutex_);
    signals_ = bits;
}

LetterHead Post::head(LetterKind kind, int64_t bytes, int64_t sequence, int32_t code) {
    LetterHead head{kMagic, kind, bytes, sequence, signals_, code, seconds_since(since_), {}};
    std::strncpy(head.phase, phase_.c_str(), sizeof head.phase - 1);
    return head;
}

std::deque<Letter>& Post::queue(int32_t from, LetterKind kind) {
    return kind == LetterKind::Part ? peer(from).parts : peer(from).messages;
}

void Post::send(int32_t to, LetterKind kind, int64_t sequence, const void* data, int64_t n) {
    Letter letter;
    const auto* bytes = static_cast<const uint8_t*>(data);
    letter.body.assign(bytes, bytes + n);
    Lock lock(mutex_);
    wait(
            lock, [&] { return peer(to).queued <= kMostQueued; }, 0);
    letter.head = head(kind, n, sequence, 0);
    peer(to).queued += n;
    peer(to).outbox.push_back(std::move(letter));
    changed_.notify_all();
}

bool Post::try_take(int32_t from, LetterKind kind, double timeout_s, Letter& out) {
    Lock lock(mutex_);
    std::deque<Letter>& letters = queue(from, kind);
    wait(
            lock,
            [&] {
                if (letters.empty() && peer(from).left)
                    fail_locked(peer(from).code != 0 ? peer(from).code : kInternal,
                            format("%s has ended with exit code %d, while rank %d waits for it in '%s'",
                                    name_of(from).c_str(), peer(from).code, rank_, phase_.c_str()));
                return !letters.empty();
            },
            timeout_s);
    if (letters.empty()) return false;
    out = std::move(letters.front());
    letters.pop_front();
    return true;
}

Letter Post::take(int32_t from, LetterKind kind) {
    Letter letter;
    while (!try_take(from, kind, 0, letter)) {}
    return letter;
}

// Until ready(), or for timeout_s (0: without end). Throws the group's failure, which silence of any peer is.
void Post::wait(Lock& lock, const std::function<bool()>& ready, double timeout_s) {
    const Clock::time_point begin = Clock::now();
    for (;;) {
        if (!failure_.empty()) throw_group_failure(code_, failure_);
        if (ready()) return;
        if (!failure_.empty()) continue;
        const double left = timeout_s > 0 ? timeout_s - seconds_since(begin) : kLook_s;
        if (left <= 0) return;
        const Clock::time_point look = Clock::now();
        changed_.wait_for(lock, seconds(std::min(left, kLook_s)));
        if (seconds_since(look) > kLook_s + kStall_s) {
            // This process was stopped, and has not read its letters yet.
            for (Peer& each : peers_)
                each.heard = Clock::now();
        }
        check_silence();
    }
}

void Post::check_silence() {
    for (int32_t r = 0; r < size(); ++r) {
        const Peer& each = peer(r);
        const double silent = seconds_since(each.heard);
        if (!is_peer(r) || each.left || silent <= lost_s_) continue;
        fail_locked(kInternal,
                format("%s has been silent for %.1f s (the limit is %.1f s); it was in '%s' then, for %.1f s: it "
                       "hangs, "
                       "or its host or the network is gone",
                        name_of(r).c_str(), silent, lost_s_, each.phase.c_str(), seconds_since(each.since) - silent));
    }
}

void Post::fail_locked(int32_t code, const std::string& why) {
    if (!failure_.empty() || closed_) return;
    failure_ = why;
    code_ = code;
    for (int32_t r = 0; r < size(); ++r) {
        if (!is_peer(r) || peer(r).left) continue;
        Letter letter{head(LetterKind::Abort, static_cast<int64_t>(why.size()), 0, code), {why.begin(), why.end()}};
        // Before what is queued: nobody needs that any more.
        peer(r).outbox.push_front(std::move(letter));
    }
    changed_.notify_all();
}

void Post::fail(int32_t code, const std::string& why) {
    const Lock lock(mutex_);
    fail_locked(code, why);
}

void Post::abort(int32_t code, const std::string& why) {
    const Lock lock(mutex_);
    fail_locked(code, format("%s stopped in '%s': %s", name_of(rank_).c_str(), phase_.c_str(), why.c_str()));
}

void Post::leave(int32_t code) {
    const Lock lock(mutex_);
    if (leaving_ || !failure_.empty()) return;
    leaving_ = true;
    for (int32_t r = 0; r < size(); ++r) {
        if (is_peer(r)) peer(r).outbox.push_back({head(LetterKind::Leave, 0, 0, code), {}});
    }
    changed_.notify_all();
}

Post::State Post::state(int32_t rank) {
    const Lock lock(mutex_);
    const Peer& each = peer(rank);
    const bool own = !is_peer(rank);
    return {each.host, own ? phase_ : each.phase, failure_, seconds_since(own ? since_ : each.since),
            own ? 0 : seconds_since(each.heard), own ? signals_ : each.signals, !failure_.empty() ? code_ : each.code,
            each.left, !failure_.empty()};
}

Letter Post::receive_letter(int32_t from) {
    Letter letter;
    transport_->receive(from, &letter.head, sizeof letter.head);
    const LetterHead& head = letter.head;
    TBRM_REQUIRE(head.magic == kMagic && head.bytes >= 0 && head.bytes <= kLongest, "what came is no letter");
    letter.head.phase[sizeof head.phase - 1] = '\0';
    letter.body.resize(static_cast<size_t>(head.bytes));
    for (int64_t at = 0; at < head.bytes; at += kPiece) {
        transport_->receive(from, letter.body.data() + at, std::min(kPiece, head.bytes - at));
        const Lock lock(mutex_);
        peer(from).heard = Clock::now();
    }
    return letter;
}

void Post::deliver(int32_t from, Letter letter) {
    const Lock lock(mutex_);
    Peer& each = peer(from);
    each.heard = Clock::now();
    each.phase = letter.head.phase;
    each.since = each.heard - std::chrono::duration_cast<Clock::duration>(seconds(letter.head.since_s));
    each.signals = letter.head.signals;
    switch (letter.head.kind) {
        case LetterKind::Part:
        case LetterKind::Message:
            queue(from, letter.head.kind).push_back(std::move(letter));
            break;
        case LetterKind::Abort:
            fail_locked(letter.head.code, std::string(letter.body.begin(), letter.body.end()));
            break;
        case LetterKind::Leave:
            each.left = true;
            each.code = letter.head.code;
            break;
        default:
            break;
    }
    changed_.notify_all();
}

void Post::receive_from(int32_t rank) {
    try {
        for (;;) {
            Letter letter = receive_letter(rank);
            const LetterKind kind = letter.head.kind;
            deliver(rank, std::move(letter));
            if (kind == LetterKind::Leave) break;
        }
    } catch (const std::exception& e) {
        const Lock lock(mutex_);
        Peer& each = peer(rank);
        if (!stopping_ && !each.left)
            fail_locked(
                    kInternal, format("%s is lost: the link to it broke %.1f s after its last letter, in which it was "
                                      "in '%s' (%s)",
                                       name_of(rank).c_str(), seconds_since(each.heard), each.phase.c_str(), e.what()));
    }
    const Lock lock(mutex_);
    --peer(rank).running;
    changed_.notify_all();
}

void Post::send_letter(int32_t to, const Letter& letter) {
    transport_->send(to, &letter.head, sizeof letter.head);
    for (int64_t at = 0; at < letter.head.bytes; at += kPiece)
        transport_->send(to, letter.body.data() + at, std::min(kPiece, letter.head.bytes - at));
}

void Post::send_to(int32_t rank) {
    const double beat_s = std::min(1.0, lost_s_ / 4);
    Lock lock(mutex_);
    Peer& each = peer(rank);
    try {
        for (;;) {
            changed_.wait_for(lock, seconds(beat_s), [&] { return stopping_ || !each.outbox.empty(); });
            if (each.outbox.empty() && stopping_) break;
            Letter letter;
            if (each.outbox.empty()) {
                letter.head = head(LetterKind::Beat, 0, 0, 0);
            } else {
                letter = std::move(each.outbox.front());
                each.outbox.pop_front();
            }
            each.is_sending = true;
            lock.unlock();
            send_letter(rank, letter);
            lock.lock();
            each.is_sending = false;
            each.queued -= letter.head.kind == LetterKind::Part || letter.head.kind == LetterKind::Message
                                   ? letter.head.bytes
                                   : 0;
            changed_.notify_all();
            if (letter.head.kind == LetterKind::Leave || letter.head.kind == LetterKind::Abort) break;
        }
    } catch (const std::exception&) {
        // The thread that receives from the peer says what happened to it.
        if (!lock.owns_lock()) lock.lock();
    }
    each.is_sending = false;
    each.outbox.clear();
    each.queued = 0;
    --each.running;
    changed_.notify_all();
}

void Post::close() {
    {
        Lock lock(mutex_);
        if (closed_) return;
        // A peer that has not left yet still computes; one that is silent for too long will not.
        const auto all_left = [&] {
            check_silence();
            return !failure_.empty() || std::all_of(peers_.begin(), peers_.end(), [&](const Peer& each) {
                return each.left || &each == &peers_[static_cast<size_t>(rank_)];
            });
        };
        while (leaving_ && !all_left())
            changed_.wait_for(lock, seconds(kLook_s));
        if (!leaving_) fail_locked(kInternal, format("%s went away in '%s'", name_of(rank_).c_str(), phase_.c_str()));
        stopping_ = closed_ = true;
        changed_.notify_all();
        const Clock::time_point begin = Clock::now();
        const auto sent = [&] {
            return std::all_of(peers_.begin(), peers_.end(),
                    [](const Peer& each) { return each.outbox.empty() && !each.is_sending; });
        };
        while (!sent() && seconds_since(begin) < kFlush_s)
            changed_.wait_for(lock, seconds(kLook_s));
    }
    transport_->stop();
    finish_threads(kFlush_s);
}

void Post::finish_threads(double limit_s) {
    const Clock::time_point begin = Clock::now();
    for (int32_t r = 0; r < size(); ++r) {
        if (!is_peer(r)) continue;
        Peer& each = peer(r);
        bool ended = false;
        {
            Lock lock(mutex_);
            while (each.running > 0 && seconds_since(begin) < limit_s)
                changed_.wait_for(lock, seconds(kLook_s));
            ended = each.running == 0;
        }
        for (std::thread* thread : {&each.receiver, &each.sender}) {
            if (ended)
                thread->join();
            else
                thread->detach();
        }
    }
}

}  // namespace tbrm
