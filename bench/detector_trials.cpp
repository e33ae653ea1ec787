// Detectors on recorded plants, all causal, every threshold fixed by the trainer before a row is
// scored, with the defaults of `millwright model train`:
//   detector_trials DATA [--quick]
// DATA has skab_valve1, tep_normal_and_9faults and nab_subset. Ends with one line of JSON.
//
// Position alone scores high on SKAB, as faults lie at nearly the same place in all runs: so starts
// are cropped at random, and a rule that sees no data is scored beside the detectors. Every
// pipeline is replayed on prefixes of what it was scored on, and must say the same.

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "base/json.h"
#include "base/random.h"
#include "insight/detectors/detectors.h"

namespace mw::detectors {
namespace {

namespace fs = std::filesystem;
constexpr std::size_t skab_training_rows = 400, skab_crop_max = 150;
constexpr std::size_t fault_from = 160;  // TEP

struct Trials {
    fs::path data;
    bool quick = false;
    std::shared_ptr<inference::Engine> engine;
    RealClock clock = {};
    SeededRandom random{7};
    JsonObject figures = {};
    std::size_t audited = 0, audit_failures = 0;
};

double rounded(double value) { return std::round(value * 1e4) / 1e4; }

void note(Trials& trials, const std::string& what, JsonObject figures) {
    for (auto& [key, value] : figures)
        if (value.is_double()) value = rounded(value.get_double());
    std::printf("%s %s\n", what.c_str(), to_json(Json(figures)).c_str());
    std::fflush(stdout);
    trials.figures[what] = std::move(figures);
}

JsonObject figures_of(const Counts& counts) {
    return {{"f1", counts.f1()},
            {"false_alarms", counts.false_alarm_rate()},
            {"missed", counts.missed_alarm_rate()}};
}

Result<std::string> read_all(const fs::path& path) {
    std::ifstream file(path);
    if (!file) return Error{Errc::not_found, path.string() + " cannot be read"};
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
}

Result<Recording> skab(const fs::path& path, bool labelled) {
    TRY(const std::string text, read_all(path));
    CsvOptions csv{.separator = ';', .time = "datetime"};
    if (labelled) csv.label = "anomaly", csv.ignore = {"changepoint"};
    return read_csv(text, csv).context(path.string());
}

// A prefix must lead to the same decisions, whatever follows it.
Result<> audit(Trials& trials, pipeline::Pipeline& pipeline, const Recording& recording,
               const RowVerdicts& whole) {
    for (int i = 0; i < 2; ++i) {
        const std::size_t rows = 1 + trials.random.below(recording.rows() - 1);
        pipeline.reset();
        TRY(const RowVerdicts part, decide_rows(pipeline, recording.part(0, rows)));
        ++trials.audited;
        trials.audit_failures +=
            !std::equal(part.alarm.begin(), part.alarm.end(), whole.alarm.begin());
    }
    return {};
}

Result<Counts> judge(Trials& trials, const Bytes& bundle, const Recording& recording,
                     std::size_t from) {
    TRY(auto loaded, pipeline::load_bundle(bundle, *trials.engine, trials.clock));
    TRY(const Counts counts, evaluate(loaded.pipeline, recording, from));
    loaded.pipeline.reset();
    TRY(const RowVerdicts whole, decide_rows(loaded.pipeline, recording));
    TRY_VOID(audit(trials, loaded.pipeline, recording, whole));
    return counts;
}

Result<Counts> train_and_judge(Trials& trials, const TrainOptions& options,
                               const std::vector<Recording>& training, const Recording& recording,
                               std::size_t from) {
    TRY(const Trained trained, train(training, options, *trials.engine));
    return judge(trials, trained.bundle, recording, from);
}

struct SkabRuns {
    std::vector<Recording> valve;
    Recording normal;
};

Result<SkabRuns> skab_runs(const Trials& trials) {
    SkabRuns runs;
    const fs::path folder = trials.data / "skab_valve1";
    for (int i = 0; i < 16; ++i) {
        TRY(Recording run, skab(folder / "valve1" / (std::to_string(i) + ".csv"), true));
        runs.valve.push_back(std::move(run));
    }
    TRY(runs.normal, skab(folder / "anomaly-free/anomaly-free.csv", false));
    return runs;
}

// The published protocol when the crop is 0: learns from rows up to 400, scored on the others.
Result<Counts> skab_valve(Trials& trials, const TrainOptions& options, const SkabRuns& runs,
                          bool cropped) {
    Counts all;
    for (const Recording& whole : runs.valve) {
        const std::size_t crop = cropped ? trials.random.below(skab_crop_max + 1) : 0;
        const Recording run = whole.part(crop, whole.rows());
        const std::size_t learnt = skab_training_rows - crop;
        TRY(const Counts counts,
            train_and_judge(trials, options, {run.part(0, learnt)}, run, learnt));
        all += counts;
    }
    return all;
}

// Alarms at rows 560 to 980 of every run and looks at nothing.
Counts position_rule(Trials& trials, const SkabRuns& runs, bool cropped) {
    Counts all;
    for (const Recording& run : runs.valve) {
        const std::size_t crop = cropped ? trials.random.below(skab_crop_max + 1) : 0;
        for (std::size_t i = skab_training_rows; i < run.rows(); ++i) {
            const bool alarm = i - crop >= 560 && i - crop < 980, truth = run.labels[i] != 0;
            (truth ? (alarm ? all.true_positive : all.false_negative)
                   : (alarm ? all.false_positive : all.true_negative))++;
        }
    }
    return all;
}

Result<> run_skab(Trials& trials, const SkabRuns& runs, const std::string& name,
                  const TrainOptions& options) {
    TRY(const Counts plain, skab_valve(trials, options, runs, false));
    TRY(const Counts cropped, skab_valve(trials, options, runs, true));
    JsonObject figures = figures_of(plain);
    figures["f1_cropped"] = cropped.f1();
    figures["false_alarms_cropped"] = cropped.false_alarm_rate();
    const Recording& normal = runs.normal;
    const std::size_t half = normal.rows() / 2;
    TRY(const Counts second,
        train_and_judge(trials, options, {normal.part(0, half)}, normal, half));
    figures["anomaly_free_second_half"] = second.false_alarm_rate();
    Counts segments;
    for (std::size_t from = half; from + 1150 <= normal.rows(); from += 575) {
        const Recording part = normal.part(from, from + 1150);
        TRY(const Counts counts,
            train_and_judge(trials, options, {part.part(0, skab_training_rows)}, part,
                            skab_training_rows));
        segments += counts;
    }
    figures["anomaly_free_400_rows_learnt"] = segments.false_alarm_rate();
    note(trials, "skab " + name, std::move(figures));
    return {};
}

Result<> run_all_skab(Trials& trials) {
    TRY(const SkabRuns runs, skab_runs(trials));
    note(trials, "skab position rule, sees no data",
         figures_of(position_rule(trials, runs, false)));
    note(trials, "skab position rule, cropped", figures_of(position_rule(trials, runs, true)));
    const std::vector<std::string> three{"Accelerometer1RMS", "Accelerometer2RMS",
                                         "Volume Flow RateRMS"};
    const std::vector<Algorithm> all{
        Algorithm::knn,       Algorithm::adaptive,    Algorithm::t2,         Algorithm::mewma,
        Algorithm::isolation, Algorithm::half_spaces, Algorithm::autoencoder};
    for (const Algorithm algorithm : all) {
        if (trials.quick && algorithm != Algorithm::adaptive) continue;
        TrainOptions options;
        options.algorithm = algorithm;
        options.signals = three;
        const std::string name(to_string(algorithm));
        TRY_VOID(run_skab(trials, runs, name + ", acc1 acc2 flow", options));
        if (trials.quick) break;
        options.signals.clear();
        TRY_VOID(run_skab(trials, runs, name + ", all 8 signals", options));
    }
    return {};
}

Result<Recording> tep(const fs::path& path) {
    TRY(const std::string text, read_all(path));
    std::vector<std::vector<double>> rows;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        std::istringstream numbers(line);
        std::vector<double> row;
        for (double value = 0; numbers >> value;) row.push_back(value);
        if (!row.empty()) rows.push_back(std::move(row));
    }
    const bool transposed = rows.size() == 52;  // as d00.dat is
    const std::size_t count = transposed ? rows[0].size() : rows.size();
    Recording recording;
    for (int i = 1; i <= 52; ++i) recording.signals.push_back("x" + std::to_string(i));
    for (std::size_t i = 0; i < count; ++i) {
        recording.times.push_back({static_cast<std::int64_t>(i) * 180'000'000'000});
        for (std::size_t j = 0; j < 52; ++j)
            recording.values.push_back(transposed ? rows[j][i] : rows[i][j]);
    }
    return recording;
}

Result<> run_tep(Trials& trials, Algorithm algorithm) {
    const fs::path folder = trials.data / "tep_normal_and_9faults";
    TRY(const Recording first, tep(folder / "d00.dat"));
    TRY(const Recording second, tep(folder / "d00_te.dat"));
    const std::size_t half = second.rows() / 2;
    TrainOptions options;
    options.algorithm = algorithm;
    TRY(const Trained trained, train({first, second.part(0, half)}, options, *trials.engine));
    TRY(const Counts normal, judge(trials, trained.bundle, second, half));
    Counts before;
    double detected = 0;
    JsonObject figures{{"false_alarms", normal.false_alarm_rate()}};
    for (const int fault : {1, 2, 3, 5, 6, 8, 11, 14, 20}) {
        char name[16];
        std::snprintf(name, sizeof name, "d%02d_te.dat", fault);
        TRY(Recording run, tep(folder / name));
        run.labels.assign(run.rows(), 1);
        std::fill_n(run.labels.begin(), fault_from, std::uint8_t{0});
        TRY(const Counts counts, judge(trials, trained.bundle, run, 0));
        before += counts;
        const double share = 1 - counts.missed_alarm_rate();
        figures["fault " + std::to_string(fault)] = share;
        if (fault != 3) detected += share / 8;
    }
    figures["detected_without_3"] = detected;
    figures["false_alarms_before_faults"] = before.false_alarm_rate();
    note(trials, "tep " + std::string(to_string(algorithm)), std::move(figures));
    return {};
}

// NAB's score, standard profile: an early detection inside a window is worth up to 1, a missed
// window costs 1, a false one up to .11, less just behind a window.
struct NabScore {
    double got = 0, windows = 0, best = 0;
};

double nab_sigmoid(double at) { return at > 3 ? -1 : 2 / (1 + std::exp(5 * at)) - 1; }

void score_nab(const Recording& recording, const std::vector<std::size_t>& detections,
               const std::vector<std::pair<Timestamp, Timestamp>>& windows, NabScore& score) {
    std::vector<bool> found(windows.size(), false);
    for (const std::size_t row : detections) {
        const Timestamp time = recording.times[row];
        const auto inside = std::find_if(windows.begin(), windows.end(), [&](const auto& w) {
            return w.first <= time && time <= w.second;
        });
        const auto width_of = [&](const auto& w) {
            return static_cast<double>(
                std::count_if(recording.times.begin(), recording.times.end(),
                              [&](Timestamp t) { return w.first <= t && t <= w.second; }));
        };
        const auto rows_to = [&](Timestamp end) {
            return static_cast<double>(row) -
                   static_cast<double>(
                       std::upper_bound(recording.times.begin(), recording.times.end(), end) -
                       recording.times.begin() - 1);
        };
        if (inside != windows.end()) {
            const auto index = static_cast<std::size_t>(inside - windows.begin());
            if (!found[index])
                score.got += nab_sigmoid((rows_to(inside->second) - 1) / width_of(*inside));
            found[index] = true;
            continue;
        }
        double worth = -1;
        for (const auto& window : windows)
            if (window.second < time)
                worth = nab_sigmoid(rows_to(window.second) / std::max(1.0, width_of(window) - 1));
        score.got += 0.11 * worth;
    }
    for (std::size_t i = 0; i < windows.size(); ++i) score.got -= found[i] ? 0 : 1;
    score.windows += static_cast<double>(windows.size());
    score.best += static_cast<double>(windows.size()) * nab_sigmoid(-1);
}

Result<Recording> nab(const fs::path& path) {
    TRY(const std::string text, read_all(path));
    // Two files have a time twice, at the change to winter time: the second row is left out.
    std::string kept;
    std::string last;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        const std::string time = line.substr(0, line.find(','));
        if (!last.empty() && last[0] != 't' && time <= last) continue;
        last = time;
        kept += line + "\n";
    }
    return read_csv(kept, {.separator = ',', .time = "timestamp"}).context(path.string());
}

Result<> run_nab(Trials& trials, Algorithm algorithm) {
    const fs::path folder = trials.data / "nab_subset";
    TRY(const std::string text, read_all(folder / "combined_windows.json"));
    TRY(const Json all, parse_json(text));
    NabScore score;
    std::size_t detections_made = 0, files = 0;
    for (const auto& [file, list] : all.get_object()) {
        TRY(const Recording recording, nab(folder / std::string(file)));
        std::vector<std::pair<Timestamp, Timestamp>> windows;
        for (const Json& window : list.get_array()) {
            TRY(const Timestamp from,
                parse_iso8601(std::string(window.at(0).get_string()).substr(0, 19)));
            TRY(const Timestamp to,
                parse_iso8601(std::string(window.at(1).get_string()).substr(0, 19)));
            windows.emplace_back(from, to);
        }
        const std::size_t probation = std::min<std::size_t>(recording.rows() * 15 / 100, 750);
        TrainOptions options;
        options.algorithm = algorithm;
        TRY(const Trained trained, train({recording.part(0, probation)}, options, *trials.engine)
                                       .context(std::string(file)));
        TRY(auto loaded, pipeline::load_bundle(trained.bundle, *trials.engine, trials.clock));
        TRY(const RowVerdicts verdicts, decide_rows(loaded.pipeline, recording));
        TRY_VOID(audit(trials, loaded.pipeline, recording, verdicts));
        std::vector<std::size_t> detections;  // where an alarm begins
        for (std::size_t i = std::max<std::size_t>(probation, 1); i < recording.rows(); ++i)
            if (verdicts.alarm[i] && !verdicts.alarm[i - 1]) detections.push_back(i);
        detections_made += detections.size();
        ++files;
        score_nab(recording, detections, windows, score);
    }
    const double standard = 100 * (score.got + score.windows) / (score.best + score.windows);
    note(trials, "nab " + std::string(to_string(algorithm)),
         {{"standard_score", standard},
          {"files", files},
          {"windows", score.windows},
          {"alarms", detections_made}});
    return {};
}

Result<> run_trials(Trials& trials) {
    TRY(trials.engine, inference::open_onnx_runtime());
    TRY_VOID(run_all_skab(trials));
    for (const Algorithm algorithm : {Algorithm::t2, Algorithm::mewma, Algorithm::adaptive})
        TRY_VOID(run_tep(trials, algorithm));
    for (const Algorithm algorithm : {Algorithm::adaptive, Algorithm::knn})
        if (!trials.quick) TRY_VOID(run_nab(trials, algorithm));
    note(trials, "prefix replays",
         {{"replayed", trials.audited}, {"differed", trials.audit_failures}});
    if (trials.audit_failures > 0)
        return Error{Errc::corrupt, "a decision depended on rows that came after it"};
    return {};
}

int run(int count, char** arguments) {
    Trials trials;
    for (int i = 1; i < count; ++i) {
        if (std::string_view(arguments[i]) == "--quick")
            trials.quick = true;
        else
            trials.data = arguments[i];
    }
    if (auto done = run_trials(trials); !done)
        return std::fprintf(stderr, "%s\n", done.error().message.c_str()), 1;
    const JsonObject result{{"bench", "detectors"}, {"figures", std::move(trials.figures)}};
    std::printf("%s\n", to_json(Json(result)).c_str());
    return 0;
}

}  // namespace
}  // namespace mw::detectors

int main(int count, char** arguments) { return mw::detectors::run(count, arguments); }
