#include "device/agent/source_keeper.h"

#include <gtest/gtest.h>

#include <fstream>
#include <functional>

namespace mw::agent {
namespace {

class Swallow final : public sources::SourceSink {
 public:
    Task<> accept(Batch&, Bytes) override {
        ++batches;
        co_return Result<>{};
    }
    Task<> durable() override { co_return Result<>{}; }
    int batches = 0;
};

class Keeping : public testing::Test {
 protected:
    Keeping() : folder_(*files::TemporaryDirectory::make("keeper")), loop_(*Loop::open()) {
        std::ofstream(folder_.path() + "/pump.csv")
            << "t;a\n2020-03-09 10:00:00;1\n2020-03-09 10:00:01;2\n";
        begin();
    }
    ~Keeping() override { keeper_->stop(); }

    void begin() {
        if (keeper_) keeper_->stop();
        SourceKeeper::Options options;
        options.patience = milliseconds{100};
        options.look_every = milliseconds{2};
        SourceKeeper::Parts parts{*loop_,
                                  workers_,
                                  files_,
                                  clock_,
                                  sink_,
                                  [](const std::string&) { return Bytes{}; },
                                  [this] { changed_.set(); }};
        keeper_ = std::make_unique<SourceKeeper>(std::move(parts), DeviceId{"gw"}, folder_.path(),
                                                 options);
    }
    void want(const std::string& hash, const std::string& description) {
        const auto json = parse_json(description);
        ASSERT_TRUE(json) << description;
        std::map<std::string, WantedSource> wanted;
        wanted["line"] = {hash, *json};
        ASSERT_TRUE(sync_wait(*loop_, keeper_->converge(std::move(wanted))));
    }
    std::string said(const std::string& key) {
        return find_string(keeper_->report(), "line." + key).value_or("");
    }
    void until(const std::function<bool()>& done, const std::string& what) {
        constexpr int looks_max = 3000;
        for (int look = 0; !done(); ++look) {
            ASSERT_LT(look, looks_max) << what << " never came";
            changed_.reset();
            const auto waited = sync_wait(*loop_, wait_a_little());
            ASSERT_TRUE(waited || waited.error().code == Errc::timed_out);
        }
    }
    // Until the report says so.
    void until(const std::string& key, const std::string& value) {
        until([&] { return said(key) == value; }, key + " " + value);
    }
    // Until it is what a later description may go back to.
    void until_good(const std::string& hash) {
        const std::string path = files::join(folder_.path(), "sources.json");
        until(
            [&] {
                const auto bytes = files::read_all(files_, path);
                const auto json = bytes ? parse_json(text_of(*bytes)) : Result<Json>(Json());
                return json && find_string(*json, "line.hash") == hash;
            },
            hash + " in " + path);
    }
    Task<> wait_a_little() { co_return co_await within(milliseconds{20}, changed_.wait()); }
    std::string csv() { return R"({"type":"csv","path":")" + folder_.path() + R"(/pump.csv"})"; }

    // Nobody answers there: it starts, and does not come up.
    static constexpr const char* silent =
        R"({"type":"modbus","address":"127.0.0.1:1","registers":[{"signal":"a","address":1}]})";

    files::TemporaryDirectory folder_;
    files::RealFiles files_;
    RealClock clock_;
    std::unique_ptr<Loop> loop_;
    Workers workers_{WorkersOptions{.threads = 1}};
    Swallow sink_;
    Event changed_;
    std::unique_ptr<SourceKeeper> keeper_;
};

TEST_F(Keeping, what_comes_up_is_applied) {
    want("1", csv());
    until("running", "finished");
    EXPECT_EQ(said("state"), "applied");
    EXPECT_EQ(said("hash"), "1");
}

TEST_F(Keeping, a_wrong_description_stops_nothing) {
    want("1", R"({"type":"host","every":"1s"})");
    until("running", "running");
    want("2", R"({"type":"csv"})");
    EXPECT_EQ(said("state"), "failed");
    EXPECT_EQ(said("hash"), "2");
    EXPECT_EQ(said("kept"), "1");
    EXPECT_EQ(said("running"), "running");
    EXPECT_NE(said("reason").find("'path'"), std::string::npos) << said("reason");
}

TEST_F(Keeping, one_that_does_not_come_up_gives_way_to_the_one_before_it) {
    want("1", R"({"type":"host","every":"1s"})");
    until("running", "running");
    until_good("1");
    want("2", silent);
    EXPECT_EQ(said("state"), "pending");
    until("state", "failed");
    until("kept", "1");
    EXPECT_EQ(said("code"), "timed_out");
    EXPECT_NE(said("reason").find("runs again"), std::string::npos) << said("reason");
    until("running", "running");
    want("3", R"({"type":"host","every":"2s"})");
    until("state", "applied");
    EXPECT_EQ(said("kept"), "");
}

TEST_F(Keeping, a_restart_goes_back_too) {
    want("1", R"({"type":"host","every":"1s"})");
    until("running", "running");
    until_good("1");
    begin();
    want("2", silent);
    until("kept", "1");
    EXPECT_EQ(said("state"), "failed");
}

TEST_F(Keeping, with_nothing_to_go_back_to_it_goes_on_trying) {
    want("1", silent);
    EXPECT_EQ(said("state"), "applied");
    EXPECT_EQ(said("running"), "starting");
    until([&] { return sink_.batches > 0; }, "a batch");
    EXPECT_EQ(said("state"), "applied");
}

}  // namespace
}  // namespace mw::agent
