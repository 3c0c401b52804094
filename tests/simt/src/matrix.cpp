// matrix.cpp - ldmatrix, mma.sync and wmma. Products are one fp32 chain of fused multiply-adds per element; hardware truncates, in an order of
// its own.
#include <immintrin.h>
#include <mma.h>

#include <cstring>

#include "engine.hpp"

namespace simt {
namespace {

struct LoadMatrix {
    const uint16_t* row;
    uint32_t r[4];
};

template <bool kTransposed>
void complete_ldmatrix(void* const* lanes, uint32_t) {
    for (int lane = 0; lane < 32; ++lane) {
        LoadMatrix& own = *static_cast<LoadMatrix*>(lanes[lane]);
        for (int m = 0; m < 4; ++m) {
            const auto element = [&](int row, int col) {
                return static_cast<LoadMatrix*>(lanes[m * 8 + row])->row[col];
            };
            const int a = lane / 4, b = lane % 4 * 2;
            const uint32_t low = kTransposed ? element(b, a) : element(a, b),
                           high = kTransposed ? element(b + 1, a) : element(a, b + 1);
            own.r[m] = low | high << 16;
        }
    }
}

template <bool kTransposed>
void ldmatrix(uint32_t& r0, uint32_t& r1, uint32_t& r2, uint32_t& r3, uint32_t row, const void* pc) {
    if (row % 16 != 0) report(Kind::Misaligned, pc, "%s: ldmatrix from shared %u", where_am_i().c_str(), row);
    LoadMatrix data{static_cast<const uint16_t*>(shared_pointer(row)), {}};
    access(data.row, 16, Access::Read, pc);
    collective(0xffffffffu, complete_ldmatrix<kTransposed>, &data, {"ldmatrix", kTransposed});
    r0 = data.r[0];
    r1 = data.r[1];
    r2 = data.r[2];
    r3 = data.r[3];
}

float wide(uint32_t bits) {
    const uint32_t shifted = bits << 16;
    float value;
    std::memcpy(&value, &shifted, sizeof value);
    return value;
}

struct Mma {
    uint32_t a[4], b[2];
    float c[4];
};

// d = a b + c of 16 x kN, k ascending in one chain per element.
template <int kN>
void multiply_tile(const float (&a)[16][16], const float (&b)[16][kN], float (&c)[16][kN]) {
    for (int row = 0; row < 16; ++row) {
        __m256 sum[kN / 8];
        for (int j = 0; j < kN / 8; ++j)
            sum[j] = _mm256_loadu_ps(&c[row][j * 8]);
        for (int k = 0; k < 16; ++k) {
            const __m256 left = _mm256_set1_ps(a[row][k]);
            for (int j = 0; j < kN / 8; ++j)
                sum[j] = _mm256_fmadd_ps(left, _mm256_loadu_ps(&b[k][j * 8]), sum[j]);
        }
        for (int j = 0; j < kN / 8; ++j)
            _mm256_storeu_ps(&c[row][j * 8], sum[j]);
    }
}

// PTX ISA, "Matrix Fragments for mma.m16n8k16 with floating point type".
void complete_mma(void* const* lanes, uint32_t) {
    float a[16][16], b[16][8], c[16][8];
    for (int lane = 0; lane < 32; ++lane) {
        const Mma& m = *static_cast<Mma*>(lanes[lane]);
        const int group = lane / 4, pair = lane % 4 * 2;
        for (int i = 0; i < 4; ++i) {
            const int row = group + i % 2 * 8, col = pair + i / 2 * 8;
            a[row][col] = wide(m.a[i] & 0xffffu);
            a[row][col + 1] = wide(m.a[i] >> 16);
            c[group + i / 2 * 8][pair + i % 2] = m.c[i];
        }
        for (int i = 0; i < 2; ++i) {
            b[pair + i * 8][group] = wide(m.b[i] & 0xffffu);
            b[pair + i * 8 + 1][group] = wide(m.b[i] >> 16);
        }
    }
    count_tensor(2 * 16 * 8 * 16);
    multiply_tile<8>(a, b, c);
    for (int lane = 0; lane < 32; ++lane) {
        Mma& m = *static_cast<Mma*>(lanes[lane]);
        for (int i = 0; i < 4; ++i)
            m.c[i] = c[lane / 4 + i / 2 * 8][lane % 4 * 2 + i % 2];
    }
}

struct Wmma {
    const uint16_t *a, *b;
    float* sum;
};

void complete_wmma(void* const* lanes, uint32_t) {
    float a[16][16], b[16][16], c[16][16];
    for (int lane = 0; lane < 32; ++lane) {
        const Wmma& m = *static_cast<Wmma*>(lanes[lane]);
        for (int i = 0; i < 8; ++i) {
            a[lane / 2][lane % 2 * 8 + i] = wide(m.a[i]);
            b[lane / 2][lane % 2 * 8 + i] = wide(m.b[i]);
            c[lane / 2][lane % 2 * 8 + i] = m.sum[i];
        }
    }
    count_tensor(2 * 16 * 16 * 16);
    multiply_tile<16>(a, b, c);
    for (int lane = 0; lane < 32; ++lane)
        for (int i = 0; i < 8; ++i)
            static_cast<Wmma*>(lanes[lane])->sum[i] = c[lane / 2][lane % 2 * 8 + i];
}

}  // namespace

namespace ptx {

void ldmatrix_sync_aligned_m8n8_x4_shared_b16(uint32_t& r0, uint32_t& r1, uint32_t& r2, uint32_t& r3, uint32_t row) {
    ldmatrix<false>(r0, r1, r2, r3, row, __builtin_return_address(0));
}
void ldmatrix_sync_aligned_m8n8_x4_trans_shared_b16(
        uint32_t& r0, uint32_t& r1, uint32_t& r2, uint32_t& r3, uint32_t row) {
    ldmatrix<true>(r0, r1, r2, r3, row, __builtin_return_address(0));
}
void mma_sync_aligned_m16n8k16_row_col_f32_bf16_bf16_f32(float& d0, float& d1, float& d2, float& d3, uint32_t a0,
        uint32_t a1, uint32_t a2, uint32_t a3, uint32_t b0, uint32_t b1, float c0, float c1, float c2, float c3) {
    Mma data{{a0, a1, a2, a3}, {b0, b1}, {c0, c1, c2, c3}};
    collective(0xffffffffu, complete_mma, &data, {"mma.sync", 0});
    d0 = data.c[0];
    d1 = data.c[1];
    d2 = data.c[2];
    d3 = data.c[3];
}

}  // namespace ptx
}  // namespace simt

namespace nvcuda {
namespace wmma {

void simt_check_tile(const void* p, unsigned ld_bytes, const char* what) {
    if (reinterpret_cast<uintptr_t>(p) % 32 != 0 || ld_bytes % 16 != 0)
        simt::report(simt::Kind::Misaligned, __builtin_return_address(0),
                "%s: %s at %p with a row stride of %u bytes; it wants 32-byte tiles and strides of 16",
                simt::where_am_i().c_str(), what, p, ld_bytes);
}

// Lane l brings 8 elements of row l / 2: 16-byte pieces, one request each (hardware's own layout is not known).
SimtTileAccess::SimtTileAccess(const void* row, unsigned bytes, bool write) {
    const char* const from = static_cast<const char*>(row);
    simt::Fiber& f = *simt::current;
    if (simt::settings().counters) {
        for (unsigned at = 0; at < bytes; at += 16) {
            const std::size_t shared = static_cast<std::size_t>(from + at - simt::worker->shared);
            const bool is_shared = shared < simt::kSharedArena;
            simt::count_access(f, is_shared ? simt::Space::Shared : simt::Space::Global,
                    is_shared ? shared : reinterpret_cast<uint64_t>(from + at), 16,
                    write ? simt::Access::Write : simt::Access::Read,
                    static_cast<const char*>(__builtin_return_address(0)) + at / 16);
        }
    }
    ++f.uncounted;
}
SimtTileAccess::~SimtTileAccess() {
    --simt::current->uncounted;
}

void simt_multiply(float* d, const uint16_t* a, const uint16_t* b, const float* c) {
    float sum[8];
    std::memcpy(sum, c, sizeof sum);
    simt::Wmma data{a, b, sum};
    simt::collective(0xffffffffu, simt::complete_wmma, &data, {"wmma::mma_sync", 0});
    std::memcpy(d, sum, sizeof sum);
}

}  // namespace wmma
}  // namespace nvcuda
