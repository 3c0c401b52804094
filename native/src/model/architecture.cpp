// architecture.cpp - the settings of an architecture as text. Which there are stands in architecture.hpp; none is known here.
#include "model/architecture.hpp"

#include <algorithm>
#include <charconv>
#include <string>
#include <string_view>

#include "core/guard.hpp"

namespace tbrm {
namespace {

using Setting = ArchitectureSetting;

constexpr std::array<std::string_view, kActivations> kActivationNames{"silu", "gelu_tanh"};

// What a message says of a setting: its name, and what stands there.
struct Found {
    const Setting& setting;
    std::string value;
    int64_t n_layers;
};

[[noreturn]] void refuse(const Found& found, const std::string& expected) {
    TBRM_FAIL(TBRM_STATUS_INVALID_ARGUMENT, "architecture: %s is '%s', expected %s", found.setting.name,
            found.value.c_str(), expected.c_str());
}

template <typename Number>
bool read_number(std::string_view text, Number& out) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    return error == std::errc() && end == text.data() + text.size();
}

template <typename Number>
void read(const Found& found, Number& out) {
    const double least = found.setting.least, most = found.setting.most;
    if (read_number(found.value, out) && static_cast<double>(out) >= least && static_cast<double>(out) <= most) return;
    refuse(found, format("a number from %g to %g", least, most));
}

void read(const Found& found, bool& out) {
    if (found.value != "0" && found.value != "1") refuse(found, "0 or 1");
    out = found.value == "1";
}

void read(const Found& found, Activation& out) {
    std::string expected;
    for (size_t i = 0; i < kActivationNames.size(); ++i) {
        if (found.value == kActivationNames[i]) {
            out = static_cast<Activation>(i);
            return;
        }
        expected += (i == 0 ? "" : " or ") + std::string(kActivationNames[i]);
    }
    refuse(found, expected);
}

// "0-4,6". Layers that the model does not have are refused: they would mean that the caller thinks of another model.
void read(const Found& found, LayerSet& out) {
    std::string_view rest = found.value;
    while (!rest.empty()) {
        const std::string_view part = rest.substr(0, rest.find(','));
        rest.remove_prefix(std::min(part.size() + 1, rest.size()));
        const size_t dash = part.find('-');
        int64_t first = 0, last = 0;
        const bool is_whole = read_number(part.substr(0, dash), first) &&
                              read_number(dash == part.npos ? part : part.substr(dash + 1), last);
        if (!is_whole || first < 0 || first > last || last >= found.n_layers)
            refuse(found, format("layers from 0 to %lld, as 0-4,6", static_cast<long long>(found.n_layers - 1)));
        for (int64_t layer = first; layer <= last; ++layer)
            out.add(layer);
    }
}

const Setting& setting_named(std::string_view name) {
    std::string known;
    for (const Setting& setting : kArchitectureSettings) {
        if (name == setting.name) return setting;
        known += std::string(known.empty() ? "" : ", ") + setting.name;
    }
    TBRM_FAIL(TBRM_STATUS_INVALID_ARGUMENT, "architecture: unknown setting '%s'; known are %s",
            std::string(name).c_str(), known.c_str());
}

}  // namespace

bool Architecture::operator==(const Architecture& other) const {
    const auto same = [&](const Setting& setting) {
        return std::visit([&](auto field) { return this->*field == other.*field; }, setting.field);
    };
    for (const Setting& setting : kArchitectureSettings) {
        if (!same(setting)) return false;
    }
    return true;
}

Architecture parse_architecture(const char* text, int64_t n_layers) {
    Architecture architecture;
    std::vector<const Setting*> seen;
    std::string_view rest = text != nullptr ? text : "";
    while (!rest.empty()) {
        const std::string_view word = rest.substr(0, rest.find(' '));
        rest.remove_prefix(std::min(word.size() + 1, rest.size()));
        if (word.empty()) continue;
        const size_t equals = word.find('=');
        TBRM_REQUIRE(equals != word.npos, "architecture: '%s' is no name=value", std::string(word).c_str());
        const Setting& setting = setting_named(word.substr(0, equals));
        for (const Setting* before : seen)
            TBRM_REQUIRE(before != &setting, "architecture: %s stands there twice", setting.name);
        seen.push_back(&setting);
        const Found found{setting, std::string(word.substr(equals + 1)), n_layers};
        std::visit([&](auto field) { read(found, architecture.*field); }, setting.field);
    }
    TBRM_REQUIRE(architecture.sliding_layers == LayerSet{} || architecture.sliding_window > 0,
            "architecture: there are sliding_layers, but sliding_window is 0");
    return architecture;
}

}  // namespace tbrm
