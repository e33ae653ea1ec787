// Recordings in Parquet. golden/dataset.parquet is as `millwright dataset export` writes it,
// golden/ snappy.parquet as DuckDB and pandas do by default.
#include "device/sources/parquet_table.h"

#include <gtest/gtest.h>

#include <cmath>

#include "device/sources/sources.h"

namespace mw::sources {
namespace {

const std::string golden = MW_SOURCE_DIR "/src/device/sources/golden/";

std::string refusal(const std::string& file, const RecordingOptions& options) {
    const auto table = read_parquet(golden + file, options);
    return table ? std::string() : table.error().message;
}

TEST(ParquetTable, a_frozen_dataset_is_read_by_device_with_its_qualities) {
    RecordingOptions options;
    options.device = "gw-1";
    const auto table = read_parquet(golden + "dataset.parquet", options);
    ASSERT_TRUE(table) << table.error().message;
    EXPECT_EQ(table->columns, (std::vector<std::string>{"pressure", "temperature"}));
    ASSERT_EQ(table->rows(), 3u);
    EXPECT_EQ(table->times[2].ns, 1'700'000'003'000'000'000);
    EXPECT_EQ(table->at(0, 0), 1.5);
    EXPECT_TRUE(std::isnan(table->at(1, 0)));
    EXPECT_EQ(table->at(1, 1), 21);
    EXPECT_TRUE(table->quality_at(0, 0) == Quality::good());
    EXPECT_EQ(table->quality_at(2, 0).code, 64);
    EXPECT_TRUE(table->quality_at(2, 1) == Quality::good());
}

TEST(ParquetTable, times_in_microseconds_and_numbers_of_any_type_are_read) {
    const auto table = read_parquet(golden + "snappy.parquet", {});
    ASSERT_TRUE(table) << table.error().message;
    EXPECT_EQ(table->columns, (std::vector<std::string>{"seconds", "flow", "running"}));
    EXPECT_EQ(table->times[4].ns, 1'700'000'004'000'000'000);
    EXPECT_EQ(table->at(3, 1), 1.5);
    EXPECT_EQ(table->at(3, 2), 1);
    RecordingOptions options;
    options.time_column = "seconds";
    options.time_unit_ns = 1'000'000'000;
    options.columns = {"flow"};
    const auto by_number = read_parquet(golden + "snappy.parquet", options);
    ASSERT_TRUE(by_number) << by_number.error().message;
    EXPECT_EQ(by_number->times[4].ns, 4'000'000'000);
    EXPECT_EQ(by_number->columns, std::vector<std::string>{"flow"});
}

TEST(ParquetTable, what_cannot_be_replayed_says_what_to_do) {
    const std::string in_dataset = "reading '" + golden + "dataset.parquet': ";
    const std::string in_snappy = "reading '" + golden + "snappy.parquet': ";
    EXPECT_EQ(
        refusal("dataset.parquet", {}),
        in_dataset + "column 'time': row 4: time goes back; sort by it, or say which 'device'");
    EXPECT_EQ(refusal("dataset.parquet", {.time_column = "", .columns = {}, .device = "gw-9"}),
              in_dataset + "no row is of device 'gw-9'");
    EXPECT_EQ(refusal("snappy.parquet", {.time_column = "when", .columns = {}}),
              in_snappy + "no column 'when'; there are: datetime, seconds, flow, running, note");
    EXPECT_EQ(refusal("snappy.parquet", {.time_column = "", .columns = {"note"}}),
              in_snappy + "column 'note' has no numbers");
    EXPECT_EQ(refusal("none.parquet", {}), "cannot read '" + golden + "none.parquet'");
    EXPECT_EQ(parse_parquet(bytes_of("time;flow\n1;2\n"), {}).error().message,
              "not a Parquet file");
}

class Collected final : public SourceSink {
 public:
    Task<> accept(Batch& batch, Bytes) override {
        for (const Run& run : batch.runs)
            for (auto i = run.begin; i < run.end; ++i)
                points.push_back(
                    run.signal + "@" + std::to_string(batch.times[i].ns / 1'000'000'000) + "=" +
                    std::to_string(batch.values[i]) + " " + std::to_string(batch.quality[i].code));
        replayed = batch.replayed;
        co_return Result<>{};
    }
    Task<> durable() override { co_return Result<>{}; }
    std::vector<std::string> points;
    bool replayed = false;
};

TEST(ParquetReplay, plays_like_any_recording) {
    SimulatedClock clock;
    auto loop = *Loop::open({.simulated = &clock});
    const auto description = parse_json(R"({"type":"parquet","path":")" + golden +
                                        R"(dataset.parquet","device":"gw-1",)"
                                        R"("start":"1970-01-01T00:00:00Z","speed":1000})");
    auto source = make_source(*description, {DeviceId{"gw-7"}, "pump", &clock});
    ASSERT_TRUE(source) << source.error().message;
    Collected sink;
    Scope scope(*loop);
    scope.spawn((*source)->run(sink, {}));
    while ((*source)->status().state != "finished" && scope.size() > 0) loop->turn(true);
    scope.cancel();
    ignore(sync_wait(*loop, scope.join()), "cancelled on purpose");
    EXPECT_EQ(sink.points, (std::vector<std::string>{
                               "pressure@0=1.500000 192", "pressure@3=1.750000 64",
                               "temperature@0=20.000000 192", "temperature@1=21.000000 192"}));
    EXPECT_TRUE(sink.replayed);
}

TEST(ParquetReplay, descriptions_are_checked) {
    const struct {
        const char* more;
        const char* wanted;
    } rows[] = {{R"("time_unit":"min")", "ns, us, ms or s"},
                {R"("sheet":1)", "unknown key 'sheet'"},
                {R"("device":"gw-9")", "no row is of device 'gw-9'"}};
    RealClock clock;
    for (const auto& row : rows) {
        const auto description = parse_json(R"({"type":"parquet","path":")" + golden +
                                            R"(dataset.parquet",)" + row.more + "}");
        const auto source = make_source(*description, {DeviceId{"gw"}, "s", &clock});
        ASSERT_FALSE(source) << row.more;
        EXPECT_NE(source.error().message.find(row.wanted), std::string::npos)
            << source.error().message;
    }
    const auto csv = parse_json(R"({"type":"csv","path":"x","device":"gw"})");
    EXPECT_FALSE(make_source(*csv, {DeviceId{"gw"}, "s", &clock}));  // a key of Parquet's
}

}  // namespace
}  // namespace mw::sources
