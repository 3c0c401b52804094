#pragma once
// torch_plugin.hpp - libtbrm_torch, loaded when a torch device is first asked for.
#include <string>

#include "torch/torch_interface.h"

namespace tbrm {

struct TorchPlugin {
    const tbrm_torch_api_t* api;
    std::string path;
};

// The plug-in that TBRM_TORCH_PLUGIN names, or that lies beside this library. Throws UNSUPPORTED where it is not there, does not load, or was
// built from another interface or with another libtorch than the one that it finds; the message says which.
const TorchPlugin& torch_plugin();

// The same for a given file; for tests. Not kept.
TorchPlugin load_torch_plugin(const std::string& path);

}  // namespace tbrm
