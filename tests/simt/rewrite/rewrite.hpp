#pragma once
// rewrite.hpp - CUDA C++ as plain C++ for the emulator. Lines keep their numbers, so reports point into the original files.
#include <string>

namespace simt::rewrite {

// Four things are not C++ and are rewritten; everything else (__global__, threadIdx, intrinsics) is macros and functions of include/:
//     kernel<<<grid, block, shared, stream>>>(args)     -> simt::launch(...)(args)
//     __shared__ T name[n];                             -> a reference into the block's shared memory
//     extern __shared__ T name[];                       -> a pointer to the dynamic part of it
//     asm volatile("opcode ..." : outs : ins : clobber) -> simt::ptx::opcode(operands in the order of the text)
// Throws std::runtime_error where the text is none of these forms.
std::string rewrite(const std::string& text);

}  // namespace simt::rewrite
