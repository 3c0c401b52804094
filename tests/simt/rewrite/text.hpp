#pragma once
// text.hpp - brackets, strings and comments of C++ source, as far as the rewriter has to know them.
#include <string>
#include <vector>

namespace simt::rewrite {

// Index of the bracket that closes text[start]. Throws std::runtime_error when nothing does.
size_t matching(const std::string& text, size_t start);

// text at its separators outside brackets and strings. With ':' the colons of a scope (a::b) separate nothing.
std::vector<std::string> split(const std::string& text, char separator);

std::string trimmed(const std::string& text);
// Every stretch of blanks as one blank.
std::string on_one_line(const std::string& text);
// As many line ends as text has: what is rewritten keeps its place in the file.
std::string line_ends(const std::string& text);
// Whether text[at] lies behind a // on its line.
bool in_comment(const std::string& text, size_t at);
bool is_word(char c);

}  // namespace simt::rewrite
