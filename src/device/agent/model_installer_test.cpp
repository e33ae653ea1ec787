#include "device/agent/model_installer.h"

#include <gtest/gtest.h>

#include "base/log.h"
#include "device/agent/boots.h"
#include "device/agent/doubling_model.h"

namespace mw::agent {
namespace {

class Gateway : public testing::Test {
 protected:
    Gateway() {
        outbox::Options options;
        options.directory = files::join(folder_.path(), "outbox");
        outbox_ = *outbox::Outbox::open(files_, *loop_, workers_, options);
        processor_ = std::make_unique<Processor>(DeviceId{"gw-1"}, *outbox_);
        installer_ = std::make_unique<ModelInstaller>(
            ModelInstaller::Parts{workers_, files_, clock_, *processor_, DeviceId{"gw-1"}, "", [] {
                                      return ModelInstaller::Surroundings{"pump-1", {}, {}};
                                  }});
    }
    ~Gateway() override { ignore(sync_wait(*loop_, outbox_->stop()), "the test is over"); }

    // A version whose files differ by what they call normal.
    updates::Work work_for(int version) {
        auto engine = inference::open_onnx_runtime();
        pipeline::BundleParts parts;
        parts.model.assign(std::begin(doubling), std::end(doubling));
        parts.pipeline =
            "version: 1\ninputs: [{name: flow}]\nwindow: {rows: 1}\nfeatures:\n"
            "  - {name: f, input: flow, center: " +
            std::to_string(30 + version) + ", scale: 2}\n";
        const Bytes tar = *pipeline::make_bundle(std::move(parts), **engine);
        updates::Work work;
        work.next.name = "pump";
        work.next.version = std::to_string(version);
        work.next.sha256 = pipeline::bundle_id(tar);
        work.file = files::join(folder_.path(), work.next.sha256 + ".tar");
        EXPECT_TRUE(files::atomic_replace(files_, work.file, tar).ok());
        return work;
    }
    void feed(double value) {
        Batch batch;
        batch.device = DeviceId{"gw-1"};
        batch.position.stream = "csv";
        batch.runs.push_back({"flow", "", 0, 1});
        batch.times.push_back({1'000'000'000 * ++second_});
        batch.values.push_back(value);
        batch.quality.push_back(Quality::good());
        ASSERT_TRUE(sync_wait(*loop_, processor_->accept(batch, Bytes{})).ok());
    }
    std::string running() {
        const auto& models = processor_->models();
        const auto found = models.find("pump");
        return found == models.end() ? "" : found->second->assignment().version;
    }
    template <class T>
    void ok(Task<T> task) {
        auto outcome = sync_wait(*loop_, std::move(task));
        ASSERT_TRUE(outcome.ok()) << outcome.error().message;
    }

    log::Capture quiet_;
    files::TemporaryDirectory folder_ = *files::TemporaryDirectory::make();
    files::RealFiles files_;
    RealClock clock_;
    std::unique_ptr<Loop> loop_ = *Loop::open();
    Workers workers_{WorkersOptions{.threads = 1}};
    std::unique_ptr<outbox::Outbox> outbox_;
    std::unique_ptr<Processor> processor_;
    std::unique_ptr<ModelInstaller> installer_;
    std::int64_t second_ = 0;
};

TEST_F(Gateway, tests_beside_what_runs_then_switches_between_two_batches) {
    auto first = work_for(1), second = work_for(2);
    ok(installer_->test(first));
    EXPECT_EQ(running(), "");
    ok(installer_->switch_over(first));
    EXPECT_EQ(running(), "1");
    EXPECT_EQ(processor_->models().at("pump")->assignment().asset, "pump-1");
    EXPECT_TRUE(processor_->models().at("pump")->engine().starts_with("native "));
    EXPECT_EQ(processor_->models().at("pump")->engine_remark(), "");
    feed(32);
    feed(33);
    EXPECT_EQ(installer_->figures("pump").decisions, 2u);
    second.previous = first.next;
    second.previous_file = first.file;
    ok(installer_->test(second));
    EXPECT_EQ(running(), "1");
    ok(installer_->switch_over(second));
    EXPECT_EQ(running(), "2");
    EXPECT_EQ(installer_->figures("pump").decisions, 0u);
    ok(installer_->revert(second));
    EXPECT_EQ(running(), "1");
    ok(installer_->remove(first.next));
    EXPECT_EQ(running(), "");
}

TEST_F(Gateway, after_a_restart_switching_needs_no_test_before_it) {
    auto first = work_for(1);
    ok(installer_->switch_over(first));
    EXPECT_EQ(running(), "1");
    ok(installer_->revert(first));  // nothing was there before
    EXPECT_EQ(running(), "");
    ok(installer_->bring_up(first.next, first.file));
    EXPECT_EQ(running(), "1");
}

TEST_F(Gateway, a_bundle_must_be_itself_and_cost_no_more_than_its_budget) {
    auto first = work_for(1), second = work_for(2);
    std::swap(first.file, second.file);
    EXPECT_FALSE(sync_wait(*loop_, installer_->test(first)).ok());
    std::swap(first.file, second.file);
    first.next.budget.latency_us_p99 = 1e9;
    first.next.budget.memory_bytes = std::uint64_t{1} << 40;
    ok(installer_->test(first));
    first.next.budget.latency_us_p99 = 1e-6;
    auto slow = sync_wait(*loop_, installer_->test(first));
    ASSERT_FALSE(slow.ok());
    EXPECT_NE(slow.error().message.find("latency_us_p99 is "), std::string::npos);
    first.next.budget.latency_us_p99.reset();
    first.next.budget.memory_bytes = 1;
    auto large = sync_wait(*loop_, installer_->test(first));
    ASSERT_FALSE(large.ok());
    EXPECT_NE(large.error().message.find("peak_rss_bytes is "), std::string::npos);
}

TEST(Boots, are_counted_over_an_hour_and_over_restarts) {
    const auto folder = *files::TemporaryDirectory::make();
    files::RealFiles files;
    const Timestamp start{1'700'000'000'000'000'000};
    for (int i = 0; i < 5; ++i) {
        const auto starts = note_start(files, folder.path(), start + minutes{i});
        ASSERT_TRUE(starts.ok());
        EXPECT_EQ(starts->size(), static_cast<std::size_t>(i) + 1);
    }
    auto starts = *note_start(files, folder.path(), start + minutes{62});
    EXPECT_EQ(starts.size(), 3u);  // of minutes 3, 4 and 62
    EXPECT_EQ(boots_lately(starts, start + minutes{63}), 2u);
    ASSERT_TRUE(files::atomic_replace(files, folder.path() + "/boots.json", bytes_of("torn")).ok());
    EXPECT_EQ(note_start(files, folder.path(), start)->size(), 1u);
}

}  // namespace
}  // namespace mw::agent
