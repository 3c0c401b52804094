#include "rewrite.hpp"

#include <cctype>
#include <regex>
#include <stdexcept>
#include <vector>

#include "text.hpp"

namespace simt::rewrite {
namespace {

struct Range {
    size_t begin, end;
};

// The kernel's name, with its template arguments, that ends before `at`.
Range kernel_before(const std::string& text, size_t at) {
    size_t i = at;
    while (std::isspace(static_cast<unsigned char>(text[i - 1])) != 0)
        --i;
    const size_t end = i;
    if (text[i - 1] == '>') {
        int depth = 0;
        do {
            --i;
            depth += text[i] == '>' ? 1 : text[i] == '<' ? -1 : 0;
        } while (depth > 0);
    }
    while (is_word(text[i - 1]) || text[i - 1] == ':')
        --i;
    return {i, end};
}

// Where the >>> lies that belongs to the <<< at `at`.
size_t end_of_config(const std::string& text, size_t at) {
    int depth = 0;
    for (size_t i = at + 3; i + 3 <= text.size(); ++i) {
        if (depth == 0 && text.compare(i, 3, ">>>") == 0) return i;
        depth += text[i] == '(' ? 1 : text[i] == ')' ? -1 : 0;
    }
    throw std::runtime_error("<<< without >>>");
}

std::string rewrite_launches(std::string text) {
    for (size_t at = 0; (at = text.find("<<<", at)) != std::string::npos;) {
        if (in_comment(text, at)) {
            at += 3;
            continue;
        }
        const Range name = kernel_before(text, at);
        const std::string kernel = text.substr(name.begin, name.end - name.begin);
        const size_t config_end = end_of_config(text, at), opening = text.find('(', config_end),
                     close = matching(text, opening);
        const std::string config = text.substr(at + 3, config_end - at - 3),
                          args = text.substr(opening + 1, close - opening - 1);
        const std::vector<std::string> parts = split(config, ',');
        // A kernel whose template arguments are deduced is no function yet: a lambda stands for it. One that needs dynamic shared memory, or
        // takes a braced list, is named outright.
        const bool deduced = (parts.size() < 3 || trimmed(parts[2]) == "0") && args.find('{') == std::string::npos;
        std::string call = std::string("::simt::") + (deduced ? "launch" : "launch_typed") + "(\"" +
                           on_one_line(kernel) + "\", __FILE__, __LINE__, ::simt::Config{" + config + "}, ";
        call += deduced ? "[=](auto&&... simt_args) { " + kernel + "(simt_args...); })" : kernel + ")";
        const std::string replacement =
                on_one_line(call) + line_ends(text.substr(name.end, opening - name.end)) + "(" + args + ")";
        text.replace(name.begin, close + 1 - name.begin, replacement);
        at = name.begin + replacement.size();
    }
    return text;
}

std::string rewrite_shared(const std::string& text) {
    static const std::regex dynamic(
            R"(extern\s+__shared__\s+(?:__align__\((\d+)\)\s+)?([\w:]+)\s+(\w+)\s*\[\s*\]\s*;)");
    static const std::regex fixed(
            R"(__shared__\s+(?:__align__\((\d+)\)\s+)?([\w:<>, ]+?)\s+(\w+)\s*((?:\[[^\]]*\])*)\s*;)");
    const std::string first =
            std::regex_replace(text, dynamic, "$2* const $3 = static_cast<$2*>(::simt::dynamic_shared());");
    std::string result;
    auto begin = first.cbegin();
    for (std::sregex_iterator m(first.begin(), first.end(), fixed), end; m != end; ++m) {
        const std::string align = (*m)[1], kind = trimmed((*m)[2]), name = (*m)[3], extents = (*m)[4];
        const std::string type = "simt_type_" + name, tag = "simt_tag_" + name;
        result.append(begin, (*m)[0].first);
        result += "using " + type + " = " + kind + " " + extents + "; static char " + tag + "; " + type + "& " + name +
                  " = *static_cast<" + type + "*>(::simt::static_shared(&" + tag + ", sizeof(" + type + "), " +
                  (align.empty() ? "alignof(" + type + ")" : align) + ", \"" + name + "\"));";
        begin = (*m)[0].second;
    }
    result.append(begin, first.cend());
    return result;
}

// One asm statement's body, without its brackets, as a call.
std::string asm_call(const std::string& body) {
    static const std::regex literals("^\\s*(?:\"(?:[^\"\\\\]|\\\\.)*\"\\s*)+"), literal("\"((?:[^\"\\\\]|\\\\.)*)\"");
    std::smatch first;
    if (!std::regex_search(body, first, literals)) throw std::runtime_error("asm without a text: " + body);
    const std::string quoted = first[0];
    std::string code;
    for (std::sregex_iterator m(quoted.begin(), quoted.end(), literal), end; m != end; ++m)
        code += (*m)[1];
    std::vector<std::string> operands;
    const std::vector<std::string> sections = split(body.substr(quoted.size()), ':');
    for (size_t s = 1; s < sections.size() && s < 3; ++s)
        for (const std::string& operand : split(sections[s], ',')) {
            if (trimmed(operand).empty()) continue;
            const size_t open = operand.find('('), close = operand.rfind(')');
            operands.push_back("(" + trimmed(operand.substr(open + 1, close - open - 1)) + ")");
        }
    code = trimmed(code);
    if (!code.empty() && code.back() == ';') code.pop_back();
    const size_t blank = code.find(' ');
    const std::string opcode = code.substr(0, blank), rest = blank == std::string::npos ? "" : code.substr(blank);
    static const std::regex gaps("[\\s,\\[\\]{};]+"), not_word("\\W+"), number("%(\\d+)");
    std::string arguments;
    for (std::sregex_token_iterator token(rest.begin(), rest.end(), gaps, -1), end; token != end; ++token) {
        std::string text = *token;
        if (text.empty()) continue;
        for (std::smatch m; std::regex_search(text, m, number);) {
            const size_t index = std::stoul(m[1]);
            if (index >= operands.size()) throw std::runtime_error("asm names operand %" + m[1].str() + ": " + code);
            text = m.prefix().str() + operands[index] + m.suffix().str();
        }
        arguments += (arguments.empty() ? "" : ", ") + text;
    }
    return "::simt::ptx::" + std::regex_replace(opcode, not_word, "_") + "(" + arguments + ")";
}

std::string rewrite_asm(const std::string& text) {
    static const std::regex statement(R"(\basm\s+(?:volatile\s*)?\(|\basm\()");
    std::string result;
    size_t done = 0;
    for (std::sregex_iterator m(text.begin(), text.end(), statement), end; m != end; ++m) {
        const size_t begin = static_cast<size_t>(m->position()), opening = begin + static_cast<size_t>(m->length()) - 1;
        if (begin < done || in_comment(text, begin)) continue;
        const size_t close = matching(text, opening);
        result += text.substr(done, begin - done);
        result += on_one_line(asm_call(text.substr(opening + 1, close - opening - 1))) +
                  line_ends(text.substr(begin, close - begin));
        done = close + 1;
    }
    return result + text.substr(done);
}

}  // namespace

std::string rewrite(const std::string& text) {
    return rewrite_asm(rewrite_shared(rewrite_launches(text)));
}

}  // namespace simt::rewrite
