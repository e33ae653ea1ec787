#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/random.h"
#include "insight/drift/autoregression.h"
#include "insight/drift/drift.h"

namespace mw::drift {
namespace {

std::shared_ptr<pipeline::Reference> normal_reference(std::size_t features, std::uint64_t seed) {
    SeededRandom random(seed);
    auto reference = std::make_shared<pipeline::Reference>();
    std::vector<double> values(4000);
    for (std::size_t i = 0; i < features + 1; ++i) {
        for (double& value : values) value = random.normal();
        auto made = pipeline::distribution_of("f" + std::to_string(i), values);
        if (i < features)
            reference->features.push_back(std::move(made));
        else
            reference->score = std::move(made);
    }
    return reference;
}

// A standard normal stream with this lag-1 correlation.
BinCounts device_counts(std::shared_ptr<const pipeline::Reference> reference, Ar& stream, int n,
                        double shift) {
    BinCounter counter(std::move(reference));
    for (int i = 0; i < n; ++i) {
        const double value = stream.next() + shift;
        counter.add(std::vector<double>{value}, value);
    }
    return counter.take();
}

std::uint64_t seed_of_test() {
    const std::uint64_t seed = 20261126;
    testing::Test::RecordProperty("seed", std::to_string(seed));
    std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
    return seed;
}

// Parts of devices' streams, cut anywhere, delivered in any order and some of them again, merged in
// any tree: to the last bit what one counter says that saw every device's stream uncut.
TEST(BinCounts, parts_merged_in_any_order_equal_the_whole) {
    SeededRandom random(seed_of_test());
    for (int round = 0; round < 10; ++round) {
        const std::size_t features = 1 + random.below(5);
        const auto reference = normal_reference(features, random.next());
        BinCounts central;
        std::vector<std::pair<int, BinCounts>> parts;  // with a key
        for (int device = 0; device < 4; ++device) {
            BinCounter whole(reference), cut(reference);
            for (int i = 0; i < 200; ++i) {
                std::vector<double> row(features);
                for (double& value : row) value = random.normal();
                if (random.below(10) == 0)
                    row[random.below(features)] = std::numeric_limits<double>::quiet_NaN();
                whole.add(row, row[0]);
                cut.add(row, row[0]);
                if (random.below(20) == 0) parts.emplace_back(parts.size(), cut.take());
            }
            parts.emplace_back(parts.size(), cut.take());
            ASSERT_TRUE(central.merge(whole.counts()));
        }
        auto delivered = parts;
        for (int again = 0; again < 10; ++again)
            delivered.push_back(parts[random.below(parts.size())]);
        for (std::size_t i = delivered.size(); i > 1; --i)
            std::swap(delivered[i - 1], delivered[random.below(i)]);
        std::map<int, BinCounts> received(delivered.begin(), delivered.end());
        std::vector<BinCounts> tree;
        for (auto& [key, counts] : received) tree.push_back(counts);
        while (tree.size() > 1) {
            const std::size_t from = random.below(tree.size());
            BinCounts taken = std::move(tree[from]);
            tree.erase(tree.begin() + static_cast<std::ptrdiff_t>(from));
            ASSERT_TRUE(tree[random.below(tree.size())].merge(taken));
        }
        EXPECT_EQ(tree.front(), central);
    }
}

TEST(BinCounts, a_counter_resumes_where_it_was) {
    const auto reference = normal_reference(2, 5);
    SeededRandom random(6);
    BinCounter whole(reference);
    auto part = std::make_unique<BinCounter>(reference);
    for (int i = 0; i < 100; ++i) {
        const std::vector<double> row{random.normal(), random.normal()};
        whole.add(row, row[1]);
        part->add(row, row[1]);
        if (i % 13 != 0) continue;
        auto next = std::make_unique<BinCounter>(reference);
        ASSERT_TRUE(next->resume(part->counts(), part->recent()));
        part = std::move(next);
    }
    EXPECT_EQ(part->counts(), whole.counts());
    BinCounter other(normal_reference(3, 5));
    EXPECT_FALSE(other.resume(whole.counts(), whole.recent()));
}

TEST(BinCounts, counts_of_other_bins_are_refused) {
    BinCounts a = counts_of(*normal_reference(2, 1));
    EXPECT_FALSE(a.merge(counts_of(*normal_reference(3, 1))));
    BinCounts b = counts_of(*normal_reference(2, 1));
    b.columns[1].bins.pop_back();
    EXPECT_NE(a.merge(b).error().message.find("column 1 have other bins"), std::string::npos);
}

// Chance alone stays below the limits, whatever the dependence; half a deviation does not.
TEST(Shift, limits_hold_on_dependent_streams_and_do_not_hide_drift) {
    SeededRandom random(seed_of_test());
    const auto reference = normal_reference(1, 3);
    const BinCounts trained = counts_of(*reference);
    ShiftOptions options;
    options.alpha = .01;
    options.psi_min = 0;
    for (const double r : {0.0, .5, .9}) {
        int alarms = 0, found = 0;
        const int runs = 50;
        for (int run = 0; run < runs; ++run) {
            Ar stream(r, random);
            const auto drifts = [&](double shift) {
                const BinCounts counts = device_counts(reference, stream, 800, shift);
                const auto widening = widening_of(counts.columns[0], trained.columns[0]);
                return judge(trained.columns[0], counts.columns[0], widening, options).drifts;
            };
            alarms += drifts(0);
            found += drifts(1.2);
        }
        EXPECT_LE(alarms, 3) << "r " << r;  // half a one expected
        EXPECT_GE(found, runs * 9 / 10) << "r " << r;
    }
}

// Means over 30 values at every value: neighbours share 29 of them.
TEST(Shift, overlapping_windows_count_for_what_they_are_worth) {
    SeededRandom random(seed_of_test());
    const auto sliding = [&](int n) {
        std::vector<double> raw, means;
        for (int i = 0; i < n + 29; ++i) raw.push_back(random.normal());
        for (int i = 0; i < n; ++i)
            means.push_back(std::accumulate(raw.begin() + i, raw.begin() + i + 30, 0.0) / 30);
        return means;
    };
    auto reference = std::make_shared<pipeline::Reference>();
    reference->score = pipeline::distribution_of("score", sliding(20'000));
    const BinCounts trained = counts_of(*reference);
    ShiftOptions options{.alpha = .01, .psi_min = 0, .effective_min = 8};
    int alarms = 0, naive = 0;
    for (int run = 0; run < 50; ++run) {
        BinCounter counter(reference);
        for (const double value : sliding(1500)) counter.add({}, value);
        const Column& column = counter.counts().columns[0];
        alarms +=
            judge(trained.columns[0], column, widening_of(column, trained.columns[0]), options)
                .drifts;
        naive += judge(trained.columns[0], column, Widening{1, 1, 15, 0}, options).drifts;
    }
    EXPECT_LE(alarms, 2);
    EXPECT_GE(naive, 35);
}

TEST(Fleet, a_change_of_mix_is_not_drift_but_a_shift_within_is) {
    SeededRandom random(seed_of_test());
    // Site b runs one deviation higher; the training data were half of each.
    std::vector<double> training;
    for (int i = 0; i < 8000; ++i) training.push_back(random.normal() + (i % 2));
    auto reference = std::make_shared<pipeline::Reference>();
    reference->features.push_back(pipeline::distribution_of("load", training));
    reference->score = pipeline::distribution_of("score", training);
    const auto fleet = [&](int of_a, int of_b, double shift_b) {
        std::vector<DeviceCounts> devices;
        for (int i = 0; i < of_a + of_b; ++i) {
            Ar stream(.5, random);
            const bool b = i >= of_a;
            devices.push_back({"gw-" + std::to_string(i), b ? "b" : "a",
                               device_counts(reference, stream, 400, b ? 1 + shift_b : 0)});
        }
        return devices;
    };
    FleetOptions options;
    const auto first = read_fleet(*reference, fleet(10, 10, 0), {}, options);
    ASSERT_TRUE(first.ok());
    EXPECT_FALSE(first->drifts) << first->mixture[0].psi;
    Baselines baselines;
    for (const auto& stratum : first->strata) baselines[stratum.stratum] = stratum.counts;

    const auto mixed = read_fleet(*reference, fleet(2, 18, 0), baselines, options);
    EXPECT_FALSE(mixed->drifts);
    EXPECT_GT(mixed->mixture[0].psi, .1);  // all together look different
    EXPECT_LT(mixed->within, .05);
    EXPECT_GT(mixed->between, .005);
    EXPECT_TRUE(mixed->drifting.empty());

    const auto shifted = read_fleet(*reference, fleet(10, 10, 1), baselines, options);
    EXPECT_TRUE(shifted->drifts);
    ASSERT_EQ(shifted->strata.size(), 2u);
    EXPECT_FALSE(shifted->strata[0].drifts);
    EXPECT_TRUE(shifted->strata[1].drifts);
    EXPECT_EQ(shifted->contributors[0].stratum, "b");
    EXPECT_GE(shifted->drifting.size(), 9u);
    EXPECT_LE(shifted->breadth(), .55);
}

}  // namespace
}  // namespace mw::drift
