// Detectors on the SKAB recordings (github.com/waico/SKAB), as JSON lines:
//   mw_detectors_bench FOLDER [knn|t2q] [key=value ...]
// FOLDER holds valve1/*.csv and anomaly-free/anomaly-free.csv. Keys are those of TrainOptions
// below. Training is on rows 1 to 400 of each run; the rest is scored causally by the streaming
// pipeline. The anomaly lies at nearly the same place in every run: the false alarm rate on the
// anomaly-free run always stands beside F1.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "insight/detectors/detectors.h"

namespace mw::detectors {
namespace {

constexpr std::size_t training_rows = 400;

struct Bench {
    TrainOptions options;
    inference::Engine& engine;
    RealClock clock = {};
    std::vector<double> latencies = {};  // microseconds, of rows that gave an outcome
};

Result<Recording> load(const std::filesystem::path& path, bool labelled) {
    std::ifstream file(path);
    if (!file) return Error{Errc::not_found, path.string() + " cannot be read"};
    std::stringstream text;
    text << file.rdbuf();
    CsvOptions csv{.separator = ';', .time = "datetime"};
    if (labelled) csv.label = "anomaly", csv.ignore = {"changepoint"};
    return read_csv(text.str(), csv).context(path.string());
}

Result<Counts> score(Bench& bench, const Bytes& bundle, const Recording& recording,
                     std::size_t from) {
    TRY(auto loaded, pipeline::load_bundle(bundle, bench.engine, bench.clock));
    TRY(Counts counts, evaluate(loaded.pipeline, recording, from));
    loaded.pipeline.reset();
    TRY(RowReader reader, RowReader::open(recording, loaded.pipeline.spec().signals()));
    for (std::size_t row = 0; row < recording.rows(); ++row)
        if (const auto outcome = loaded.pipeline.push(reader.at(row)))
            bench.latencies.push_back(outcome->latency_us);
    return counts;
}

Result<Counts> train_and_score(Bench& bench, const std::vector<Recording>& training,
                               const Recording& recording) {
    TRY(const Trained trained, train(training, bench.options, bench.engine));
    return score(bench, trained.bundle, recording, training_rows);
}

void print(const std::string& what, const Counts& counts) {
    std::printf("{\"what\":\"%s\",\"f1\":%.4f,\"far\":%.4f,\"mar\":%.4f,\"fallbacks\":%llu}\n",
                what.c_str(), counts.f1(), counts.false_alarm_rate(), counts.missed_alarm_rate(),
                static_cast<unsigned long long>(counts.fallbacks));
}

Result<void> run_valve(Bench& bench, const std::filesystem::path& folder) {
    std::vector<Recording> runs;
    for (int i = 0; i < 16; ++i) {
        TRY(Recording run, load(folder / "valve1" / (std::to_string(i) + ".csv"), true));
        runs.push_back(std::move(run));
    }
    Counts all, three;
    for (std::size_t i = 0; i < runs.size(); ++i) {
        TRY(const Counts counts, train_and_score(bench, {runs[i].part(0, training_rows)}, runs[i]));
        print("valve1 run " + std::to_string(i), counts);
        all += counts;
        if (i == 0 || i == 1 || i == 4) three += counts;
    }
    print("valve1, all 16 runs, a detector each", all);
    print("valve1, runs 0 1 4, a detector each", three);
    Counts pooled;
    std::vector<Recording> training;
    for (const std::size_t i : {0, 1, 4}) training.push_back(runs[i].part(0, training_rows));
    for (const std::size_t i : {0, 1, 4}) {
        TRY(const Counts counts, train_and_score(bench, training, runs[i]));
        pooled += counts;
    }
    print("valve1, runs 0 1 4, one detector for all", pooled);
    return {};
}

Result<void> run_anomaly_free(Bench& bench, const std::filesystem::path& folder) {
    TRY(const Recording whole, load(folder / "anomaly-free" / "anomaly-free.csv", false));
    Counts segments;
    for (std::size_t from = 0; from + 1150 <= whole.rows(); from += 1150) {
        const Recording segment = whole.part(from, from + 1150);
        TRY(const Counts counts, train_and_score(bench, {segment.part(0, training_rows)}, segment));
        segments += counts;
    }
    print("anomaly-free, segments of 1150 rows, 400 for training", segments);
    const std::size_t half = whole.rows() / 2;
    TRY(const Trained trained, train({whole.part(0, half)}, bench.options, bench.engine));
    TRY(const Counts second, score(bench, trained.bundle, whole, half));
    print("anomaly-free, trained on the first half, second half scored", second);
    return {};
}

void print_latency(std::vector<double>& latencies) {
    if (latencies.empty()) return;
    std::sort(latencies.begin(), latencies.end());
    const auto at = [&](double share) {
        return latencies[static_cast<std::size_t>(share *
                                                  static_cast<double>(latencies.size() - 1))];
    };
    std::printf(
        "{\"what\":\"row to decision, us\",\"n\":%zu,\"p50\":%.2f,\"p99\":%.2f,"
        "\"p999\":%.2f}\n",
        latencies.size(), at(0.5), at(0.99), at(0.999));
}

bool set(TrainOptions& options, const std::string& argument) {
    const auto equals = argument.find('=');
    const std::string key = argument.substr(0, equals);
    const std::string text = equals == std::string::npos ? "" : argument.substr(equals + 1);
    const double value = std::atof(text.c_str());
    if (key == "window") return options.window_rows = static_cast<std::uint32_t>(value), true;
    if (key == "k") return options.neighbours = static_cast<std::uint32_t>(value), true;
    if (key == "kept") return options.kept_variance = value, true;
    if (key == "quantile") return options.quantile = value, true;
    if (key == "factor") return options.factor = value, true;
    if (key == "clear") return options.clear_ratio = value, true;
    if (key == "smoothing")
        return options.smoothing_scores = static_cast<std::uint32_t>(value), true;
    if (key == "signals") {
        options.signals.clear();
        std::stringstream list(text);
        for (std::string name; std::getline(list, name, ',');)
            if (name != "all") options.signals.push_back(name);
        return true;
    }
    auto algorithm = parse_algorithm(key);
    if (algorithm) options.algorithm = *algorithm;
    return algorithm.ok();
}

int run(int count, char** arguments) {
    TrainOptions options;
    options.signals = {"Accelerometer1RMS", "Accelerometer2RMS", "Volume Flow RateRMS"};
    for (int i = 2; i < count; ++i) {
        if (set(options, arguments[i])) continue;
        std::fprintf(stderr, "unknown argument '%s'\n", arguments[i]);
        return 2;
    }
    auto engine = inference::open_onnx_runtime();
    if (!engine) return std::fprintf(stderr, "%s\n", engine.error().message.c_str()), 1;
    if (count < 2 || !std::filesystem::exists(arguments[1])) {
        std::printf("{\"what\":\"skipped: give the folder with the SKAB recordings\"}\n");
        return 0;
    }
    Bench bench{options, **engine};
    for (const auto part : {run_valve, run_anomaly_free}) {
        if (auto done = part(bench, arguments[1]); !done)
            return std::fprintf(stderr, "%s\n", done.error().message.c_str()), 1;
    }
    print_latency(bench.latencies);
    return 0;
}

}  // namespace
}  // namespace mw::detectors

int main(int count, char** arguments) { return mw::detectors::run(count, arguments); }
