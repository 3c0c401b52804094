// simt_rewrite SOURCE_TREE OUTPUT_TREE: every .cu (to .cu.cpp) and .cuh below SOURCE_TREE. A file whose text would stay as it is is not touched:
// nothing is compiled again.
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>

#include "rewrite.hpp"

namespace fs = std::filesystem;

namespace {

std::string read(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void rewrite_file(const fs::path& from, const fs::path& to) {
    std::string text;
    try {
        text = "# 1 \"" + fs::absolute(from).string() + "\"\n" + simt::rewrite::rewrite(read(from));
    } catch (const std::exception& e) {
        throw std::runtime_error(from.string() + ": " + e.what());
    }
    fs::create_directories(to.parent_path());
    if (fs::exists(to) && read(to) == text) return;
    std::ofstream file(to, std::ios::binary);
    file << text;
    if (!file.flush()) throw std::runtime_error("cannot write " + to.string());
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3) {
        std::fprintf(stderr, "simt_rewrite SOURCE_TREE OUTPUT_TREE\n");
        return 2;
    }
    try {
        const fs::path source = argv[1], out = argv[2];
        if (!fs::is_directory(source)) throw std::runtime_error(source.string() + " is no folder");
        for (const fs::directory_entry& entry : fs::recursive_directory_iterator(source)) {
            const fs::path extension = entry.path().extension();
            if (extension != ".cu" && extension != ".cuh") continue;
            fs::path to = out / fs::relative(entry.path(), source);
            if (extension == ".cu") to += ".cpp";
            rewrite_file(entry.path(), to);
        }
    } catch (const std::exception& e) {
        std::fprintf(stderr, "simt_rewrite: %s\n", e.what());
        return 1;
    }
    return 0;
}
