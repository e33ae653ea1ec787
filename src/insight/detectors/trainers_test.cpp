// The trainers beside knn and t2q: do they find what they are for, and does the graph compute what
// was learnt?
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/random.h"
#include "insight/detectors/algorithms.h"
#include "insight/detectors/detectors.h"
#include "insight/detectors/quantile.h"

namespace mw::detectors {
namespace {

inference::Engine& onnx() {
    static const std::shared_ptr<inference::Engine> opened = [] {
        auto result = inference::open_onnx_runtime();
        EXPECT_TRUE(result.ok()) << (result.ok() ? "" : result.error().message);
        return result.ok() ? *result : nullptr;
    }();
    return *opened;
}

// Load changes; flow and vibration follow it. From `fault_at` on the flow is too low for its load.
Recording plant(std::uint64_t seed, std::size_t rows, std::size_t fault_at, double fault = 4,
                double drift = 0) {
    SeededRandom random(seed);
    Recording r;
    r.signals = {"load", "flow", "vibration"};
    for (std::size_t i = 0; i < rows; ++i) {
        const auto t = static_cast<double>(i);
        const double load = std::sin(t / 7);
        const bool broken = i >= fault_at;
        r.times.push_back({static_cast<std::int64_t>(i) * 1'000'000'000});
        r.labels.push_back(broken);
        r.values.push_back(50 + 10 * load);
        r.values.push_back(32 + load + drift * t + 0.1 * random.normal() - (broken ? fault : 0));
        r.values.push_back(0.2 + 0.02 * load + 0.01 * random.normal());
    }
    return r;
}

constexpr Algorithm normal_only[] = {
    Algorithm::t2,        Algorithm::mewma,       Algorithm::adaptive,   Algorithm::operating,
    Algorithm::isolation, Algorithm::half_spaces, Algorithm::autoencoder};

TrainOptions options_of(Algorithm algorithm) {
    TrainOptions options;
    options.algorithm = algorithm;
    if (algorithm == Algorithm::operating) options.operating = {"load"};
    return options;
}

Counts counted(const Trained& trained, const Recording& run, std::size_t from) {
    SimulatedClock clock;
    auto loaded = pipeline::load_bundle(trained.bundle, onnx(), clock);
    EXPECT_TRUE(loaded.ok()) << (loaded.ok() ? "" : loaded.error().message);
    const auto counts = evaluate(loaded->pipeline, run, from);
    EXPECT_TRUE(counts.ok());
    return *counts;
}

TEST(Trainers, each_finds_a_fault_and_leaves_normal_rows_alone) {
    const Recording run = plant(1, 1400, 1100);
    for (const Algorithm algorithm : normal_only) {
        const auto trained = train({run.part(0, 800)}, options_of(algorithm), onnx());
        ASSERT_TRUE(trained.ok()) << trained.error().message;
        const Counts counts = counted(*trained, run, 800);
        EXPECT_GT(counts.f1(), 0.9) << to_string(algorithm);
        // Half-spaces are coarse: a leaf's worth is a power of two.
        const double most = algorithm == Algorithm::half_spaces ? 0.08 : 0.03;
        EXPECT_LT(counts.false_alarm_rate(), most) << to_string(algorithm);
        EXPECT_EQ(counts.fallbacks, 0U) << to_string(algorithm);
    }
}

TEST(Trainers, the_same_rows_give_the_same_bundle) {
    const Recording run = plant(2, 400, 999);
    for (const Algorithm algorithm : normal_only) {
        if (algorithm == Algorithm::autoencoder) continue;  // seeded too; its fitting takes long
        const auto one = train({run}, options_of(algorithm), onnx());
        const auto two = train({run}, options_of(algorithm), onnx());
        ASSERT_TRUE(one.ok() && two.ok());
        EXPECT_EQ(one->bundle_id, two->bundle_id) << to_string(algorithm);
    }
}

TEST(Trainers, decisions_on_a_prefix_are_the_prefix_of_the_decisions) {
    const Recording run = plant(3, 700, 600);
    for (const Algorithm algorithm : normal_only) {
        if (algorithm == Algorithm::autoencoder) continue;
        const auto trained = train({run.part(0, 500)}, options_of(algorithm), onnx());
        ASSERT_TRUE(trained.ok()) << trained.error().message;
        SimulatedClock clock;
        auto loaded = pipeline::load_bundle(trained->bundle, onnx(), clock);
        const auto whole = decide_rows(loaded->pipeline, run);
        for (const std::size_t rows : {60, 555, 640}) {
            loaded->pipeline.reset();
            const auto part = decide_rows(loaded->pipeline, run.part(0, rows));
            EXPECT_TRUE(std::equal(part->alarm.begin(), part->alarm.end(), whole->alarm.begin()))
                << to_string(algorithm) << " " << rows;
        }
    }
}

// The graph in float against what was learnt, also far from the training windows.
TEST(Trainers, the_graph_computes_what_was_learnt) {
    TrainOptions options = defaults_of(options_of(Algorithm::operating));
    const auto windows = make_windows({plant(4, 500, 999)}, options);
    ASSERT_TRUE(windows.ok()) << windows.error().message;
    std::vector<std::size_t> all;
    for (std::size_t i = 0; i < windows->size(); ++i) all.push_back(i);
    const std::pair<const char*, Learn> learners[] = {{"t2", learn_t2},
                                                      {"operating", learn_operating},
                                                      {"isolation", learn_isolation},
                                                      {"half spaces", learn_half_spaces},
                                                      {"autoencoder", learn_autoencoder}};
    SeededRandom random(5);
    for (const auto& [name, learn] : learners) {
        const auto judge = learn(*windows, all, options);
        auto model = onnx().load(judge->graph(1.5), {.features = windows->width});
        ASSERT_TRUE(model.ok()) << name << ": " << model.error().message;
        for (int i = 0; i < 50; ++i) {
            std::vector<float> window(windows->width);
            for (float& value : window)
                value = static_cast<float>((i % 2 ? 1 : 4) * random.normal());
            std::vector<float> score(1);
            ASSERT_TRUE((*model)->run(window, score).ok());
            const double wanted = judge->distance(window) / 1.5;
            EXPECT_NEAR(score[0], wanted, 1e-4 * std::abs(wanted) + 1e-5) << name;
        }
    }
}

TEST(Adaptive, follows_a_slow_drift_and_still_sees_a_step) {
    const Recording run = plant(6, 3000, 2700, 4, 0.002);
    const auto trained = train({run.part(0, 800)}, options_of(Algorithm::adaptive), onnx());
    ASSERT_TRUE(trained.ok()) << trained.error().message;
    const Counts adaptive = counted(*trained, run, 800);
    EXPECT_LT(adaptive.false_alarm_rate(), 0.01);
    EXPECT_LT(adaptive.missed_alarm_rate(), 0.1);
    const auto fixed = train({run.part(0, 800)}, options_of(Algorithm::t2), onnx());
    EXPECT_GT(counted(*fixed, run, 800).false_alarm_rate(), 0.5);  // what it is for
}

// Flow that is ordinary in itself, at a load to which it doesn't belong.
TEST(Operating, a_value_in_range_at_the_wrong_operating_point_is_found) {
    const Recording run = plant(7, 1400, 1100, 0.8);
    const auto operating = train({run.part(0, 800)}, options_of(Algorithm::operating), onnx());
    ASSERT_TRUE(operating.ok()) << operating.error().message;
    const Counts counts = counted(*operating, run, 800);
    EXPECT_GT(counts.f1(), 0.95);
    EXPECT_GT(operating->summary.at("explained_variance").to_number<double>(), 0.3);
    TrainOptions alone = options_of(Algorithm::adaptive);
    alone.signals = {"flow"};
    EXPECT_LT(counted(*train({run.part(0, 800)}, alone, onnx()), run, 800).f1(), 0.5);
}

TEST(Operating, needs_to_know_what_sets_the_operating_point) {
    TrainOptions options = options_of(Algorithm::operating);
    options.operating.clear();
    EXPECT_EQ(train({plant(8, 300, 999)}, options, onnx()).error().message,
              "train: operating: name the signals that set the operating point");
}

// Runs that differ among themselves: the threshold knows it, as each was judged by the others.
TEST(Crosswise, runs_that_differ_widen_the_threshold) {
    const auto moved = [](std::uint64_t seed, double by) {
        Recording run = plant(seed, 300, 999);
        for (std::size_t i = 0; i < run.rows(); ++i) run.values[3 * i + 1] += by;
        return run;
    };
    const auto alike = train({moved(9, 0), moved(10, 0), moved(11, 0), moved(12, 0)},
                             options_of(Algorithm::t2), onnx());
    const auto apart = train({moved(9, 0), moved(10, 3), moved(11, -3), moved(12, 6)},
                             options_of(Algorithm::t2), onnx());
    ASSERT_TRUE(alike.ok() && apart.ok());
    const Recording fresh = moved(13, 4);
    EXPECT_GT(counted(*alike, fresh, 0).false_positive, 200U);
    EXPECT_LT(counted(*apart, fresh, 0).false_alarm_rate(), 0.05);
}

TEST(Conformal, covers_as_often_as_it_says_and_never_invents_a_value) {
    SeededRandom random(14);
    int above = 0;
    constexpr int trials = 2000;
    for (int i = 0; i < trials; ++i) {
        std::vector<double> known(59);
        for (double& value : known) value = random.normal();
        above += random.normal() > conformal_of(known, 0.9);
    }
    EXPECT_NEAR(above / double{trials}, 0.1, 0.03);
    EXPECT_EQ(conformal_of({3, 1, 2}, 0.99), 3);
    EXPECT_EQ(conformal_of({3, 1, 2}, 0.5), 2);
    EXPECT_EQ(conformal_of({}, 0.5), 0);
}

// Fails where the power, a product, is too high: no single signal tells.
Recording machines(std::uint64_t seed, std::size_t rows) {
    SeededRandom random(seed);
    Recording r;
    r.signals = {"speed", "torque", "noise"};
    for (std::size_t i = 0; i < rows; ++i) {
        const double speed = 1500 + 200 * random.normal(), torque = 40 + 8 * random.normal();
        r.times.push_back({static_cast<std::int64_t>(i) * 1'000'000'000});
        r.labels.push_back(speed * torque > 78'000);
        r.values.push_back(speed);
        r.values.push_back(torque);
        r.values.push_back(random.normal());
    }
    return r;
}

TEST(Boosted, learns_labels_that_depend_on_a_product) {
    TrainOptions options = options_of(Algorithm::boosted);
    options.trees = 100;
    const auto trained = train({machines(15, 2000)}, options, onnx());
    ASSERT_TRUE(trained.ok()) << trained.error().message;
    const Counts counts = counted(*trained, machines(16, 1000), 0);
    EXPECT_GT(counts.f1(), 0.9);
    EXPECT_GT(trained->summary.at("validated_average_precision").to_number<double>(), 0.9);
    EXPECT_EQ(trained->summary.at("task").get_string(), "classes");
}

TEST(Boosted, classes_can_be_a_signal_that_is_not_fed_to_the_model) {
    Recording run = machines(17, 800);
    Recording with_target = run;
    with_target.signals.push_back("failed");
    with_target.values.clear();
    for (std::size_t i = 0; i < run.rows(); ++i) {
        for (std::size_t j = 0; j < 3; ++j) with_target.values.push_back(run.values[3 * i + j]);
        with_target.values.push_back(run.labels[i]);
    }
    with_target.labels.clear();
    TrainOptions options = options_of(Algorithm::boosted);
    options.trees = 60;
    options.target = "failed";
    options.classify = true;
    const auto trained = train({with_target}, options, onnx());
    ASSERT_TRUE(trained.ok()) << trained.error().message;
    EXPECT_GT(counted(*trained, machines(18, 500), 0).f1(), 0.8);  // which has no such signal
}

TEST(Residuals, of_a_target_find_what_its_inputs_do_not_explain) {
    const Recording run = plant(19, 1400, 1100, 0.8);
    for (const Algorithm algorithm : {Algorithm::ridge, Algorithm::boosted}) {
        TrainOptions options = options_of(algorithm);
        options.trees = 60;
        options.signals = {"load"};
        options.target = "flow";
        const auto trained = train({run.part(0, 800)}, options, onnx());
        ASSERT_TRUE(trained.ok()) << trained.error().message;
        EXPECT_GT(trained->summary.at("validated_r2").to_number<double>(), 0.9);
        const Counts counts = counted(*trained, run, 800);
        EXPECT_GT(counts.f1(), 0.9) << to_string(algorithm);
        EXPECT_LT(counts.false_alarm_rate(), 0.03) << to_string(algorithm);
    }
}

TEST(Supervised, what_cannot_be_learnt_is_refused_with_the_reason) {
    const auto refusal = [](const Recording& run, auto change) {
        TrainOptions options = options_of(Algorithm::boosted);
        change(options);
        const auto outcome = train({run}, options, onnx());
        return outcome ? std::string("accepted") : outcome.error().message;
    };
    Recording unlabelled = machines(20, 300);
    unlabelled.labels.clear();
    EXPECT_EQ(refusal(unlabelled, [](TrainOptions&) {}),
              "train: boosted: there are no labels; name a --target, or use a dataset with labels");
    EXPECT_EQ(refusal(plant(21, 300, 298), [](TrainOptions&) {}),
              "train: boosted: want at least 5 rows of each class, there are 2 positive ones of "
              "300");
    EXPECT_EQ(refusal(unlabelled, [](TrainOptions& o) { o.algorithm = Algorithm::ridge; }),
              "train: ridge: name the --target signal that is to be explained");
    EXPECT_EQ(refusal(unlabelled, [](TrainOptions& o) { o.target = "gone"; }),
              "recording: there is no signal 'gone'");
}

TEST(Boosting, splits_a_step_exactly_and_weights_count) {
    std::vector<float> x, y;
    for (int i = 0; i < 100; ++i) {
        x.push_back(static_cast<float>(i));
        y.push_back(i < 37 ? 1.0F : 3.0F);
    }
    BoostOptions options;
    options.loss = Loss::squared;
    options.column_share = options.row_share = 1;
    const Boosted model = boost({x, 1}, y, {}, options);
    const auto at = [&](float value) { return model.predict({&value, 1}); };
    EXPECT_NEAR(at(36), 1, 0.01);
    EXPECT_NEAR(at(37), 3, 0.01);
    EXPECT_NEAR(at(36.6F), 3, 0.01);  // the middle of the gap divides
    std::vector<float> weights(100, 0.0F);
    std::fill_n(weights.begin(), 37, 1.0F);
    options.trees = 20;
    const Boosted heavy = boost({x, 1}, y, weights, options);
    const float right = 90;
    EXPECT_NEAR(heavy.predict({&right, 1}), 1, 0.01);  // what weighs nothing teaches nothing
}

TEST(Boosting, average_precision_of_known_rankings) {
    EXPECT_DOUBLE_EQ(
        average_precision(std::vector<double>{4, 3, 2, 1}, std::vector<std::uint8_t>{1, 1, 0, 0}),
        1);
    EXPECT_DOUBLE_EQ(
        average_precision(std::vector<double>{4, 3, 2, 1}, std::vector<std::uint8_t>{0, 1, 0, 1}),
        0.5);
    EXPECT_DOUBLE_EQ(
        average_precision(std::vector<double>{1, 1, 1, 1}, std::vector<std::uint8_t>{0, 1, 0, 0}),
        0.25);
}

TEST(Acquisition, takes_a_share_by_lot_and_the_rest_by_worth) {
    SeededRandom random(22);
    std::vector<double> worth(100);
    for (std::size_t i = 0; i < 100; ++i) worth[i] = static_cast<double>(i);
    std::vector<bool> labelled(100, false);
    labelled[99] = true;
    const auto picks = pick_to_label(worth, labelled, 20, 0.25, random);
    ASSERT_EQ(picks.size(), 20U);
    EXPECT_EQ(std::count_if(picks.begin(), picks.end(), [](const Pick& p) { return p.audit; }), 5);
    for (const Pick& pick : picks) {
        EXPECT_NE(pick.row, 99U);
        EXPECT_TRUE(pick.audit || pick.row >= 79) << pick.row;
    }
    EXPECT_EQ(pick_to_label(worth, labelled, 500, 0.25, random).size(), 99U);
}

TEST(Acquisition, what_stands_out_is_found_without_a_label) {
    SeededRandom random(23);
    std::vector<float> table;
    for (int i = 0; i < 500; ++i) {
        table.push_back(static_cast<float>(random.normal() + (i == 250 ? 8 : 0)));
        table.push_back(static_cast<float>(1000 * random.normal()));
    }
    const auto scores = standing_out({table, 2});
    EXPECT_EQ(std::max_element(scores.begin(), scores.end()) - scores.begin(), 250);
    const auto unsure = unsureness(std::vector<double>{0.5, 0.9, 0.0});
    EXPECT_DOUBLE_EQ(unsure[0], 1);
    EXPECT_NEAR(unsure[1], 0.2, 1e-12);
    EXPECT_DOUBLE_EQ(unsure[2], 0);
}

}  // namespace
}  // namespace mw::detectors
