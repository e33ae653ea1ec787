// Failures of machines (AI4I 2020): how well boosted trees tell them, and how few labels they need.
//   label_trials DATA boosted|labels [--quick]
// DATA has ai4i2020. Failure modes are never features. Ends with one line of JSON.

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <numeric>
#include <sstream>

#include "base/json.h"
#include "base/number.h"
#include "insight/detectors/detectors.h"

namespace mw::detectors {
namespace {

constexpr std::size_t folds = 5, labels_wanted = 250, batch = 25;

double rounded(double value) { return std::round(value * 1e4) / 1e4; }

// Type as 0, 1, 2 and the five measured values; the label is the machine's failure.
Result<Recording> machines(const std::string& path) {
    std::ifstream file(path);
    if (!file) return Error{Errc::not_found, path + " cannot be read"};
    Recording r;
    r.signals = {"type", "air", "process", "speed", "torque", "wear"};
    std::string line;
    std::getline(file, line);
    while (std::getline(file, line)) {
        std::vector<std::string> fields;
        std::istringstream cells(line);
        for (std::string cell; std::getline(cells, cell, ',');) fields.push_back(cell);
        if (fields.size() != 14) return Error{Errc::invalid_input, path + ": not a row: " + line};
        r.times.push_back({static_cast<std::int64_t>(r.rows()) * 1'000'000'000});
        r.values.push_back(fields[2] == "L" ? 0 : fields[2] == "M" ? 1 : 2);
        for (std::size_t i = 3; i < 8; ++i)
            r.values.push_back(std::strtod(fields[i].c_str(), nullptr));
        r.labels.push_back(fields[8] != "0");
    }
    return r;
}

Recording chosen(const Recording& all, const std::vector<std::size_t>& rows) {
    Recording r;
    r.signals = all.signals;
    for (const std::size_t row : rows) {
        r.times.push_back({static_cast<std::int64_t>(r.rows()) * 1'000'000'000});
        const auto begin = all.values.begin() + static_cast<std::ptrdiff_t>(row * all.width());
        r.values.insert(r.values.end(), begin, begin + static_cast<std::ptrdiff_t>(all.width()));
        r.labels.push_back(all.labels[row]);
    }
    return r;
}

std::vector<std::size_t> shuffled(std::size_t n, Random& random) {
    std::vector<std::size_t> order(n);
    std::iota(order.begin(), order.end(), std::size_t{0});
    for (std::size_t i = 0; i + 1 < n; ++i) std::swap(order[i], order[i + random.below(n - i)]);
    return order;
}

struct Judged {
    std::vector<double> scores;
    std::vector<std::uint8_t> truth;
    double tp = 0, wrong = 0;
};

// Bundles are trained and run as on the edge, row by row.
Result<> judge_fold(inference::Engine& engine, const Recording& training, const Recording& held,
                    Judged& judged) {
    TrainOptions options;
    options.algorithm = Algorithm::boosted;
    TRY(const Trained trained, train({training}, options, engine));
    RealClock clock;
    TRY(auto loaded, pipeline::load_bundle(trained.bundle, engine, clock));
    TRY(RowReader reader, RowReader::open(held, loaded.pipeline.spec().signals()));
    for (std::size_t i = 0; i < held.rows(); ++i) {
        const auto outcome = loaded.pipeline.push(reader.at(i));
        const bool truth = held.labels[i] != 0, decided = outcome && outcome->decision;
        judged.scores.push_back(outcome ? outcome->score : 0);
        judged.truth.push_back(truth);
        judged.tp += decided && truth;
        judged.wrong += decided != truth;
    }
    return {};
}

Result<JsonObject> run_boosted(const Recording& all, bool quick) {
    TRY(auto engine, inference::open_onnx_runtime());
    JsonObject figures;
    for (const bool in_order : {false, true}) {
        SeededRandom random(5);
        std::vector<std::size_t> order = shuffled(all.rows(), random);
        if (in_order) std::sort(order.begin(), order.end());
        Judged judged;
        for (std::size_t fold = 0; fold < (quick ? 1 : folds); ++fold) {
            const std::size_t from = fold * all.rows() / folds,
                              to = (fold + 1) * all.rows() / folds;
            std::vector<std::size_t> in, out;
            for (std::size_t i = 0; i < order.size(); ++i)
                (i >= from && i < to ? out : in).push_back(order[i]);
            TRY_VOID(judge_fold(*engine, chosen(all, in), chosen(all, out), judged));
        }
        figures[in_order ? "ai4i boosted, five blocks of time" : "ai4i boosted, five folds"] =
            JsonObject{
                {"f1", rounded(2 * judged.tp / std::max(1.0, 2 * judged.tp + judged.wrong))},
                {"average_precision", rounded(average_precision(judged.scores, judged.truth))}};
    }
    return figures;
}

// Measured values, and their products and differences, as the trainer makes them.
std::vector<float> with_pairs(const Recording& all) {
    std::vector<float> table;
    for (std::size_t i = 0; i < all.rows(); ++i) {
        const double* row = &all.values[i * all.width()];
        for (std::size_t a = 0; a < all.width(); ++a) {
            table.push_back(static_cast<float>(row[a]));
            for (std::size_t b = 0; b < a; ++b) {
                table.push_back(static_cast<float>(row[a] * row[b]));
                table.push_back(static_cast<float>(row[a] - row[b]));
            }
        }
    }
    return table;
}

struct LabelRun {
    double average_precision = 0;
    double audit_rate = 0;  // of failures among those drawn by lot: an unbiased estimate
    std::size_t failures = 0;
};

enum class Strategy { by_lot, seeded_and_unsure };

LabelRun label_run(const Table& pool, const std::vector<std::uint8_t>& truth, const Table& held,
                   const std::vector<std::uint8_t>& held_truth, Strategy strategy,
                   std::uint64_t seed) {
    SeededRandom random(seed);
    std::vector<bool> labelled(pool.rows(), false);
    std::vector<float> known, target;
    std::vector<double> worth(pool.rows(), 0.0);
    double audits = 0, audited_failures = 0;
    LabelRun run;
    if (strategy == Strategy::seeded_and_unsure) worth = standing_out(pool);
    const double audit = strategy == Strategy::by_lot ? 1 : audit_share_default;
    Boosted model;
    for (std::size_t count = 0; count < labels_wanted; count += batch) {
        for (const Pick& pick : pick_to_label(worth, labelled, batch, audit, random)) {
            labelled[pick.row] = true;
            const auto row = pool.row(pick.row);
            known.insert(known.end(), row.begin(), row.end());
            target.push_back(truth[pick.row]);
            run.failures += truth[pick.row];
            audits += pick.audit;
            audited_failures += pick.audit && truth[pick.row];
        }
        BoostOptions options = boost_options_for(target.size());
        options.seed = seed;
        model = boost({known, pool.width}, target, {}, options);
        if (strategy == Strategy::by_lot) continue;
        std::vector<double> probabilities(pool.rows());
        for (std::size_t i = 0; i < pool.rows(); ++i) probabilities[i] = model.predict(pool.row(i));
        worth = unsureness(probabilities);
    }
    std::vector<double> scores(held.rows());
    for (std::size_t i = 0; i < held.rows(); ++i) scores[i] = model.raw(held.row(i));
    run.average_precision = average_precision(scores, held_truth);
    run.audit_rate = audits > 0 ? audited_failures / audits : 0;
    return run;
}

JsonObject run_labels(const Recording& all, bool quick) {
    const std::vector<float> table = with_pairs(all);
    const std::size_t width = table.size() / all.rows();
    JsonObject figures;
    for (const Strategy strategy : {Strategy::seeded_and_unsure, Strategy::by_lot}) {
        double sum = 0, least = 1, rate = 0, failures = 0;
        const std::uint64_t seeds = quick ? 2 : 20;
        for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
            SeededRandom random(seed);
            const auto order = shuffled(all.rows(), random);
            const std::size_t kept = all.rows() * 7 / 10;
            std::vector<float> pool, held;
            std::vector<std::uint8_t> truth, held_truth;
            for (std::size_t i = 0; i < order.size(); ++i) {
                const auto begin = table.begin() + static_cast<std::ptrdiff_t>(order[i] * width);
                auto& part = i < kept ? pool : held;
                part.insert(part.end(), begin, begin + static_cast<std::ptrdiff_t>(width));
                (i < kept ? truth : held_truth).push_back(all.labels[order[i]]);
            }
            const LabelRun run =
                label_run({pool, width}, truth, {held, width}, held_truth, strategy, seed);
            const auto n = static_cast<double>(seeds);
            sum += run.average_precision / n;
            rate += run.audit_rate / n;
            failures += static_cast<double>(run.failures) / n;
            least = std::min(least, run.average_precision);
        }
        figures[strategy == Strategy::by_lot ? "250 labels by lot"
                                             : "250 labels, stands out then unsure, 25 % by lot"] =
            JsonObject{{"mean_average_precision", rounded(sum)},
                       {"least", rounded(least)},
                       {"failures_found", rounded(failures)},
                       {"audited_failure_rate", rounded(rate)},
                       {"seeds", seeds}};
    }
    return figures;
}

Result<JsonObject> run_part(const std::string& data, const std::string& part, bool quick) {
    TRY(const Recording all, machines(data + "/ai4i2020/ai4i2020.csv"));
    if (part == "labels") return run_labels(all, quick);
    return run_boosted(all, quick);
}

}  // namespace
}  // namespace mw::detectors

int main(int count, char** arguments) {
    if (count < 3) return std::fprintf(stderr, "want DATA and boosted or labels\n"), 2;
    const std::string part = arguments[2];
    const bool quick = count > 3 && std::string(arguments[3]) == "--quick";
    auto figures = mw::detectors::run_part(arguments[1], part, quick);
    if (!figures) return std::fprintf(stderr, "%s\n", figures.error().message.c_str()), 1;
    for (const auto& [name, figure] : *figures)
        std::printf("%s %s\n", std::string(name).c_str(), mw::to_json(figure).c_str());
    const mw::JsonObject result{{"bench", part}, {"figures", *std::move(figures)}};
    std::printf("%s\n", mw::to_json(mw::Json(result)).c_str());
    return 0;
}
