#pragma once
// mma.h of the SIMT emulator: nvcuda::wmma for 16 x 16 x 16 bf16 with fp32 sums. Which lane holds which element is the emulator's own
// choice, as it is the hardware's.
#include <cuda_bf16.h>

namespace nvcuda {
namespace wmma {

struct row_major {};
struct col_major {};
struct matrix_a {};
struct matrix_b {};
struct accumulator {};
enum layout_t { mem_row_major, mem_col_major };

template <class Use, int M, int N, int K, class T, class Layout = void>
struct fragment {
    static_assert(M == 16 && N == 16 && K == 16, "the emulator knows 16 x 16 x 16");
    static constexpr int num_elements = 8;
    T x[num_elements];
};

void simt_check_tile(const void* p, unsigned ld_bytes, const char* what);
// The tile's 16 x 16 elements of `bytes` each, as one instruction of the warp; while it lives the loop that does it is not counted.
struct SimtTileAccess {
    SimtTileAccess(const void* row, unsigned bytes, bool write);
    ~SimtTileAccess();
};
void simt_multiply(float* d, const uint16_t* a, const uint16_t* b, const float* c);

// Lane l holds row l / 2, columns l % 2 * 8 ...
template <class Use, class T, class Layout>
void load_matrix_sync(fragment<Use, 16, 16, 16, T, Layout>& f, const T* p, unsigned ld) {
    simt_check_tile(p, ld * sizeof(T), "load_matrix_sync");
    const int lane = simt::lane_id(), row = lane / 2, col = lane % 2 * 8;
    const SimtTileAccess access(p + row * ld + col, 8 * sizeof(T), false);
    for (int i = 0; i < 8; ++i) {
        const T* at = std::is_same_v<Layout, row_major> ? p + row * ld + col + i : p + (col + i) * ld + row;
        f.x[i] = *at;
    }
}
template <class T>
void load_matrix_sync(fragment<accumulator, 16, 16, 16, T>& f, const T* p, unsigned ld, layout_t layout) {
    simt_check_tile(p, ld * sizeof(T), "load_matrix_sync");
    const int lane = simt::lane_id(), row = lane / 2, col = lane % 2 * 8;
    const SimtTileAccess access(p + row * ld + col, 8 * sizeof(T), false);
    for (int i = 0; i < 8; ++i)
        f.x[i] = layout == mem_row_major ? p[row * ld + col + i] : p[(col + i) * ld + row];
}
template <class T>
void store_matrix_sync(T* p, const fragment<accumulator, 16, 16, 16, T>& f, unsigned ld, layout_t layout) {
    simt_check_tile(p, ld * sizeof(T), "store_matrix_sync");
    const int lane = simt::lane_id(), row = lane / 2, col = lane % 2 * 8;
    const SimtTileAccess access(p + row * ld + col, 8 * sizeof(T), true);
    for (int i = 0; i < 8; ++i)
        (layout == mem_row_major ? p[row * ld + col + i] : p[(col + i) * ld + row]) = f.x[i];
}
template <class Use, class T, class Layout, class V>
void fill_fragment(fragment<Use, 16, 16, 16, T, Layout>& f, V value) {
    for (T& x : f.x)
        x = value;
}
template <class LayoutA, class LayoutB>
void mma_sync(fragment<accumulator, 16, 16, 16, float>& d,
        const fragment<matrix_a, 16, 16, 16, __nv_bfloat16, LayoutA>& a,
        const fragment<matrix_b, 16, 16, 16, __nv_bfloat16, LayoutB>& b,
        const fragment<accumulator, 16, 16, 16, float>& c) {
    simt_multiply(d.x, &a.x[0].bits, &b.x[0].bits, c.x);
}

}  // namespace wmma
}  // namespace nvcuda
