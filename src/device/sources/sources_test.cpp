#include "device/sources/sources.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>

#include "device/sources/csv_table.h"

namespace mw::sources {
namespace {

constexpr std::string_view recording =
    "datetime;pressure;flow;anomaly\n"
    "2020-03-09 10:00:00;1.5;32.0;0.0\n"
    "2020-03-09 10:00:01;1.6;;0.0\n"
    "2020-03-09 10:00:03;1.7;31.0;1.0\n"
    "2020-03-09 10:00:04;1.8;30.5;1.0\n";

TEST(RecordedTable, reads_times_values_and_gaps) {
    auto table = parse_csv(recording, {});
    ASSERT_TRUE(table) << table.error().message;
    EXPECT_EQ(table->rows(), 4u);
    EXPECT_EQ(table->columns, (std::vector<std::string>{"pressure", "flow", "anomaly"}));
    EXPECT_TRUE(std::isnan(table->at(1, 1)));
    EXPECT_EQ(table->at(3, 1), 30.5);
}

TEST(RecordedTable, picks_columns_in_the_order_asked) {
    auto table = parse_csv(recording, {.time_column = "datetime", .columns = {"flow", "pressure"}});
    ASSERT_TRUE(table);
    EXPECT_EQ(table->at(0, 0), 32.0);
    EXPECT_EQ(table->at(0, 1), 1.5);
}

TEST(RecordedTable, errors_name_line_and_column) {
    const struct {
        const char* name;
        const char* text;
        const char* wanted;
    } rows[] = {
        {"not a number", "t,a\n2020-01-01,1\n2020-01-02,x\n", "line 3, column 'a'"},
        {"not a time", "t,a\nlater,1\n", "line 2, column 't'"},
        {"time goes back", "t,a\n2020-01-02,1\n2020-01-01,1\n", "time goes back"},
        {"cells missing", "t,a,b\n2020-01-02,1\n", "line 2 has 2 cells"},
        {"nothing", "t,a\n", "no rows"},
        {"empty", "", "no rows"},
    };
    for (const auto& row : rows) {
        auto table = parse_csv(row.text, {});
        ASSERT_FALSE(table) << row.name;
        EXPECT_NE(table.error().message.find(row.wanted), std::string::npos)
            << row.name << ": " << table.error().message;
    }
    auto missing = parse_csv(recording, {.time_column = "", .columns = {"colour"}});
    ASSERT_FALSE(missing);
    EXPECT_NE(missing.error().message.find("pressure"), std::string::npos);
}

class Collector final : public SourceSink {
 public:
    Task<> accept(Batch& batch, Bytes checkpoint) override {
        for (const Run& run : batch.runs)
            for (auto i = run.begin; i < run.end; ++i)
                points.emplace_back(run.signal, batch.times[i].ns, batch.values[i]);
        last = std::move(checkpoint);
        if (points.size() >= stop_at) co_return Error{Errc::cancelled, "enough"};
        co_return Result<>{};
    }
    Task<> durable() override { co_return Result<>{}; }
    std::vector<std::tuple<std::string, std::int64_t, double>> points;
    Bytes last;
    std::size_t stop_at = 1000;
};

class Replayed : public testing::Test {
 protected:
    Replayed() {
        std::string pattern = (std::filesystem::temp_directory_path() / "replay-XXXXXX").string();
        folder_ = mkdtemp(pattern.data());
        std::ofstream(folder_ + "/pump.csv") << recording;
        loop_ = std::move(*Loop::open({.simulated = &clock_}));
    }
    ~Replayed() override { std::filesystem::remove_all(folder_); }

    std::unique_ptr<Source> open(std::string more = "") {
        auto description =
            parse_json(R"({"type":"csv","path":")" + folder_ +
                       R"(/pump.csv","speed":2,"signals":{"flow":"volume_flow"})" + more + "}");
        auto source = make_source(*description, {DeviceId{"gw-1"}, "pump", &clock_});
        EXPECT_TRUE(source) << source.error().message;
        return std::move(*source);
    }
    // Runs until the source waits for something other than time.
    void run(Source& source, Collector& sink, Bytes checkpoint = {}) {
        Scope scope(*loop_);
        scope.spawn(source.run(sink, std::move(checkpoint)));
        loop_->turn(false);
        const auto waits = [&] {
            return source.status().state == "finished" || source.status().state == "held";
        };
        while (scope.size() > 0 && !waits()) loop_->turn(true);
        scope.cancel();
        ignore(sync_wait(*loop_, join(scope)), "cancelled on purpose");
    }
    static Task<> join(Scope& scope) { co_return co_await scope.join(); }

    std::string folder_;
    SimulatedClock clock_;
    std::unique_ptr<Loop> loop_;
};

TEST_F(Replayed, keeps_its_spacing_and_ends_now) {
    const Timestamp now = clock_.now();
    auto source = open();
    Collector sink;
    run(*source, sink);
    ASSERT_EQ(sink.points.size(), 11u);
    EXPECT_EQ(std::get<1>(sink.points.front()), now.ns - 4'000'000'000);
    EXPECT_EQ(std::get<1>(sink.points.back()), now.ns);
    EXPECT_EQ(source->status().state, "finished");
    EXPECT_EQ((clock_.now() - now).count(), 2'000'000'000) << "4 s of recording at speed 2";
}

TEST_F(Replayed, goes_on_at_the_very_row_after_a_restart) {
    Collector whole, first, second;
    run(*open(R"(,"start":"2026-01-01T00:00:00Z")"), whole);
    first.stop_at = 5;
    run(*open(R"(,"start":"2026-01-01T00:00:00Z")"), first);
    run(*open(R"(,"start":"2026-01-01T00:00:00Z")"), second, first.last);
    auto both = first.points;
    both.insert(both.end(), second.points.begin(), second.points.end());
    EXPECT_EQ(both, whole.points);
}

TEST_F(Replayed, holds_and_goes_on_when_told) {
    auto source = open(R"(,"hold_after":2)");
    Collector sink;
    run(*source, sink);
    EXPECT_EQ(source->status().state, "held");
    EXPECT_EQ(sink.points.size(), 5u);
    auto more = parse_json(R"({"type":"csv","path":")" + folder_ +
                           R"(/pump.csv","speed":2,"signals":{"flow":"volume_flow"}})");
    EXPECT_TRUE(source->reconfigure(*more));
    run(*source, sink, sink.last);
    EXPECT_EQ(sink.points.size(), 11u);
}

TEST_F(Replayed, looks_back_at_the_rows_before_a_checkpoint) {
    auto source = open();
    Collector sink;
    run(*source, sink);
    std::vector<double> pressures;
    ASSERT_TRUE(source->look_back(
        sink.last, 2, [&](const Batch& batch) { pressures.push_back(batch.values[0]); }));
    EXPECT_EQ(pressures, (std::vector<double>{1.7, 1.8}));
}

TEST(Sources, refuse_bad_descriptions_with_the_key) {
    const struct {
        const char* text;
        const char* wanted;
    } rows[] = {
        {R"({"type":"modem"})", "csv, exec, host, modbus, mqtt, parquet or stdin"},
        {R"({"type":"csv"})", "'path'"},
        {R"({"type":"csv","path":"/nowhere.csv"})", "/nowhere.csv"},
        {R"({"type":"csv","path":"x","speed":0})", "'speed'"},
        {R"({"type":"csv","path":"x","sped":1})", "'sped'"},
        {R"({"type":"host","every":"1ms"})", "'every'"},
        {R"([])", "object"},
        {R"({"type":"modbus"})", "'address'"},
        {R"({"type":"modbus","address":"plc:502","registers":[]})", "numeric"},
        {R"({"type":"modbus","address":"10.0.0.1:502","registers":[]})", "registers"},
        {R"({"type":"modbus","address":"10.0.0.1:502","registers":[{"signal":"a"}]})", "address"},
        {R"({"type":"modbus","address":"10.0.0.1:502","registers":[{"signal":"a","address":1,"type":"int24"}]})",
         "registers[0].type"},
        {R"({"type":"modbus","address":"10.0.0.1:502","registers":[{"signal":"a","address":1,"table":"coils","type":"int16"}]})",
         "type bit"},
        {R"({"type":"modbus","address":"10.0.0.1:502","registers":[{"signal":"a","address":1},{"signal":"a","address":2}]})",
         "registers[1].signal"},
        {R"({"type":"modbus","address":"10.0.0.1:502","registers":[{"signal":"a","address":1,"words":2}]})",
         "'words'"},
    };
    RealClock clock;
    for (const auto& row : rows) {
        auto source = make_source(*parse_json(row.text), {DeviceId{"gw"}, "s", &clock});
        ASSERT_FALSE(source) << row.text;
        EXPECT_NE(source.error().message.find(row.wanted), std::string::npos)
            << source.error().message;
    }
}

}  // namespace
}  // namespace mw::sources
