// warp.cpp - what the lanes of a warp do together: barriers, shuffles, votes.
#include <algorithm>
#include <cstring>

#include "engine.hpp"

namespace simt {

void collective(uint32_t mask, Complete complete, void* data, Site site) {
    Fiber* const f = current;
    const int warp = f->thread / 32, lane = f->thread % 32;
    Block& b = *f->block;
    std::vector<Pending>& waiting = worker->pending[warp];
    if (!(mask >> lane & 1))
        report(Kind::WarpMask, nullptr, "%s takes part in the warp operation at %s:%d, its mask %08x does not name it",
                where_am_i().c_str(), site.file, site.line, mask);
    auto op = std::find_if(waiting.begin(), waiting.end(), [&](const Pending& p) { return p.mask == mask; });
    if (op == waiting.end()) {
        for (int i = 0; i < 32; ++i) {
            const int other = warp * 32 + i;
            if ((mask >> i & 1) && (other >= b.n || b.fibers[other].state == State::Done))
                report(Kind::WarpMask, nullptr, "%s: the warp operation at %s:%d names lane %d, which %s",
                        where_am_i().c_str(), site.file, site.line, i,
                        other >= b.n ? "does not exist" : "has returned");
        }
        waiting.push_back({mask, 0, complete, site, {}});
        op = waiting.end() - 1;
    } else if (op->complete != complete || op->site.line != site.line || std::strcmp(op->site.file, site.file) != 0) {
        report(Kind::WarpMask, nullptr,
                "%s is in the warp operation at %s:%d, other lanes of its mask in the one at %s:%d",
                where_am_i().c_str(), site.file, site.line, op->site.file, op->site.line);
    }
    op->arrived |= 1u << lane;
    op->lanes[lane] = data;
    if (op->arrived == mask) {
        const Pending full = *op;
        waiting.erase(op);
        if (complete != nullptr) complete(full.lanes, mask);
        for (int i = 0; i < 32; ++i)
            if ((mask >> i & 1) && i != lane) b.fibers[warp * 32 + i].state = State::Runnable;
        return;
    }
    f->state = State::Warp;
    f->site = site;
    give_way();
}

void warp_barrier(uint32_t mask, Site site) {
    // The epoch moves when the last lane arrives, before anybody goes on.
    collective(
            mask, [](void* const*, uint32_t) { ++current->block->warp_epoch[current->thread / 32]; }, nullptr, site);
}

void exchange(uint32_t mask, void* value, std::size_t bytes, int from, Site site) {
    struct Data {
        char in[16], out[16];
        int from;
    } data{};
    std::memcpy(data.in, value, bytes);
    std::memcpy(data.out, value, bytes);
    data.from = from;
    collective(
            mask,
            [](void* const* lanes, uint32_t members) {
                for (int i = 0; i < 32; ++i) {
                    if (!(members >> i & 1)) continue;
                    Data& own = *static_cast<Data*>(lanes[i]);
                    // Reading a lane outside the mask is undefined on a GPU; here it leaves the lane's own value.
                    if (own.from >= 0 && own.from < 32 && lanes[own.from] != nullptr)
                        std::memcpy(own.out, static_cast<Data*>(lanes[own.from])->in, sizeof own.out);
                }
            },
            &data, site);
    std::memcpy(value, data.out, bytes);
}

uint32_t ballot(uint32_t mask, int predicate, Site site) {
    struct VoteData {
        int predicate;
        uint32_t ballot;
    };
    VoteData data{predicate, 0};
    collective(
            mask,
            [](void* const* lanes, uint32_t members) {
                uint32_t votes = 0;
                for (int i = 0; i < 32; ++i)
                    if ((members >> i & 1) && static_cast<VoteData*>(lanes[i])->predicate != 0) votes |= 1u << i;
                for (int i = 0; i < 32; ++i)
                    if (members >> i & 1) static_cast<VoteData*>(lanes[i])->ballot = votes;
            },
            &data, site);
    return data.ballot;
}

}  // namespace simt
