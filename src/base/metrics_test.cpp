#include "base/metrics.h"

#include <gtest/gtest.h>

#include <limits>
#include <thread>

namespace mw::metrics {
namespace {

TEST(Metrics, exposition_is_sorted_prometheus_text) {
    Registry registry;
    registry.counter("millwright_mqtt_publishes_total", "Publishes", {{"qos", "1"}}).add(3);
    registry.counter("millwright_mqtt_publishes_total", "Publishes", {{"qos", "0"}}).add();
    registry.gauge("millwright_loop_lag_seconds", "Lag\nof a \\ turn").set(0.25);
    constexpr double bounds[] = {0.1, 1};
    auto& histogram =
        registry.histogram("millwright_query_duration_seconds", "Queries", {}, bounds);
    histogram.observe(0.05), histogram.observe(0.1), histogram.observe(0.5), histogram.observe(9);
    EXPECT_EQ(registry.expose(),
              "# HELP millwright_loop_lag_seconds Lag\\nof a \\\\ turn\n"
              "# TYPE millwright_loop_lag_seconds gauge\n"
              "millwright_loop_lag_seconds 0.25\n"
              "# HELP millwright_mqtt_publishes_total Publishes\n"
              "# TYPE millwright_mqtt_publishes_total counter\n"
              "millwright_mqtt_publishes_total{qos=\"0\"} 1\n"
              "millwright_mqtt_publishes_total{qos=\"1\"} 3\n"
              "# HELP millwright_query_duration_seconds Queries\n"
              "# TYPE millwright_query_duration_seconds histogram\n"
              "millwright_query_duration_seconds_bucket{le=\"0.1\"} 2\n"
              "millwright_query_duration_seconds_bucket{le=\"1\"} 3\n"
              "millwright_query_duration_seconds_bucket{le=\"+Inf\"} 4\n"
              "millwright_query_duration_seconds_sum 9.65\n"
              "millwright_query_duration_seconds_count 4\n");
}

TEST(Metrics, same_name_and_labels_give_the_same_instrument) {
    Registry registry;
    auto& a = registry.counter("millwright_a_b_total", "x", {{"k", "1"}, {"j", "2"}});
    auto& b = registry.counter("millwright_a_b_total", "x", {{"j", "2"}, {"k", "1"}});
    EXPECT_EQ(&a, &b);
    EXPECT_NE(&a, &registry.counter("millwright_a_b_total", "x"));
}

TEST(Metrics, label_values_are_escaped) {
    Registry registry;
    registry.counter("millwright_a_b_total", "x", {{"k", "a\"b\\c\nd"}}).add();
    EXPECT_NE(registry.expose().find("{k=\"a\\\"b\\\\c\\nd\"} 1"), std::string::npos);
}

TEST(Metrics, label_sets_past_the_limit_are_counted_as_other) {
    Registry registry;
    for (int i = 0; i < 1000; ++i)
        registry.counter("millwright_a_b_total", "x", {{"k", std::to_string(i)}}).add();
    EXPECT_EQ(registry.counter("millwright_a_b_total", "x", {{"k", "other"}}).value(), 936u);
}

TEST(Metrics, nan_is_counted_and_does_not_spoil_the_sum) {
    Histogram histogram{seconds_buckets};
    histogram.observe(std::numeric_limits<double>::quiet_NaN());
    histogram.observe(1);
    EXPECT_EQ(histogram.count(), 2u);
    EXPECT_EQ(histogram.sum(), 1);
}

TEST(Metrics, threads_register_and_count_without_loss) {
    Registry registry;
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
        threads.emplace_back([&] {
            for (int i = 0; i < 2000; ++i)
                registry.counter("millwright_a_b_total", "x", {{"k", std::to_string(i % 8)}}).add();
        });
    for (auto& thread : threads) thread.join();
    std::uint64_t sum = 0;
    for (int i = 0; i < 8; ++i)
        sum += registry.counter("millwright_a_b_total", "x", {{"k", std::to_string(i)}}).value();
    EXPECT_EQ(sum, 8000u);
}

TEST(MetricsDeathTest, wrong_names_are_bugs) {
    Registry registry;
    EXPECT_DEATH(registry.counter("millwright_a_b", "x"), "_total");
    EXPECT_DEATH(registry.gauge("other_a_b", "x"), "millwright_");
    registry.gauge("millwright_a_b", "x");
    EXPECT_DEATH(registry.histogram("millwright_a_b", "x"), "kind");
}

}  // namespace
}  // namespace mw::metrics
