#include "data/quarantine/quarantine.h"

#include <gtest/gtest.h>

#include <fstream>
#include <limits>
#include <sstream>

#include "base/random.h"

namespace mw::quarantine {
namespace {

constexpr Timestamp begin{1'767'225'600'000'000'000};

Record record_of(Verb verb, int from, int to, const std::string& signal = "flow") {
    return {0,
            verb,
            "gw-1",
            signal,
            begin + seconds{from},
            begin + seconds{to},
            "the valve was open",
            "user:ann",
            begin + hours{1}};
}

struct World {
    files::TemporaryDirectory folder = files::TemporaryDirectory::make().value();
    std::string root = files::join(folder.path(), "root");
    std::unique_ptr<Loop> loop = Loop::open().value();
    Workers workers{{.threads = 1}};
    std::unique_ptr<files::Files> files = std::make_unique<files::RealFiles>();
    std::unique_ptr<QuarantineLog> log;

    World() { open(); }
    ~World() { close(); }
    void open(std::size_t most = records_max) {
        auto opened =
            QuarantineLog::open(*files, *loop, workers, files::join(root, "quarantine"), most);
        ASSERT_TRUE(opened) << opened.error().message;
        log = std::move(*opened);
    }
    void close() {
        if (log) ignore(sync_wait(*loop, log->stop()), "the test is over");
        log.reset();
    }
    Result<Record> append(Record record) {
        return sync_wait(*loop, log->append(std::move(record)));
    }
};

Quality quality_at(const Records& records, int second, Quality stored, double value = 1) {
    return decided(deciding(records, "gw-1", "flow", begin + seconds{second}), value, stored);
}

TEST(Quarantine, a_record_survives_a_restart_word_by_word) {
    World world;
    const auto kept = world.append(record_of(Verb::release, 0, 10));
    ASSERT_TRUE(kept) << kept.error().message;
    EXPECT_EQ(kept->number, 1u);
    world.close();
    world.open();
    ASSERT_EQ(world.log->records()->size(), 1u);
    EXPECT_EQ(world.log->records()->front(), *kept);
}

TEST(Quarantine, the_newest_record_that_covers_a_point_counts) {
    Records records{record_of(Verb::release, 0, 10), record_of(Verb::confirm, 3, 4),
                    record_of(Verb::hold, 5, 6, "")};
    const Quality bad = Quality::bad(Reason::range), good = Quality::good();
    EXPECT_EQ(quality_at(records, 0, bad), Quality::good(Reason::released));
    EXPECT_EQ(quality_at(records, 0, bad).code, 210);
    EXPECT_EQ(quality_at(records, 0, good), good);
    EXPECT_EQ(quality_at(records, 3, bad), bad);
    EXPECT_EQ(quality_at(records, 5, bad), bad);
    EXPECT_EQ(quality_at(records, 5, good), Quality::bad(Reason::held));
    EXPECT_EQ(quality_at(records, 10, bad), bad);  // `to` is not in it
    EXPECT_EQ(quality_at(records, -1, bad), bad);
    EXPECT_EQ(deciding(records, "gw-2", "flow", begin), nullptr);
    // What has no value can't be released.
    EXPECT_EQ(quality_at(records, 0, bad, std::numeric_limits<double>::quiet_NaN()), bad);
    records.push_back(record_of(Verb::confirm, 0, 10));
    EXPECT_EQ(quality_at(records, 0, bad), bad);
    EXPECT_EQ(quality_at(records, 5, good), good);
}

TEST(Quarantine, the_same_again_writes_nothing_unless_something_else_was_said_meanwhile) {
    World world;
    ASSERT_TRUE(world.append(record_of(Verb::release, 0, 10)));
    Record again = record_of(Verb::release, 0, 10);
    again.by = "user:bob";
    EXPECT_EQ(world.append(again)->by, "user:ann");
    EXPECT_EQ(world.log->records()->size(), 1u);
    ASSERT_TRUE(world.append(record_of(Verb::confirm, 2, 3, "")));
    EXPECT_EQ(world.append(again)->number, 3u);
    EXPECT_EQ(world.append(record_of(Verb::release, 0, 10, "level"))->number, 4u);
}

TEST(Quarantine, what_cannot_be_is_refused_by_name_and_too_much_is_overload) {
    struct Case {
        const char* says;
        void (*spoil)(Record&);
    };
    const Case cases[] = {
        {"'device' is missing", [](Record& r) { r.device.clear(); }},
        {"'why' is missing", [](Record& r) { r.why.clear(); }},
        {"'by' is missing", [](Record& r) { r.by.clear(); }},
        {"'to' must be later", [](Record& r) { r.to = r.from; }},
        {"more than 200 bytes", [](Record& r) { r.signal.assign(201, 'x'); }},
        {"more than 1000 bytes", [](Record& r) { r.why.assign(1001, 'x'); }},
        {"in one line", [](Record& r) { r.why = "one\ntwo"; }},
    };
    World world;
    for (const auto& [says, spoil] : cases) {
        Record record = record_of(Verb::hold, 0, 1);
        spoil(record);
        const auto outcome = world.append(record);
        ASSERT_FALSE(outcome) << says;
        EXPECT_NE(outcome.error().message.find(says), std::string::npos) << outcome.error().message;
    }
    EXPECT_FALSE(verb_from("free"));
    world.close();
    world.open(2);
    ASSERT_TRUE(world.append(record_of(Verb::hold, 0, 1)));
    ASSERT_TRUE(world.append(record_of(Verb::hold, 1, 2)));
    EXPECT_EQ(world.append(record_of(Verb::hold, 2, 3)).error().code, Errc::overloaded);
    EXPECT_TRUE(world.append(record_of(Verb::hold, 1, 2)));
}

TEST(Quarantine, the_frame_is_the_one_in_the_golden_file) {
    std::ifstream in(std::string(MW_SOURCE_DIR) + "/src/data/quarantine/golden/record.json");
    std::stringstream golden;
    golden << in.rdbuf();
    const Record record = record_of(Verb::release, 0, 10);
    Json object = to_json(record);
    object.get_object()["v"] = 1;
    EXPECT_EQ(mw::to_json(object) + "\n", golden.str());
    const auto read = record_from_json(*parse_json(golden.str()));
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(*read, record);
}

TEST(Quarantine, frames_that_nobody_can_read_are_counted_and_passed_over) {
    World world;
    ASSERT_TRUE(world.append(record_of(Verb::release, 0, 10)));
    world.close();
    {
        files::AppendLogOptions options;
        options.directory = files::join(world.root, "quarantine");
        options.purpose = "quarantine";
        auto log = files::AppendLog::open(*world.files, options);
        ASSERT_TRUE(log);
        for (const char* text : {"{", "[]", R"({"v":2})", R"({"v":1,"verb":"free"})"})
            ASSERT_TRUE(log->append(bytes_of(std::string_view(text))));
    }
    world.open();
    EXPECT_EQ(world.log->unreadable_frames(), 4u);
    EXPECT_EQ(world.log->records()->size(), 1u);
}

TEST(Quarantine, a_power_cut_at_any_call_keeps_what_was_confirmed_and_nothing_twice) {
    const std::uint64_t seed = SystemRandom().next();
    SCOPED_TRACE("seed " + std::to_string(seed));
    for (std::uint64_t cut = 1; cut < 40; ++cut) {
        World world;
        world.close();
        auto faulty = files::FaultyFiles::open(world.root, seed + cut);
        ASSERT_TRUE(faulty);
        files::FaultyFiles& disk = **faulty;
        world.files = std::move(*faulty);
        world.open();
        disk.fail(files::Call::any, cut, files::Fault::power_cut);
        Records confirmed;
        for (int i = 0; i < 6; ++i) {
            auto kept = world.append(record_of(i % 2 == 0 ? Verb::release : Verb::confirm, 0, 10));
            if (!kept) break;
            confirmed.push_back(*kept);
        }
        if (!disk.is_cut()) ignore(disk.power_cut(), "it was not reached by a call");
        world.close();
        world.files = std::make_unique<files::RealFiles>();
        world.open();
        const auto records = world.log->records();
        ASSERT_GE(records->size(), confirmed.size()) << "cut at call " << cut;
        EXPECT_LE(records->size(), confirmed.size() + 1) << "cut at call " << cut;
        for (std::size_t i = 0; i < confirmed.size(); ++i) EXPECT_EQ((*records)[i], confirmed[i]);
        EXPECT_EQ(world.log->unreadable_frames(), 0u);
    }
}

}  // namespace
}  // namespace mw::quarantine
