#include "text.hpp"

#include <cctype>
#include <stdexcept>

namespace simt::rewrite {
namespace {

// The index after the string literal that begins at `at`.
size_t after_string(const std::string& text, size_t at) {
    for (size_t i = at + 1; i < text.size(); ++i) {
        if (text[i] == '\\')
            ++i;
        else if (text[i] == '"')
            return i + 1;
    }
    throw std::runtime_error("a string without an end");
}

bool opens(char c) {
    return c == '(' || c == '[' || c == '{';
}
bool closes(char c) {
    return c == ')' || c == ']' || c == '}';
}

// The colon at i and the one beside it are those of a scope, not of an empty section of an asm statement: "a::b" against `"..." :: "r"`.
bool begins_scope(const std::string& text, size_t i) {
    return i > 0 && is_word(text[i - 1]) && i + 2 < text.size() && text[i + 1] == ':' && is_word(text[i + 2]);
}

}  // namespace

bool is_word(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

size_t matching(const std::string& text, size_t start) {
    int depth = 0;
    for (size_t i = start; i < text.size();) {
        if (text[i] == '"') {
            i = after_string(text, i);
            continue;
        }
        if (opens(text[i])) ++depth;
        if (closes(text[i]) && --depth == 0) return i;
        ++i;
    }
    throw std::runtime_error(std::string("nothing closes the ") + text[start]);
}

std::vector<std::string> split(const std::string& text, char separator) {
    std::vector<std::string> parts;
    int depth = 0;
    size_t last = 0;
    for (size_t i = 0; i < text.size();) {
        if (text[i] == '"') {
            i = after_string(text, i);
            continue;
        }
        if (opens(text[i])) ++depth;
        if (closes(text[i])) --depth;
        if (text[i] == separator && depth == 0) {
            if (separator == ':' && begins_scope(text, i)) {
                i += 2;
                continue;
            }
            parts.push_back(text.substr(last, i - last));
            last = i + 1;
        }
        ++i;
    }
    parts.push_back(text.substr(last));
    return parts;
}

std::string trimmed(const std::string& text) {
    const size_t begin = text.find_first_not_of(" \t\n");
    if (begin == std::string::npos) return "";
    return text.substr(begin, text.find_last_not_of(" \t\n") + 1 - begin);
}

std::string on_one_line(const std::string& text) {
    std::string line;
    for (const char c : text) {
        const bool blank = std::isspace(static_cast<unsigned char>(c)) != 0;
        if (!blank)
            line += c;
        else if (line.empty() || line.back() != ' ')
            line += ' ';
    }
    return line;
}

std::string line_ends(const std::string& text) {
    std::string ends;
    for (const char c : text)
        if (c == '\n') ends += c;
    return ends;
}

bool in_comment(const std::string& text, size_t at) {
    const size_t end = at == 0 ? std::string::npos : text.rfind('\n', at - 1);
    const size_t line = end == std::string::npos ? 0 : end + 1;
    return text.substr(line, at - line).find("//") != std::string::npos;
}

}  // namespace simt::rewrite
