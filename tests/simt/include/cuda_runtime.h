#pragma once
// cuda_runtime.h of the SIMT emulator: the part of CUDA that the project uses. Anything missing is a compile error here, not a surprise later.
// clang-format off: the order matters
#include "simt/device.hpp"
#include "simt/host.hpp"
#include "simt/ptx.hpp"
#include "simt/simt.hpp"
// clang-format on
