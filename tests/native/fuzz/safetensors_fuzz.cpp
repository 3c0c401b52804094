// safetensors_fuzz.cpp - libFuzzer's entry to the safetensors reader: any bytes give a header or BAD_FILE, within memory bounds.
#include <cstdlib>

#include "checkpoint/safetensors.hpp"
#include "core/guard.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    try {
        const tbrm::SafetensorsHeader header = tbrm::parse_safetensors(data, static_cast<int64_t>(size), "fuzz");
        unsigned sum = 0;
        for (const tbrm::FileTensor& tensor : header.tensors) {
            for (int64_t i = tensor.begin; i < tensor.end; ++i)
                sum += data[i];
        }
        volatile unsigned keep = sum;
        (void)keep;
    } catch (const tbrm::Failure& failure) {
        if (failure.code != TBRM_STATUS_BAD_FILE) std::abort();
    }
    return 0;
}
