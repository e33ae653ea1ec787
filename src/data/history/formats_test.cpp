// The bytes on disk: golden files, the catalog's entries, and what a decoder refuses.
#include <limits>

#include "data/history/history_fixture.h"
#include "data/history/records.h"

namespace mw::history {
namespace {

Bytes golden(const std::string& name) {
    files::RealFiles real;
    auto bytes =
        files::read_all(real, std::string(MW_SOURCE_DIR) + "/src/data/history/golden/" + name);
    EXPECT_TRUE(bytes.ok());
    return bytes.ok() ? *bytes : Bytes{};
}

constexpr const char* first_segment = "00000000000000000001.mwlog";

class HistoryFormats : public HistoryFixture {
 protected:
    void put_golden(const std::string& name, const std::string& folder) {
        files::RealFiles real;
        auto directory = files::join(options_.directory, folder);
        ASSERT_TRUE(real.make_directories(directory));
        ASSERT_TRUE(
            files::atomic_replace(real, files::join(directory, first_segment), golden(name)));
    }
    // The messages of the golden history log.
    static std::vector<Batch> messages() {
        auto both = batch("pump-1", "pressure", {100, 200}, 1.5, 5);
        both.runs.push_back({"flow", "m3/h", 2, 4});
        both.arrival = {1000};
        both.times = {{100}, {200}, {100}, {200}};
        both.values = {1.5, -0.0, 32.0, std::numeric_limits<double>::infinity()};
        both.quality.assign(4, Quality::good());
        auto replayed = batch("pump-1", "pressure", {300, 150}, 2.5);
        replayed.runs.push_back({"flow", "m3/h", 2, 3});
        replayed.arrival = {2000};
        replayed.replayed = true;
        replayed.times.push_back({300});
        replayed.values = {2.5, 2.75, 33.0};
        replayed.quality = {Quality::good(), {1}, {65}};
        return {both, replayed};
    }
    static Decision decision() {
        Decision d;
        d.device.text = "pump-1";
        d.position = {"main", 6};
        d.asset = "line-1";
        d.use_case = "valve";
        d.model = "t2q";
        d.version = "3";
        for (int i = 0; i < 32; ++i) d.bundle_hash += "ab";
        d.window_from = {100};
        d.window_to = {300};
        d.samples = 60;
        d.score = 0.75;
        d.decision = true;
        d.latency_us = 12.5;
        return d;
    }
};

TEST_F(HistoryFormats, the_golden_log_is_understood) {
    put_golden("history-log-1.mwlog", "log");
    ASSERT_TRUE(open());
    Rows expected;
    for (const auto& message : messages()) note(message, expected);
    EXPECT_EQ(rows(), expected);
    EXPECT_TRUE(history_->stored({"pump-1"}, {"main", 6}).has_value());
    auto snapshot = history_->snapshot_here({});
    ASSERT_EQ(snapshot.heads.at(0)->decisions().size(), 1u);
    const auto& found = *snapshot.heads[0]->decisions()[0];
    EXPECT_EQ(found.bundle_hash, decision().bundle_hash);
    EXPECT_EQ(found.model, "t2q");
    EXPECT_EQ(found.latency_us, 12.5);
}

TEST_F(HistoryFormats, the_log_is_written_as_the_golden_file_says) {
    ASSERT_TRUE(open());
    for (const auto& message : messages()) ASSERT_TRUE(history_->append(message).ok());
    ASSERT_TRUE(history_->append(decision()).ok());
    ASSERT_TRUE(wait(history_->flush()));
    files::RealFiles real;
    auto path = files::join(files::join(options_.directory, "log"), first_segment);
    EXPECT_EQ(files::read_all(real, path).value(), golden("history-log-1.mwlog"));
}

// What a log of today has beside: texts, large integers, types.
std::vector<Batch> boxed_messages() {
    Batch batch;
    batch.device.text = "plc-1";
    batch.arrival = {1000};
    batch.runs = {{"order", "", 0, 2, ValueType::integer, true},
                  {"speed", "rpm", 2, 4, ValueType::number, false},
                  {"state", "", 4, 6, ValueType::text, true}};
    batch.times = {{100}, {200}, {100}, {200}, {100}, {200}};
    const double order = batch.boxes.add(std::int64_t{9'007'199'254'740'993});
    const double running = batch.boxes.add("RUNNING");
    batch.values = {order, 7, 1480.5, 1481, running, batch.boxes.add("FAULT \xc3\xa4")};
    batch.quality.assign(6, Quality::good());
    return {batch};
}

TEST_F(HistoryFormats, the_golden_log_with_boxes_is_understood) {
    put_golden("history-log-2.mwlog", "log");
    ASSERT_TRUE(open());
    Rows expected;
    for (const auto& message : boxed_messages()) note(message, expected);
    EXPECT_EQ(rows(), expected);
    EXPECT_EQ(history_->series()->at({2}).type, ValueType::text);
}

TEST_F(HistoryFormats, the_log_with_boxes_is_written_as_the_golden_file_says) {
    ASSERT_TRUE(open());
    for (const auto& message : boxed_messages()) ASSERT_TRUE(history_->append(message).ok());
    ASSERT_TRUE(wait(history_->flush()));
    files::RealFiles real;
    auto path = files::join(files::join(options_.directory, "log"), first_segment);
    EXPECT_EQ(files::read_all(real, path).value(), golden("history-log-2.mwlog"));
}

CatalogEntry golden_entry() {
    CatalogEntry entry;
    entry.generation = 1;
    entry.sealed_through = 6;
    entry.series.push_back({{0}, "pump-1", "pressure", "bar"});
    entry.newest.push_back({{0}, {{300}, 2.5, Quality::good()}});
    entry.streams.push_back({0, "pump-1", "main"});
    entry.positions.push_back({0, 5});
    SegmentFile file;
    file.path = "points/day=1970-01-01/00000000000000000001.parquet";
    file.generation = 1;
    file.rows = 3;
    file.bytes = 1234;
    file.time_min = {100};
    file.time_max = {300};
    file.device_first = file.device_last = "pump-1";
    file.overlaps = true;
    entry.files.push_back(file);
    return entry;
}

TEST_F(HistoryFormats, the_golden_catalog_is_understood_and_written) {
    put_golden("catalog-1.mwlog", "catalog");
    files::RealFiles real;
    std::vector<CatalogEntry> entries;
    auto visit = [&](CatalogEntry entry) { entries.push_back(std::move(entry)); };
    ASSERT_TRUE(Catalog::open(real, files::join(options_.directory, "catalog"), visit).ok());
    ASSERT_EQ(entries.size(), 1u);
    const auto& found = entries[0];
    EXPECT_EQ(found.sealed_through, 6u);
    EXPECT_EQ(found.series.at(0).unit, "bar");
    EXPECT_EQ(found.newest.at(0).last.time, Timestamp{300});
    EXPECT_EQ(found.positions.at(0).sequence, 5u);
    EXPECT_EQ(found.files.at(0).rows, 3u);
    EXPECT_EQ(found.files.at(0).device_last, "pump-1");
    EXPECT_TRUE(found.files.at(0).overlaps);

    auto elsewhere = files::join(options_.directory, "other");
    auto catalog = Catalog::open(real, elsewhere, {});
    ASSERT_TRUE(catalog.ok() && catalog->enter(golden_entry()));
    EXPECT_EQ(files::read_all(real, files::join(elsewhere, first_segment)).value(),
              golden("catalog-1.mwlog"));
}

TEST_F(HistoryFormats, the_golden_catalog_with_types_and_texts_is_understood_and_written) {
    auto entry = golden_entry();
    entry.series.push_back({{1}, "plc-1", "order", "", ValueType::integer});
    entry.series.push_back({{2}, "plc-1", "state", "", ValueType::text});
    const LastValue boxed{{300}, 0, Quality::good(), true};
    entry.newest.push_back({{1}, boxed, std::int64_t{9'007'199'254'740'993}});
    entry.newest.push_back({{2}, boxed, "RUNNING"});
    entry.files.at(0).boxed = true;
    files::RealFiles real;
    auto elsewhere = files::join(options_.directory, "other");
    auto catalog = Catalog::open(real, elsewhere, {});
    ASSERT_TRUE(catalog.ok() && catalog->enter(entry));
    EXPECT_EQ(files::read_all(real, files::join(elsewhere, first_segment)).value(),
              golden("catalog-2.mwlog"));

    put_golden("catalog-2.mwlog", "catalog");
    std::vector<CatalogEntry> entries;
    auto visit = [&](CatalogEntry found) { entries.push_back(std::move(found)); };
    ASSERT_TRUE(Catalog::open(real, files::join(options_.directory, "catalog"), visit).ok());
    ASSERT_EQ(entries.size(), 1u);
    const auto& found = entries[0];
    EXPECT_EQ(found.series.at(0).type, ValueType::number);
    EXPECT_EQ(found.series.at(1).type, ValueType::integer);
    EXPECT_EQ(found.series.at(2).type, ValueType::text);
    EXPECT_FALSE(found.newest.at(0).last.boxed);
    EXPECT_EQ(found.newest.at(1).boxed, entry.newest.at(1).boxed);
    EXPECT_EQ(found.newest.at(2).boxed, BoxedValue("RUNNING"));
    EXPECT_TRUE(found.files.at(0).boxed);
}

TEST_F(HistoryFormats, rollups_as_they_were_before_are_as_good_as_not_there) {
    files::RealFiles real;
    CatalogEntry entry = golden_entry();
    entry.files.at(0).table = Table::rollups;
    files::AppendLogOptions now{.directory = files::join(options_.directory, "now")};
    ASSERT_TRUE(Catalog::open(real, now.directory, {}).value().enter(entry));
    files::AppendLogOptions before{.directory = files::join(options_.directory, "before")};
    now.purpose = before.purpose = "catalog";
    {
        files::FrameGroup group;
        auto log = files::AppendLog::open(real, before, {});
        auto copy = [&](const files::LogFrame& frame) {
            auto payload = group.begin(frame.number, frame.payload.size());
            std::copy(frame.payload.begin(), frame.payload.end(), payload.begin());
            constexpr std::uint8_t part_of_files = 5;
            if (payload[0] == part_of_files) payload[8] = 2;  // the table of the only file
            group.seal();
        };
        ASSERT_TRUE(files::AppendLog::open(real, now, copy).ok());
        ASSERT_TRUE(log.ok() && log->commit(group));
    }
    std::vector<std::size_t> files_found;
    auto visit = [&](const CatalogEntry& found) { files_found.push_back(found.files.size()); };
    ASSERT_TRUE(Catalog::open(real, now.directory, visit).ok());
    ASSERT_TRUE(Catalog::open(real, before.directory, visit).ok());
    EXPECT_EQ(files_found, (std::vector<std::size_t>{1, 0}));
}

TEST_F(HistoryFormats, a_full_entry_replaces_the_older_ones_on_disk) {
    files::RealFiles real;
    auto directory = files::join(options_.directory, "catalog");
    auto entry = golden_entry();
    for (std::uint32_t i = 0; i < 4000; ++i)
        entry.series.push_back({{i}, "device-" + std::to_string(i), std::string(300, 's'), ""});
    {
        auto catalog = std::move(Catalog::open(real, directory, {})).value();
        EXPECT_FALSE(catalog.wants_full());
        ASSERT_TRUE(catalog.enter(entry));
        EXPECT_TRUE(catalog.wants_full());
        auto full = golden_entry();
        full.full = true;
        full.generation = 2;
        ASSERT_TRUE(catalog.enter(full));
        EXPECT_FALSE(catalog.wants_full());
    }
    std::vector<CatalogEntry> entries;
    auto visit = [&](CatalogEntry found) { entries.push_back(std::move(found)); };
    ASSERT_TRUE(Catalog::open(real, directory, visit).ok());
    ASSERT_EQ(entries.size(), 1u);
    EXPECT_TRUE(entries[0].full);
    EXPECT_EQ(entries[0].generation, 2u);
}

TEST_F(HistoryFormats, a_history_with_a_full_catalog_entry_starts_as_it_was) {
    ASSERT_TRUE(open());
    Rows expected;
    std::vector<SeriesRef> refs;
    for (int i = 0; i < 1500; ++i)  // enough names to make the catalog worth rewriting
        ASSERT_TRUE(history_->resolve("d" + std::to_string(i), std::string(1000, 's'), "").ok());
    for (int i = 1; i <= 3; ++i) {
        auto sent = batch("pump", "p", {i * 10}, i, static_cast<std::uint64_t>(i));
        ASSERT_TRUE(history_->append(sent).ok());
        note(sent, expected);
        ASSERT_TRUE(wait(history_->seal_now()));
    }
    EXPECT_EQ(rows(), expected);
    ASSERT_TRUE(restart_after_power_cut());
    EXPECT_EQ(rows(), expected);
    EXPECT_EQ(history_->series()->size(), 1501u);
    EXPECT_TRUE(history_->stored({"pump"}, {"main", 3}).has_value());
    auto catalog = files_->list(files::join(options_.directory, "catalog")).value();
    ASSERT_EQ(catalog.size(), 1u);
    EXPECT_NE(catalog[0].name, first_segment);
}

TEST(HistoryRecords, refuse_bytes_that_do_not_add_up) {
    Bytes unknown{9, 0, 0, 0};
    EXPECT_EQ(records::decode(unknown).error().code, Errc::corrupt);
    EXPECT_FALSE(records::decode({}).ok());
    records::Series series{{3}, "d", "s", "u"};
    Bytes bytes(records::series_bytes(series));
    records::encode_series(series, bytes);
    ASSERT_TRUE(records::decode(bytes).ok());
    for (std::size_t cut = 1; cut < bytes.size(); ++cut)
        EXPECT_FALSE(records::decode(ByteView(bytes).first(cut)).ok()) << cut;
    bytes.push_back(0);
    EXPECT_FALSE(records::decode(bytes).ok());
    Bytes huge(32);
    huge[0] = 3;
    huge[24] = 0xff;  // points without runs
    EXPECT_FALSE(records::decode(huge).ok());
    const auto batch = boxed_messages().front();
    const std::vector<SeriesRef> refs(batch.runs.size());
    const auto shape = records::shape_of(batch);
    Bytes points(shape.bytes);
    records::encode_points(batch, refs, records::no_stream, shape, points);
    ASSERT_TRUE(records::decode(points).ok());
    for (std::size_t cut = 1; cut < points.size(); ++cut)
        EXPECT_FALSE(records::decode(ByteView(points).first(cut)).ok()) << cut;
    const std::size_t ends = points.size() - batch.boxes.characters().size() - 8;
    store_le(points.data() + ends, std::uint32_t{100});  // behind the end of the next text
    EXPECT_FALSE(records::decode(points).ok());
}

}  // namespace
}  // namespace mw::history
