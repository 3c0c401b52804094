# Interface targets that every native target links: tbrm_options (what must agree across the build) and tbrm_warnings (ours alone).
add_library(tbrm_options INTERFACE)
# No contraction of a*b+c behind our back: where a kernel wants an fma it says so, and the bits do not depend on the compiler's mood.
target_compile_options(tbrm_options INTERFACE
  $<$<COMPILE_LANG_AND_ID:CXX,GNU,Clang>:-ffp-contract=off -fno-math-errno>
  $<$<COMPILE_LANG_AND_ID:CXX,GNU,Clang>:-fmacro-prefix-map=${CMAKE_CURRENT_SOURCE_DIR}/=>)
if(MSVC)
  target_compile_options(tbrm_options INTERFACE /utf-8 /permissive- /fp:precise /bigobj)
elseif(MINGW)
  target_compile_definitions(tbrm_options INTERFACE __USE_MINGW_ANSI_STDIO=1)
endif()
if(TBRM_SANITIZE)
  target_compile_options(tbrm_options INTERFACE -fsanitize=${TBRM_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(tbrm_options INTERFACE -fsanitize=${TBRM_SANITIZE})
endif()

# OFF: for a compiler newer than those that the project is built with, which warns of what they do not.
option(TBRM_WARNINGS_AS_ERRORS "Stop at warnings of the compilers that know all of ours" ON)
set(tbrm_stop $<BOOL:${TBRM_WARNINGS_AS_ERRORS}>)

add_library(tbrm_warnings INTERFACE)
target_compile_options(tbrm_warnings INTERFACE
  $<$<COMPILE_LANG_AND_ID:CXX,GNU,Clang>:-Wall -Wextra -Wpedantic -Wshadow $<${tbrm_stop}:-Werror>>
  # GCC 12 sees uninitialised reads inside its own AVX-512 headers.
  $<$<COMPILE_LANG_AND_ID:CXX,GNU>:-Wno-maybe-uninitialized -Wno-uninitialized>
  # Clang does not know GCC's unroll pragma; it unrolls those loops by itself.
  $<$<COMPILE_LANG_AND_ID:CXX,Clang>:-Wno-unknown-pragmas>
  # Not /WX: no machine of ours runs MSVC, and a user's build must not stop at a warning that nobody here has seen. 4068: unroll pragmas.
  $<$<COMPILE_LANG_AND_ID:CXX,MSVC>:/W4 /wd4068>)
