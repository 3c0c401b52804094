#include "core/context.hpp"

#include <atomic>
#include <thread>

#if defined(_OPENMP)
#include <omp.h>
#endif

namespace tbrm {
namespace {
std::atomic<int64_t> g_live{0};
}

LiveObject::LiveObject() noexcept {
    g_live.fetch_add(1);
}

LiveObject::~LiveObject() {
    g_live.fetch_sub(1);
}

int64_t LiveObject::count() noexcept {
    return g_live.load();
}

void Context::enter() const {
#if defined(_OPENMP)
    omp_set_dynamic(0);
    omp_set_num_threads(n_threads);
#endif
}

}  // namespace tbrm
