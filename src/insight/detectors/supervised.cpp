#include "insight/detectors/supervised.h"

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>
#include <cstdio>

#include "insight/detectors/boosting.h"
#include "insight/detectors/covariance.h"
#include "insight/detectors/quantile.h"
#include "insight/detectors/windows.h"

namespace mw::detectors {
namespace {

constexpr std::size_t signals_with_pairs_max = 12;
constexpr double target_ridge = 1e-3;  // per row
constexpr std::size_t parts_of_time = 5;

// Windows with what is to be learnt from them.
struct Lesson {
    Windows windows;
    std::vector<float> target;  // per window: 0 or 1, or the scaled target
    std::size_t inputs = 0;     // features that may be used; a regression's last one is the target
    bool classes = false;

    std::vector<float> table(std::size_t from, std::size_t to) const {
        std::vector<float> out;
        for (std::size_t i = from; i < to; ++i) {
            const auto row = windows.at(i).first(inputs);
            out.insert(out.end(), row.begin(), row.end());
        }
        return out;
    }
    std::span<const float> inputs_of(std::size_t window) const {
        return windows.at(window).first(inputs);
    }
};

void add_feature(pipeline::Spec& spec, const std::string& name, std::uint32_t input,
                 features::Statistic statistic, std::uint32_t other = 0) {
    features::Feature feature{name, input, statistic, {}, 0, 1};
    feature.detail.other = other;
    spec.plan.features.push_back(std::move(feature));
}

// Means, deviations where a window has several rows, and for trees the products and differences of
// pairs: a tree can't multiply, and power is a product.
pipeline::Spec lesson_spec(const std::vector<std::string>& signals, const TrainOptions& options) {
    using features::Statistic;
    pipeline::Spec spec;
    spec.plan.window.length = {options.window_rows, {}};
    spec.plan.window.every = {options.every, {}};
    for (const auto& signal : signals) {
        spec.inputs.push_back(pipeline::input_of(signal));
        spec.plan.inputs.push_back(signal);
    }
    const bool regression = !options.classify && !options.target.empty();
    const auto count = static_cast<std::uint32_t>(signals.size() - (regression ? 1 : 0));
    for (std::uint32_t i = 0; i < count; ++i) {
        add_feature(spec, signals[i] + ":mean", i, Statistic::mean);
        if (options.window_rows > 1)
            add_feature(spec, signals[i] + ":deviation", i, Statistic::deviation);
    }
    const bool pairs = options.algorithm == Algorithm::boosted && count <= signals_with_pairs_max;
    for (std::uint32_t i = 0; pairs && i < count; ++i)
        for (std::uint32_t j = 0; j < i; ++j) {
            add_feature(spec, signals[i] + "*" + signals[j], i, Statistic::product, j);
            add_feature(spec, signals[i] + "-" + signals[j], i, Statistic::difference, j);
        }
    if (regression) add_feature(spec, signals.back() + ":mean", count, Statistic::mean);
    spec.smoothing =
        options.smoothing_scores > 1 && regression ? options.smoothing : pipeline::Smoothing::none;
    if (spec.smoothing != pipeline::Smoothing::none)
        spec.smoothing_scores = options.smoothing_scores;
    spec.raise_after = options.raise_after;
    return spec;
}

// Centers and scales from what was collected; the same arithmetic as the extractor's.
void scale_lesson(Windows& windows) {
    for (std::size_t j = 0; j < windows.width; ++j) {
        double n = 0, mean = 0, squares = 0;
        for (std::size_t i = 0; i < windows.size(); ++i) {
            const double step = windows.values[i * windows.width + j] - mean;
            mean += step / ++n;
            squares += step * (windows.values[i * windows.width + j] - mean);
        }
        features::Feature& feature = windows.spec.plan.features[j];
        const double deviation = std::sqrt(squares / std::max(n - 1, 1.0));
        feature.center = mean;
        feature.scale = deviation > 1e-9 * std::abs(mean) && deviation > 0
                            ? deviation
                            : std::max(1e-3 * std::abs(mean), 1e-6);
        for (std::size_t i = 0; i < windows.size(); ++i)
            windows.scaled[i * windows.width + j] = static_cast<float>(
                (windows.values[i * windows.width + j] - feature.center) / feature.scale);
    }
}

Result<std::vector<std::string>> lesson_signals(const std::vector<Recording>& recordings,
                                                const TrainOptions& options) {
    if (recordings.empty()) return bad_training("there are no rows to learn from");
    auto signals = options.signals.empty() ? recordings[0].signals : options.signals;
    signals.erase(std::remove(signals.begin(), signals.end(), options.target), signals.end());
    if (signals.empty()) return bad_training("there are no signals beside the target");
    if (!options.target.empty() && !options.classify) signals.push_back(options.target);
    return signals;
}

// 1 where the row is labelled, or the target's value is not 0.
Result<std::vector<float>> classes_of(const std::vector<Recording>& recordings,
                                      const Windows& windows, const TrainOptions& options) {
    std::vector<float> classes;
    for (std::size_t i = 0; i < windows.size(); ++i) {
        const Recording& recording = recordings[windows.recording[i]];
        if (options.target.empty()) {
            if (recording.labels.size() != recording.rows())
                return bad_training(
                    "boosted: there are no labels; name a --target, or use a "
                    "dataset with labels");
            classes.push_back(recording.labels[windows.row[i]] != 0);
            continue;
        }
        TRY(RowReader reader, RowReader::open(recording, {options.target}));
        const double value = reader.at(windows.row[i]).values[0];
        classes.push_back(std::isfinite(value) && value != 0);
    }
    const auto positive = std::count(classes.begin(), classes.end(), 1.0F);
    if (positive < 5 || positive + 5 > static_cast<std::ptrdiff_t>(classes.size()))
        return bad_training("boosted: want at least 5 rows of each class, there are " +
                            std::to_string(positive) + " positive ones of " +
                            std::to_string(classes.size()));
    return classes;
}

Result<Lesson> lesson_of(const std::vector<Recording>& recordings, const TrainOptions& options) {
    if (options.algorithm == Algorithm::ridge && (options.target.empty() || options.classify))
        return bad_training("ridge: name the --target signal that is to be explained");
    TRY(const auto signals, lesson_signals(recordings, options));
    Lesson lesson;
    lesson.classes = options.classify || options.target.empty();
    lesson.windows.spec = lesson_spec(signals, options);
    TRY_VOID(collect_windows(recordings, lesson.windows));
    for (const auto& signal : signals) {
        TRY(SignalLevel level, level_of(signal, recordings));
        lesson.windows.levels.push_back(std::move(level));
    }
    Windows& windows = lesson.windows;
    if (windows.size() < 50)
        return bad_training("only " + std::to_string(windows.size()) +
                            " usable windows, want at least 50; take a longer time range");
    scale_lesson(windows);
    lesson.inputs = windows.width - (lesson.classes ? 0 : 1);
    if (lesson.classes) {
        TRY(lesson.target, classes_of(recordings, windows, options));
    } else {
        for (std::size_t i = 0; i < windows.size(); ++i)
            lesson.target.push_back(windows.at(i).back());
    }
    return lesson;
}

// What was learnt from some windows: a number for any window.
struct Learnt {
    Boosted trees;
    Vector weights;  // ridge: the last one is the offset
    double predict(std::span<const float> inputs) const {
        if (weights.size() == 0) return trees.predict(inputs);
        double sum = weights[weights.size() - 1];
        for (std::size_t i = 0; i < inputs.size(); ++i)
            sum += weights[static_cast<Eigen::Index>(i)] * inputs[i];
        return sum;
    }
};

// From all windows but those in [from, to).
Learnt learn_but(const Lesson& lesson, std::size_t from, std::size_t to,
                 const TrainOptions& options) {
    std::vector<float> table = lesson.table(0, from);
    const std::vector<float> behind = lesson.table(to, lesson.windows.size());
    table.insert(table.end(), behind.begin(), behind.end());
    std::vector<float> target(lesson.target.begin(),
                              lesson.target.begin() + static_cast<std::ptrdiff_t>(from));
    target.insert(target.end(), lesson.target.begin() + static_cast<std::ptrdiff_t>(to),
                  lesson.target.end());
    Learnt learnt;
    if (options.algorithm == Algorithm::boosted) {
        BoostOptions boosting;
        boosting.loss = lesson.classes ? Loss::logistic : Loss::squared;
        boosting.trees = options.trees;
        learnt.trees = boost({table, lesson.inputs}, target, {}, boosting);
        return learnt;
    }
    const auto n = static_cast<Eigen::Index>(target.size());
    const auto width = static_cast<Eigen::Index>(lesson.inputs);
    Matrix x(n, width + 1);
    Vector y(n);
    for (Eigen::Index i = 0; i < n; ++i) {
        for (Eigen::Index j = 0; j < width; ++j)
            x(i, j) = table[static_cast<std::size_t>(i * width + j)];
        x(i, width) = 1;
        y[i] = target[static_cast<std::size_t>(i)];
    }
    Matrix normal = x.transpose() * x;
    normal.diagonal().head(width).array() += target_ridge * static_cast<double>(n);
    learnt.weights = normal.ldlt().solve(x.transpose() * y);
    return learnt;
}

// Learnt from the first four fifths of the time, judged on the last.
JsonObject validated(const Lesson& lesson, const TrainOptions& options) {
    const std::size_t n = lesson.windows.size(), from = n - n / parts_of_time;
    const Learnt learnt = learn_but(lesson, from, n, options);
    std::vector<double> scores;
    std::vector<std::uint8_t> truth;
    double squares = 0, spread = 0, tp = 0, wrong = 0;
    for (std::size_t i = from; i < n; ++i) {
        scores.push_back(learnt.predict(lesson.inputs_of(i)));
        truth.push_back(lesson.target[i] > 0.5F);
        const bool decided = scores.back() >= options.decide_at;
        tp += decided && truth.back();
        wrong += decided != (truth.back() != 0);
        const double left = lesson.target[i] - scores.back();
        squares += left * left;
        spread += double{lesson.target[i]} * lesson.target[i];
    }
    JsonObject facts{{"validated_on_last", n - from}};
    if (lesson.classes) {
        facts["validated_positives"] = std::count(truth.begin(), truth.end(), 1);
        facts["validated_average_precision"] = average_precision(scores, truth);
        facts["validated_f1"] = tp > 0 ? 2 * tp / (2 * tp + wrong) : 0.0;
    } else {
        facts["validated_rmse"] = std::sqrt(squares / static_cast<double>(n - from)) *
                                  lesson.windows.spec.plan.features.back().scale;
        facts["validated_r2"] = spread > 0 ? 1 - squares / spread : 0.0;
    }
    return facts;
}

// Per window what one says that has not seen its fifth of the time.
std::vector<double> crosswise_predictions(const Lesson& lesson, const TrainOptions& options) {
    const std::size_t n = lesson.windows.size();
    std::vector<double> predictions(n);
    for (std::size_t part = 0; part < parts_of_time; ++part) {
        const std::size_t from = part * n / parts_of_time, to = (part + 1) * n / parts_of_time;
        const Learnt learnt = learn_but(lesson, from, to, options);
        for (std::size_t i = from; i < to; ++i)
            predictions[i] = learnt.predict(lesson.inputs_of(i));
    }
    return predictions;
}

void add_scored_trees(OnnxGraph& onnx, const Boosted& trees, const std::string& output) {
    const std::int64_t shape[] = {1};
    onnx.constant("score_shape", {1}, shape);
    add_ensemble(onnx, "features", "sum_of_trees", trees.trees, false,
                 static_cast<float>(trees.base));
    onnx.node("Reshape", {"sum_of_trees", "score_shape"}, {output});
}

Bytes class_graph(const Learnt& learnt, std::int64_t width) {
    OnnxGraph onnx("boosted");
    onnx.input("features", {1, width});
    onnx.output("score", {1});
    add_scored_trees(onnx, learnt.trees, "raw");
    onnx.node("Sigmoid", {"raw"}, {"score"});
    return onnx.bytes();
}

// |target - predicted| / threshold; the target is the last feature.
Bytes residual_graph(const Learnt& learnt, std::int64_t width, double threshold) {
    OnnxGraph onnx("residual");
    onnx.input("features", {1, width});
    onnx.output("score", {1});
    Vector pick = Vector::Zero(width);
    pick[width - 1] = 1;
    float offset = 0;
    const bool linear = learnt.weights.size() > 0;
    if (linear) {
        pick.head(width - 1) -= learnt.weights.head(width - 1);
        offset = static_cast<float>(learnt.weights[width - 1]);
    }
    const float inverse[] = {static_cast<float>(1 / threshold)}, offsets[] = {offset};
    const std::int64_t flat[] = {1};
    onnx.constant("pick", {width, 1}, floats_of(pick));
    onnx.constant("inverse_threshold", {1}, inverse);
    onnx.node("MatMul", {"features", "pick"}, {"picked"});
    if (linear) {
        onnx.constant("flat_shape", {1}, flat);
        onnx.constant("predicted", {1}, offsets);
        onnx.node("Reshape", {"picked", "flat_shape"}, {"target"});
    } else {
        add_scored_trees(onnx, learnt.trees, "predicted");
        onnx.node("Reshape", {"picked", "score_shape"}, {"target"});
    }
    onnx.node("Sub", {"target", "predicted"}, {"residual"});
    onnx.node("Abs", {"residual"}, {"magnitude"});
    onnx.node("Mul", {"magnitude", "inverse_threshold"}, {"score"});
    return onnx.bytes();
}

pipeline::Reference lesson_reference(const Lesson& lesson, const std::vector<double>& scores) {
    pipeline::Reference reference;
    const Windows& windows = lesson.windows;
    for (std::size_t j = 0; j < windows.width; ++j) {
        std::vector<double> column;
        for (std::size_t i = 0; i < windows.size(); ++i)
            column.push_back(windows.values[i * windows.width + j]);
        reference.features.push_back(
            pipeline::distribution_of(windows.spec.plan.features[j].name, column));
    }
    reference.score = pipeline::distribution_of("score", scores);
    return reference;
}

std::string lesson_card(const Lesson& lesson, const TrainOptions& options, const Json& summary) {
    const std::string name(to_string(options.algorithm));
    std::string card = "# Model card\n\n";
    if (lesson.classes)
        card += "Classifier `" + name + "`: the score is the probability of " +
                (options.target.empty() ? "the label" : "'" + options.target + "' being on") +
                ", the decision is at the threshold of the pipeline.\n";
    else
        card += "Regression `" + name + "` of '" + options.target +
                "': the score is |measured - predicted|, 1 is the alarm threshold.\n";
    card += "\n## Training\n";
    if (!options.trained_on.empty()) card += "- data: " + options.trained_on + "\n";
    card += "- facts: " + to_json(summary) + "\n\n## Limits\n" +
            "- Validated on the last fifth of the time, having learnt from the rest; the model "
            "itself has learnt from all.\n- It knows the states of its training rows only.\n";
    return card;
}

}  // namespace

Result<Trained> train_supervised(const std::vector<Recording>& recordings,
                                 const TrainOptions& options, inference::Engine& engine) {
    TRY(Lesson lesson, lesson_of(recordings, options));
    Windows& windows = lesson.windows;
    JsonObject summary{{"algorithm", to_string(options.algorithm)},
                       {"task", lesson.classes ? "classes" : "regression"},
                       {"target", options.target},
                       {"rows", windows.rows},
                       {"windows", windows.size()},
                       {"window_rows", options.window_rows},
                       {"features", windows.width},
                       {"trained_on", options.trained_on}};
    for (auto& [key, value] : validated(lesson, options)) summary[key] = value;
    std::vector<double> scores = crosswise_predictions(lesson, options);
    const Learnt learnt = learn_but(lesson, windows.size(), windows.size(), options);
    const auto width = static_cast<std::int64_t>(windows.width);
    pipeline::BundleParts parts;
    windows.spec.model_input = "features";
    windows.spec.model_output = "score";
    if (lesson.classes) {
        windows.spec.raise_at = windows.spec.clear_at = options.decide_at;
        summary["threshold"] = options.decide_at;
        parts.model = class_graph(learnt, width);
    } else {
        for (std::size_t i = 0; i < scores.size(); ++i)
            scores[i] = std::abs(lesson.target[i] - scores[i]);
        const double level = conformal_of(scores, options.quantile);
        const double threshold = options.factor * (level > 1e-6 ? level : 1.0);
        for (double& score : scores) score /= threshold;
        windows.spec.clear_at = options.clear_ratio;
        summary["threshold"] = threshold * windows.spec.plan.features.back().scale;
        parts.model = residual_graph(learnt, width, threshold);
    }
    const Json facts = summary;
    parts.pipeline = to_yaml(windows.spec);
    parts.card = lesson_card(lesson, options, facts);
    parts.reference = to_text(lesson_reference(lesson, scores));
    TRY(Bytes bundle, pipeline::make_bundle(std::move(parts), engine));
    std::string id = pipeline::bundle_id(bundle);
    return Trained{std::move(bundle), std::move(id), facts};
}

}  // namespace mw::detectors
