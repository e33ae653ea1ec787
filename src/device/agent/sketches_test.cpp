#include <gtest/gtest.h>

#include "device/agent/processor.h"

namespace mw::agent {
namespace {

// The score is the feature.
class Echo final : public inference::Model {
 public:
    const inference::TensorShape& input() const override { return in_; }
    const inference::TensorShape& output() const override { return out_; }
    std::size_t input_size() const override { return 1; }
    std::size_t output_size() const override { return 1; }
    Result<void> run(std::span<const float> in, std::span<float> out) override {
        out[0] = in[0];
        return {};
    }

 private:
    inference::TensorShape in_{"x", {1, 1}}, out_{"y", {1}};
};

class EchoEngine final : public inference::Engine {
 public:
    std::string name() const override { return "echo"; }
    Result<std::unique_ptr<inference::Model>> load(ByteView, const inference::Binding&) override {
        return std::unique_ptr<inference::Model>(std::make_unique<Echo>());
    }
};

Bytes bundle(const std::string& feature) {
    EchoEngine engine;
    pipeline::BundleParts parts;
    parts.model = {1};
    parts.pipeline =
        "version: 1\ninputs: [{name: flow}]\nwindow: {rows: 1}\nfeatures:\n  - {name: " + feature +
        ", input: flow}\n";
    auto made = pipeline::make_bundle(std::move(parts), engine);
    EXPECT_TRUE(made) << (made ? "" : made.error().message);
    return *made;
}

class Sketches : public testing::Test {
 protected:
    Sketches() : folder_(*files::TemporaryDirectory::make("sketches")), loop_(*Loop::open()) {
        open();
        install("flow_now");
    }
    ~Sketches() override { close(); }

    void open() {
        outbox::Options options;
        options.directory = files::join(folder_.path(), "outbox");
        outbox_ = *outbox::Outbox::open(files_, *loop_, workers_, options);
        processor_ = std::make_unique<Processor>(DeviceId{"gw-1"}, *outbox_);
        processor_->observe_every(seconds{10});
    }
    void close() {
        processor_.reset();
        ignore(sync_wait(*loop_, outbox_->stop()), "the test is over");
        outbox_.reset();
    }
    void install(const std::string& feature) {
        const Bytes bytes = bundle(feature);
        auto loaded = pipeline::load_bundle(bytes, engine_, clock_);
        ASSERT_TRUE(loaded) << loaded.error().message;
        Assignment assignment{DeviceId{"gw-1"}, "pump-1", "pump", "1"};
        auto runner = std::make_unique<ModelRunner>(std::move(assignment), std::move(*loaded));
        ASSERT_TRUE(sync_wait(*loop_, processor_->install(std::move(runner), {})));
    }
    void feed(int from, int to) {
        for (int i = from; i < to; ++i) {
            Batch batch;
            batch.device = DeviceId{"gw-1"};
            batch.position.stream = "pump";
            batch.runs.push_back({"flow", "", 0, 1});
            batch.times.push_back(Timestamp{} + seconds{i});
            batch.values.push_back(i);
            batch.quality.push_back(Quality::good());
            ASSERT_TRUE(sync_wait(*loop_, processor_->accept(batch, {1})));
        }
    }
    // Everything that would be sent: decisions are counted, sketches read.
    void receive() {
        ASSERT_TRUE(sync_wait(*loop_, outbox_->flush()));
        for (;;) {
            auto queued = outbox_->try_next();
            if (!queued && outbox_->figures().unsent_messages == 0) return;
            if (!queued) {
                ASSERT_TRUE(sync_wait(*loop_, outbox_->more()));
                continue;
            }
            if (queued->topic == "mw/v1/gw-1/decision/pump") ++decisions_;
            if (queued->topic == "mw/v1/gw-1/sketch/pump") {
                auto sketch = drift::decode_sketch(queued->payload);
                ASSERT_TRUE(sketch) << sketch.error().message;
                sketches_.push_back(std::move(*sketch));
            }
            outbox_->acknowledge_one();
        }
    }
    std::uint64_t counted() const {
        std::uint64_t all = 0;
        for (const auto& sketch : sketches_) all += sketch.counts.values();
        return all;
    }

    files::TemporaryDirectory folder_;
    files::RealFiles files_;
    SimulatedClock clock_;
    EchoEngine engine_;
    std::unique_ptr<Loop> loop_;
    Workers workers_{WorkersOptions{.threads = 1}};
    std::unique_ptr<outbox::Outbox> outbox_;
    std::unique_ptr<Processor> processor_;
    std::uint64_t decisions_ = 0;
    std::vector<drift::Sketch> sketches_;
};

TEST_F(Sketches, every_decision_is_counted_once_whatever_restarts_and_updates_come) {
    feed(0, 25);
    close();
    open();
    install("flow_now");
    feed(25, 43);
    install("flow_then");  // another bundle: the open window leaves as it is
    feed(43, 55);
    ASSERT_TRUE(sync_wait(*loop_, processor_->uninstall("pump")));
    feed(55, 60);  // nobody judges these
    receive();
    EXPECT_EQ(decisions_, 55u);
    EXPECT_EQ(counted(), 55u);
    ASSERT_EQ(sketches_.size(), 7u);  // 0, 10, 20, 30, 40 of one bundle; 40, 50 of the other
    EXPECT_EQ(sketches_[4].from, Timestamp{} + seconds{40});
    EXPECT_EQ(sketches_[4].counts.values(), 3u);
    EXPECT_EQ(sketches_[5].from, Timestamp{} + seconds{40});
    EXPECT_NE(sketches_[4].bundle, sketches_[5].bundle);
    EXPECT_EQ(sketches_[6].counts.values(), 5u);
    install("flow_then");
    receive();
    EXPECT_EQ(counted(), 55u);
}

}  // namespace
}  // namespace mw::agent
