#pragma once
// temporary_folder.hpp - a folder of its own under the system's temporary folder, removed with everything in it.
#include <filesystem>
#include <random>
#include <string>

namespace tbrm::testing {

class TemporaryFolder {
public:
    TemporaryFolder() {
        std::random_device entropy;
        do {
            path_ = std::filesystem::temp_directory_path() / ("tbrm-test-" + std::to_string(entropy()));
        } while (!std::filesystem::create_directory(path_));
    }
    ~TemporaryFolder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;

    std::string path() const { return path_.string(); }
    std::string operator/(const std::string& name) const { return (path_ / name).string(); }

private:
    std::filesystem::path path_;
};

}  // namespace tbrm::testing
