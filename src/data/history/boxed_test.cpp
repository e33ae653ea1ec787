// Texts and large integers in history: they come back as they were sent, and nothing else does.
#include <cmath>

#include "data/history/history_fixture.h"

namespace mw::history {
namespace {

constexpr std::int64_t large = 9'007'199'254'740'993;  // no double says it

class HistoryBoxed : public HistoryFixture {
 protected:
    static Batch large_integer(std::int64_t time) {
        auto made = batch("plc", "order", {time});
        made.values[0] = made.boxes.add(large);
        made.runs[0].type = ValueType::integer;
        made.runs[0].boxed = true;
        return made;
    }
    void send(const Batch& sent) {
        ASSERT_TRUE(history_->append(sent).ok());
        note(sent, expected_);
    }
    std::optional<BoxedValue> newest(const std::string& signal) {
        Bounds bounds;
        bounds.latest = true;
        const auto snapshot = history_->snapshot_here(bounds);
        for (const auto& one : *snapshot.latest)
            if (snapshot.series->at(one.series).signal == signal && one.last.boxed)
                return snapshot.latest_boxed.at(one.series.index);
        return std::nullopt;
    }
    ValueType type_of(const std::string& signal) {
        const auto series = history_->series();
        for (std::uint32_t i = 0; i < series->size(); ++i)
            if (series->at({i}).signal == signal) return series->at({i}).type;
        ADD_FAILURE() << "no series " << signal;
        return ValueType::none;
    }
    Rows expected_;
};

TEST_F(HistoryBoxed, texts_and_large_integers_survive_a_power_cut_and_a_seal) {
    ASSERT_TRUE(open());
    send(texts("plc", "state", {10, 20, 30}, {"RUNNING", "RUNNING", "fault: \xc3\xa4"}));
    send(large_integer(10));
    send(batch("plc", "speed", {10, 20}));
    EXPECT_EQ(rows(), expected_);
    ASSERT_TRUE(wait(history_->flush()));
    ASSERT_TRUE(restart_after_power_cut());
    EXPECT_EQ(rows(), expected_);
    send(texts("plc", "state", {15, 40}, {"late", ""}));
    send(texts("plc", "state", {20}, {"again"}));
    EXPECT_EQ(rows(), expected_);
    ASSERT_TRUE(wait(history_->seal_now()));
    EXPECT_EQ(rows(), expected_);
    const auto files = history_->snapshot_here({}).points;
    ASSERT_EQ(files.size(), 1U);
    EXPECT_TRUE(files[0].boxed);
    ASSERT_TRUE(restart_after_power_cut());
    EXPECT_TRUE(history_->snapshot_here({}).points.at(0).boxed);
    EXPECT_EQ(rows(), expected_);
}

TEST_F(HistoryBoxed, a_file_without_such_values_says_so) {
    ASSERT_TRUE(open());
    send(batch("plc", "speed", {10, 20}));
    ASSERT_TRUE(wait(history_->seal_now()));
    EXPECT_FALSE(history_->snapshot_here({}).points.at(0).boxed);
}

TEST_F(HistoryBoxed, the_newest_value_may_be_a_text_and_is_known_after_a_start) {
    ASSERT_TRUE(open());
    send(texts("plc", "state", {10, 20}, {"STOPPED", "RUNNING"}));
    send(large_integer(10));
    EXPECT_EQ(newest("state"), BoxedValue("RUNNING"));
    ASSERT_TRUE(wait(history_->flush()));
    ASSERT_TRUE(restart_after_power_cut());
    EXPECT_EQ(newest("state"), BoxedValue("RUNNING"));
    ASSERT_TRUE(wait(history_->seal_now()));
    ASSERT_TRUE(restart_after_power_cut());
    EXPECT_EQ(newest("state"), BoxedValue("RUNNING"));
    EXPECT_EQ(newest("order"), BoxedValue(large));
    send(texts("plc", "state", {15}, {"older"}));
    EXPECT_EQ(newest("state"), BoxedValue("RUNNING"));
    send(batch("plc", "state", {30}, 3));
    EXPECT_EQ(newest("state"), std::nullopt);
}

TEST_F(HistoryBoxed, a_text_that_was_erased_is_nowhere) {
    ASSERT_TRUE(open());
    send(texts("plc", "state", {10}, {"secret"}));
    ASSERT_TRUE(wait(history_->erase({.device = "plc"})).ok());
    EXPECT_EQ(newest("state"), std::nullopt);
    ASSERT_TRUE(restart_after_power_cut());
    EXPECT_EQ(newest("state"), std::nullopt);
    EXPECT_TRUE(rows().empty());
}

TEST_F(HistoryBoxed, a_number_that_looks_like_a_box_is_none) {
    ASSERT_TRUE(open());
    auto odd = batch("plc", "state", {10, 20});
    odd.values = {text_box(0), integer_box(7)};
    ASSERT_TRUE(history_->append(odd).ok());
    const auto before = history_->snapshot_here({});
    ASSERT_TRUE(history_->append(texts("plc", "state", {30}, {"RUNNING"})).ok());
    odd.times = {{40}, {50}};
    ASSERT_TRUE(history_->append(odd).ok());
    EXPECT_EQ(before.heads.at(0)->piece(0, 0).boxes, nullptr);
    const auto look = [this] {
        const auto head = history_->snapshot_here({}).heads.at(0);
        const auto piece = head->piece(0, 0);
        ASSERT_EQ(piece.size(), 5U);
        for (const std::size_t row : {0U, 1U, 3U, 4U}) {
            EXPECT_TRUE(std::isnan(piece.values[row])) << row;
            EXPECT_FALSE(is_box(piece.values[row])) << row;
        }
        EXPECT_EQ(piece.boxes->text(piece.values[2]), "RUNNING");
    };
    look();
    ASSERT_TRUE(wait(history_->flush()));
    ASSERT_TRUE(restart_after_power_cut());
    look();
}

TEST_F(HistoryBoxed, a_box_without_its_value_is_a_nan) {
    ASSERT_TRUE(open());
    auto odd = texts("plc", "state", {10, 20}, {"on"});
    odd.values[1] = text_box(5);
    ASSERT_TRUE(history_->append(odd).ok());
    const auto head = history_->snapshot_here({}).heads.at(0);
    const auto piece = head->piece(0, 0);
    EXPECT_EQ(piece.boxes->text(piece.values[0]), "on");
    EXPECT_TRUE(std::isnan(piece.values[1]) && !is_box(piece.values[1]));
}

TEST_F(HistoryBoxed, a_text_that_is_too_long_is_refused) {
    ASSERT_TRUE(open());
    const auto fits = texts("plc", "state", {10}, {std::string(text_value_bytes_max, 'x')});
    EXPECT_TRUE(history_->append(fits).ok());
    const auto refused =
        history_->append(texts("plc", "state", {20}, {std::string(text_value_bytes_max + 1, 'x')}));
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code, Errc::invalid_input);
    EXPECT_EQ(rows().size(), 1U);
}

TEST_F(HistoryBoxed, texts_count_into_the_memory_of_the_head) {
    options_.head_bytes_max = std::size_t{4} << 20;
    options_.seal_points = 1'000'000'000;
    ASSERT_TRUE(open());
    std::binary_semaphore gate{0};
    writer_.gate = &gate;
    bool refused = false;
    for (int i = 0; i < 8'000 && !refused; ++i) {
        std::string text = std::to_string(i);
        text.resize(1000, '.');
        const auto stored = history_->append(texts("plc", "part", {i + 1}, {text}));
        refused = !stored.ok();
        if (refused) {
            EXPECT_EQ(stored.error().code, Errc::overloaded);
        }
    }
    EXPECT_TRUE(refused);
    writer_.gate = nullptr;
    gate.release();
}

TEST_F(HistoryBoxed, a_series_has_the_type_of_all_that_came) {
    ASSERT_TRUE(open());
    send(texts("plc", "state", {10}, {"on"}));
    send(large_integer(10));
    send(batch("plc", "speed", {10}));
    EXPECT_EQ(type_of("state"), ValueType::text);
    EXPECT_EQ(type_of("order"), ValueType::integer);
    EXPECT_EQ(type_of("speed"), ValueType::number);
    send(batch("plc", "order", {20}));
    ASSERT_TRUE(wait(history_->flush()));
    ASSERT_TRUE(restart_after_power_cut());
    EXPECT_EQ(type_of("order"), ValueType::number);
    EXPECT_EQ(type_of("state"), ValueType::text);
    ASSERT_TRUE(wait(history_->seal_now()));
    ASSERT_TRUE(restart_after_power_cut());
    EXPECT_EQ(type_of("order"), ValueType::number);
    EXPECT_EQ(type_of("state"), ValueType::text);
    send(batch("plc", "state", {20}));
    EXPECT_EQ(type_of("state"), ValueType::mixed);
}

}  // namespace
}  // namespace mw::history
