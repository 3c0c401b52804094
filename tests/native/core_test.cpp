// core_test.cpp - random numbers, number formats, counted memory, errors.
#include "core/block_cache.hpp"
#include "core/context.hpp"
#include "core/dtype.hpp"
#include "core/memory.hpp"
#include "core/parallel.hpp"
#include "testing.hpp"

using namespace tbrm;

// Known answers of Random123 1.14 (kat_vectors, philox4x32 10).
TBRM_TEST(philox_gives_the_known_answers) {
    const Philox4 zeros = philox4x32(0, 0, 0, 0, 0);
    CHECK(zeros.x[0] == 0x6627e8d5u && zeros.x[1] == 0xe169c58du && zeros.x[2] == 0xbc57ac4cu &&
            zeros.x[3] == 0x9b00dbd8u);
    const uint32_t f = 0xffffffffu;
    const Philox4 ones = philox4x32(0xffffffffffffffffull, f, f, f, f);
    CHECK(ones.x[0] == 0x408f276du && ones.x[1] == 0x41c83b0eu && ones.x[2] == 0xa20bc7c6u && ones.x[3] == 0x6d5451fdu);
    const Philox4 pi = philox4x32(0x299f31d0a4093822ull, 0x243f6a88u, 0x85a308d3u, 0x13198a2eu, 0x03707344u);
    CHECK(pi.x[0] == 0xd16cfe09u && pi.x[1] == 0x94fdccebu && pi.x[2] == 0x5001e420u && pi.x[3] == 0x24126ea1u);
}

TBRM_TEST(bf16_rounds_to_nearest_even) {
    CHECK(to_bf16(1.0f).bits == 0x3f80);
    CHECK(to_bf16(1.00390625f).bits == 0x3f80);  // half way: to even
    CHECK(to_bf16(1.01171875f).bits == 0x3f82);  // half way: to even
    CHECK(to_bf16(1.005f).bits == 0x3f81);
    CHECK(to_bf16(-INFINITY).bits == 0xff80);
    CHECK(to_bf16(3.4e38f).bits == 0x7f80);  // rounds up to infinity
    CHECK(std::isnan(to_float(to_bf16(NAN))));
    for (uint32_t bits = 0; bits < 0x10000u; ++bits) {
        const bf16 x{static_cast<uint16_t>(bits)};
        if (std::isnan(to_float(x))) continue;
        CHECK_MSG(to_bf16(to_float(x)).bits == x.bits, "bits %x", bits);
    }
}

TBRM_TEST(host_buffers_are_counted) {
    const int64_t before = host_memory().in_use();
    {
        HostBuffer<float> buffer(1000);
        CHECK(host_memory().in_use() == before + 4000);
        CHECK(reinterpret_cast<uintptr_t>(buffer.data()) % 64 == 0);
        HostBuffer<float> moved = std::move(buffer);
        CHECK(moved.size() == 1000 && buffer.data() == nullptr);
    }
    CHECK(host_memory().in_use() == before);
    CHECK(host_memory().peak() >= before + 4000);
}

TBRM_TEST(a_freed_block_serves_the_next_request_of_its_size) {
    BlockCache cache;
    std::vector<char> block(static_cast<size_t>(BlockCache::size_class(100000)));
    CHECK(cache.take(100000) == nullptr);
    CHECK(cache.give(block.data(), 100000));
    CHECK(cache.waiting_bytes() == BlockCache::size_class(100000));
    CHECK(cache.take(50000) == nullptr);
    CHECK(cache.take(200000) == nullptr);
    CHECK(cache.take(BlockCache::size_class(100000)) == block.data());  // any size of the class
    CHECK(cache.waiting_bytes() == 0);
    CHECK(!cache.give(block.data(), BlockCache::kSmallest - 1));
    CHECK(!cache.give(block.data(), BlockCache::kLargest + 1));
}

TBRM_TEST(waiting_blocks_are_bounded_and_can_be_drained) {
    BlockCache cache;
    std::vector<char> blocks(32);
    const int64_t n = BlockCache::kMost / BlockCache::kLargest;
    for (int64_t i = 0; i < n; ++i)
        CHECK(cache.give(&blocks[static_cast<size_t>(i)], BlockCache::kLargest));
    CHECK(!cache.give(&blocks[31], BlockCache::kLargest));
    static int64_t n_freed = 0;
    cache.drain([](void*) { ++n_freed; });
    CHECK(n_freed == n && cache.waiting_bytes() == 0);
    CHECK(cache.take(BlockCache::kLargest) == nullptr);
}

TBRM_TEST(size_classes_waste_an_eighth_at_most) {
    int64_t last = 0;
    for (int64_t bytes = 0; bytes < int64_t{20} << 20; bytes += 997) {
        const int64_t size = BlockCache::size_class(bytes);
        CHECK(size >= bytes && size * 8 <= bytes * 9 && size >= last);
        CHECK(BlockCache::size_class(size) == size);
        last = size;
    }
    trim_host_memory();
    CHECK(host_waiting_bytes() == 0);
}

TBRM_TEST(a_parallel_loop_carries_its_exception_out) {
    bool caught = false;
    try {
        parallel_for(100, 1 << 20, [](int64_t i) { TBRM_REQUIRE(i != 57, "index %d", static_cast<int>(i)); });
    } catch (const Failure& failure) {
        caught = failure.code == TBRM_STATUS_INVALID_ARGUMENT && std::string(failure.what()) == "index 57";
    }
    CHECK(caught);
}

TBRM_TEST(an_exception_becomes_a_status_and_a_message) {
    tbrm_error_t err{};
    const tbrm_status_t status =
            guard(&err, "here", [] { TBRM_FAIL(TBRM_STATUS_BAD_FILE, "expected %d bytes, found %d", 8, 7); });
    CHECK(status == TBRM_STATUS_BAD_FILE && err.code == TBRM_STATUS_BAD_FILE);
    CHECK(std::string(err.message) == "expected 8 bytes, found 7");
    CHECK(std::string(err.where).find("core_test.cpp:") != std::string::npos);
    CHECK(guard(nullptr, "here", [] { throw 7; }) == TBRM_STATUS_INTERNAL);
}

int main(int argc, char** argv) {
    return tbrm::testing::run(argc, argv);
}
