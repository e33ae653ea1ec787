#include "data/imports/imports.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <tuple>

#include "platform/files/files.h"

namespace mw::imports {
namespace {

using Row = std::tuple<std::string, std::string, std::string, std::int64_t, double, int>;

class Imports : public ::testing::Test {
 protected:
    std::string file(const std::string& name, const std::string& content) const {
        const std::string path = folder.path() + "/" + name;
        std::ofstream(path) << content;
        return path;
    }
    static std::vector<Row> rows(Reader& reader) {
        std::vector<Row> all;
        for (;;) {
            auto batches = reader.next();
            EXPECT_TRUE(batches) << (batches ? "" : batches.error().message);
            if (!batches || batches->empty()) break;
            for (const Batch& batch : *batches) {
                EXPECT_TRUE(batch.replayed);
                for (const mw::Run& run : batch.runs)
                    for (auto i = run.begin; i < run.end; ++i)
                        all.emplace_back(batch.device.text, run.signal, run.unit, batch.times[i].ns,
                                         batch.values[i], batch.quality[i].code);
            }
        }
        std::ranges::sort(all);
        return all;
    }
    static std::vector<Row> rows(const std::string& path, const Wishes& wishes = {}) {
        auto plan = plan_of(path, wishes);
        EXPECT_TRUE(plan) << (plan ? "" : plan.error().message);
        if (!plan) return {};
        auto reader = Reader::open(*plan);
        EXPECT_TRUE(reader) << (reader ? "" : reader.error().message);
        return reader ? rows(*reader) : std::vector<Row>();
    }
    static std::string roles(const std::string& path, const Wishes& wishes = {}) {
        auto plan = plan_of(path, wishes);
        if (!plan) return plan.error().message;
        std::string text;
        for (const Column& column : plan->columns)
            text += (text.empty() ? "" : ", ") + column.name + ": " +
                    std::string(to_string(column.role));
        return text;
    }
    files::TemporaryDirectory folder = std::move(files::TemporaryDirectory::make()).value();
};

constexpr std::int64_t second = 1'000'000'000;
constexpr std::int64_t noon = 1'700'000'000 * second;  // 2023-11-14T22:13:20Z

TEST_F(Imports, a_wide_file_has_a_signal_in_each_column_of_numbers) {
    const auto path = file("pump.csv",
                           "datetime;pressure;running;note\n"
                           "2023-11-14 22:13:20;1.5;true;started\n"
                           "2023-11-14 22:13:21.25;;false;\n"
                           "2023-11-14 22:13:22;-2e3;true;x\n");
    EXPECT_EQ(roles(path, {.device = "pump-1"}),
              "datetime: time, pressure: signal, running: signal, note: -");
    EXPECT_EQ(rows(path, {.device = "pump-1"}),
              (std::vector<Row>{{"pump-1", "pressure", "", noon, 1.5, 192},
                                {"pump-1", "pressure", "", noon + 2 * second, -2000, 192},
                                {"pump-1", "running", "", noon, 1, 192},
                                {"pump-1", "running", "", noon + second + second / 4, 0, 192},
                                {"pump-1", "running", "", noon + 2 * second, 1, 192}}));
    EXPECT_EQ(rows(path, {.device = "p", .without = {"running"}}).size(), 2u);
}

TEST_F(Imports, a_long_file_names_device_signal_and_unit_in_each_row) {
    const auto path = file("long.csv",
                           "ts,host,metric,value,unit,quality\n"
                           "1700000000,a,flow,1,m3/h,192\n"
                           "1700000001,b,flow,2,m3/h,64\n"
                           "1700000001,b,,3,m3/h,192\n"
                           "1700000002,b,level,4,,\n");
    EXPECT_EQ(roles(path),
              "ts: time, host: device, metric: signal's name, value: value, unit: unit, quality: "
              "quality");
    auto reader = Reader::open(*plan_of(path, {}));
    ASSERT_TRUE(reader);
    EXPECT_EQ(rows(*reader), (std::vector<Row>{{"a", "flow", "m3/h", noon, 1, 192},
                                               {"b", "flow", "m3/h", noon + second, 2, 64},
                                               {"b", "level", "", noon + 2 * second, 4, 192}}));
    EXPECT_EQ(reader->rows(), 4u);
    EXPECT_EQ(reader->left_out(), 1u);
}

TEST_F(Imports, numbers_are_times_by_their_size_or_as_told) {
    const auto at = [&](const std::string& number, const Wishes& wishes) {
        const auto all = rows(file("n.csv", "t,x\n" + number + ",1\n"), wishes);
        return all.empty() ? -1 : std::get<3>(all[0]);
    };
    EXPECT_EQ(at("1700000000", {.device = "d"}), noon);
    EXPECT_EQ(at("1700000000000", {.device = "d"}), noon);
    EXPECT_EQ(at("1700000000000000", {.device = "d"}), noon);
    EXPECT_EQ(at("1700000000000000001", {.device = "d"}), noon + 1);
    EXPECT_EQ(at("1700000000.5", {.device = "d"}), noon + second / 2);
    EXPECT_EQ(at("1700", {.device = "d", .time_unit = "ms"}), 1'700'000'000);
    EXPECT_NE(
        roles(file("n.csv", "t,x\n1,1\n"), {.device = "d", .time_unit = "h"}).find("--time-unit"),
        std::string::npos);
}

TEST_F(Imports, a_zone_moves_times_that_have_none) {
    const auto path = file("z.csv", "time,x\n2023-11-14 23:13:20,1\n");
    EXPECT_EQ(std::get<3>(rows(path, {.device = "d", .zone = "Europe/Berlin"})[0]), noon);
    EXPECT_EQ(std::get<3>(rows(path, {.device = "d"})[0]), noon + 3600 * second);
    const auto own = file("o.csv", "time,x\n2023-11-14T23:13:20+01:00,1\n");
    EXPECT_EQ(std::get<3>(rows(own, {.device = "d", .zone = "Asia/Tokyo"})[0]), noon);
}

TEST_F(Imports, parquet_is_read_with_its_types) {
    const std::string path = folder.path() + "/p.parquet";
    auto database = duckdb::Database::open({.directories = {folder.path()}});
    ASSERT_TRUE(database);
    ASSERT_TRUE(
        database->connect()->run("COPY (SELECT make_timestamp_ns(1700000000000000007 + i) AS "
                                 "when_ns, i AS n, i / 2 AS half, "
                                 "'gw-' || i % 2 AS device FROM range(20000) r(i)) TO '" +
                                 path + "' (FORMAT parquet)"));
    EXPECT_EQ(roles(path), "when_ns: time, n: signal, half: signal, device: device");
    const auto all = rows(path);
    ASSERT_EQ(all.size(), 40'000u);
    EXPECT_EQ(all.front(), Row("gw-0", "half", "", noon + 7, 0, 192));
    EXPECT_EQ(all.back(), Row("gw-1", "n", "", noon + 7 + 19'999, 19'999, 192));
}

TEST_F(Imports, batches_stay_small_however_wide_the_file_is) {
    std::string text = "time";
    for (int i = 0; i < 1'200; ++i) text += ",s" + std::to_string(i);
    for (int row = 0; row < 60; ++row) {
        text += "\n" + std::to_string(1'700'000'000 + row);
        for (int i = 0; i < 1'200; ++i) text += ",1";
    }
    auto reader = Reader::open(*plan_of(file("wide.csv", text), {.device = "d"}));
    ASSERT_TRUE(reader);
    std::size_t points = 0;
    for (;;) {
        auto batches = reader->next();
        ASSERT_TRUE(batches);
        if (batches->empty()) break;
        for (const Batch& batch : *batches) {
            EXPECT_LE(batch.runs.size(), 1'000u);
            EXPECT_LE(batch.size(), 60'000u);
            points += batch.size();
        }
    }
    EXPECT_EQ(points, 72'000u);
}

TEST_F(Imports, what_cannot_be_guessed_is_asked_for) {
    const auto path = file("f.csv", "when;x;txt\nsoon;1;a\n");
    const auto says = [&](const Wishes& wishes) { return roles(path, wishes); };
    EXPECT_NE(says({}).find("looks like a time. Next step: --time COLUMN"), std::string::npos);
    EXPECT_NE(says({.time_column = "nope"})
                  .find("--time: there is no column 'nope'; the file has when, x"),
              std::string::npos);
    EXPECT_NE(says({.time_column = "when", .without = {"x"}}).find("no column"), std::string::npos);
    EXPECT_NE(says({.time_column = "when", .name_column = "txt"}).find("belong together"),
              std::string::npos);
    EXPECT_EQ(plan_of(folder.path() + "/none.csv", {}).error().code, Errc::not_found);
    auto plan = plan_of(path, {.time_column = "when"});
    ASSERT_TRUE(plan);
    EXPECT_NE(Reader::open(*plan).error().message.find("--device NAME"), std::string::npos);
    plan->device = "d";
    auto reader = Reader::open(*plan);
    auto batches = reader ? reader->next() : Result<std::vector<Batch>>(reader.error());
    ASSERT_FALSE(batches);
    EXPECT_NE(batches.error().message.find("soon"), std::string::npos) << batches.error().message;
    EXPECT_FALSE(plan_of(file("empty.csv", ""), {.device = "d"}));
    EXPECT_FALSE(plan_of(file("bad.parquet", "PAR1 no"), {.device = "d"}));
}

}  // namespace
}  // namespace mw::imports
