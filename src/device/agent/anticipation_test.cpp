#include "device/agent/anticipation.h"

#include <gtest/gtest.h>

#include "device/agent/doubling_model.h"
#include "device/agent/virtual_gateway.h"
#include "insight/native/native.h"

namespace mw::agent {
namespace {

SteadyTime after(nanoseconds since) { return SteadyTime{} + since; }

// Rows that keep time, a window of so many; returns what is due after the row before a window's
// last one.
std::optional<Anticipation::Span> due_after(Anticipation& anticipation, nanoseconds gap,
                                            int rows_in_window, int windows = 4) {
    std::optional<Anticipation::Span> due;
    for (int i = 1; i < rows_in_window * windows; ++i) {
        const bool decided = i % rows_in_window == 0, next = (i + 1) % rows_in_window == 0;
        anticipation.took(after(gap * i), 1, decided, next);
        due = anticipation.due();
        if (!next) EXPECT_FALSE(due) << "row " << i;
    }
    return due;
}

TEST(Anticipation, is_ready_shortly_before_the_last_row_of_a_window) {
    Anticipation anticipation;
    const auto due = due_after(anticipation, milliseconds{10}, 100);
    ASSERT_TRUE(due);
    EXPECT_EQ(due->from - after(milliseconds{4'000}), -microseconds{1'500});
    EXPECT_EQ(due->to - after(milliseconds{4'000}), microseconds{1'500});
    anticipation.over();
    EXPECT_FALSE(anticipation.due());
}

TEST(Anticipation, is_not_worth_it_where_windows_end_often_or_rows_are_slow_or_quick) {
    for (const auto& [gap, rows] : {std::pair{milliseconds{10}, 20},
                                    {milliseconds{10}, 1},
                                    {milliseconds{250}, 10},
                                    {milliseconds{2}, 500}}) {
        Anticipation anticipation;
        EXPECT_FALSE(due_after(anticipation, gap, rows, 2'000 / rows + 4)) << gap.count();
    }
}

TEST(Anticipation, waits_until_rows_keep_time) {
    Anticipation anticipation;
    nanoseconds now{0};
    int due = 0;
    for (int i = 1; i < 1'000; ++i) {
        now += milliseconds{i % 2 ? 6 : 14};
        anticipation.took(after(now), 1, i % 100 == 0, i % 100 == 99);
        due += anticipation.due().has_value();
    }
    EXPECT_EQ(due, 0);
    for (int i = 1; i < 200; ++i) {
        now += milliseconds{10};
        anticipation.took(after(now), 1, i % 100 == 0, i % 100 == 99);
        due += anticipation.due().has_value();
    }
    EXPECT_EQ(due, 2);
    anticipation.took(after(now + milliseconds{10}), 5, false, true);
    EXPECT_FALSE(anticipation.due()) << "rows that come by the handful";
}

// Counts what a model is asked.
struct Asked {
    int runs = 0, rehearsals = 0, sources = 0;
};
class CountedModel final : public inference::Model {
 public:
    CountedModel(std::unique_ptr<Model> model, Asked& asked)
        : model_(std::move(model)), asked_(asked) {}
    const inference::TensorShape& input() const override { return model_->input(); }
    const inference::TensorShape& output() const override { return model_->output(); }
    std::size_t input_size() const override { return model_->input_size(); }
    std::size_t output_size() const override { return model_->output_size(); }
    Result<void> run(std::span<const float> in, std::span<float> out) override {
        ++asked_.runs;
        return model_->run(in, out);
    }
    void rehearse(std::span<const float> in, std::span<float> out) override {
        ++asked_.rehearsals;
        model_->rehearse(in, out);
    }

 private:
    std::unique_ptr<Model> model_;
    Asked& asked_;
};
class CountedEngine final : public inference::Engine {
 public:
    explicit CountedEngine(Asked& asked) : asked_(asked) {}
    std::string name() const override { return "counted"; }
    Result<std::unique_ptr<inference::Model>> load(ByteView onnx,
                                                   const inference::Binding& binding) override {
        TRY(auto model, (*native::open_native())->load(onnx, binding));
        return std::unique_ptr<inference::Model>(
            std::make_unique<CountedModel>(std::move(model), asked_));
    }

 private:
    Asked& asked_;
};

// Virtual time; 100 rows a second, a window a second.
class Rehearsed : public VirtualGateway {
 protected:
    Rehearsed() {
        scope_->spawn(processor_->rehearse([this] { ++asked_.sources; }));
    }
    void install() {
        pipeline::BundleParts parts;
        parts.model.assign(std::begin(doubling), std::end(doubling));
        parts.pipeline =
            "version: 1\ninputs: [{name: flow}]\nwindow: {kind: tumbling, rows: 100}\nthreshold: "
            "{raise: 10}\n"
            "features: [{name: f, input: flow, statistic: mean}]\n";
        const auto tar = pipeline::make_bundle(std::move(parts), engine_);
        ASSERT_TRUE(tar) << tar.error().message;
        auto bundle = pipeline::load_bundle(*tar, engine_, clock_);
        ASSERT_TRUE(bundle) << bundle.error().message;
        auto runner = std::make_unique<ModelRunner>(
            Assignment{DeviceId{"gw-1"}, "pump-1", "pump", "1"}, std::move(*bundle));
        ASSERT_TRUE(sync_wait(*loop_, processor_->install(std::move(runner), {})));
        asked_ = {};
    }
    void feed(int rows) {
        for (int i = 0; i < rows; ++i) {
            pass(milliseconds{10});
            Batch batch;
            batch.device = DeviceId{"gw-1"};
            batch.position.stream = "line";
            batch.runs.push_back({"flow", "", 0, 1});
            batch.times.push_back(time_ = time_ + milliseconds{10});
            batch.values.push_back(4);
            batch.quality.push_back(Quality::good());
            ASSERT_TRUE(sync_wait(*loop_, processor_->accept(batch, Bytes{})).ok());
        }
    }

    Asked asked_;
    CountedEngine engine_{asked_};
    Timestamp time_{1'000'000'000'000'000'000};
};

TEST_F(Rehearsed, only_before_a_window_s_last_row_and_counted_nowhere) {
    install();
    feed(199);
    EXPECT_EQ(asked_.rehearsals, 0) << "before the last row is due";
    feed(1);
    EXPECT_GT(asked_.rehearsals, 5);
    EXPECT_LT(asked_.rehearsals, 20);
    EXPECT_EQ(asked_.sources, asked_.rehearsals);
    EXPECT_EQ(asked_.runs, 2);
    EXPECT_EQ(processor_->models().at("pump")->decisions(), 2u);
    const int before = asked_.rehearsals;
    feed(99);
    EXPECT_EQ(asked_.rehearsals, before);
}

TEST_F(Rehearsed, ends_when_the_row_does_not_come) {
    install();
    feed(199);
    pass(seconds{60});
    EXPECT_GT(asked_.rehearsals, 10);
    EXPECT_LT(asked_.rehearsals, 40);
}

}  // namespace
}  // namespace mw::agent
