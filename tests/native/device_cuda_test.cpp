// device_cuda_test.cpp - CudaDevice itself: memory that is counted, copies through page-locked memory, errors. Kernels have their own tests.
#include "cuda_testing.hpp"
#include "device/device.hpp"

using namespace tbrm;
using namespace tbrm::testing;

namespace {

tbrm_status_t status_of(const std::function<void()>& body, std::string* out_message = nullptr) {
    tbrm_error_t err{};
    const tbrm_status_t status = guard(&err, "here", body);
    if (out_message != nullptr) *out_message = err.message;
    return status;
}

}  // namespace

TBRM_TEST(device_memory_is_counted_and_aligned) {
    const std::unique_ptr<Device> device = make_cuda_device(0);
    device->enter();
    const int64_t before = device->memory().in_use();
    for (const int64_t bytes : {int64_t{0}, int64_t{1}, int64_t{100}, int64_t{5} << 20}) {
        void* p = device->allocate(bytes, {});
        CHECK(p != nullptr && reinterpret_cast<uintptr_t>(p) % 256 == 0);
        CHECK(device->memory().in_use() == before + bytes);
        device->release(p, bytes, {});
        CHECK(device->memory().in_use() == before);
    }
}

TBRM_TEST(device_out_of_memory_is_a_status_and_harms_nothing) {
    const std::unique_ptr<Device> device = make_cuda_device(0);
    device->enter();
    std::string message;
    CHECK(status_of([&] { device->allocate(int64_t{1} << 46, {}); }, &message) == TBRM_STATUS_OUT_OF_MEMORY);
    CHECK_MSG(message.find("70368744177664 bytes") != std::string::npos, "%s", message.c_str());
    DeviceBuffer<float> buffer(*device, 4);
    const float values[] = {1, 2, 3, 4};
    device->upload(buffer.data(), values, sizeof values);
    device->round_vector(Dtype::Bf16, 4, buffer.data(), buffer.data());  // a launch: the old error must be gone
    float back[4];
    device->download(back, buffer.data(), sizeof back);
    CHECK(std::memcmp(back, values, sizeof back) == 0);
}

TBRM_TEST(device_refuses_an_ordinal_that_is_not_there) {
    std::string message;
    CHECK(status_of([] { make_cuda_device(4096); }, &message) == TBRM_STATUS_INVALID_ARGUMENT);
    CHECK_MSG(message.find("4096") != std::string::npos, "%s", message.c_str());
}

// Sizes around a segment of the staging ring (4 MiB), and many small ones that share and wrap it. The caller's memory changes at once.
TBRM_TEST(device_uploads_what_the_caller_had) {
    const std::unique_ptr<Device> device = make_cuda_device(0);
    device->enter();
    constexpr int64_t kSegment = int64_t{4} << 20;
    for (const int64_t bytes : {int64_t{1}, int64_t{63}, kSegment - 1, kSegment, kSegment + 1, 5 * kSegment + 17}) {
        std::vector<uint8_t> values(static_cast<size_t>(bytes)), back(values.size());
        for (size_t i = 0; i < values.size(); ++i)
            values[i] = static_cast<uint8_t>(i * 2654435761u >> 13);
        const std::vector<uint8_t> expected = values;
        DeviceBuffer<uint8_t> buffer(*device, bytes), copy(*device, bytes);
        device->upload(buffer.data(), values.data(), bytes);
        std::fill(values.begin(), values.end(), uint8_t{0});
        device->copy(copy.data(), buffer.data(), bytes);
        device->zero(buffer.data(), bytes);
        device->download(back.data(), copy.data(), bytes);
        CHECK(back == expected);
        device->download(back.data(), buffer.data(), bytes);
        CHECK(back == values);
    }
    constexpr int kMany = 600;
    DeviceBuffer<int32_t> many(*device, int64_t{kMany} * 10000);
    for (int i = 0; i < kMany; ++i) {
        const std::vector<int32_t> values(10000, i);
        device->upload(many.data() + int64_t{i} * 10000, values.data(), 40000);
    }
    std::vector<int32_t> back(static_cast<size_t>(kMany) * 10000);
    device->download(back.data(), many.data(), static_cast<int64_t>(back.size()) * 4);
    for (size_t i = 0; i < back.size(); ++i)
        CHECK(back[i] == static_cast<int32_t>(i / 10000));
}

TBRM_TEST(device_weights_are_row_major_in_either_dtype) {
    const std::unique_ptr<Device> device = make_cuda_device(0);
    device->enter();
    const int64_t rows = 700, cols = 1999;  // several pieces of the staging ring
    const std::vector<float> values = normals(rows * cols, 3);
    for (const Dtype dtype : kDtypes) {
        CHECK(device->weight_elements(dtype, rows, cols) == rows * cols);
        DeviceBuffer<char> w(*device, rows * cols * dtype_bytes(dtype));
        device->pack_rows(dtype, w.data(), rows, cols, 0, 300, Dtype::F32, values.data());
        device->pack_rows(dtype, w.data(), rows, cols, 300, 400, Dtype::F32, values.data() + 300 * cols);
        std::vector<float> back(values.size());
        device->unpack_rows(dtype, w.data(), rows, cols, 0, rows, Dtype::F32, back.data());
        std::vector<float> expected = values;
        for (float& x : expected)
            x = round_to(dtype, x);
        CHECK(float_bits_equal(back, expected));
        Array stored(dtype, rows * cols);
        device->download(stored.data(), w.data(), rows * cols * dtype_bytes(dtype));
        CHECK(stored.same_bits(Array(dtype, values)));
    }
}

// Recorded calls do nothing until they are launched, and then what they would have done, with what is in memory by then.
TBRM_TEST(device_makes_recorded_calls_again) {
    const std::unique_ptr<Device> device = make_cuda_device(0);
    device->enter();
    CHECK(device->can_record());
    DeviceBuffer<float> from(*device, 3), to(*device, 3);
    const auto put = [&](std::vector<float> values) { device->upload(from.data(), values.data(), 12); };
    const auto got = [&] {
        std::vector<float> values(3);
        device->download(values.data(), to.data(), 12);
        return values;
    };
    put({1, 2, 3});
    device->zero(to.data(), 12);
    const std::unique_ptr<DeviceGraph> graph =
            device->record([&] { device->shift_vector(3, 1.0f, from.data(), to.data()); });
    CHECK((got() == std::vector<float>{0, 0, 0}));
    graph->launch();
    CHECK((got() == std::vector<float>{2, 3, 4}));
    put({5, 6, 7});
    graph->launch();
    CHECK((got() == std::vector<float>{6, 7, 8}));
    // What fails on the way leaves a device that works.
    CHECK(status_of([&] { device->record([] { TBRM_FAIL(TBRM_STATUS_INTERNAL, "no"); }); }) == TBRM_STATUS_INTERNAL);
    device->shift_vector(3, 2.0f, from.data(), to.data());
    CHECK((got() == std::vector<float>{7, 8, 9}));
}
