# tbrm_isa_sources(TARGET ISA FILE...): adds files that are compiled for one instruction set and are only called when
# core/isa.hpp says that the processor has it. ISA: avx2, avx512, avx512bf16.
function(tbrm_isa_sources target isa)
  if(NOT CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64|amd64")
    return()
  endif()
  if(MSVC)
    set(flags_avx2 /arch:AVX2)
    set(flags_avx512 /arch:AVX512)
    set(flags_avx512bf16 /arch:AVX512)
  else()
    # GCC 12 knows no znver5; the flags are spelled out.
    set(flags_avx2 -mavx2 -mfma -mf16c)
    set(flags_avx512 ${flags_avx2} -mavx512f -mavx512bw -mavx512vl -mavx512dq -mprefer-vector-width=512)
    set(flags_avx512bf16 ${flags_avx512} -mavx512bf16)
  endif()
  target_sources(${target} PRIVATE ${ARGN})
  set_source_files_properties(${ARGN} TARGET_DIRECTORY ${target} PROPERTIES COMPILE_OPTIONS "${flags_${isa}}")
endfunction()
