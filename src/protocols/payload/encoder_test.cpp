#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <cmath>
#include <fstream>
#include <limits>
#include <map>

#include "base/random.h"
#include "protocols/payload/payload.h"

namespace mw::payload {
namespace {

using Points = std::map<std::pair<std::string, std::string>,
                        std::vector<std::tuple<std::int64_t, std::uint64_t, int>>>;

Points points_of(const Batch& batch) {
    Points points;
    for (const auto& run : batch.runs)
        for (auto i = run.begin; i < run.end; ++i)
            points[{run.signal, run.unit}].emplace_back(
                batch.times[i].ns, std::bit_cast<std::uint64_t>(batch.values[i]),
                batch.quality[i].code);
    return points;
}

void add(Batch& batch, std::string signal, std::string unit,
         std::initializer_list<std::tuple<std::int64_t, double, Quality>> points) {
    Run run{std::move(signal), std::move(unit), static_cast<std::uint32_t>(batch.size()), 0};
    for (const auto& [time, value, quality] : points) {
        batch.times.push_back({time});
        batch.values.push_back(value);
        batch.quality.push_back(quality);
    }
    run.end = static_cast<std::uint32_t>(batch.size());
    batch.runs.push_back(run);
}

constexpr Quality good = Quality::good();
constexpr Quality doubt = Quality::uncertain(Reason::source_uncertain);
constexpr Quality bad = Quality::bad(Reason::source_bad);

TEST(PayloadEncoder, values_in_their_shape) {
    std::string out;
    const std::array<Sample, 2> samples{{{.signal = "p", .value = 1.2, .unit = "bar"},
                                         {.signal = "f", .value = 32, .quality = bad}}};
    encode_values({.sequence = 7, .replayed = true}, {1000}, samples, out);
    EXPECT_EQ(out, R"({"seq":7,"replayed":true,"t":1000,"values":{"p":1.2,"f":32},)"
                   R"("units":{"p":"bar"},"q":{"f":0}})");
}

TEST(PayloadEncoder, frame_in_its_shape) {
    std::string out;
    const double values[] = {0.1, std::nan(""), 1e22, -std::numeric_limits<double>::infinity()};
    const std::array<Column, 1> columns{{{.signal = "p", .values = values}}};
    encode_frame({}, {5}, nanoseconds{10}, columns, out);
    EXPECT_EQ(out, R"({"t0":5,"dt":10,"frame":{"p":[0.1,null,1e+22,"-Infinity"]}})");
}

TEST(PayloadEncoder, a_batch_takes_its_smallest_shape) {
    const auto text_of = [](const Batch& batch) {
        std::string out;
        encode(batch, out);
        return out;
    };
    Batch frame;
    frame.position.sequence = 3;
    add(frame, "a", "K", {{10, 1, good}, {20, 2, doubt}});
    add(frame, "b", "", {{10, 3, good}, {20, 4, good}});
    EXPECT_EQ(text_of(frame), R"({"seq":3,"t0":10,"dt":10,"frame":{"a":[1,2],"b":[3,4]},)"
                              R"("units":{"a":"K"},"q":{"a":[192,64]}})");
    Batch single;
    add(single, "a", "", {{10, 1, good}});
    add(single, "b", "", {{10, 2, bad}});
    EXPECT_EQ(text_of(single), R"({"t":10,"values":{"a":1,"b":2},"q":{"b":0}})");
    Batch uneven;
    add(uneven, "a", "", {{10, 1, good}, {15, 2, good}, {40, 3, good}});
    EXPECT_EQ(text_of(uneven),
              R"([{"t":10,"values":{"a":1}},{"t":15,"values":{"a":2}},{"t":40,"values":{"a":3}}])");
}

TEST(PayloadEncoder, any_batch_reads_back_as_it_was) {
    SeededRandom random(20'261'122);
    Decoder decoder;
    for (int round = 0; round < 300; ++round) {
        Batch batch;
        batch.position.sequence = random.below(3);
        batch.replayed = random.below(2) == 1;
        const auto runs = 1 + random.below(5);
        for (std::uint64_t r = 0; r < runs; ++r) {
            mw::Run run{"signal " + std::to_string(r), random.below(2) ? "m/s" : "",
                        static_cast<std::uint32_t>(batch.size()), 0};
            std::int64_t time = static_cast<std::int64_t>(random.below(1'000'000));
            const bool even = random.below(2);
            const auto count = 1 + random.below(20);
            for (std::uint64_t i = 0; i < count; ++i) {
                const double any = std::bit_cast<double>(random.next());
                const bool number = !std::isnan(any) && !std::isinf(any);
                batch.values.push_back(number ? any : std::numeric_limits<double>::quiet_NaN());
                batch.quality.push_back(!number                ? Quality::bad(Reason::not_a_number)
                                        : random.below(9) == 0 ? doubt
                                                               : good);
                batch.times.push_back({time});
                time += even ? 1000 : 1 + static_cast<std::int64_t>(random.below(50));
            }
            run.end = static_cast<std::uint32_t>(batch.size());
            batch.runs.push_back(run);
        }
        std::string text;
        encode(batch, text);
        Batch back;
        auto outcome = decoder.decode(text, back);
        ASSERT_TRUE(outcome.ok()) << outcome.error().message << "\n" << text;
        EXPECT_EQ(points_of(back), points_of(batch)) << text;
        EXPECT_EQ(back.position.sequence, batch.position.sequence);
        EXPECT_EQ(back.replayed, batch.replayed);
    }
}

TEST(PayloadEncoder, a_decision_reads_back_as_it_was) {
    Decision decision{.device = {"gw-1"},
                      .position = {"", 9},
                      .asset = "pump-1",
                      .use_case = "valve",
                      .model = "m",
                      .version = "2",
                      .bundle_hash = "ab",
                      .window_from = {1},
                      .window_to = {2},
                      .samples = 60,
                      .inputs_quality = doubt,
                      .score = 0.1 + 0.2,
                      .decision = true,
                      .fallback = "late \"inputs\"",
                      .latency_us = 12.5};
    std::string text;
    encode(decision, text);
    auto back = Decoder().decode_decision(text);
    ASSERT_TRUE(back.ok()) << back.error().message;
    EXPECT_EQ(to_json(*back), to_json(decision));
    EXPECT_EQ(back->score, decision.score);
    EXPECT_EQ(back->fallback, decision.fallback);
}

// The fenced json blocks of a page and whether it says that they are refused.
std::vector<std::pair<std::string, bool>> examples_of(const std::string& page) {
    std::ifstream file(MW_SOURCE_DIR "/docs/formats/" + page);
    EXPECT_TRUE(file.is_open()) << page;
    std::vector<std::pair<std::string, bool>> examples;
    std::string line;
    bool inside = false;
    while (std::getline(file, line)) {
        if (!inside && line.starts_with("```json")) {
            inside = true;
            examples.emplace_back("", line.find("refused") != std::string::npos);
        } else if (inside && line.starts_with("```")) {
            inside = false;
        } else if (inside) {
            examples.back().first += line + "\n";
        }
    }
    return examples;
}

// They are what strangers copy.
TEST(PayloadEncoder, texts_and_large_integers_travel) {
    Batch batch;
    batch.device.text = "gw-1";
    batch.runs = {{"state", "", 0, 2, ValueType::text, true},
                  {"order", "", 2, 4, ValueType::integer, true},
                  {"part", "", 4, 5, ValueType::text, true}};
    batch.times = {{1}, {2}, {1}, {2}, {9}};
    batch.quality.assign(5, Quality::good());
    const double state = batch.boxes.add("RUNNING \"x\"");
    const double order = batch.boxes.add(std::int64_t{9'007'199'254'740'993});
    batch.values = {state, 2.5, order, 7, batch.boxes.add("")};
    std::string out;
    encode(batch, out);
    EXPECT_EQ(out, R"([{"t0":1,"dt":1,"frame":{"state":["RUNNING \"x\"",2.5],)"
                   R"("order":[9007199254740993,7]}},{"t":9,"values":{"part":""}}])");
    Decoder decoder;
    Batch back;
    ASSERT_TRUE(decoder.decode(out, back).ok());
    EXPECT_EQ(back.boxes.text(back.values[0]), "RUNNING \"x\"");
    EXPECT_EQ(back.boxes.integer(back.values[2]), 9'007'199'254'740'993);
    EXPECT_EQ(back.boxes.text(back.values[4]), "");
}

TEST(PayloadFormat, every_example_of_the_points_page_is_as_the_page_says) {
    const auto examples = examples_of("points-json.md");
    EXPECT_GE(examples.size(), 10u);
    for (const auto& [text, refused] : examples) {
        Batch batch;
        auto outcome = Decoder().decode(text, batch);
        EXPECT_EQ(outcome.ok(), !refused) << text << (outcome ? "" : outcome.error().message);
    }
}

TEST(PayloadFormat, the_example_of_the_decision_page_decodes) {
    const auto examples = examples_of("decision.md");
    ASSERT_EQ(examples.size(), 1u);
    auto decision = Decoder().decode_decision(examples[0].first);
    ASSERT_TRUE(decision.ok()) << decision.error().message;
    EXPECT_EQ(decision->position.sequence, 1207u);
}

}  // namespace
}  // namespace mw::payload
