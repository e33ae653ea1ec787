#include "insight/pipeline/selftest.h"

#include <algorithm>
#include <cmath>

#include "base/json.h"
#include "base/random.h"

namespace mw::pipeline {
namespace {

constexpr std::size_t cells_max = 65'536;  // keeps the file near 1 MB
constexpr int outcomes_wanted = 8;
constexpr int vectors_wanted = 4;
// Between machines the order of a reduction may differ; a wrong model is off by far more.
constexpr double absolute_tolerance = 1e-4, relative_tolerance = 1e-3;

Error bad_selftest(std::string message) {
    return Error{Errc::invalid_input, "selftest.json: " + std::move(message)};
}

nanoseconds spacing(const features::Window& window) {
    nanoseconds step = seconds{1};
    if (!window.length.by_rows()) {
        const std::uint32_t rows =
            std::clamp<std::uint32_t>(window.max_rows - 1, 1, std::max(window.min_rows + 1, 16U));
        step = std::max(window.length.time / rows, nanoseconds{1});
    }
    return window.max_gap.count() > 0 ? std::min(step, window.max_gap) : step;
}

struct Level {
    double center = 0, scale = 1;
};

std::vector<Level> levels_of(const Spec& spec) {
    using features::Statistic;
    std::vector<Level> levels(spec.inputs.size());
    for (const auto& feature : spec.plan.features)
        if (feature.statistic <= Statistic::max || feature.statistic == Statistic::ewma ||
            feature.statistic == Statistic::median)
            levels[feature.input] = {feature.center, feature.scale};
    return levels;
}

Result<double> vector_score(Pipeline& pipeline, const std::vector<float>& features) {
    std::vector<float> out(pipeline.model().output_size());
    TRY_VOID(pipeline.model().run(features, out));
    return double{out[pipeline.spec().output_index]};
}

bool close(double got, double wanted, double absolute, double relative) {
    return std::abs(got - wanted) <= absolute + relative * std::abs(wanted);
}

Result<JsonArray> make_vectors(Pipeline& pipeline, Random& random) {
    JsonArray vectors;
    for (int i = 0; i < vectors_wanted; ++i) {
        std::vector<float> features(pipeline.model().input_size());
        JsonArray numbers;
        for (float& feature : features) {
            feature = static_cast<float>(random.normal());
            numbers.emplace_back(double{feature});
        }
        TRY(const double score, vector_score(pipeline, features));
        if (!std::isfinite(score))
            return bad_selftest("the model gives no finite score on typical inputs");
        vectors.push_back(JsonObject{{"features", std::move(numbers)}, {"score", score}});
    }
    return vectors;
}

struct Rows {
    std::vector<std::int64_t> times;
    std::vector<std::vector<double>> values;
};

Result<Rows> read_rows(const Json& root, std::size_t width) {
    const Json* times = find(root, "rows.times");
    const Json* values = find(root, "rows.values");
    if (!times || !times->is_array() || !values || !values->is_array() ||
        times->get_array().size() != values->get_array().size())
        return bad_selftest("'rows' needs as many 'times' as 'values'");
    Rows rows;
    for (const Json& time : times->get_array()) {
        if (!time.is_int64()) return bad_selftest("a time is not a whole number");
        rows.times.push_back(time.get_int64());
    }
    for (const Json& row : values->get_array()) {
        if (!row.is_array() || row.get_array().size() != width)
            return bad_selftest("a row does not have " + std::to_string(width) + " values");
        std::vector<double> numbers;
        for (const Json& value : row.get_array()) {
            if (!value.is_number()) return bad_selftest("a value is not a number");
            numbers.push_back(value.to_number<double>());
        }
        rows.values.push_back(std::move(numbers));
    }
    return rows;
}

struct Tolerance {
    double absolute = 0, relative = 0;
};

Result<void> check_vectors(const Json& root, Pipeline& pipeline, Tolerance tolerance) {
    const Json* vectors = find(root, "vectors");
    if (!vectors || !vectors->is_array() || vectors->get_array().empty())
        return bad_selftest("'vectors' is missing or empty");
    std::size_t index = 0;
    for (const Json& vector : vectors->get_array()) {
        const std::string name = "vectors[" + std::to_string(index++) + "]: ";
        const Json* numbers = find(vector, "features");
        const auto wanted = find_number(vector, "score");
        if (!numbers || !numbers->is_array() || !wanted)
            return bad_selftest(name + "needs 'features' and 'score'");
        std::vector<float> features;
        for (const Json& number : numbers->get_array()) {
            if (!number.is_number()) return bad_selftest(name + "a feature is not a number");
            features.push_back(static_cast<float>(number.to_number<double>()));
        }
        auto score = vector_score(pipeline, features);
        if (!score) return bad_selftest(name + score.error().message);
        if (!close(*score, *wanted, tolerance.absolute, tolerance.relative))
            return bad_selftest(name + "score " + std::to_string(*score) + ", expected " +
                                std::to_string(*wanted));
    }
    return {};
}

Result<void> check_rows(const Json& root, Pipeline& pipeline, Tolerance tolerance) {
    TRY(const Rows rows, read_rows(root, pipeline.spec().inputs.size()));
    const Json* scores = find(root, "scores");
    if (!scores || !scores->is_array()) return bad_selftest("'scores' is missing");
    std::size_t next = 0;
    for (std::size_t i = 0; i < rows.times.size(); ++i) {
        const auto outcome = pipeline.push({{rows.times[i]}, rows.values[i], {}});
        if (!outcome) continue;
        if (next == scores->get_array().size())
            return bad_selftest("there are more outcomes than scores");
        const Json& expected = scores->get_array()[next++];
        const auto row = find_integer(expected, "row");
        const auto score = find_number(expected, "score");
        const std::string name = "row " + std::to_string(i) + ": ";
        if (!row || !score || *row != static_cast<std::int64_t>(i))
            return bad_selftest(name + "an outcome where none is expected");
        if (!outcome->fallback.empty()) return bad_selftest(name + outcome->fallback);
        if (!close(outcome->score, *score, tolerance.absolute, tolerance.relative))
            return bad_selftest(name + "score " + std::to_string(outcome->score) + ", expected " +
                                std::to_string(*score));
    }
    if (next != scores->get_array().size())
        return bad_selftest("there are fewer outcomes than scores");
    return {};
}

}  // namespace

Result<std::string> make_selftest(Pipeline& pipeline) {
    SeededRandom random(20'261'122);
    TRY(JsonArray vectors, make_vectors(pipeline, random));
    const Spec& spec = pipeline.spec();
    const nanoseconds step = spacing(spec.plan.window);
    const std::vector<Level> levels = levels_of(spec);
    JsonArray times, values, scores;
    pipeline.reset();
    const std::size_t rows_max = cells_max / levels.size();
    for (std::size_t i = 0; i < rows_max && scores.size() < outcomes_wanted; ++i) {
        std::vector<double> row;
        JsonArray numbers;
        for (const Level& level : levels) {
            row.push_back(level.center + level.scale * random.normal());
            numbers.emplace_back(row.back());
        }
        const Timestamp time{step.count() * static_cast<std::int64_t>(i)};
        times.emplace_back(time.ns);
        values.emplace_back(std::move(numbers));
        if (const auto outcome = pipeline.push({time, row, {}})) {
            if (!outcome->fallback.empty())
                return bad_selftest("the pipeline falls back on typical inputs: " +
                                    outcome->fallback);
            scores.push_back(JsonObject{{"row", i}, {"score", outcome->score}});
        }
    }
    pipeline.reset();
    if (scores.size() < outcomes_wanted) times.clear(), values.clear(), scores.clear();
    const JsonObject root{
        {"version", 1},
        {"tolerance", {{"absolute", absolute_tolerance}, {"relative", relative_tolerance}}},
        {"vectors", std::move(vectors)},
        {"rows", {{"times", std::move(times)}, {"values", std::move(values)}}},
        {"scores", std::move(scores)}};
    return to_json(root) + "\n";
}

Result<void> run_selftest(std::string_view selftest, Pipeline& pipeline) {
    TRY(const Json root, parse_json(selftest).context("selftest.json"));
    if (find_integer(root, "version") != 1) return bad_selftest("'version' must be 1");
    const auto absolute = find_number(root, "tolerance.absolute");
    const auto relative = find_number(root, "tolerance.relative");
    if (!absolute || !relative || !(*absolute >= 0) || !(*relative >= 0))
        return bad_selftest("'tolerance' needs 'absolute' and 'relative'");
    const Tolerance tolerance{*absolute, *relative};
    TRY_VOID(check_vectors(root, pipeline, tolerance));
    pipeline.reset();
    auto outcome = check_rows(root, pipeline, tolerance);
    pipeline.reset();
    return outcome;
}

}  // namespace mw::pipeline
