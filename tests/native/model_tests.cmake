# Checkpoint, model, gradient and optimizer.
tbrm_native_test(safetensors safetensors_test.cpp)

# Fuzzers need clang: cmake --preset asan -DCMAKE_CXX_COMPILER=clang++ -DTBRM_FUZZ=ON, then fuzz_safetensors -max_total_time=600.
option(TBRM_FUZZ "Build the libFuzzer targets" OFF)
if(TBRM_FUZZ)
  add_executable(fuzz_safetensors fuzz/safetensors_fuzz.cpp)
  target_compile_options(fuzz_safetensors PRIVATE -fsanitize=fuzzer)
  target_link_options(fuzz_safetensors PRIVATE -fsanitize=fuzzer)
  target_link_libraries(fuzz_safetensors PRIVATE tbrm_warnings tbrm_kernels)
endif()

# The exports, linked statically: tests of the contract that also run under the sanitizers.
set(native_src ${CMAKE_CURRENT_SOURCE_DIR}/../../native/src)
add_library(tbrm_tiny_model STATIC
  tiny_model.cpp
  reference_decoder.cpp
  ${native_src}/checkpoint/checkpoint_api.cpp
  ${native_src}/gradient/gradient_api.cpp
  ${native_src}/group/group_api.cpp
  ${native_src}/logprob/logprob_api.cpp
  ${native_src}/model/model_api.cpp
  ${native_src}/optimizer/optimizer_api.cpp
  ${native_src}/plan/plan_api.cpp
  ${native_src}/residual/residual_api.cpp
  ${native_src}/value/value_api.cpp)
target_compile_definitions(tbrm_tiny_model PRIVATE TBRM_BUILD)
# The oracle runs thousands of times behind finite differences; it is not what the sanitizers are to look at.
if(TBRM_SANITIZE)
  set_source_files_properties(reference_decoder.cpp PROPERTIES COMPILE_OPTIONS "-fno-sanitize=all")
endif()
target_link_libraries(tbrm_tiny_model PRIVATE tbrm_warnings PUBLIC tbrm_kernels)
if(TARGET tbrm_cuda)
  target_link_libraries(tbrm_tiny_model PUBLIC tbrm_cuda)
endif()
set(more_adapter adapter_file_test.cpp)
set(more_group share_test.cpp)
set(more_model model_tensors_test.cpp)
set(more_plan ${native_src}/rollout/rollout_api.cpp)
foreach(stage adapter checkpoint gradient group model optimizer plan value)
  tbrm_native_test(${stage} ${stage}_test.cpp ${more_${stage}})
  target_link_libraries(test_${stage} PRIVATE tbrm_tiny_model)
endforeach()
