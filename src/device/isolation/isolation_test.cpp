#include "device/isolation/isolation.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <cstdlib>

#include "base/log.h"
#include "device/isolation/faults.h"

namespace mw::isolation {
namespace {

class InItsOwnProcess : public testing::Test {
 protected:
    void SetUp() override {
        if (std::getenv("MILLWRIGHT_EMULATED"))
            GTEST_SKIP() << "the machine does not start programs of the emulated processor";
    }
    std::unique_ptr<inference::Model> load(const Limits& limits) {
        Isolated how;
        how.model = "pump";
        how.arguments = {MW_ISOLATION_CHILD};
        how.limits = limits;
        auto model = open_isolated(how, clock_)->load(doubling_onnx, {.features = 1});
        EXPECT_TRUE(model.ok()) << model.error().message;
        return model ? *std::move(model) : nullptr;
    }
    // What it says about a row: its number, or why it has none.
    std::string said(inference::Model& model, float x) {
        float y = 0;
        const auto ran = model.run({&x, 1}, {&y, 1});
        return ran ? std::to_string(y) : ran.error().message;
    }
    // The same once its process has started, which nobody waits for but this test.
    std::string said_when_up(inference::Model& model, float x) {
        const RealClock real;
        const SteadyTime until = real.steady() + seconds{60};
        std::string text;
        do {
            text = said(model, x);
            ::sched_yield();
        } while (text == "its process is starting" && real.steady() < until);
        return text;
    }

    log::Capture quiet_;
    SimulatedClock clock_;
};

constexpr const char* after_abort = "its process was ended by signal 6; asked again in ";

TEST_F(InItsOwnProcess, a_model_gives_the_same_numbers) {
    const auto model = load({.process = true, .deadline = seconds{60}, .memory_bytes = {}});
    ASSERT_TRUE(model);
    EXPECT_EQ(model->input_size(), 1u);
    EXPECT_EQ(model->output().name, "y");
    EXPECT_TRUE(model->engine().starts_with("native")) << model->engine();
    EXPECT_TRUE(model->engine().ends_with(", in a process of its own")) << model->engine();
    for (const float x : {1.5F, -2.0F, 1e30F}) EXPECT_EQ(said(*model, x), std::to_string(2 * x));
    EXPECT_EQ(model->standing().trouble, "");
}

TEST_F(InItsOwnProcess, a_crash_costs_its_own_answers_only_and_it_comes_back) {
    const auto model = load({.process = true, .deadline = seconds{60}, .memory_bytes = {}});
    const auto other = load({.process = true, .deadline = seconds{60}, .memory_bytes = {}});
    ASSERT_TRUE(model && other);
    EXPECT_EQ(said(*model, fault_abort), after_abort + std::string("1s"));
    EXPECT_EQ(model->standing().trouble, "its process was ended by signal 6");
    EXPECT_EQ(model->standing().failures, 1u);
    EXPECT_EQ(said(*model, 1), after_abort + std::string("1s"));
    EXPECT_EQ(said(*other, 1), "2.000000");
    clock_.advance(seconds{1});
    EXPECT_EQ(said_when_up(*model, 3), "6.000000");
    EXPECT_EQ(model->standing().trouble, "");
}

TEST_F(InItsOwnProcess, the_rest_after_a_crash_doubles_until_it_has_done_well_for_long) {
    const auto model = load({.process = true, .deadline = seconds{60}, .memory_bytes = {}});
    ASSERT_TRUE(model);
    for (const int rest : {1, 2, 4}) {
        EXPECT_EQ(said_when_up(*model, fault_abort), after_abort + std::to_string(rest) + "s");
        clock_.advance(seconds{rest} - nanoseconds{1});
        EXPECT_EQ(said(*model, 1), after_abort + std::string("1s"));
        clock_.advance(nanoseconds{1});
    }
    EXPECT_EQ(said_when_up(*model, 1), "2.000000");
    for (std::uint64_t call = 1; call < calls_to_trust; ++call) said(*model, 1);
    EXPECT_EQ(said(*model, fault_abort), after_abort + std::string("1s"));
    EXPECT_EQ(model->standing().failures, 4u);
}

TEST_F(InItsOwnProcess, one_that_hangs_is_killed_at_its_deadline) {
    const auto model = load({.process = true, .deadline = milliseconds{30}, .memory_bytes = {}});
    ASSERT_TRUE(model);
    EXPECT_EQ(said(*model, fault_hang), "no answer within 30ms; asked again in 1s");
    EXPECT_EQ(model->standing().late, 1u);
    clock_.advance(seconds{1});
    EXPECT_NE(said_when_up(*model, fault_hang).find("no answer within 30ms"), std::string::npos);
}

TEST_F(InItsOwnProcess, one_that_takes_too_much_memory_is_ended) {
    const auto model = load({.process = true, .deadline = seconds{60}, .memory_bytes = 64u << 20});
    ASSERT_TRUE(model);
    EXPECT_EQ(said(*model, 1), "2.000000");
    const std::string text = said(*model, fault_memory);
    EXPECT_TRUE(text.starts_with("its process ")) << text;
    clock_.advance(seconds{1});
    EXPECT_EQ(said_when_up(*model, 1), "2.000000");
}

TEST_F(InItsOwnProcess, what_it_refuses_by_itself_is_no_crash) {
    const auto model = load({.process = true, .deadline = seconds{60}, .memory_bytes = {}});
    ASSERT_TRUE(model);
    EXPECT_EQ(said(*model, fault_error), "it does not want to");
    EXPECT_EQ(said(*model, 1), "2.000000");
    EXPECT_EQ(said(*model, fault_exit), "its process ended with code 3; asked again in 1s");
}

TEST_F(InItsOwnProcess, what_cannot_be_loaded_says_why) {
    Isolated how;
    how.arguments = {MW_ISOLATION_CHILD};
    how.limits.process = true;
    auto model = open_isolated(how, clock_)->load(bytes_of("no model"), {});
    ASSERT_FALSE(model.ok());
    EXPECT_NE(model.error().message.find("loading the model in a process of its own"),
              std::string::npos);
    EXPECT_NE(model.error().message.find("ONNX"), std::string::npos) << model.error().message;
    how.arguments = {"/nonexistent/program"};
    EXPECT_EQ(open_isolated(how, clock_)->load(doubling_onnx, {}).error().code, Errc::not_found);
}

// ---- in this process

// Takes as long as the row says, in microseconds.
class SlowModel final : public inference::Model {
 public:
    explicit SlowModel(SimulatedClock& clock) : clock_(clock) {}
    const inference::TensorShape& input() const override { return shape_; }
    const inference::TensorShape& output() const override { return shape_; }
    std::size_t input_size() const override { return 1; }
    std::size_t output_size() const override { return 1; }
    Result<void> run(std::span<const float> in, std::span<float> out) override {
        clock_.advance(microseconds{static_cast<int>(in[0])});
        out[0] = in[0];
        return {};
    }

 private:
    SimulatedClock& clock_;
    inference::TensorShape shape_{"x", {1}};
};

class SlowEngine final : public inference::Engine {
 public:
    explicit SlowEngine(SimulatedClock& clock) : clock_(clock) {}
    std::string name() const override { return "slow"; }
    Result<std::unique_ptr<inference::Model>> load(ByteView, const inference::Binding&) override {
        return std::unique_ptr<inference::Model>(std::make_unique<SlowModel>(clock_));
    }

 private:
    SimulatedClock& clock_;
};

TEST(WithDeadline, a_model_that_is_late_again_and_again_rests) {
    const log::Capture quiet;
    SimulatedClock clock;
    const auto model =
        with_deadline(std::make_shared<SlowEngine>(clock), "pump", microseconds{500}, clock)
            ->load({}, {})
            .value();
    const auto ran = [&](float us) {
        float y = 0;
        const auto outcome = model->run({&us, 1}, {&y, 1});
        return outcome ? std::to_string(static_cast<int>(y)) : outcome.error().message;
    };
    for (unsigned i = 0; i + 1 < late_calls_max; ++i) EXPECT_EQ(ran(501), "501");
    EXPECT_EQ(ran(500), "500");  // in time: the count begins anew
    for (unsigned i = 0; i < late_calls_max; ++i) EXPECT_EQ(ran(501), "501");
    const std::string why = "it took longer than its deadline of 500us, 5 times in a row";
    EXPECT_EQ(ran(1), why + "; asked again in 1s");
    EXPECT_EQ(model->standing().trouble, why);
    EXPECT_EQ(model->standing().late, 9u);
    clock.advance(seconds{1});
    EXPECT_EQ(ran(1), "1");
    EXPECT_EQ(model->standing().trouble, "");
}

TEST(Limits, are_read_and_written_and_wrong_ones_say_what_is_wanted) {
    const Json all =
        *parse_json(R"({"isolation":"process","deadline_us":500,"memory_bytes":50000000})");
    const auto limits = limits_of(all);
    ASSERT_TRUE(limits.ok());
    EXPECT_TRUE(limits->process);
    EXPECT_EQ(limits->deadline, nanoseconds{500'000});
    EXPECT_EQ(limits->memory_bytes, 50'000'000u);
    EXPECT_EQ(*limits_of(json_of(*limits)), *limits);
    EXPECT_FALSE(limits_of(*parse_json(R"({"isolation":"none"})"))->any());
    constexpr std::pair<const char*, const char*> wrong[] = {
        {"[]", "want an object"},
        {R"({"isolation":"thread"})", "limits.isolation: want process or none"},
        {R"({"deadline_us":0})", "limits.deadline_us: want 1 to"},
        {R"({"deadline_us":"5"})", "limits.deadline_us: want 1 to"},
        {R"({"isolation":"process","memory_bytes":10})", "limits.memory_bytes: want at least"},
        {R"({"memory_bytes":50000000})", "want isolation: process beside it"},
        {R"({"nice":5})", "limits.nice: want isolation, deadline_us or memory_bytes"}};
    for (const auto& [text, why] : wrong) {
        const auto refused = limits_of(*parse_json(text));
        ASSERT_FALSE(refused.ok()) << text;
        EXPECT_NE(refused.error().message.find(why), std::string::npos) << refused.error().message;
    }
}

}  // namespace
}  // namespace mw::isolation
