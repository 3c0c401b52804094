// shim.cpp - std::ios_base_library_init() of GCC 13's <iostream> for an older libstdc++, which initialises the streams by ios_base::Init objects.
// libLibTorchSharp.so of TorchSharp 0.107 asks for nothing else of GLIBCXX_3.4.32.
#include <ios>

namespace std {
static ios_base::Init keep;
void ios_base_library_init() {}
}  // namespace std
