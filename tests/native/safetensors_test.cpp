// safetensors_test.cpp - what the reader accepts, what it refuses and how it says so, and files on disk.
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <limits>

#include "checkpoint/safetensors.hpp"
#include "core/guard.hpp"
#include "temporary_folder.hpp"
#include "testing.hpp"

using namespace tbrm;

namespace {

std::string file_bytes(const std::string& header, const std::string& data) {
    std::string bytes(8, '\0');
    for (int i = 0; i < 8; ++i)
        bytes[static_cast<size_t>(i)] = static_cast<char>(header.size() >> (8 * i));
    return bytes + header + data;
}

SafetensorsHeader parse(const std::string& bytes) {
    return parse_safetensors(reinterpret_cast<const uint8_t*>(bytes.data()), static_cast<int64_t>(bytes.size()), "x");
}

// The message with which the file is refused; empty when it is accepted.
std::string refusal(const std::string& bytes) {
    try {
        parse(bytes);
    } catch (const Failure& failure) {
        return failure.code == TBRM_STATUS_BAD_FILE ? failure.what() : "wrong status";
    }
    return "";
}

const std::string kTwo = R"({"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},)"
                         R"("b":{"dtype":"BF16","shape":[4],"data_offsets":[24,32]}})";

// What holds for every header that the reader lets pass.
bool is_consistent(const SafetensorsHeader& header, int64_t size) {
    int64_t bytes = 0;
    for (size_t i = 0; i < header.tensors.size(); ++i) {
        const FileTensor& tensor = header.tensors[i];
        if (tensor.begin < 8 || tensor.begin > tensor.end || tensor.end > size) return false;
        if (i > 0 && !(header.tensors[i - 1].name < tensor.name)) return false;
        double expected = static_cast<double>(file_dtype_info(tensor.dtype).bytes);
        for (const int64_t extent : tensor.shape)
            expected *= static_cast<double>(extent);
        if (expected != static_cast<double>(tensor.end - tensor.begin)) return false;
        bytes += tensor.end - tensor.begin;
    }
    return bytes <= size - 8;
}

}  // namespace

TBRM_TEST(a_file_of_two_tensors) {
    const SafetensorsHeader header = parse(file_bytes(kTwo, std::string(32, 'x')));
    CHECK(header.tensors.size() == 2 && header.metadata.at("format") == "pt");
    const FileTensor* a = header.find("a");
    const FileTensor* b = header.find("b");
    const int64_t data = 8 + static_cast<int64_t>(kTwo.size());
    CHECK(a != nullptr && a->dtype == FileDtype::F32 && a->shape == (std::vector<int64_t>{2, 3}));
    CHECK(a != nullptr && a->begin == data && a->end == data + 24 && a->elements() == 6);
    CHECK(b != nullptr && b->dtype == FileDtype::BF16 && b->begin == data + 24 && b->elements() == 4);
    CHECK(header.find("c") == nullptr && header.find("") == nullptr);
}

// Cases of the format's own documentation and of its Rust tests: empty shapes, zero sizes, trailing spaces, any order of the names.
TBRM_TEST(files_that_are_unusual_and_valid) {
    CHECK(parse(file_bytes("{}", "")).tensors.empty());
    CHECK(parse(file_bytes("{}      ", "")).tensors.empty());
    CHECK(parse(file_bytes(R"({"__metadata__":{}})", "")).tensors.empty());
    CHECK(parse(file_bytes(R"({"__metadata__":null})", "")).tensors.empty());
    CHECK(parse(file_bytes(R"({"__metadata__":null,"s":{"dtype":"I64","shape":[],"data_offsets":[0,8]}})", "12345678"))
                    .tensors.size() == 1);
    const SafetensorsHeader scalar =
            parse(file_bytes(R"({"s":{"dtype":"I64","shape":[],"data_offsets":[0,8]}})", "12345678"));
    CHECK(scalar.tensors[0].shape.empty() && scalar.tensors[0].elements() == 1);
    const SafetensorsHeader empty = parse(file_bytes(
            R"({"z":{"dtype":"F32","shape":[2,0],"data_offsets":[0,0]},"y":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})",
            "1"));
    CHECK(empty.find("z")->elements() == 0 && empty.find("y")->elements() == 1);
    const SafetensorsHeader reversed = parse(file_bytes(
            R"({"b":{"data_offsets":[4,8],"shape":[1],"dtype":"F32"},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})",
            "aaaabbbb"));
    CHECK(reversed.tensors[0].name == "a" && reversed.tensors[0].begin + 4 == reversed.tensors[1].begin);
    const SafetensorsHeader named = parse(file_bytes(
            "{\"\xC3\xA9\\u00e9\\ud83d\\ude00\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", "1"));
    CHECK(named.tensors[0].name == "\xC3\xA9\xC3\xA9\xF0\x9F\x98\x80");
    CHECK(parse(file_bytes(
                        R"({"a":{"dtype":"F32","shape":[9223372036854775807,0,9223372036854775807],"data_offsets":[0,0]}})",
                        ""))
                    .tensors.size() == 1);
}

TBRM_TEST(each_fault_is_named) {
    const auto tensor = [](const char* fields) { return std::string("{\"t\":{") + fields + "}}"; };
    struct Fault {
        std::string header;
        std::string data;
        const char* says;
    };
    const std::vector<Fault> faults = {
            {"", "", "does not begin with '{'"},
            {" {}", "", "does not begin with '{'"},
            {"[]", "", "does not begin with '{'"},
            {"{", "", "not JSON"},
            {"{}}", "", "not JSON near byte 11"},
            {"{}x", "", "not JSON"},
            {std::string("{}\0", 3), "", "not JSON"},
            {"{\"\xff\":1}", "", "not JSON"},
            {R"({"t":1})", "", "found a number in tensor 't'"},
            {R"({"t":{"a":{}}})", "", "unknown field 'a'"},
            {R"({"t":null})", "", "found null in tensor 't'"},
            {R"({"__metadata__":{"a":1}})", "", "found a number"},
            {R"({"__metadata__":{"a":"b","a":"c"}})", "", "the same metadata key again"},
            {R"({"__metadata__":{},"__metadata__":{}})", "", "a second __metadata__"},
            {R"({"__metadata__":{"a":{}}})", "", "found an object"},
            {tensor(R"("dtype":"F32","shape":[1])"), "1234",
                    "without all of dtype, shape and data_offsets in tensor 't'"},
            {tensor(R"("dtype":"F33","shape":[1],"data_offsets":[0,4])"), "1234", "unknown dtype 'F33'"},
            {tensor(R"("dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4])"), "1234", "'dtype' twice"},
            {tensor(R"("dtype":"F32","shape":[-1],"data_offsets":[0,4])"), "1234", "a negative number"},
            {tensor(R"("dtype":"F32","shape":[1.0],"data_offsets":[0,4])"), "1234", "a fraction"},
            {tensor(R"("dtype":"F32","shape":[18446744073709551616],"data_offsets":[0,4])"), "1234", "past 2^64"},
            {tensor(R"("dtype":"F32","shape":[9223372036854775808],"data_offsets":[0,4])"), "1234", "past 2^63"},
            {tensor(R"("dtype":"F32","shape":[[1]],"data_offsets":[0,4])"), "1234", "found a list"},
            {tensor(R"("dtype":"F32","shape":[1],"data_offsets":[0])"), "1234", "fewer than two"},
            {tensor(R"("dtype":"F32","shape":[1],"data_offsets":[0,4,8])"), "1234", "a third data offset"},
            {tensor(R"("dtype":"F32","shape":[1],"data_offsets":[4,0])"), "1234", "tensor 't' is bytes 4 to 0"},
            {tensor(R"("dtype":"F32","shape":[2],"data_offsets":[0,8])"), "1234", "tensor 't' is bytes 0 to 8 of 4"},
            {tensor(R"("dtype":"F32","shape":[2],"data_offsets":[0,4])"), "1234", "its shape and dtype F32 take 8"},
            {tensor(R"("dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,4])"), "1234", "take -1"},
            {tensor(R"("dtype":"F32","shape":[1],"data_offsets":[4,8])"), "12345678", "after a gap"},
            {tensor(R"("dtype":"F32","shape":[1],"data_offsets":[0,4])"), "12345678", "4 bytes follow the last tensor"},
            {"{}", "1", "1 bytes follow the last tensor"},
            {R"({"t":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"u":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}})",
                    "123", "tensor 'u' starts at byte"},
            {R"({"t":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"t":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})",
                    "12", "names tensor 't' twice"},
    };
    for (const Fault& fault : faults) {
        const std::string found = refusal(file_bytes(fault.header, fault.data));
        CHECK_MSG(found.find(fault.says) != std::string::npos, "header %s: expected '%s', found '%s'",
                fault.header.c_str(), fault.says, found.c_str());
    }
    CHECK(refusal(std::string(7, '\0')).find("7 bytes") != std::string::npos);
    CHECK(refusal(std::string(8, '\xff')).find("bytes 0 to 7") != std::string::npos);
    std::string long_header = file_bytes("{}" + std::string(100'000'000, ' '), "");
    CHECK(refusal(long_header).find("at most 100000000") != std::string::npos);
    // Deep nesting must not be a deep call stack.
    CHECK(refusal(file_bytes("{\"a\":" + std::string(1'000'000, '['), "")).find("found a list") != std::string::npos);
}

// Inputs and verdicts of huggingface/safetensors, safetensors/src/tensor.rs (tests), as header and data.
TBRM_TEST(the_verdicts_of_the_reference_implementation) {
    const auto test = [](const char* shape, const char* offsets) {
        return std::string(R"({"test":{"dtype":"I32","shape":)") + shape + R"(,"data_offsets":)" + offsets + "}}";
    };
    const std::string zeros(16, '\0');
    std::string ten = "{";  // ten tensors over the same bytes
    for (int i = 0; i < 10; ++i)
        ten += (i > 0 ? "," : "") + ("\"weight_" + std::to_string(i)) +
               R"(":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]})";
    const struct {
        std::string header, data;
        bool valid;
    } vectors[] = {{test("[]", "[0,4]"), zeros.substr(0, 4), true}, {test("[2,2]", "[0,16]"), zeros, true},
            {test("[2,0]", "[0, 0]"), "", true}, {"{}\r \t\n", "", true}, {ten + "}", zeros, false},
            {test("[2,2]", "[0,16]"), zeros + "extra_bogus_data_for_polyglot_file", false},
            {test("[2,2]", "[0,16]"), zeros.substr(2), false}, {"\xff", "", false}, {"{", "", false},
            {test("[2,2]", "[0, 4]"), "", false}, {test("[2,18446744073709551614]", "[0,16]"), zeros, false},
            {test("[2,9223372036854775807]", "[0,16]"), zeros, false}};
    for (const auto& vector : vectors) {
        const std::string found = refusal(file_bytes(vector.header, vector.data));
        CHECK_MSG(found.empty() == vector.valid, "%s: %s", vector.header.c_str(), found.c_str());
    }
    std::string huge = file_bytes(test("[2,2]", "[0,16]"), zeros);
    huge.replace(5, 3, "\xff\xff\xff");
    CHECK(!refusal(huge).empty() && !refusal("").empty() && !refusal(std::string("<\0\0\0\0\0\0\0", 8)).empty());
}

TBRM_TEST(every_truncation_is_refused) {
    const std::string whole = file_bytes(kTwo, std::string(32, 'x'));
    CHECK(refusal(whole).empty());
    for (size_t n = 0; n < whole.size(); ++n)
        CHECK_MSG(!refusal(whole.substr(0, n)).empty(), "cut to %zu bytes", n);
}

// A short deterministic fuzz: edits of valid files are refused with BAD_FILE or give a header that holds together.
TBRM_TEST(edited_files_are_refused_or_consistent) {
    const std::string pieces[] = {"0", "-1", "1e9", "9223372036854775807", "18446744073709551615", "{", "}", "[", "]",
            ",", ":", "\"", "\\u0000", "\\ud800", "null", "\"dtype\"", "__metadata__", "F64", "\xf0\x9f",
            std::string(1, '\0')};
    int accepted = 0;
    const uint64_t n_rounds = 60000;
    for (uint64_t round = 0; round < n_rounds; ++round) {
        std::string bytes = file_bytes(kTwo, std::string(32, 'x'));
        auto draw = [&, counter = uint64_t{0}](size_t below) mutable {
            return static_cast<size_t>(testing::uniform(round, counter++) * static_cast<double>(below));
        };
        const size_t n_edits = 1 + draw(3);
        for (size_t edit = 0; edit < n_edits && !bytes.empty(); ++edit) {
            const size_t at = draw(bytes.size());
            switch (draw(5)) {
                case 0:
                    bytes[at] = static_cast<char>(bytes[at] ^ (1 << draw(8)));
                    break;
                case 1:
                    bytes.erase(at, 1 + draw(6));
                    break;
                case 2:
                    bytes.insert(at, pieces[draw(std::size(pieces))]);
                    break;
                case 3:
                    bytes.insert(at, bytes.substr(draw(bytes.size()), draw(40)));
                    break;
                default:
                    bytes[at] = static_cast<char>('0' + draw(10));
            }
        }
        try {
            const SafetensorsHeader header = parse(bytes);
            ++accepted;
            CHECK_MSG(is_consistent(header, static_cast<int64_t>(bytes.size())), "round %d", static_cast<int>(round));
        } catch (const Failure& failure) {
            CHECK_MSG(failure.code == TBRM_STATUS_BAD_FILE, "round %d: %s", static_cast<int>(round), failure.what());
        }
    }
    // Edits inside the data and in names are harmless; most others are not. Both branches must have been seen.
    CHECK_MSG(accepted > 1000 && accepted < 50000, "%d of %d accepted", accepted, static_cast<int>(n_rounds));
}

TBRM_TEST(the_writer_is_understood_by_the_reader) {
    std::vector<FileTensor> tensors = {{"b", FileDtype::BF16, {3, 5}, 0, 0}, {"a", FileDtype::F32, {7}, 0, 0}};
    std::string bytes = safetensors_header(tensors, {{"format", "pt"}, {"step", "12"}});
    CHECK(bytes.size() % 8 == 0);
    bytes += std::string(30 + 28, 'x');
    const SafetensorsHeader header = parse(bytes);
    CHECK(header.metadata.at("step") == "12" && header.tensors.size() == 2);
    for (const FileTensor& written : tensors) {
        const FileTensor* read = header.find(written.name);
        CHECK(read != nullptr && read->begin == written.begin && read->end == written.end &&
                read->shape == written.shape && read->dtype == written.dtype);
    }
}

// Every half, against its definition: sign * 2^(e - 15) * (1 + f / 1024), subnormals sign * 2^-14 * f / 1024.
TBRM_TEST(elements_widen_exactly) {
    for (uint32_t half = 0; half < 0x10000u; ++half) {
        const uint8_t bytes[3] = {0, static_cast<uint8_t>(half), static_cast<uint8_t>(half >> 8)};  // odd address
        float value = 0;
        widen_elements(FileDtype::F16, bytes + 1, 0, 1, &value);
        const int exponent = (half >> 10) & 31, fraction = half & 1023;
        const double magnitude = exponent == 0    ? std::ldexp(fraction, -24)
                                 : exponent == 31 ? (fraction == 0 ? INFINITY : NAN)
                                                  : std::ldexp(1024 + fraction, exponent - 25);
        if (std::isnan(magnitude)) {
            CHECK_MSG(std::isnan(value), "half %x", half);
        } else {
            CHECK_MSG(value == (half & 0x8000u ? -magnitude : magnitude), "half %x", half);
            CHECK_MSG(std::signbit(value) == ((half & 0x8000u) != 0), "half %x", half);
        }
    }
    const double wide[] = {1.0 / 3.0, -2.5, 1e300};
    float narrow[3];
    widen_elements(FileDtype::F64, reinterpret_cast<const uint8_t*>(wide), 0, 2, narrow);
    CHECK(narrow[0] == static_cast<float>(1.0 / 3.0) && narrow[1] == -2.5f);
    const uint16_t brain[] = {0x3f80, 0xc000};
    widen_elements(FileDtype::BF16, reinterpret_cast<const uint8_t*>(brain), 1, 1, narrow);
    CHECK(narrow[0] == -2.0f);
}

namespace {

// status and errno of what the body throws.
template <class Body>
std::pair<int, int> failure_of(Body&& body) {
    try {
        body();
    } catch (const Failure& failure) {
        return {failure.code, failure.device_code};
    }
    return {TBRM_STATUS_OK, 0};
}

}  // namespace

TBRM_TEST(the_operating_system_s_refusals_carry_errno) {
    const testing::TemporaryFolder folder;
    CHECK(failure_of([&] { InputFile{folder / "none"}; }) == std::make_pair(int{TBRM_STATUS_IO}, ENOENT));
    CHECK(failure_of([&] { InputFile{folder.path()}; }) == std::make_pair(int{TBRM_STATUS_IO}, EISDIR));
    CHECK(failure_of([&] { OutputFile{folder / "none/file"}; }) == std::make_pair(int{TBRM_STATUS_IO}, ENOENT));
#if !defined(_WIN32)
    if (std::ofstream("/dev/full")) {
        const auto full = failure_of([] {
            OutputFile file("/dev/full");
            file.write("x", 1);
        });
        CHECK(full == std::make_pair(int{TBRM_STATUS_IO}, ENOSPC));
        CHECK(std::filesystem::exists("/dev/full"));
    }
#endif
}

TBRM_TEST(an_output_counts_only_when_finished) {
    const testing::TemporaryFolder folder;
    const std::string path = folder / "out";
    {
        OutputFile file(path);
        file.write("half", 4);
    }
    CHECK(!std::filesystem::exists(path));
    {
        OutputFile file(path);
        file.write("whole", 5);
        file.finish();
    }
    const InputFile input(path);
    char bytes[4] = {};
    input.read(1, 3, bytes);
    CHECK(input.size() == 5 && std::strcmp(bytes, "hol") == 0);
    OutputFile(folder / "empty").finish();
    CHECK(InputFile(folder / "empty").size() == 0);
}

// A mapped page past the new end would end the process by a signal.
TBRM_TEST(a_file_that_is_cut_short_while_it_is_read_is_an_error) {
    const testing::TemporaryFolder folder;
    const std::string path = folder / "weights";
    std::ofstream(path, std::ios::binary) << file_bytes(kTwo, std::string(32, 'x'));
    const SafetensorsFile file(path);
    std::filesystem::resize_file(path, std::filesystem::file_size(path) - 4);
    std::vector<uint8_t> bytes(64);
    for (const FileTensor& tensor : file.header().tensors) {
        const bool is_last = tensor.end == static_cast<int64_t>(std::filesystem::file_size(path)) + 4;
        const auto found = failure_of([&] { file.read(tensor, 0, tensor.elements(), bytes.data()); });
        CHECK(found.first == (is_last ? int{TBRM_STATUS_BAD_FILE} : int{TBRM_STATUS_OK}));
    }
}

int main(int argc, char** argv) {
    return tbrm::testing::run(argc, argv);
}
