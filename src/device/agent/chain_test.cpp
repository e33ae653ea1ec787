// Models that take the scores of others.
#include <gtest/gtest.h>

#include "device/agent/doubling_model.h"
#include "device/agent/processor.h"
#include "insight/native/native.h"

namespace mw::agent {
namespace {

class Chain : public testing::Test {
 protected:
    Chain() {
        outbox::Options options;
        options.directory = files::join(folder_.path(), "outbox");
        outbox_ = *outbox::Outbox::open(files_, *loop_, workers_, options);
        processor_ = std::make_unique<Processor>(DeviceId{"gw-1"}, *outbox_);
    }
    ~Chain() override { ignore(sync_wait(*loop_, outbox_->stop()), "the test is over"); }

    // As a restart: what is on the disk, and nothing else.
    void restart() {
        processor_.reset();
        ignore(sync_wait(*loop_, outbox_->stop()), "it goes on below");
        outbox::Options options;
        options.directory = files::join(folder_.path(), "outbox");
        outbox_ = *outbox::Outbox::open(files_, *loop_, workers_, options);
        processor_ = std::make_unique<Processor>(DeviceId{"gw-1"}, *outbox_);
    }
    // Doubles what `input` gives: the mean of its last `rows`.
    Result<> install(const std::string& name, const std::string& input, int rows = 1) {
        auto engine = native::open_native().value();
        pipeline::BundleParts parts;
        parts.model.assign(std::begin(doubling), std::end(doubling));
        parts.pipeline = "version: 1\ninputs: [{name: x, " + input +
                         "}]\nwindow: {rows: " + std::to_string(rows) +
                         ", min_rows: 1}\nthreshold: {raise: 1000}\n"
                         "features: [{name: f, input: x, statistic: mean}]\n";
        TRY(const Bytes tar, pipeline::make_bundle(std::move(parts), *engine));
        TRY(auto bundle, pipeline::load_bundle(tar, *engine, clock_));
        auto runner = std::make_unique<ModelRunner>(
            Assignment{DeviceId{"gw-1"}, "pump-1", name, "1"}, std::move(bundle));
        return sync_wait(*loop_, processor_->install(std::move(runner), {}));
    }
    void feed(std::vector<double> values, Quality quality = Quality::good()) {
        Batch batch;
        batch.device = DeviceId{"gw-1"};
        batch.position.stream = "csv";
        batch.runs.push_back({"flow", "", 0, static_cast<std::uint32_t>(values.size())});
        for (const double value : values) {
            batch.times.push_back({1'000'000'000 * ++second_});
            batch.values.push_back(value);
            batch.quality.push_back(quality);
        }
        ASSERT_TRUE(sync_wait(*loop_, processor_->accept(batch, Bytes{})).ok());
        ++fed_;
    }
    // "model@second=score", as they left.
    std::string decided() {
        std::string text;
        while (told_ < fed_) {  // the points of a batch leave last
            const auto queued = outbox_->try_next();
            if (!queued) {
                EXPECT_TRUE(sync_wait(*loop_, outbox_->more()).ok());
                continue;
            }
            told_ += queued->topic.ends_with("/data/csv");
            outbox_->acknowledge_one();
            if (queued->topic.find("/decision/") == std::string::npos) continue;
            const Decision d = *decision_from_json(*parse_json(text_of(queued->payload)));
            text += d.model + "@" + std::to_string(d.window_to.ns / 1'000'000'000) + "=" +
                    (d.fallback.empty() ? std::to_string(static_cast<int>(d.score)) : d.fallback) +
                    " ";
        }
        return text;
    }

    files::TemporaryDirectory folder_ = *files::TemporaryDirectory::make();
    files::RealFiles files_;
    RealClock clock_;
    std::unique_ptr<Loop> loop_ = *Loop::open();
    Workers workers_{WorkersOptions{.threads = 1}};
    std::unique_ptr<outbox::Outbox> outbox_;
    std::unique_ptr<Processor> processor_;
    std::int64_t second_ = 0;
    int fed_ = 0, told_ = 0;
};

TEST_F(Chain, a_model_takes_the_scores_of_another_within_the_same_batch) {
    // By name `after` comes first, and it is installed first.
    ASSERT_TRUE(install("after", "model: before").ok());
    ASSERT_TRUE(install("before", "signal: flow").ok());
    ASSERT_TRUE(install("last", "model: after").ok());
    feed({1, 2});
    EXPECT_EQ(decided(), "before@1=2 before@2=4 after@1=4 after@2=8 last@1=8 last@2=16 ");
    feed({3});
    EXPECT_EQ(decided(), "before@3=6 after@3=12 last@3=24 ");
}

TEST_F(Chain, what_is_no_score_is_a_bad_input) {
    ASSERT_TRUE(install("before", "signal: flow").ok());
    ASSERT_TRUE(install("last", "model: before").ok());
    feed({1}, Quality::bad(Reason::source_bad));
    EXPECT_EQ(decided(), "before@1=inputs_bad: x last@1=inputs_bad: x ");
}

TEST_F(Chain, a_model_whose_feeder_is_gone_decides_nothing_until_it_is_back) {
    ASSERT_TRUE(install("before", "signal: flow").ok());
    ASSERT_TRUE(install("last", "model: before").ok());
    ASSERT_TRUE(sync_wait(*loop_, processor_->uninstall("before")).ok());
    feed({1});
    EXPECT_EQ(decided(), "");
    ASSERT_TRUE(install("before", "signal: flow").ok());
    feed({2});
    EXPECT_EQ(decided(), "before@2=4 last@2=8 ");
}

TEST_F(Chain, scores_outlive_a_restart) {
    const auto both = [this] {
        return install("before", "signal: flow").ok() && install("last", "model: before", 4).ok();
    };
    ASSERT_TRUE(both());
    feed({1, 2, 3, 4});
    EXPECT_EQ(decided(), "before@1=2 before@2=4 before@3=6 before@4=8 last@4=10 ");
    feed({5}, Quality::bad(Reason::source_bad));
    EXPECT_EQ(decided(), "before@5=inputs_bad: x last@5=12 ");  // the mean of 4, 6 and 8
    restart();
    ASSERT_TRUE(both());
    feed({6, 7});
    EXPECT_EQ(decided(), "before@6=12 before@7=14 last@6=17 last@7=22 ");
}

TEST(PastScores, are_bounded_and_read_back) {
    PastScores scores({"a", "b"});
    for (int i = 0; i < 1000; ++i)
        scores.add({i % 2 ? "a" : "b", {i}, i * .5, Quality::uncertain(Reason::stale)});
    const Bytes bytes = scores.checkpoint();
    EXPECT_EQ(bytes.size(), 1 + 19 * 2 * PastScores::kept_max);
    PastScores back({"a", "b"});
    back.restore(bytes);
    std::vector<PastScore> given;
    const auto give = [&](const PastScore& score) { given.push_back(score); };
    back.replay({600}, give);
    ASSERT_EQ(given.size(), 600u - 488 + 1);
    back.replay({700}, give);
    ASSERT_EQ(given.size(), 700u - 488 + 1);
    EXPECT_EQ(given.back().model, "b");
    EXPECT_EQ(given.back().score, 350);
    EXPECT_TRUE(given.back().quality == Quality::uncertain(Reason::stale));
    EXPECT_EQ(back.checkpoint(), bytes);
    for (const Bytes& bad : {Bytes{}, Bytes{2}, Bytes(19), Bytes{1, 0}}) {
        back.restore(bad);
        EXPECT_EQ(back.checkpoint().size(), 1u);
    }
}

TEST_F(Chain, a_ring_is_refused) {
    EXPECT_FALSE(install("self", "model: self").ok());
    ASSERT_TRUE(install("a", "model: c").ok());
    ASSERT_TRUE(install("b", "model: a").ok());
    const auto ring = install("c", "model: b");
    ASSERT_FALSE(ring.ok());
    EXPECT_EQ(ring.error().message,
              "model 'c' would take its own scores in the end: its 'model' inputs begin with 'b'. "
              "Break the ring");
    EXPECT_FALSE(processor_->models().contains("c"));
}

}  // namespace
}  // namespace mw::agent
