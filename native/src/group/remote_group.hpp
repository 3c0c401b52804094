#pragma once
// remote_group.hpp - ranks as processes: one of them is this one. Bytes travel as letters; what is computed of them is computed here.
#include "group/group.hpp"
#include "group/post.hpp"

namespace tbrm {

class RemoteGroup final : public Group {
public:
    explicit RemoteGroup(std::shared_ptr<Post> post);
    ~RemoteGroup() override;

    int32_t size() const override { return post_->size(); }
    void meet(int32_t rank, const char* phase) override;
    void abort(int32_t rank, int32_t code, const std::string& why) override;
    void sum(int32_t rank, int64_t n, double* values) override;
    void require_equal(int32_t rank, const std::vector<int64_t>& shape) override;
    void reduce(int32_t rank, const std::vector<SharedSum>& arrays) override;
    void gather(int32_t rank, const std::vector<SharedBytes>& arrays, bool first_only, const char* phase) override;

    Post& post() { return *post_; }

    // The message of a rank that was received and not read yet.
    Letter& received(int32_t from) { return received_[static_cast<size_t>(from)]; }

    // n bytes of rank 0 on every rank.
    void broadcast(const char* phase, void* data, int64_t n);

private:
    class Phase;
    // A collective's number: letters of two of them are not mixed up.
    int64_t begin() { return ++sequence_; }
    Letter take(int32_t from, int64_t sequence, const char* phase);

    std::shared_ptr<Post> post_;
    std::vector<Letter> received_;
    int64_t sequence_ = 0;
};

}  // namespace tbrm
