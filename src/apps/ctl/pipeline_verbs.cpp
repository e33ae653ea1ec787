// pipeline explain: what a pipeline does, in words, and what its features are for given rows.
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <cstdio>
#include <iostream>

#include "apps/ctl/command.h"
#include "insight/detectors/detectors.h"

namespace mw::ctl {
namespace {

struct ExplainArguments {
    std::string file, rows, separator = ",", time = "time";
};

// A bundle's pipeline.yaml, or the file itself.
Result<std::string> pipeline_text(const std::string& path) {
    TRY(std::string text, read_file(path));
    const Bytes bytes(text.begin(), text.end());
    if (auto bundle = pipeline::unpack(bytes)) return std::move(bundle->pipeline);
    return text;
}

// The features of the last complete window of a CSV, as the edge computes them.
Result<> print_features(const pipeline::Spec& spec, const ExplainArguments& a) {
    TRY(const std::string text, read_file(a.rows));
    detectors::CsvOptions csv;
    csv.separator = a.separator.empty() ? ',' : a.separator[0];
    csv.time = a.time;
    TRY(const auto recording, detectors::read_csv(text, csv).context(a.rows));
    TRY(auto extractor, features::Extractor::open(spec.plan));
    TRY(auto reader, detectors::RowReader::open(recording, spec.signals()));
    features::Resampler grid(spec.inputs.size(), spec.resample);
    std::vector<double> values;
    std::vector<float> scaled;
    std::string head;
    std::size_t frames = 0;
    for (std::size_t i = 0; i < recording.rows(); ++i) {
        grid.add(reader.at(i));
        while (const auto row = grid.next()) {
            const auto frame = extractor.push(*row);
            if (!frame) continue;
            ++frames;
            values.assign(frame->values.begin(), frame->values.end());
            scaled.assign(frame->scaled.begin(), frame->scaled.end());
            head = to_iso8601(frame->from) + " to " + to_iso8601(frame->to) + ", " +
                   std::to_string(frame->rows) + " rows" +
                   (frame->lacking.empty() ? "" : ", lacking " + std::string(frame->lacking));
        }
    }
    if (frames == 0)
        return Error{Errc::invalid_input, a.rows + ": its " + std::to_string(recording.rows()) +
                                              " rows fill no window; give more"};
    std::cout << "\n" << frames << " windows; the last one: " << head << "\n";
    for (std::size_t i = 0; i < values.size(); ++i) {
        char line[96];
        std::snprintf(line, sizeof line, " = %.9g, to the model %.6g\n", values[i],
                      static_cast<double>(scaled[i]));
        std::cout << "  " << spec.plan.features[i].name << line;
    }
    return {};
}

Result<> explain_pipeline(const ExplainArguments& a) {
    TRY(const std::string text, pipeline_text(a.file));
    TRY(const pipeline::Spec spec, pipeline::parse_spec(text).context(a.file));
    std::cout << pipeline::explain(spec);
    if (a.rows.empty()) return {};
    return print_features(spec, a);
}

}  // namespace

void add_pipeline_verbs(CLI::App& app, Context& context) {
    auto* verbs = app.add_subcommand("pipeline", "what a model is fed, and what becomes of it");
    verbs->require_subcommand(1);
    auto* sub = verbs->add_subcommand("explain", "a pipeline in words; with rows, its features");
    auto a = std::make_shared<ExplainArguments>();
    sub->add_option("file", a->file, "pipeline.yaml, or a bundle")->required();
    sub->add_option("--rows", a->rows, "CSV of the device's signals: its last window is computed");
    sub->add_option("--separator", a->separator, "of the CSV");
    sub->add_option("--time", a->time, "the CSV's column of times");
    sub->footer(
        "Example:\n  millwright model train --algo adaptive --out pump.bundle\n"
        "  millwright pipeline explain pump.bundle --rows today.csv");
    sub->callback([&context, a] { context.run([&] { return explain_pipeline(*a); }); });
}

}  // namespace mw::ctl
