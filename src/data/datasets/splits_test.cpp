// Splits, leaks, what is recorded about a freeze, and its export.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/random.h"
#include "data/datasets/datasets.h"
#include "data/datasets/evidence.h"
#include "data/duckdb/duckdb.h"
#include "platform/files/files.h"

namespace mw::datasets {
namespace {

constexpr std::int64_t tick = 1'000'000'000;
constexpr Timestamp opening{1'700'000'000 * tick};

// Rows a second apart; the label is 1 in the second half of each device's rows.
Content rows_of(const std::vector<std::string>& devices, int rows) {
    Content content;
    content.signals = {"flow", "code"};
    for (const auto& name : devices) {
        DeviceRows device{name, {content.signals, {}, {}, {}, {}}, {}};
        for (int i = 0; i < rows; ++i) {
            device.recording.times.push_back(opening + seconds{i});
            const double flow = i * .5 + .01 * double(content.devices.size());
            device.recording.values.insert(device.recording.values.end(), {flow, double(i % 3)});
            device.recording.quality.insert(device.recording.quality.end(),
                                            {Quality::good(), Quality::good()});
            device.recording.labels.push_back(i >= rows / 2);
            device.labelled.push_back(1);
        }
        content.devices.push_back(std::move(device));
    }
    return content;
}

Splits splits_from(const std::string& json) {
    const auto splits =
        splits_of(*parse_json(R"({"splits":)" + json + "}"), opening, opening + hours{1});
    EXPECT_TRUE(splits) << splits.error().message;
    return splits ? *splits : Splits{};
}

std::string at(int second) { return to_iso8601(opening + seconds{second}); }

std::string kinds_of(const Leaks& leaks) {
    std::string kinds;
    for (const Leak& leak : leaks.told)
        kinds += (kinds.empty() ? "" : " ") + leak.kind + ":" + std::to_string(leak.rows);
    return kinds;
}

Leaks parted(Content& content, const Splits& splits, const Assets& assets = {}) {
    const auto done = part_rows(content, splits, assets);
    EXPECT_TRUE(done) << done.error().message;
    return leaks_of(content, splits, assets, opening + hours{1});
}

TEST(DatasetSplits, by_time_part_rows_at_boundaries_and_leave_a_gap) {
    Content content = rows_of({"gw-1"}, 10);
    const auto leaks = parted(content, splits_from(R"({"gap":"2s","window":"2s","by_time":[
        {"name":"train","to":")" + at(4) + R"("},{"name":"test"}]})"));
    EXPECT_EQ(content.devices[0].split, (std::vector<std::uint8_t>{1, 1, 1, 1, 0, 0, 2, 2, 2, 2}));
    EXPECT_EQ(kinds_of(leaks), "");
    const auto train = normal_rows(content, "train");
    ASSERT_TRUE(train);
    ASSERT_EQ(train->size(), 1u);
    EXPECT_EQ(train->front().rows(), 4u);
    content.devices[0].labelled = {0, 1, 1, 0, 1, 1, 0, 1, 0, 0};
    const auto known = labelled_rows(content, "train");
    ASSERT_TRUE(known);
    ASSERT_EQ(known->size(), 1u);
    EXPECT_EQ(known->front().labels.size(), 2u);  // with what they are
    EXPECT_EQ(labelled_rows(content, "")->size(), 3u);
    EXPECT_EQ(normal_rows(content, "tset").error().code, Errc::not_found);
    EXPECT_NE(normal_rows(content, "tset").error().message.find("train, test"), std::string::npos);
}

TEST(DatasetSplits, by_group_draw_whole_devices_and_always_the_same) {
    std::vector<std::string> devices;
    for (int i = 0; i < 20; ++i) devices.push_back("gw-" + std::to_string(100 + i));
    const auto splits = splits_from(
        R"({"by_group":{"parts":[{"name":"train","share":0.75},{"name":"test","share":0.25}]}})");
    Content first = rows_of(devices, 4), again = rows_of(devices, 4);
    EXPECT_EQ(kinds_of(parted(first, splits)), "");
    parted(again, splits);
    int train = 0;
    for (std::size_t i = 0; i < devices.size(); ++i) {
        const auto& split = first.devices[i].split;
        EXPECT_EQ(split, again.devices[i].split);
        EXPECT_TRUE(std::all_of(split.begin(), split.end(), [&](auto s) { return s == split[0]; }));
        train += split[0] == 1;
    }
    EXPECT_EQ(train, 15);
    Content other = rows_of(devices, 4);
    Splits seeded = splits;
    seeded.seed = 2;
    parted(other, seeded);
    EXPECT_NE(*write_dataset(first), *write_dataset(other));
}

TEST(DatasetSplits, by_time_and_group_take_rows_that_both_name) {
    Content content = rows_of({"gw-1", "gw-2"}, 4);
    parted(content,
           splits_from(R"({"by_time":[{"name":"train","to":")" + at(2) +
                       R"("},{"name":"test"}],"by_group":{"of":"asset","parts":[
        {"name":"train","groups":["p1"]},{"name":"test","groups":["p2"]}]}})"),
           {{"gw-1", "p1"}, {"gw-2", "p2"}});
    EXPECT_EQ(content.devices[0].split, (std::vector<std::uint8_t>{1, 1, 0, 0}));
    EXPECT_EQ(content.devices[1].split, (std::vector<std::uint8_t>{0, 0, 2, 2}));
}

TEST(DatasetSplits, stand_in_the_file_and_read_back) {
    Content content = rows_of({"gw-1"}, 4);
    parted(content, splits_from(R"({"gap":"1s","by_time":[{"name":"train","to":")" + at(2) +
                                R"("},{"name":"test"}]})"));
    const auto text = write_dataset(content);
    ASSERT_TRUE(text);
    EXPECT_TRUE(text->starts_with(
        "#millwright-dataset 2\ndevice,time,label,split,flow,flow:quality,code,code:quality\n"
        "gw-1,1700000000000000000,0,train,0,192,0,192\n"));
    EXPECT_NE(text->find("\ngw-1,1700000002000000000,1,,1,192,2,192\n"), std::string::npos);
    const auto read = read_dataset(*text);
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(read->splits, content.splits);
    EXPECT_EQ(read->devices[0].split, content.devices[0].split);
    EXPECT_FALSE(read_dataset("#millwright-dataset 2\ndevice,time,label,a,a:quality\n"));
}

TEST(DatasetSplits, refuse_what_makes_no_sense) {
    for (const char* json :
         {"{}", R"({"by_group":{"parts":[{"name":"a"}]}})",
          R"({"by_group":{"parts":[{"name":"a","share":0.9},{"name":"b","share":0.2}]}})",
          R"({"by_group":{"parts":[{"name":"a","share":0.9},{"name":"b","groups":["x"]}]}})",
          R"({"by_time":[{"name":"a","from":"2024-01-02T00:00:00Z","to":"2024-01-01T00:00:00Z"}]})",
          R"({"window":"soon","by_time":[{"name":"a"}]})"}) {
        const auto splits = splits_of(*parse_json(std::string(R"({"splits":)") + json + "}"),
                                      opening, opening + hours{1});
        ASSERT_FALSE(splits) << json;
        EXPECT_EQ(splits.error().code, Errc::invalid_input);
        EXPECT_NE(splits.error().message.find("splits"), std::string::npos);
    }
    Content content = rows_of({"gw-1"}, 4);
    const auto empty = part_rows(
        content,
        splits_from(
            R"({"by_group":{"parts":[{"name":"a","groups":["gw-1"]},{"name":"b","groups":["x"]}]}})"),
        {});
    ASSERT_FALSE(empty);
    EXPECT_NE(empty.error().message.find("split 'b' has no rows"), std::string::npos);
}

TEST(DatasetLeaks, each_planted_one_is_found_with_its_rows) {
    struct Case {
        const char* name;
        std::string splits;
        Assets assets;
        std::string found;
    };
    const std::string by_group = R"({"by_group":{"parts":[)";
    const Case cases[] = {
        {"the same device in two parts",
         by_group +
             R"({"name":"train","groups":["gw-1","gw-2"]},{"name":"test","groups":["gw-2"]}]}})",
         {},
         "group_in_two_splits:10"},
        {"two devices of one asset",
         by_group + R"({"name":"train","groups":["gw-1"]},{"name":"test","groups":["gw-2"]}]}})",
         {{"gw-1", "p1"}, {"gw-2", "p1"}},
         "asset_in_two_splits:10 asset_in_two_splits:10"},
        {"times that overlap",
         R"({"by_time":[{"name":"train","to":")" + at(6) + R"("},{"name":"test","from":")" + at(4) +
             R"("}]})",
         {},
         "times_overlap:2 times_overlap:2"},
        {"windows over the boundary",
         R"({"window":"3s","by_time":[{"name":"train","to":")" + at(5) + R"("},{"name":"test"}]})",
         {},
         "windows_overlap:2 windows_overlap:2"},
        {"nothing",
         R"({"window":"3s","gap":"3s","by_time":[{"name":"train","to":")" + at(5) +
             R"("},{"name":"test"}]})",
         {},
         ""},
    };
    for (const auto& [name, splits, assets, found] : cases) {
        Content content = rows_of({"gw-1", "gw-2"}, 10);
        // One device or both may be in the part named "test" alone.
        const Splits read = splits_from(splits);
        content.splits = read.names;
        const auto done = part_rows(content, read, assets);
        if (std::string(name) != "the same device in two parts") {
            ASSERT_TRUE(done) << name << ": " << done.error().message;
        }
        EXPECT_EQ(kinds_of(leaks_of(content, read, assets, opening + hours{1})), found) << name;
    }
}

TEST(DatasetLeaks, a_signal_that_is_the_label_in_disguise_is_found) {
    for (const bool inverted : {false, true}) {
        Content content = rows_of({"gw-1", "gw-2"}, 20);
        for (auto& device : content.devices)
            for (std::size_t row = 0; row < 20; ++row)
                device.recording.values[2 * row + 1] =
                    inverted ? 7 - device.recording.labels[row] : device.recording.labels[row];
        const auto leaks = leaks_of(content, {}, {}, opening + hours{1});
        ASSERT_EQ(kinds_of(leaks), "label_in_signal:40");
        EXPECT_NE(leaks.told[0].says.find("'code' equals the label"), std::string::npos);
        EXPECT_EQ(leaks.told[0].from, opening);
        // One row that says otherwise, and it is a signal like others.
        content.devices[0].recording.values[1] = content.devices[0].recording.values[39];
        EXPECT_EQ(kinds_of(leaks_of(content, {}, {}, opening + hours{1})), "");
    }
}

TEST(DatasetLeaks, a_label_of_rows_that_lie_after_its_time_is_found) {
    const Content content = rows_of({"gw-1"}, 10);
    const auto leaks = leaks_of(content, {}, {}, opening + seconds{7});
    ASSERT_EQ(kinds_of(leaks), "label_after_as_of:2");
    EXPECT_EQ(leaks.told[0].from, opening + seconds{8});
    EXPECT_NE(told_leaks(leaks).find("2 rows of gw-1"), std::string::npos) << told_leaks(leaks);
}

TEST(DatasetRows, leave_out_what_is_in_quarantine_and_count_it) {
    const auto order = order_of(
        *parse_json(R"({"product":"pumps","purpose":"training","from":"2023-11-14T00:00:00Z",)"
                    R"("to":"2023-11-15T00:00:00Z"})"));
    ASSERT_TRUE(order);
    const auto content = assemble(
        "t,device,signal,value,quality\n1,gw-1,flow,5,192\n2,gw-1,flow,900,1\n3,gw-1,flow,6,210\n"
        "2,gw-1,level,1,64\n",
        *order, {});
    ASSERT_TRUE(content) << content.error().message;
    EXPECT_EQ(content->quarantined, 1u);
    ASSERT_EQ(content->rows(), 3u);
    EXPECT_TRUE(std::isnan(content->devices[0].recording.values[2]));  // flow at 2
    EXPECT_EQ(content->devices[0].recording.values[4], 6);             // released: good
    EXPECT_TRUE(content->devices[0].recording.quality[4].is_good());
}

TEST(DatasetExport, is_parquet_that_says_the_same) {
    const auto folder = files::TemporaryDirectory::make().value();
    Content content = rows_of({"gw-1", "it's 2"}, 2100);  // more than a chunk
    content.devices[0].labelled[0] = 0;
    content.devices[0].recording.values[0] = std::numeric_limits<double>::quiet_NaN();
    content.devices[0].recording.quality[0] = Quality::bad(Reason::not_a_number);
    parted(content, splits_from(R"({"by_time":[{"name":"train","to":")" + at(100) +
                                R"("},{"name":"test","to":")" + at(200) + R"("}]})"));
    const std::string path = folder.path() + "/it's.parquet";
    const auto written = write_parquet(content, path);
    ASSERT_TRUE(written) << written.error().message;
    duckdb::Options options;
    options.directories.push_back(folder.path());
    auto database = duckdb::Database::open(options);
    ASSERT_TRUE(database);
    auto connection = database->connect();
    ASSERT_TRUE(connection);
    const auto text = connection->text(
        "SELECT concat_ws(' ', count(*), count(label), sum(label::INT), count(split), "
        "count(flow), count(\"flow:quality\"), min(epoch_ns(time)), sum(code), max(device)) FROM "
        "read_parquet('" +
        folder.path() + "/it''s.parquet')");
    ASSERT_TRUE(text) << text.error().message;
    EXPECT_EQ(*text, "4200 4199 2100 400 4199 4199 1700000000000000000 4200.0 it's 2");
}

TEST(DataCard, says_what_where_from_and_what_one_may_do) {
    Resource dataset;
    dataset.kind = "Dataset";
    dataset.name = "valves";
    dataset.spec = *parse_json(R"({"product":"pumps","purpose":"golden","from":"a","to":"b"})");
    EXPECT_EQ(data_card(dataset).error().code, Errc::conflict);
    Resource product;
    product.name = "pumps";
    product.generation = 4;
    product.spec = *parse_json(
        R"({"version":"1.2.0","status":"active","owner":"operations","classification":"confidential"})");
    dataset.status = *parse_json(R"({"state":"frozen","sha256":"abc","rows":7,"devices":2,
        "quality":[{"signal":"a|b","points":6,"good":5,"uncertain":1,"missing":1}],
        "splits":[{"name":"train","rows":5,"devices":2,"labelled_rows":5,"anomalous_rows":1}]})");
    set(dataset.status, "contract", contract_evidence(product));
    const auto card = data_card(dataset);
    ASSERT_TRUE(card);
    EXPECT_EQ(find_string(*card, "contract.version"), "1.2.0");
    EXPECT_EQ(find_string(*card, "contract.sha256")->size(), 64u);
    const std::string text = card_markdown(*card);
    for (const char* says :
         {"# Dataset valves", "contract version 1.2.0 (generation 4)", "confidential", "abc",
          "| a\\|b | 6 | 5 | 1 | 1 |", "| train | 5 |", "operations", "none was found"})
        EXPECT_NE(text.find(says), std::string::npos) << says << "\n" << text;
}

}  // namespace
}  // namespace mw::datasets
