#include "device/agent/commands.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "device/agent/doubling_model.h"
#include "device/agent/measure.h"

namespace mw::agent {
namespace {

Bytes bundle() {
    auto engine = inference::open_onnx_runtime();
    EXPECT_TRUE(engine) << (engine ? "" : engine.error().message);
    pipeline::BundleParts parts;
    parts.model.assign(std::begin(doubling), std::end(doubling));
    parts.pipeline =
        "version: 1\ninputs: [{name: flow}]\nwindow: {rows: 3}\nfeatures:\n  - {name: f, input: "
        "flow, center: 32, scale: 2}\n";
    auto made = pipeline::make_bundle(std::move(parts), **engine);
    EXPECT_TRUE(made) << (made ? "" : made.error().message);
    return *made;
}

TEST(Measure, times_windows_and_tells_the_peak_of_this_process) {
    const Bytes tar = bundle();
    auto engine = inference::open_onnx_runtime();
    RealClock clock;
    MeasureOptions options;
    options.windows = 200;
    const auto figures = measure_bundle(tar, **engine, clock, options);
    ASSERT_TRUE(figures) << figures.error().message;
    EXPECT_EQ(find_string(*figures, "bundle"), pipeline::bundle_id(tar));
    EXPECT_GT(*find_integer(*figures, "windows"), 0);
    EXPECT_LE(*find_integer(*figures, "windows"), 200);
    const double p50 = *find_number(*figures, "latency_us_p50");
    const double p99 = *find_number(*figures, "latency_us_p99");
    EXPECT_GT(p50, 0);
    EXPECT_GE(p99, p50);
    EXPECT_GE(*find_number(*figures, "latency_us_max"), p99);
    EXPECT_GT(*find_integer(*figures, "peak_rss_bytes"), 1 << 20);
    Bytes broken = tar;
    broken[700] ^= 1;
    EXPECT_FALSE(measure_bundle(broken, **engine, clock, options));
    EXPECT_FALSE(measure_bundle({}, **engine, clock, options));
}

class OneAgent : public testing::Test {
 protected:
    OneAgent() {
        Commands::Parts parts{workers_,
                              files_,
                              clock_,
                              [this](const std::string& sha256, std::uint64_t) {
                                  downloaded_ = sha256;
                                  return bytes_after(hang_ ? hours{1} : hours{0});
                              },
                              [] { return seconds{0}; },
                              [this](const std::string& id, const std::string& text) {
                                  replies_[id] = *parse_json(text);
                              }};
        Commands::Options options;
        options.directory = folder_.path();
        options.program = folder_.path() + "/program";
        commands_ = std::make_unique<Commands>(std::move(parts), std::move(options));
        scope_.spawn(commands_->run());
    }
    ~OneAgent() override {
        scope_.cancel();
        ignore(sync_wait(*loop_, [](Scope& s) -> Task<> { co_return co_await s.join(); }(scope_)),
               "the test is over");
    }
    static Task<Bytes> bytes_after(nanoseconds time) {
        if (time.count() > 0) CO_TRY_VOID(co_await sleep_for(time));
        co_return Bytes{'b', 'y', 't', 'e', 's'};
    }
    // What stands in for millwright-edge; it gets: measure --bundle FILE.
    void program(const std::string& script) {
        const std::string path = folder_.path() + "/program";
        std::ofstream(path) << "#!/bin/sh\n" << script << '\n';
        ASSERT_EQ(chmod(path.c_str(), 0755), 0);
    }
    std::string order(nanoseconds limit, const std::string& more = "") {
        return R"({"verb":"measure","bundle":"abc","deadline":)" +
               std::to_string((clock_.now() + limit).ns) + more + "}";
    }
    Json reply(const std::string& body) {
        const std::string id = std::to_string(++asked_);
        commands_->accept(id, body);
        while (!replies_.contains(id)) loop_->turn(true);
        return replies_[id];
    }
    static std::string message(const Json& reply) {
        EXPECT_EQ(find_bool(reply, "ok"), false);
        return find_string(reply, "error.message").value_or("");
    }

    files::TemporaryDirectory folder_ = files::TemporaryDirectory::make("commands").value();
    files::RealFiles files_;
    RealClock clock_;
    std::unique_ptr<Loop> loop_ = Loop::open().value();
    Workers workers_{{.threads = 1}};
    std::map<std::string, Json> replies_;
    std::string downloaded_;
    bool hang_ = false;
    int asked_ = 0;
    std::unique_ptr<Commands> commands_;
    Scope scope_{*loop_};
};

TEST_F(OneAgent, measures_in_a_process_of_its_own_and_replies_with_its_figures) {
    program(R"sh(test "$1 $2 $(cat $3)" = "measure --bundle bytes" || exit 3
echo '{"bundle":"abc","latency_us_p99":12.5,"peak_rss_bytes":1000}')sh");
    const Json answer = reply(order(minutes{1}));
    EXPECT_EQ(find_bool(answer, "ok"), true) << to_json(answer);
    EXPECT_EQ(find_number(answer, "figures.latency_us_p99"), 12.5);
    EXPECT_EQ(downloaded_, "abc");
    EXPECT_FALSE(*files_.size(folder_.path() + "/measure/bundle.tar"));
}

TEST_F(OneAgent, says_why_it_did_not_measure) {
    EXPECT_NE(message(reply(order(minutes{1}))).find("program"), std::string::npos);
    program("echo it is broken >&2; exit 3");
    EXPECT_NE(message(reply(order(minutes{1}))).find("it is broken"), std::string::npos);
    program("echo no json");
    EXPECT_NE(message(reply(order(minutes{1}))).find("printed"), std::string::npos);
    program(R"(echo '{"bundle":"other"}')");
    EXPECT_NE(message(reply(order(minutes{1}))).find("another bundle"), std::string::npos);
    EXPECT_NE(message(reply(order(seconds{-1}))).find("after its deadline"), std::string::npos);
    EXPECT_NE(message(reply("{")).find("the command"), std::string::npos);
    EXPECT_NE(message(reply("{}")).find("no deadline"), std::string::npos);
    EXPECT_NE(message(reply(R"({"verb":"format","deadline":9000000000000000000})"))
                  .find("does not know 'format'"),
              std::string::npos);
    program("exec tail -f /dev/null");
    EXPECT_FALSE(*find_bool(reply(order(milliseconds{300})), "ok"));
    hang_ = true;
    EXPECT_NE(message(reply(order(milliseconds{50}))).find("within"), std::string::npos);
}

TEST_F(OneAgent, refuses_a_release_that_nobody_it_trusts_has_signed) {
    program("echo never >&2; exit 1");
    const std::string release = R"(,"release":"{}","signature":"AAAA","certificate":"AAAA")";
    const Json answer = reply(order(minutes{1}, release));
    EXPECT_EQ(find_bool(answer, "ok"), false);
    EXPECT_EQ(downloaded_, "");
}

TEST_F(OneAgent, refuses_more_commands_than_it_keeps_waiting) {
    hang_ = true;
    for (int i = 0; i < 20; ++i) commands_->accept("c" + std::to_string(i), order(minutes{1}));
    while (replies_.empty()) loop_->turn(true);
    EXPECT_EQ(find_string(replies_.begin()->second, "error.code"), "overloaded");
}

}  // namespace
}  // namespace mw::agent
