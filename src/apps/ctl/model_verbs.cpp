// model train, push, assign, list.
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <iostream>

#include "apps/ctl/artifacts.h"
#include "apps/ctl/outside_trainer.h"
#include "apps/ctl/recordings.h"
#include "data/datasets/datasets.h"

#include "base/sql_text.h"

namespace mw::ctl {
namespace {

struct TrainArguments {
    std::string algorithm = "knn", product = "points", from, to, out, push, dataset, split;
    std::vector<std::string> devices, signals;
    detectors::TrainOptions options;
    OutsideTrainer outside;
    bool labels = false;
};

Result<std::string> training_sql(const TrainArguments& a) {
    std::string sql = "SELECT epoch_ns(time) AS t, device, signal, value, quality FROM " +
                      sql_name(a.product) + " WHERE text IS NULL";
    for (const auto& [bound, text] : {std::pair{" >= ", a.from}, std::pair{" < ", a.to}}) {
        if (text.empty()) continue;
        TRY(const Timestamp time, parse_iso8601(text));
        sql +=
            std::string(" AND time") + bound + "make_timestamp_ns(" + std::to_string(time.ns) + ")";
    }
    const auto in = [&](const char* column, const std::vector<std::string>& names) {
        if (names.empty()) return;
        sql += std::string(" AND ") + column + " IN (";
        for (std::size_t i = 0; i < names.size(); ++i)
            sql += (i > 0 ? ", " : "") + sql_text(names[i]);
        sql += ")";
    };
    in("device", a.devices);
    std::vector<std::string> signals = a.signals;
    if (!signals.empty() && !a.options.target.empty()) signals.push_back(a.options.target);
    if (!signals.empty())
        signals.insert(signals.end(), a.options.operating.begin(), a.options.operating.end());
    in("signal", signals);
    return sql + " ORDER BY device, t";
}

Result<> push_bundle(Hub& hub, ByteView bundle, const VersionName& name, const Json& provenance) {
    TRY(const Json blob, upload_blob(hub, std::string(text_of(bundle))));
    auto model = hub.get("/v1/models/" + name.name);
    if (!model && model.error().code == Errc::not_found) {
        const Json fresh = {{"kind", "Model"}, {"name", name.name}, {"spec", JsonObject{}}};
        TRY_VOID(hub.send(http::Method::post, "/v1/models", fresh));
    } else if (!model) {
        return std::move(model).error();
    }
    Json spec = provenance.is_object() ? provenance : Json(JsonObject{});
    set(spec, "model", Json(name.name));
    set(spec, "version", Json(name.version));
    set(spec, "bundle", *find(blob, "sha256"));
    set(spec, "size", bundle.size());
    const Json version = {
        {"kind", "ModelVersion"}, {"name", name.resource()}, {"spec", std::move(spec)}};
    TRY_VOID(hub.send(http::Method::post, "/v1/model-versions", version));
    std::cout << "model-versions/" << name.resource() << " pushed, bundle " << cell(blob, "sha256")
              << ", " << bundle.size() << " bytes\n";
    return {};
}

// Rows to be fitted on, and where they came from.
struct TrainingRows {
    std::vector<detectors::Recording> recordings;
    std::string sql;
    std::string from, to;
    std::string sha256;  // of the frozen dataset
    std::string frozen;  // its bytes
    Json dataset;
};

// The rows of a frozen dataset that are not known to be anomalous, or, for those who learn from
// labels, those whose label is known. Hash checked.
Result<TrainingRows> frozen_rows(Hub& hub, const TrainArguments& a) {
    TRY(const Json dataset, hub.get("/v1/datasets/" + a.dataset));
    TRY(const std::string bytes, download_dataset(hub, dataset));
    const std::string sha256 = cell(dataset, "status.sha256");
    TRY(const auto content, datasets::read_dataset(bytes));
    TrainingRows rows;
    rows.sql = "dataset " + a.dataset + " (sha256 " + sha256 + ")" +
               (a.split.empty() ? "" : " split " + a.split) + ": " +
               find_string(dataset, "status.sql").value_or("");
    rows.from = cell(dataset, "spec.from");
    rows.to = cell(dataset, "spec.to");
    rows.sha256 = sha256;
    rows.frozen = bytes;
    rows.dataset = dataset;
    const bool supervised =
        a.outside.command.empty()
            ? detectors::is_supervised(a.options.algorithm) && a.options.target.empty()
            : a.labels;
    if (supervised) {
        TRY(rows.recordings,
            datasets::labelled_rows(content, a.split).context("dataset '" + a.dataset + "'"));
    } else if (a.split.empty()) {
        rows.recordings = datasets::normal_rows(content);
    } else {
        TRY(rows.recordings,
            datasets::normal_rows(content, a.split).context("dataset '" + a.dataset + "'"));
    }
    return rows;
}

Result<TrainingRows> stored_rows(Hub& hub, const TrainArguments& a) {
    TrainingRows rows{{}, {}, a.from, a.to, {}};
    TRY(rows.sql, training_sql(a));
    TRY(const std::string csv, query_csv(hub, rows.sql));
    std::vector<std::string> columns = a.signals;
    const auto also = [&](const std::string& signal) {
        if (std::find(columns.begin(), columns.end(), signal) == columns.end())
            columns.push_back(signal);
    };
    if (!columns.empty() && !a.options.target.empty()) also(a.options.target);
    if (!columns.empty())
        std::for_each(a.options.operating.begin(), a.options.operating.end(), also);
    TRY(rows.recordings, recordings_from_csv(csv, columns));
    return rows;
}

Result<> train(Context& context, TrainArguments a) {
    TRY(a.options.algorithm, detectors::parse_algorithm(a.algorithm));
    if (a.out.empty() && a.push.empty())
        return Error{Errc::invalid_input, "want --out FILE or --push MODEL:VERSION"};
    VersionName name;
    if (!a.push.empty()) {
        TRY(name, parse_version(a.push));
    }
    TRY(Hub * hub, context.hub());
    if (!a.dataset.empty() && !(a.from + a.to).empty())
        return Error{Errc::invalid_input, "--dataset has its own --from and --to"};
    if (a.dataset.empty() && !a.split.empty())
        return Error{Errc::invalid_input, "--split is a part of a --dataset; say which"};
    TRY(const TrainingRows found, a.dataset.empty() ? stored_rows(*hub, a) : frozen_rows(*hub, a));
    const std::string& sql = found.sql;
    std::cerr << "training on: " << sql << '\n';
    std::size_t rows = 0;
    for (const auto& recording : found.recordings) rows += recording.rows();
    a.options.signals = a.signals;
    a.options.trained_on = sql;
    TRY(auto engine, inference::open_onnx_runtime());
    TRY(const auto trained, detectors::train(found.recordings, a.options, *engine));
    std::cout << to_pretty_json(trained.summary) << '\n';
    if (!a.out.empty()) TRY_VOID(write_file(a.out, text_of(trained.bundle)));
    if (a.push.empty()) return {};
    JsonObject trained_on{{"sql", sql}, {"rows", rows}};
    if (!found.from.empty()) trained_on["from"] = found.from;
    if (!found.to.empty()) trained_on["to"] = found.to;
    if (!a.dataset.empty()) trained_on["dataset"] = a.dataset;
    if (!a.dataset.empty()) trained_on["dataset_sha256"] = found.sha256;
    if (!a.split.empty()) trained_on["split"] = a.split;
    const Json provenance = {{"algorithm", std::string(detectors::to_string(a.options.algorithm))},
                             {"trained_on", std::move(trained_on)}};
    return push_bundle(*hub, trained.bundle, name, provenance);
}

// The same for a command: rows of a frozen dataset and their windows in, its ONNX file out.
Result<> train_by_command(Context& context, TrainArguments a) {
    if (a.dataset.empty() || a.outside.pipeline.empty())
        return Error{Errc::invalid_input, "--command wants a --dataset and a --pipeline"};
    if (a.out.empty() && a.push.empty())
        return Error{Errc::invalid_input, "want --out FILE or --push MODEL:VERSION"};
    VersionName name;
    if (!a.push.empty()) {
        TRY(name, parse_version(a.push));
    }
    TRY(const std::string yaml, read_file(a.outside.pipeline));
    TRY(const auto spec, pipeline::parse_spec(yaml).context(a.outside.pipeline));
    TRY(Hub * hub, context.hub());
    TRY(const TrainingRows found, frozen_rows(*hub, a));
    TRY(const auto windows, detectors::windows_of(found.recordings, spec));
    TRY(const Resource dataset, resource_from_json(found.dataset));
    TRY(const Json card, datasets::data_card(dataset));
    const OutsideRows rows{found.frozen, found.sql,
                           detectors::windows_csv(windows, found.recordings),
                           to_pretty_json(card) + "\n"};
    std::cerr << "training on: " << found.sql << ", " << windows.size() << " windows\n";
    TRY(auto work, run_outside(a.outside, rows, yaml));
    TRY(auto engine, inference::open_onnx_runtime());
    const std::string text = outside_card(a.outside, rows, work, windows.size());
    TRY(const Bytes bundle,
        detectors::outside_bundle({std::move(work.onnx), work.pipeline, text}, windows, *engine));
    const Json trained_on = {{"dataset", a.dataset},
                             {"dataset_sha256", found.sha256},
                             {"rows", windows.rows},
                             {"from", found.from},
                             {"to", found.to}};
    Json provenance = {{"algorithm", "command"}, {"trained_on", trained_on}};
    if (!a.split.empty()) set(provenance, "trained_on.split", Json(a.split));
    std::cout << to_pretty_json(Json({{"command", a.outside.command},
                                      {"version", work.version},
                                      {"windows", windows.size()},
                                      {"seconds", work.took / milliseconds{1} / 1000.0},
                                      {"bundle", pipeline::bundle_id(bundle)}}))
              << '\n';
    if (!a.out.empty()) TRY_VOID(write_file(a.out, text_of(bundle)));
    if (a.push.empty()) return {};
    return push_bundle(*hub, bundle, name, provenance);
}

struct PushArguments {
    std::string file, onnx, pipeline, card, name;
};

Result<Bytes> bundle_of(const PushArguments& a) {
    if (!a.file.empty()) {
        TRY(const std::string text, read_file(a.file));
        return Bytes(text.begin(), text.end());
    }
    if (a.onnx.empty() || a.pipeline.empty())
        return Error{Errc::invalid_input, "want --bundle FILE, or --onnx FILE and --pipeline FILE"};
    pipeline::BundleParts parts;
    TRY(const std::string onnx, read_file(a.onnx));
    parts.model.assign(onnx.begin(), onnx.end());
    TRY(parts.pipeline, read_file(a.pipeline));
    if (!a.card.empty()) {
        TRY(parts.card, read_file(a.card));
    }
    TRY(auto engine, inference::open_onnx_runtime());
    return pipeline::make_bundle(std::move(parts), *engine);
}

Result<> push(Context& context, const PushArguments& a) {
    TRY(const VersionName name, parse_version(a.name));
    TRY(const Bytes bundle, bundle_of(a));
    TRY_VOID(pipeline::unpack(bundle).context("the bundle"));
    TRY(Hub * hub, context.hub());
    return push_bundle(*hub, bundle, name, nullptr);
}

void add_train(CLI::App& model, Context& context) {
    auto* sub = model.add_subcommand("train", "fit a model on stored data");
    auto a = std::make_shared<TrainArguments>();
    sub->add_option("--algo", a->algorithm, "one of " + detectors::known_algorithms());
    sub->add_option("--product", a->product, "data product or table to read");
    sub->add_option("--dataset", a->dataset,
                    "a frozen dataset instead; its anomalous rows are left out");
    sub->add_option("--split", a->split, "only this part of the dataset, such as train");
    sub->add_option("--from", a->from, "event time of the first row, ISO 8601");
    sub->add_option("--to", a->to, "before this event time");
    sub->add_option("--device", a->devices, "only these devices");
    sub->add_option("--signals", a->signals, "the model's inputs, in order")->delimiter(',');
    sub->add_option("--window", a->options.window_rows, "rows in a window");
    sub->add_option("--neighbours", a->options.neighbours, "knn: k");
    sub->add_option("--operating", a->options.operating,
                    "operating: signals that set the operating point")
        ->delimiter(',');
    sub->add_option("--target", a->options.target,
                    "boosted, ridge: the signal to explain; without it boosted learns the labels "
                    "of a --dataset");
    sub->add_flag("--classify", a->options.classify,
                  "boosted: the target is on where it is not 0; the score is the probability");
    sub->add_option("--smoothing", a->options.smoothing_scores, "scores that are averaged");
    sub->add_option("--raise-after", a->options.raise_after, "scores in a row that raise an alarm");
    sub->add_option("--baseline-rate", a->options.baseline_rate,
                    "adaptive: how fast the slow level follows, 0 to 1");
    sub->add_option("--quantile", a->options.quantile, "of the training scores");
    sub->add_option("--factor", a->options.factor, "times the quantile is the threshold");
    sub->add_option("--command", a->outside.command,
                    "instead of --algo: a command that finds dataset.parquet, features.csv and "
                    "pipeline.yaml in its folder and leaves model.onnx there");
    sub->add_option("--pipeline", a->outside.pipeline, "of --command: the features it learns from");
    sub->add_flag("--labels", a->labels, "of --command: rows whose label is known, with it");
    sub->add_option("--version-command", a->outside.version_command,
                    "of --command: says which version of the trainer this is, for the card");
    sub->add_option("--work", a->outside.folder, "of --command: its folder; else a temporary one");
    sub->add_option("--limit", a->outside.limit, "of --command: how long it may take");
    sub->add_option("--memory-mb", a->outside.memory_mb, "of --command: data of each process");
    sub->add_option("--out", a->out, "write the bundle to a file");
    sub->add_option("--push", a->push, "push it as MODEL:VERSION");
    sub->footer(
        "Example:\n  millwright model train --algo knn --product pump-house --to "
        "2026-03-09T12:00:00Z \\\n    --signals accelerometer1,accelerometer2,flow --push pump:1\n"
        "  millwright model train --algo adaptive --device gw-1 --push pump-plant:1\n"
        "  millwright model train --algo boosted --dataset labelled-june --push failures:1\n"
        "  millwright model train --command 'python3 train.py' --pipeline p.yaml --dataset june "
        "--push own:1");
    sub->callback([&context, a] {
        context.run([&] {
            return a->outside.command.empty() ? train(context, *a) : train_by_command(context, *a);
        });
    });
}

void add_push(CLI::App& model, Context& context) {
    auto* sub = model.add_subcommand("push", "store a bundle, or any ONNX with a pipeline file");
    auto a = std::make_shared<PushArguments>();
    sub->add_option("version", a->name, "MODEL:VERSION")->required();
    sub->add_option("--bundle", a->file, "a bundle, from model train --out");
    sub->add_option("--onnx", a->onnx, "an ONNX file");
    sub->add_option("--pipeline", a->pipeline, "its pipeline.yaml (docs/formats/pipeline.md)");
    sub->add_option("--card", a->card, "its model card, Markdown");
    sub->callback([&context, a] { context.run([&] { return push(context, *a); }); });
}

}  // namespace

void add_model_verbs(CLI::App& app, Context& context) {
    auto* model = app.add_subcommand("model", "train, push and assign models");
    model->require_subcommand(1);
    add_train(*model, context);
    add_push(*model, context);
    auto* sub = model->add_subcommand("assign", "let devices run a version");
    auto a = std::make_shared<AssignArguments>();
    add_assign_options(*sub, *a);
    sub->callback([&context, a] {
        context.run([&] { return assign(context, *a, "models", "model-versions"); });
    });
}

}  // namespace mw::ctl
