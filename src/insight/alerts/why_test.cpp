#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "insight/alerts/alerts.h"

namespace mw::alerts {
namespace {

class Evidence final : public WhySource {
 public:
    Task<std::vector<Decision>> decisions(std::string device, std::string, Timestamp from,
                                          Timestamp to, std::size_t) override {
        if (failing) co_return Error{Errc::timed_out, "history is busy"};
        Decision decision;
        decision.device.text = device;
        decision.window_from = {from.ns - 10};
        decision.window_to = to;
        decision.score = 0.5;
        decision.decision = true;
        decision.inputs_quality = Quality::uncertain(Reason::spike);
        decision.latency_us = 42;
        co_return std::vector<Decision>{decision};
    }
    Task<Json> model_version(std::string model, std::string version) override {
        if (failing) co_return Error{Errc::not_found, "no such version"};
        co_return Json(JsonObject{{"name", model + "--" + version}, {"bundle", bundle}});
    }
    Task<Json> device(std::string name) override {
        co_return Json(JsonObject{{"name", name}, {"asset", "pump-1"}});
    }
    Task<Json> quality_findings(std::string, Timestamp, Timestamp) override {
        co_return Json(JsonArray{JsonObject{{"signal", "flow"}, {"reason", "spike"}}});
    }

    bool failing = false;
    std::string bundle = "ab12";
};

Alarm alarm() {
    Alarm made;
    made.id = "01HF";
    made.rule = "valve-closing";
    made.severity = "critical";
    made.device = "gw-1";
    made.model = "valve";
    made.version = "3";
    made.bundle_hash = "ab12";
    made.first_window = {{100}, {200}};
    made.last_window = {{300}, {400}};
    made.decisions = 3;
    return made;
}

Json ask(Evidence& source, Alarm about) {
    auto loop = Loop::open({});
    auto chain = sync_wait(**loop, why(std::move(about), source));
    EXPECT_TRUE(chain.ok());
    return chain ? std::move(chain).value() : Json();
}

TEST(AlertWhy, chain_goes_from_alarm_to_inputs) {
    Evidence source;
    const Json chain = ask(source, alarm());
    EXPECT_EQ(find_string(chain, "alarm.id"), "01HF");
    EXPECT_THAT(*find_string(chain, "summary"),
                testing::HasSubstr("by model 'valve' version '3' after 3 positive decisions"));
    const auto& first = find(chain, "decisions")->get_array().at(0);
    EXPECT_EQ(find_string(first, "inputs_reason"), "spike");
    EXPECT_EQ(find_number(first, "latency_us"), 42);
    EXPECT_EQ(find_string(chain, "model_version.name"), "valve--3");
    EXPECT_EQ(find_string(chain, "device.asset"), "pump-1");
    EXPECT_EQ(find(chain, "quality")->get_array().size(), 1u);
    EXPECT_TRUE(find(chain, "missing")->get_array().empty());
}

TEST(AlertWhy, a_link_that_cannot_be_fetched_says_so) {
    Evidence source;
    source.failing = true;
    const Json chain = ask(source, alarm());
    EXPECT_TRUE(find(chain, "decisions")->is_null());
    const auto& missing = find(chain, "missing")->get_array();
    ASSERT_EQ(missing.size(), 2u);
    EXPECT_EQ(find_string(missing[0], "reason"), "history is busy");
    EXPECT_EQ(find_string(missing[1], "link"), "model_version");
    EXPECT_EQ(find_string(chain, "device.name"), "gw-1");
}

TEST(AlertWhy, another_bundle_than_the_registered_one_is_named) {
    Evidence source;
    source.bundle = "cd34";
    const Json chain = ask(source, alarm());
    EXPECT_THAT(*find_string(find(chain, "missing")->get_array().at(0), "reason"),
                testing::HasSubstr("ran bundle ab12, the registered version is cd34"));
}

}  // namespace
}  // namespace mw::alerts
