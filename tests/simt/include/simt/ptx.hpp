#pragma once
// ptx.hpp - the PTX that the project writes by hand. The rewriter calls these with the operands in the order of the text; an
// instruction that is missing here is a compile error that names it.
#include "simt/simt.hpp"

namespace simt {
namespace ptx {
inline void cp_async_cg_shared_global(uint32_t to, const void* from, int bytes, int valid) {
    copy_async(to, from, bytes, valid);
}
inline void cp_async_cg_shared_global(uint32_t to, const void* from, int bytes) {
    copy_async(to, from, bytes, bytes);
}
inline void cp_async_commit_group() {
    commit_copies();
}
inline void cp_async_wait_group(int pending) {
    wait_for_copies(pending);
}
void ldmatrix_sync_aligned_m8n8_x4_shared_b16(uint32_t& r0, uint32_t& r1, uint32_t& r2, uint32_t& r3, uint32_t row);
void ldmatrix_sync_aligned_m8n8_x4_trans_shared_b16(
        uint32_t& r0, uint32_t& r1, uint32_t& r2, uint32_t& r3, uint32_t row);
void mma_sync_aligned_m16n8k16_row_col_f32_bf16_bf16_f32(float& d0, float& d1, float& d2, float& d3, uint32_t a0,
        uint32_t a1, uint32_t a2, uint32_t a3, uint32_t b0, uint32_t b1, float c0, float c1, float c2, float c3);
}  // namespace ptx
}  // namespace simt
