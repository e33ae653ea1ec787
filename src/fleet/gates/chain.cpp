#include "fleet/gates/chain.h"

#include <algorithm>
#include <limits>

namespace mw::gates {
namespace {

// A column of one recording, by row.
struct ScoreColumn {
    std::vector<double> values;
    std::vector<Quality> quality;
};

Result<ScoreColumn> scores_of(pipeline::Pipeline& pipeline, const detectors::Recording& recording) {
    TRY(auto reader, detectors::RowReader::open(recording, pipeline.spec().signals()));
    features::Resampler grid(pipeline.spec().inputs.size(), pipeline.spec().resample);
    ScoreColumn column;
    column.values.assign(recording.rows(), std::numeric_limits<double>::quiet_NaN());
    column.quality.assign(recording.rows(), Quality::bad(Reason::not_a_number));
    for (std::size_t row = 0; row < recording.rows(); ++row) {
        grid.add(reader.at(row));
        while (const auto even = grid.next()) {
            const auto outcome = pipeline.push(*even);
            if (!outcome || !outcome->fallback.empty()) continue;
            const auto end = std::ranges::upper_bound(recording.times, outcome->window_to);
            if (end == recording.times.begin()) continue;
            const auto at = static_cast<std::size_t>(end - recording.times.begin()) - 1;
            column.values[at] = outcome->score;
            column.quality[at] = outcome->inputs_quality;
        }
    }
    return column;
}

void append_column(detectors::Recording& recording, const std::string& name,
                   const ScoreColumn& column) {
    const std::size_t width = recording.width(), rows = recording.rows();
    std::vector<double> values;
    std::vector<Quality> quality;
    values.reserve(rows * (width + 1));
    quality.reserve(rows * (width + 1));
    for (std::size_t row = 0; row < rows; ++row) {
        for (std::size_t i = row * width; i < (row + 1) * width; ++i) {
            values.push_back(recording.values[i]);
            quality.push_back(recording.quality.empty() ? Quality::good() : recording.quality[i]);
        }
        values.push_back(column.values[row]);
        quality.push_back(column.quality[row]);
    }
    recording.values = std::move(values);
    recording.quality = std::move(quality);
    recording.signals.push_back(name);
}

Result<> add_score(datasets::Content& content, const Feeder& feeder, inference::Engine& engine) {
    RealClock clock;
    TRY(auto bundle, pipeline::load_bundle(feeder.bytes, engine, clock, feeder.bundle));
    const std::string name = pipeline::score_signal(feeder.model);
    for (auto& device : content.devices) {
        bundle.pipeline.reset();
        TRY(const ScoreColumn column, scores_of(bundle.pipeline, device.recording));
        append_column(device.recording, name, column);
    }
    content.signals.push_back(name);
    return {};
}

}  // namespace

Result<std::vector<std::string>> fed_by(ByteView bundle) {
    TRY(const pipeline::Bundle parts, pipeline::unpack(bundle));
    TRY(const pipeline::Spec spec, pipeline::parse_spec(parts.pipeline));
    return spec.fed_by();
}

Result<std::vector<std::string>> add_scores(datasets::Content& content, std::vector<Feeder> feeders,
                                            inference::Engine& engine) {
    std::vector<std::string> ran;
    const auto has = [&](const std::string& model) {
        return std::ranges::find(content.signals, pipeline::score_signal(model)) !=
               content.signals.end();
    };
    std::erase_if(feeders, [&](const Feeder& feeder) { return has(feeder.model); });
    while (!feeders.empty()) {
        const auto ready = std::ranges::find_if(
            feeders, [&](const Feeder& feeder) { return std::ranges::all_of(feeder.fed_by, has); });
        // What is left waits for a model that is not here: the row that lacks its scores says so.
        if (ready == feeders.end()) break;
        auto added = add_score(content, *ready, engine);
        if (!added)
            return std::move(added).error().context("running '" + ready->model + "' " +
                                                    ready->version + ", which feeds it");
        ran.push_back(ready->model + " " + ready->version);
        feeders.erase(ready);
    }
    return ran;
}

}  // namespace mw::gates
