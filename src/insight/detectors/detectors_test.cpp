#include "insight/detectors/detectors.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <sstream>

#include "base/random.h"

namespace mw::detectors {
namespace {

inference::Engine& engine() {
    static const std::shared_ptr<inference::Engine> opened = [] {
        auto result = inference::open_onnx_runtime();
        EXPECT_TRUE(result.ok()) << (result.ok() ? "" : result.error().message);
        return result.ok() ? *result : nullptr;
    }();
    return *opened;
}

// A pump with a slow load cycle; from `fault_at` on a valve closes: less flow, more vibration.
Recording pump(std::uint64_t seed, std::size_t rows, std::size_t fault_at) {
    SeededRandom random(seed);
    Recording r;
    r.signals = {"flow", "vibration", "temperature"};
    for (std::size_t i = 0; i < rows; ++i) {
        const double load = std::sin(static_cast<double>(i) / 40);
        const bool fault = i >= fault_at;
        r.times.push_back({static_cast<std::int64_t>(i) * 1'000'000'000});
        r.labels.push_back(fault);
        r.values.push_back(32 + load + 0.2 * random.normal() - (fault ? 6 : 0));
        r.values.push_back(0.2 + 0.02 * load + 0.01 * random.normal() + (fault ? 0.1 : 0));
        r.values.push_back(60 + 0.001 * static_cast<double>(i) + 0.1 * random.normal());
    }
    return r;
}

TrainOptions quick(Algorithm algorithm) {
    TrainOptions options;
    options.algorithm = algorithm;
    options.signals = {"flow", "vibration"};
    options.smoothing_scores = 10;
    return options;
}

constexpr Algorithm algorithms[] = {Algorithm::knn, Algorithm::t2q};

pipeline::Pipeline loaded(const Bytes& bundle, Clock& clock) {
    auto result = pipeline::load_bundle(bundle, engine(), clock);
    EXPECT_TRUE(result.ok()) << (result.ok() ? "" : result.error().message);
    return std::move(result->pipeline);
}

TEST(Train, a_closing_valve_is_found_and_normal_rows_are_left_alone) {
    SimulatedClock clock;
    const Recording run = pump(1, 1000, 700);
    for (const Algorithm algorithm : algorithms) {
        const auto trained = train({run.part(0, 500)}, quick(algorithm), engine());
        ASSERT_TRUE(trained.ok()) << trained.error().message;
        auto pipeline = loaded(trained->bundle, clock);
        const auto counts = evaluate(pipeline, run, 500);
        ASSERT_TRUE(counts.ok());
        EXPECT_GT(counts->f1(), 0.97) << to_string(algorithm);
        EXPECT_LT(counts->false_alarm_rate(), 0.01) << to_string(algorithm);
        EXPECT_EQ(counts->fallbacks, 0U);
    }
}

TEST(Train, points_in_quarantine_teach_nothing_and_released_ones_do) {
    const Recording run = pump(2, 300, 999);
    Recording bad = run, missing = run, released = run;
    bad.quality.assign(bad.values.size(), Quality::good());
    missing.quality = released.quality = bad.quality;
    for (std::size_t row = 20; row < 40; ++row) {
        bad.values[3 * row] = released.values[3 * row] = 900;
        bad.quality[3 * row] = Quality::bad(Reason::range);
        released.quality[3 * row] = Quality::good(Reason::released);
        missing.values[3 * row] = std::numeric_limits<double>::quiet_NaN();
        missing.quality[3 * row] = Quality::bad(Reason::not_a_number);
    }
    for (const Algorithm algorithm : algorithms) {
        const auto of_bad = train({bad}, quick(algorithm), engine());
        const auto of_missing = train({missing}, quick(algorithm), engine());
        const auto of_released = train({released}, quick(algorithm), engine());
        ASSERT_TRUE(of_bad.ok() && of_missing.ok() && of_released.ok());
        EXPECT_EQ(of_bad->bundle, of_missing->bundle) << to_string(algorithm);
        EXPECT_NE(of_bad->bundle, of_released->bundle) << to_string(algorithm);
    }
}

TEST(Train, the_same_rows_give_the_same_bundle) {
    const Recording run = pump(2, 300, 999);
    for (const Algorithm algorithm : algorithms) {
        const auto one = train({run}, quick(algorithm), engine());
        const auto two = train({run}, quick(algorithm), engine());
        ASSERT_TRUE(one.ok() && two.ok());
        EXPECT_EQ(one->bundle_id, two->bundle_id);
    }
}

TEST(Train, the_reference_describes_the_training_windows) {
    SimulatedClock clock;
    const auto trained = train({pump(3, 405, 999)}, quick(Algorithm::knn), engine());
    const auto bundle = pipeline::load_bundle(trained->bundle, engine(), clock);
    ASSERT_TRUE(bundle.ok()) << bundle.error().message;
    ASSERT_EQ(bundle->reference.features.size(), 2U);
    EXPECT_EQ(bundle->reference.features[0].name, "flow:mean");
    EXPECT_EQ(bundle->reference.features[0].n, 401U);
    EXPECT_NEAR(bundle->reference.features[0].mean, 32, 0.5);
    EXPECT_LT(bundle->reference.score.mean, 1);
    EXPECT_NE(bundle->card.find("| flow |"), std::string::npos);
}

// The graph in float against the same distance in double.
TEST(Train, knn_graph_computes_the_mean_distance_to_the_nearest_windows) {
    SimulatedClock clock;
    const Recording run = pump(4, 200, 999);
    TrainOptions options = quick(Algorithm::knn);
    options.window_rows = 1;
    options.smoothing = pipeline::Smoothing::none;
    const auto trained = train({run}, options, engine());
    ASSERT_TRUE(trained.ok()) << trained.error().message;
    auto pipeline = loaded(trained->bundle, clock);
    const auto& features = pipeline.spec().plan.features;
    const double threshold = trained->summary.at("threshold").to_number<double>();
    const double probe[] = {30.5, 0.27};
    std::vector<double> distances;
    for (std::size_t i = 0; i < run.rows(); ++i) {
        double square = 0;
        for (std::size_t j = 0; j < 2; ++j)
            square += std::pow((run.values[3 * i + j] - probe[j]) / features[j].scale, 2);
        distances.push_back(std::sqrt(square));
    }
    std::sort(distances.begin(), distances.end());
    double wanted = 0;
    for (std::size_t i = 0; i < 5; ++i) wanted += distances[i] / 5 / threshold;
    const auto outcome = pipeline.push({{1}, probe, {}});
    ASSERT_TRUE(outcome);
    EXPECT_NEAR(outcome->score, wanted, 1e-5 * wanted);
}

TEST(Train, decisions_on_a_prefix_are_the_prefix_of_the_decisions) {
    SimulatedClock clock;
    const Recording run = pump(5, 400, 300);
    for (const Algorithm algorithm : algorithms) {
        const auto trained = train({run.part(0, 250)}, quick(algorithm), engine());
        auto pipeline = loaded(trained->bundle, clock);
        const auto scores = [&](std::size_t rows) {
            pipeline.reset();
            auto reader = RowReader::open(run, pipeline.spec().signals());
            std::vector<double> all;
            for (std::size_t i = 0; i < rows; ++i)
                if (const auto outcome = pipeline.push(reader->at(i)))
                    all.push_back(outcome->score);
            return all;
        };
        const auto whole = scores(400);
        for (const std::size_t rows : {50, 250, 301, 399}) {
            const auto prefix = scores(rows);
            EXPECT_TRUE(std::equal(prefix.begin(), prefix.end(), whole.begin())) << rows;
        }
    }
}

TEST(Train, missing_and_bad_values_in_training_are_left_out_and_reported) {
    Recording run = pump(6, 400, 999);
    run.quality.assign(run.values.size(), Quality::good());
    for (std::size_t i = 100; i < 110; ++i) {
        run.values[3 * i] = std::numeric_limits<double>::quiet_NaN();
        run.values[3 * i + 1] = 1e6;
        run.quality[3 * i + 1] = Quality::bad(Reason::range);
    }
    const auto trained = train({run}, quick(Algorithm::t2q), engine());
    ASSERT_TRUE(trained.ok()) << trained.error().message;
    EXPECT_NE(to_json(trained->summary).find("windows were left out"), std::string::npos);
    EXPECT_LT(trained->summary.at("signals").at(1).at("sd").to_number<double>(), 0.1);
}

TEST(Train, a_signal_that_never_moved_raises_when_it_does) {
    SimulatedClock clock;
    Recording run = pump(7, 600, 999);
    for (std::size_t i = 0; i < 600; ++i) run.values[3 * i] = i < 400 ? 32 : 33;
    for (const Algorithm algorithm : algorithms) {
        const auto trained = train({run.part(0, 400)}, quick(algorithm), engine());
        ASSERT_TRUE(trained.ok()) << trained.error().message;
        EXPECT_NE(to_json(trained->summary).find("never changed"), std::string::npos);
        auto pipeline = loaded(trained->bundle, clock);
        const auto counts = evaluate(pipeline, run, 420);
        EXPECT_EQ(counts->true_negative, 0U) << to_string(algorithm);
    }
}

TEST(Train, windows_never_span_two_recordings) {
    const Recording run = pump(8, 300, 999);
    const auto trained =
        train({run.part(0, 150), run.part(150, 300)}, quick(Algorithm::knn), engine());
    ASSERT_TRUE(trained.ok());
    EXPECT_EQ(trained->summary.at("windows").to_number<int>(), 2 * (150 - 4));
}

TEST(Train, what_cannot_be_trained_is_refused_with_the_reason) {
    const Recording run = pump(9, 100, 999);
    const auto refusal = [&](const std::vector<Recording>& recordings, auto change) {
        TrainOptions options = quick(Algorithm::knn);
        change(options);
        const auto outcome = train(recordings, options, engine());
        return outcome ? std::string("accepted") : outcome.error().message;
    };
    const auto nothing = [](TrainOptions&) {};
    EXPECT_EQ(refusal({run}, nothing), "accepted");
    EXPECT_EQ(refusal({}, nothing), "train: there are no rows to learn from");
    EXPECT_EQ(refusal({run.part(0, 10)}, nothing),
              "train: only 6 usable windows, want at least 14; take a longer time range");
    EXPECT_EQ(refusal({run}, [](TrainOptions& o) { o.signals = {"speed"}; }),
              "recording: there is no signal 'speed'");
    EXPECT_EQ(refusal({run}, [](TrainOptions& o) { o.factor = -1; }),
              "train: factor must be above 0");
    Recording broken = run;
    broken.values.pop_back();
    EXPECT_EQ(refusal({broken}, nothing), "recording: its columns have different lengths");
}

TEST(Csv, columns_labels_and_times_are_read) {
    const auto recording = read_csv(
        "when;flow;p;bad;note\n2020-03-09 10:14:33;1.5;;0.0;x\n"
        "1583748900000000000;2;-3e1;1.0;\r\n",
        {.separator = ';', .time = "when", .label = "bad", .ignore = {"note"}});
    ASSERT_TRUE(recording.ok()) << recording.error().message;
    EXPECT_EQ(recording->signals, (std::vector<std::string>{"flow", "p"}));
    EXPECT_EQ(recording->times[1].ns - recording->times[0].ns, 27'000'000'000);
    EXPECT_TRUE(std::isnan(recording->values[1]));
    EXPECT_EQ(recording->values[3], -30);
    EXPECT_EQ(recording->labels, (std::vector<std::uint8_t>{0, 1}));
}

TEST(Csv, faults_are_named_by_line_and_column) {
    const auto refusal = [](std::string_view text) {
        const auto recording = read_csv(text, {});
        return recording ? std::string("accepted") : recording.error().message;
    };
    EXPECT_EQ(refusal("time,a\n1,x\n"), "CSV line 2, column 2: 'x' is not a number");
    EXPECT_EQ(refusal("time,a\n1,2\n3\n"), "CSV line 3 has 1 fields, the header 2");
    EXPECT_EQ(refusal("time,a\n2,2\n1,2\n"),
              "CSV line 3, column 1: the time is not later than the row before's");
    EXPECT_EQ(refusal("t,a\n"), "CSV: there is no column 'time'");
    EXPECT_EQ(refusal("time,a\n"), "CSV: there are no rows");
    EXPECT_NE(refusal(""), "accepted");
}

// The real pump of the main scenario, where its recordings lie beside the source tree.
TEST(Skab, three_valve_runs_are_told_apart_causally) {
    const std::filesystem::path folder =
        std::filesystem::path(MW_SOURCE_DIR).parent_path() / "shared/data/skab_valve1/valve1";
    if (!std::filesystem::exists(folder)) GTEST_SKIP() << "the SKAB recordings are not here";
    SimulatedClock clock;
    Counts counts;
    for (const char* name : {"0.csv", "1.csv", "4.csv"}) {
        std::ifstream file(folder / name);
        std::stringstream text;
        text << file.rdbuf();
        const auto run = read_csv(
            text.str(),
            {.separator = ';', .time = "datetime", .label = "anomaly", .ignore = {"changepoint"}});
        ASSERT_TRUE(run.ok()) << run.error().message;
        TrainOptions options;
        options.signals = {"Accelerometer1RMS", "Accelerometer2RMS", "Volume Flow RateRMS"};
        const auto trained = train({run->part(0, 400)}, options, engine());
        ASSERT_TRUE(trained.ok()) << trained.error().message;
        auto pipeline = loaded(trained->bundle, clock);
        counts += *evaluate(pipeline, *run, 400);
    }
    EXPECT_GT(counts.f1(), 0.82);
    EXPECT_LT(counts.false_alarm_rate(), 0.15);
}

}  // namespace
}  // namespace mw::detectors
