#pragma once
// plain_threads.hpp - threads for the loops of parallel.hpp without OpenMP, whose library hands work over in ways that the thread sanitizer
// does not see. A thread lives for one loop: for checks (cmake --preset tsan), not for speed.
#include <algorithm>
#include <thread>
#include <vector>

namespace tbrm {
namespace plain {

// Of a thread, as OpenMP has it.
struct ThreadState {
    int max_threads = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
    int index = 0;
    bool in_parallel = false;
};

inline ThreadState& thread_state() {
    thread_local ThreadState state;
    return state;
}

// work(index) on max_threads threads, of which the caller is the first.
template <class Work>
void run_threads(Work&& work) {
    const ThreadState before = thread_state();
    const auto run = [&](int index) {
        thread_state() = {before.max_threads, index, true};
        work(index);
    };
    std::vector<std::thread> others;
    for (int index = 1; index < before.max_threads; ++index)
        others.emplace_back(run, index);
    run(0);
    for (std::thread& other : others)
        other.join();
    thread_state() = before;
}

}  // namespace plain
}  // namespace tbrm
