#include "insight/inference/inference.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <limits>

#include "insight/inference/tiny_model.h"

namespace mw::inference {
namespace {

// One runtime for all: it is one per process anyway, and opening costs 30 ms.
Engine& engine() {
    static const std::shared_ptr<Engine> opened = [] {
        auto result = open_onnx_runtime();
        EXPECT_TRUE(result.ok()) << (result.ok() ? "" : result.error().message);
        return result.ok() ? *result : nullptr;
    }();
    return *opened;
}

std::ptrdiff_t threads() {
    const std::filesystem::directory_iterator tasks("/proc/self/task");
    return std::distance(begin(tasks), end(tasks));
}

// First: here the library is loaded. Its telemetry would be a thread, with files in the home.
TEST(OnnxRuntime, starts_no_thread_of_its_own) {
    const auto before = threads();
    auto model = engine().load(tiny_model, {.features = 3});
    ASSERT_TRUE(model.ok()) << model.error().message;
    EXPECT_EQ(threads(), before);
    EXPECT_STREQ(std::getenv("ORT_DISABLE_TELEMETRY"), "1");
}

TEST(OnnxRuntime, names_its_version) { EXPECT_TRUE(engine().name().starts_with("onnxruntime 1.")); }

TEST(OnnxRuntime, runs_a_model_from_memory) {
    auto model = engine().load(tiny_model, {.features = 3});
    ASSERT_TRUE(model.ok()) << model.error().message;
    EXPECT_EQ((*model)->input().name, "x");
    EXPECT_EQ((*model)->output().name, "y");
    const float in[] = {1, -2, 0.5F};
    float out[3];
    ASSERT_TRUE((*model)->run(in, out).ok());
    EXPECT_EQ(out[0], 2);
    EXPECT_EQ(out[1], -4);
    EXPECT_EQ(out[2], 1);
}

TEST(OnnxRuntime, repeated_runs_do_not_remember) {
    auto model = engine().load(tiny_model, {.features = 1});
    ASSERT_TRUE(model.ok());
    for (int i = 0; i < 100; ++i) {
        const float in[] = {static_cast<float>(i)};
        float out[1];
        ASSERT_TRUE((*model)->run(in, out).ok());
        ASSERT_EQ(out[0], 2 * i);
    }
}

TEST(OnnxRuntime, not_a_number_goes_through_the_graph) {
    auto model = engine().load(tiny_model, {.features = 1});
    const float in[] = {std::numeric_limits<float>::quiet_NaN()};
    float out[1];
    ASSERT_TRUE((*model)->run(in, out).ok());
    EXPECT_TRUE(std::isnan(out[0]));
}

TEST(OnnxRuntime, wrong_sizes_are_an_error_with_both_sizes) {
    auto model = engine().load(tiny_model, {.features = 3});
    float in[2] = {1, 2}, out[3];
    const auto ran = (*model)->run(in, out);
    ASSERT_FALSE(ran.ok());
    EXPECT_EQ(ran.error().message, "run: want 3 numbers in and 3 out, got 2 and 3");
}

TEST(OnnxRuntime, a_model_outlives_its_engine) {
    auto other = open_onnx_runtime();
    ASSERT_TRUE(other.ok());
    auto model = (*other)->load(tiny_model, {.features = 1});
    other->reset();
    float in[1] = {2}, out[1];
    ASSERT_TRUE((*model)->run(in, out).ok());
    EXPECT_EQ(out[0], 4);
}

TEST(OnnxRuntime, unknown_tensor_names_are_answered_with_the_known_ones) {
    auto input = engine().load(tiny_model, {.input = "features"});
    ASSERT_FALSE(input.ok());
    EXPECT_NE(input.error().message.find("no input 'features'; it has 'x'"), std::string::npos);
    auto output = engine().load(tiny_model, {.output = "score"});
    ASSERT_FALSE(output.ok());
    EXPECT_NE(output.error().message.find("no output 'score'; it has 'y'"), std::string::npos);
}

TEST(OnnxRuntime, files_that_are_no_models_are_refused) {
    EXPECT_FALSE(engine().load({}, {}).ok());
    const auto text = engine().load(bytes_of("this is no model"), {});
    ASSERT_FALSE(text.ok());
    EXPECT_TRUE(text.error().message.starts_with("not a usable ONNX file: "));
}

// A graph whose weights lie in another file must not be able to read files of this machine.
TEST(OnnxRuntime, weights_outside_the_file_are_refused) {
    for (const std::string path : {"/etc/hostname", "w.bin", "../w.bin"}) {
        const auto text = [](char field, const std::string& value) {
            return std::string{field, static_cast<char>(value.size())} + value;
        };
        const std::string entry = text(0x0a, "location") + text(0x12, path);
        const std::string weights = std::string("\x08\x01\x10\x01", 4) + text(0x42, "w") +
                                    text(0x6a, entry) + std::string("\x70\x01", 2);
        const auto port = [&](const char* name) {
            return text(0x0a, name) + std::string("\x12\x04\x0a\x02\x08\x01", 6);
        };
        const std::string node =
            text(0x0a, "x") + text(0x0a, "w") + text(0x12, "y") + text(0x22, "Add");
        const std::string graph = text(0x0a, node) + text(0x12, "g") + text(0x2a, weights) +
                                  text(0x5a, port("x")) + text(0x62, port("y"));
        const std::string model = std::string("\x08\x07", 2) + text(0x3a, graph) +
                                  text(0x42, std::string("\x0a\x00\x10\x0d", 4));
        const auto loaded = engine().load(bytes_of(model), {.features = 1});
        ASSERT_FALSE(loaded.ok()) << path;
        EXPECT_EQ(loaded.error().message.find("Protobuf"), std::string::npos)
            << "the test's file is broken: " << loaded.error().message;
    }
}

TEST(OnnxRuntime, every_cut_of_a_model_is_an_error_or_a_model) {
    for (std::size_t size = 0; size < sizeof tiny_model; ++size)
        ignore(engine().load(ByteView(tiny_model, size), {.features = 1}), "must only not crash");
}

TEST(OnnxRuntime, every_flipped_byte_is_an_error_or_a_model) {
    Bytes bytes(std::begin(tiny_model), std::end(tiny_model));
    for (auto& byte : bytes) {
        for (const int flip : {0x01, 0x80, 0xff}) {
            byte ^= flip;
            ignore(engine().load(bytes, {.features = 1}), "must only not crash");
            byte ^= flip;
        }
    }
}

TEST(OnnxRuntime, a_model_over_the_limit_is_refused_unread) {
    OnnxRuntimeOptions options;
    options.limits.bytes_max = 8;
    auto small = open_onnx_runtime(options);
    EXPECT_FALSE(small.ok());  // even the test model is larger
}

TEST(OnnxRuntime, a_missing_library_is_an_error_that_names_it) {
    auto missing = open_onnx_runtime({.library = "/nonexistent/libonnxruntime.so.1"});
    ASSERT_FALSE(missing.ok());
    EXPECT_NE(missing.error().message.find("/nonexistent/"), std::string::npos);
}

TEST(OnnxRuntime, another_library_is_not_taken_for_it) {
    auto other = open_onnx_runtime({.library = "libm.so.6"});
    ASSERT_FALSE(other.ok());
    EXPECT_NE(other.error().message.find("is not an ONNX Runtime"), std::string::npos);
}

}  // namespace
}  // namespace mw::inference
