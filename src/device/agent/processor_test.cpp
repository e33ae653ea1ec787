#include "device/agent/processor.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "protocols/payload/payload.h"

namespace mw::agent {
namespace {

Batch batch_of(double value) {
    Batch batch;
    batch.device = DeviceId{"gw-1"};
    batch.position.stream = "pump";
    batch.runs.push_back({"flow", "", 0, 1});
    batch.times.push_back({1'000});
    batch.values.push_back(value);
    batch.quality.push_back(Quality::good());
    return batch;
}

class OneGateway : public testing::Test {
 protected:
    OneGateway()
        : folder_(*files::TemporaryDirectory::make("processor")),
          loop_(*Loop::open()),
          workers_(WorkersOptions{.threads = 1}) {
        outbox::Options options;
        options.directory = files::join(folder_.path(), "outbox");
        outbox_ = *outbox::Outbox::open(files_, *loop_, workers_, options);
        processor_ = std::make_unique<Processor>(DeviceId{"gw-1"}, *outbox_);
    }
    ~OneGateway() override { ignore(sync_wait(*loop_, outbox_->stop()), "the test is over"); }

    void accept(double value, Bytes checkpoint) {
        Batch batch = batch_of(value);
        ASSERT_TRUE(sync_wait(*loop_, processor_->accept(batch, std::move(checkpoint))));
    }
    outbox::Queued next() {
        for (;;) {
            if (auto queued = outbox_->try_next()) return *queued;
            if (!sync_wait(*loop_, outbox_->more())) return {};
        }
    }

    files::TemporaryDirectory folder_;
    files::RealFiles files_;
    std::unique_ptr<Loop> loop_;
    Workers workers_;
    std::unique_ptr<outbox::Outbox> outbox_;
    std::unique_ptr<Processor> processor_;
};

TEST_F(OneGateway, a_batch_leaves_as_one_numbered_message_on_its_topic) {
    accept(1.5, {1});
    accept(2.5, {2});
    payload::Decoder decoder;
    for (std::uint64_t sequence = 1; sequence <= 2; ++sequence) {
        const auto queued = next();
        EXPECT_EQ(queued.topic, "mw/v1/gw-1/data/pump");
        Batch back;
        ASSERT_TRUE(decoder.decode(queued.payload, back));
        EXPECT_EQ(back.position.sequence, sequence);
        EXPECT_EQ(back.values, std::vector<double>{static_cast<double>(sequence) + .5});
    }
}

TEST_F(OneGateway, the_checkpoint_is_that_of_the_last_accepted_batch) {
    EXPECT_TRUE(processor_->source_checkpoint("pump").empty());
    accept(1, {7, 7});
    EXPECT_EQ(processor_->source_checkpoint("pump"), (Bytes{7, 7}));
    EXPECT_EQ(processor_->points(), 1u);
}

TEST_F(OneGateway, what_is_durable_is_found_by_a_restart_without_a_stop) {
    accept(1, {7});
    ASSERT_TRUE(sync_wait(*loop_, processor_->durable()));
    outbox::Options copy;
    copy.directory = files::join(folder_.path(), "copy");
    std::filesystem::copy(files::join(folder_.path(), "outbox"), copy.directory);
    auto again = *outbox::Outbox::open(files_, *loop_, workers_, copy);
    EXPECT_EQ(again->next_sequence("data/pump"), 2u);
    EXPECT_EQ(again->checkpoint("source/pump"), (Bytes{7}));
    ignore(sync_wait(*loop_, again->stop()), "the test is over");
}

}  // namespace
}  // namespace mw::agent
