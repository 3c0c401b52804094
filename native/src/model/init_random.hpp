#pragma once
// init_random.hpp - numbers drawn by (seed, tensor name, element): independent of device, threads and layout.
#include <cstdint>
#include <string>

namespace tbrm {

// out[i] uniform in (-bound, bound), i < n.
void draw_uniform(uint64_t seed, const std::string& name, int64_t n, double bound, float* out);

}  // namespace tbrm
