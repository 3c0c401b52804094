#pragma once
// checkpoint.hpp - weights, adapter and optimizer state from and to safetensors files. Contract: tbrm.h, section checkpoint.
#include <cstdint>
#include <string>

namespace tbrm {

class Model;
class Optimizer;

// Reads the model's tensors that the file holds, and returns how many. Everything is checked before the first weight changes.
// A bf16 model keeps an fp32 file's precision in its master weights.
int64_t load_weights(Model& model, const std::string& path);

// Names of tensors that no load has filled, '\n'-separated; their number.
std::string missing_tensors(Model& model, int64_t* out_count);

// Tensors [first, first + count) in the model's dtype.
void save_weights(Model& model, const std::string& path, int64_t first, int64_t count);

// The adapter's tensors as fp32; a file that is read must hold exactly the model's.
void save_adapter(Model& model, const std::string& path);
void load_adapter(Model& model, const std::string& path);

// "master.", "adam_m." and "adam_v." + tensor name, fp32; the step count in the metadata.
void save_optimizer(Optimizer& optimizer, const std::string& path);

// Everything of the file is checked before the first value changes: no tensor may be missing, and none may be unknown.
void load_optimizer(Optimizer& optimizer, const std::string& path);

}  // namespace tbrm
