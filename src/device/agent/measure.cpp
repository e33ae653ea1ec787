#include "device/agent/measure.h"

#include <algorithm>
#include <fstream>

namespace mw::agent {
namespace {

constexpr std::size_t turn = 7;  // rows by which each round is shifted

struct TestRows {
    std::vector<std::int64_t> times;
    std::vector<std::vector<double>> values;
    std::vector<std::vector<float>> vectors;  // features, for pipelines whose windows are too long
};

std::vector<double> numbers_of(const Json& list) {
    std::vector<double> numbers;
    if (list.is_array())
        for (const Json& number : list.get_array())
            if (number.is_number()) numbers.push_back(number.to_number<double>());
    return numbers;
}

Result<TestRows> rows_of(std::string_view selftest) {
    TRY(const Json root, parse_json(selftest).context("selftest.json"));
    TestRows rows;
    if (const Json* times = find(root, "rows.times"); times && times->is_array())
        for (const Json& time : times->get_array())
            if (time.is_int64()) rows.times.push_back(time.get_int64());
    if (const Json* values = find(root, "rows.values"); values && values->is_array())
        for (const Json& row : values->get_array()) rows.values.push_back(numbers_of(row));
    if (const Json* vectors = find(root, "vectors"); vectors && vectors->is_array())
        for (const Json& vector : vectors->get_array())
            if (const Json* features = find(vector, "features")) {
                const auto numbers = numbers_of(*features);
                rows.vectors.emplace_back(numbers.begin(), numbers.end());
            }
    return rows;
}

// The high-water mark of this process alone. getrusage() would count the parent's memory at fork.
Result<std::uint64_t> peak_rss() {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);)
        if (line.starts_with("VmHWM:")) return std::stoull(line.substr(6)) * 1024;
    return Error{Errc::io_failed, "/proc/self/status has no VmHWM"};
}

double us(nanoseconds time) { return static_cast<double>(time.count()) / 1000; }

// Latencies of the windows that rows lead to.
std::vector<double> time_rows(pipeline::Pipeline& pipeline, const TestRows& rows, Clock& clock,
                              const MeasureOptions& options) {
    const std::size_t count = rows.times.size();
    const std::size_t width = pipeline.spec().inputs.size();
    const std::int64_t step = count > 1 ? rows.times[1] - rows.times[0] : 1'000'000'000;
    const SteadyTime until = clock.steady() + options.time_max;
    std::vector<double> latencies;
    std::vector<double> row(width);
    std::size_t seen = 0;
    for (std::size_t i = 0; latencies.size() < options.windows; ++i) {
        const std::size_t shift = i / count * turn;
        for (std::size_t input = 0; input < width; ++input)
            row[input] = rows.values[(i + shift * (input + 1)) % count][input];
        const Timestamp time{step * static_cast<std::int64_t>(i)};
        const SteadyTime before = clock.steady();
        const auto outcome = pipeline.push({time, row, {}});
        const SteadyTime after = clock.steady();
        if (outcome && ++seen > options.warm_up) latencies.push_back(us(after - before));
        if (after > until) break;
    }
    return latencies;
}

Result<std::vector<double>> time_vectors(pipeline::Pipeline& pipeline, const TestRows& rows,
                                         Clock& clock, const MeasureOptions& options) {
    std::vector<float> out(pipeline.model().output_size());
    const SteadyTime until = clock.steady() + options.time_max;
    std::vector<double> latencies;
    for (std::size_t i = 0; latencies.size() < options.windows; ++i) {
        std::vector<float> features = rows.vectors[i % rows.vectors.size()];
        const auto by = static_cast<std::ptrdiff_t>(i * turn % features.size());
        std::rotate(features.begin(), features.begin() + by, features.end());
        const SteadyTime before = clock.steady();
        TRY_VOID(pipeline.model().run(features, out));
        const SteadyTime after = clock.steady();
        if (i >= options.warm_up) latencies.push_back(us(after - before));
        if (after > until) break;
    }
    return latencies;
}

// "native avx512", or "onnxruntime 1.30.0 (not native: operator Erf is not one of ...)".
std::string engine_of(const inference::Model& model, const inference::Engine& engine) {
    const std::string name = model.engine().empty() ? engine.name() : model.engine();
    return model.remark().empty() ? name : name + " (" + model.remark() + ")";
}

}  // namespace

Result<Json> measure_bundle(ByteView tar, inference::Engine& engine, Clock& clock,
                            MeasureOptions options) {
    TestRows rows;
    {
        TRY(const pipeline::Bundle bundle, pipeline::unpack(tar));
        TRY(rows, rows_of(bundle.selftest));
    }
    TRY(auto loaded, pipeline::load_bundle(tar, engine, clock));
    std::vector<double> latencies;
    if (!rows.times.empty()) {
        latencies = time_rows(loaded.pipeline, rows, clock, options);
    } else if (!rows.vectors.empty()) {
        TRY(latencies, time_vectors(loaded.pipeline, rows, clock, options));
    }
    if (latencies.empty())
        return Error{Errc::invalid_input,
                     "its self-test leads to no window within " + to_text(options.time_max)};
    std::sort(latencies.begin(), latencies.end());
    const auto at = [&](double share) {
        return latencies[static_cast<std::size_t>(
            share * static_cast<double>(latencies.size() - 1) + 0.5)];
    };
    TRY(const std::uint64_t rss, peak_rss());
    return Json(JsonObject{{"bundle", loaded.id},
                           {"engine", engine_of(loaded.pipeline.model(), engine)},
                           {"windows", latencies.size()},
                           {"latency_us_p50", at(0.5)},
                           {"latency_us_p99", at(0.99)},
                           {"latency_us_max", latencies.back()},
                           {"peak_rss_bytes", rss}});
}

}  // namespace mw::agent
