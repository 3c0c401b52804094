#pragma once
// isa.hpp - which CPU kernels run here. Chosen once; TBRM_ISA=scalar|avx2|avx512|avx512bf16 asks for a lower one (tests, comparisons).
#include <string>

namespace tbrm {

enum class Isa { Scalar = 0, Avx2 = 1, Avx512 = 2, Avx512Bf16 = 3 };

// The best that is compiled in and that the processor and the operating system offer.
Isa best_isa();

// What kernels use: best_isa(), lowered by TBRM_ISA when that names a lower one. Fixed at first use, but for override_isa.
Isa active_isa();

// For tests and benchmarks: uses `isa` from now on (never above best_isa()); returns what was active.
Isa override_isa(Isa isa);

const char* isa_name(Isa isa);

}  // namespace tbrm
