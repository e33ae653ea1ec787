// Models whose inputs stop, by a clock that the test moves.
#include <gtest/gtest.h>

#include "device/agent/doubling_model.h"
#include "device/agent/virtual_gateway.h"
#include "insight/native/native.h"

namespace mw::agent {
namespace {

constexpr nanoseconds second = seconds{1};

class StaleInputs : public VirtualGateway {
 protected:
    StaleInputs() {
        scope_->spawn(processor_->watch_inputs([this] { return remark_; }));
    }

    void install(const std::string& name, const std::string& inputs, const std::string& more = "") {
        auto engine = native::open_native().value();
        pipeline::BundleParts parts;
        parts.model.assign(std::begin(doubling), std::end(doubling));
        parts.pipeline = "version: 1\ninputs: [" + inputs +
                         "]\nwindow: {rows: 1}\nthreshold: {raise: 10}\n"
                         "features: [{name: f, input: flow, statistic: last}]\n" +
                         (more.empty() ? "fallback: {stale_after: 10s}\n" : more);
        const auto tar = pipeline::make_bundle(std::move(parts), *engine);
        ASSERT_TRUE(tar) << tar.error().message;
        auto bundle = pipeline::load_bundle(*tar, *engine, clock_);
        ASSERT_TRUE(bundle) << bundle.error().message;
        auto runner = std::make_unique<ModelRunner>(
            Assignment{DeviceId{"gw-1"}, "pump-1", name, "1"}, std::move(*bundle));
        ASSERT_TRUE(sync_wait(*loop_, processor_->install(std::move(runner), {})));
    }
    // One point of each signal at the device's time.
    void feed(const std::vector<std::string>& signals, double value, bool replayed = false) {
        Batch batch;
        batch.device = DeviceId{"gw-1"};
        batch.position.stream = "line";
        batch.replayed = replayed;
        for (std::uint32_t i = 0; i < signals.size(); ++i) {
            batch.runs.push_back({signals[i], "", i, i + 1});
            batch.times.push_back(device_time_);
            batch.values.push_back(value);
            batch.quality.push_back(Quality::good());
        }
        ASSERT_TRUE(sync_wait(*loop_, processor_->accept(batch, Bytes{})).ok());
    }
    void pass(nanoseconds time) {
        device_time_ = device_time_ + time;
        VirtualGateway::pass(time);
    }
    // "model=decision fallback", what was decided since the last call.
    std::vector<std::string> decided() {
        std::vector<std::string> all;
        EXPECT_TRUE(sync_wait(*loop_, outbox_->flush()).ok());
        while (outbox_->figures().unsent_messages > 0) {
            const auto queued = outbox_->try_next();
            if (!queued) {
                EXPECT_TRUE(sync_wait(*loop_, outbox_->more()).ok());
                continue;
            }
            if (queued->topic.find("/decision/") != std::string::npos) {
                last_ = *decision_from_json(*parse_json(text_of(queued->payload)));
                all.push_back(last_.model + (last_.decision ? "=on" : "=off") +
                              (last_.fallback.empty() ? "" : " " + last_.fallback));
            }
            outbox_->acknowledge_one();
        }
        return all;
    }
    using Said = std::vector<std::string>;

    std::string remark_;
    Timestamp device_time_{1'000'000 * second.count()};  // not the gateway's
    Decision last_;
};

TEST_F(StaleInputs, the_fallback_decides_until_data_come_back) {
    install("pump", "{name: flow}, {name: pressure}");
    feed({"flow", "pressure"}, 9);
    EXPECT_EQ(decided(), Said{"pump=on"});
    const Timestamp newest = device_time_;
    remark_ = "source line: failed";
    pass(second * 9);
    EXPECT_EQ(decided(), Said{});
    pass(second * 1 + milliseconds{100});
    EXPECT_EQ(decided(), Said{"pump=on inputs_stale: flow, pressure (source line: failed)"});
    EXPECT_EQ(last_.window_to - newest, second * 10);  // on the inputs' own time
    EXPECT_EQ(last_.window_to - last_.window_from, second * 10);
    EXPECT_EQ(last_.samples, 0u);
    EXPECT_TRUE(last_.inputs_quality == Quality::bad(Reason::stale));
    EXPECT_EQ(last_.score, 0);
    EXPECT_EQ(last_.bundle_hash, processor_->models().at("pump")->bundle_id());
    EXPECT_TRUE(processor_->models().at("pump")->stale());
    pass(second * 20);
    EXPECT_EQ(decided().size(), 2u);
    EXPECT_EQ(last_.position.sequence, 4u);
    feed({"flow", "pressure"}, 1);
    EXPECT_EQ(decided(), Said{"pump=off"});
    EXPECT_EQ(last_.position.sequence, 5u);
    EXPECT_FALSE(processor_->models().at("pump")->stale());
    EXPECT_EQ(processor_->models().at("pump")->inputs_trouble(), "");
    EXPECT_EQ(processor_->models().at("pump")->stale_decisions(), 3u);
}

TEST_F(StaleInputs, what_never_came_is_missing_too) {
    install("pump", "{name: flow}", "fallback: {decision: \"on\", stale_after: 2s}\n");
    remark_ = "this gateway has no source";
    pass(second * 3);
    EXPECT_EQ(decided(), Said{"pump=on inputs_stale: flow (this gateway has no source)"});
    EXPECT_GE(last_.window_to, clock_.now() - second * 2);  // there is no other time yet
    EXPECT_LE(last_.window_to, clock_.now());
}

TEST_F(StaleInputs, where_some_go_on_the_windows_say_which_are_bad) {
    install("pump", "{name: flow}, {name: pressure}");
    feed({"flow", "pressure"}, 1);
    for (int i = 0; i < 30; ++i) {
        pass(second);
        feed({"pressure"}, 1);
    }
    const Said said = decided();
    EXPECT_GE(said.size(), 25u);
    EXPECT_EQ(said.back(), "pump=off inputs_bad: flow");
    EXPECT_EQ(processor_->models().at("pump")->inputs_trouble(), "inputs_bad: flow");
    EXPECT_EQ(processor_->models().at("pump")->stale_decisions(), 0u);
}

TEST_F(StaleInputs, only_those_that_stopped_are_named) {
    install("pump", "{name: flow}, {name: pressure}",
            "align: {wait: 1h}\nfallback: {stale_after: 10s}\n");
    feed({"flow", "pressure"}, 1);
    for (int i = 0; i < 11; ++i) {
        pass(second);
        feed({"pressure"}, 1);  // rows wait an hour for the other
    }
    EXPECT_EQ(decided().back(), "pump=off inputs_stale: flow");
}

TEST_F(StaleInputs, times_that_jump_neither_cause_nor_hinder_it) {
    install("pump", "{name: flow}");
    feed({"flow"}, 1);
    device_time_ = device_time_ + hours{5};
    clock_.set_wall(clock_.now() + hours{100});
    feed({"flow"}, 1);
    pass(second * 9);
    EXPECT_EQ(decided(), (Said{"pump=off", "pump=off"}));
    device_time_ = device_time_ - hours{2};  // points keep coming, none fits behind the others
    feed({"flow"}, 1);
    pass(second * 2);
    EXPECT_EQ(decided(),
              Said{"pump=off inputs_stale: flow; 1 points were too old or far in the future"});
    device_time_ = device_time_ + hours{3};
    feed({"flow"}, 1);
    EXPECT_EQ(decided(), Said{"pump=off"});
}

TEST_F(StaleInputs, inputs_that_come_and_fill_no_window_are_told_as_that) {
    install("pump", "{name: flow}, {name: pressure}",
            "align: {wait: 1h, tolerance: 0s}\nfallback: {stale_after: 4s}\n");
    for (int i = 0; i < 5; ++i) {
        feed({i % 2 ? "flow" : "pressure"}, 1);
        pass(second);
    }
    EXPECT_EQ(decided(), Said{"pump=off no_window: its inputs come, none is complete"});
}

TEST_F(StaleInputs, a_model_that_others_feed_says_so_itself) {
    install("before", "{name: flow}");
    install("after", "{name: flow, model: before}");
    feed({"flow"}, 3);
    EXPECT_EQ(decided(), (Said{"before=off", "after=on"}));
    pass(second * 11);
    EXPECT_EQ(decided(), (Said{"after=on inputs_stale: flow", "before=off inputs_stale: flow"}));
    feed({"flow"}, 1);
    EXPECT_EQ(decided(), (Said{"before=off", "after=off"}));
}

TEST_F(StaleInputs, recordings_are_not_judged_unless_it_is_declared) {
    install("pump", "{name: flow}", "fallback: {decision: hold}\n");
    feed({"flow"}, 1, true);
    EXPECT_EQ(decided(), Said{"pump=off"});
    pass(hours{3});
    EXPECT_EQ(decided(), Said{});
    feed({"flow"}, 1);
    EXPECT_EQ(decided(), Said{"pump=off"});
    pass(second * 61);
    EXPECT_EQ(decided(), Said{"pump=off inputs_stale: flow"});
}

TEST_F(StaleInputs, a_model_that_is_gone_says_nothing) {
    install("pump", "{name: flow}");
    feed({"flow"}, 1);
    ASSERT_TRUE(sync_wait(*loop_, processor_->uninstall("pump")));
    pass(second * 30);
    EXPECT_EQ(decided(), Said{"pump=off"});
}

}  // namespace
}  // namespace mw::agent
