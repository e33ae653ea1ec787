#include "device/agent/converger.h"

#include <array>

#include "base/log.h"

namespace mw::agent {
namespace {

constexpr std::uint64_t document_bytes_max = 4 << 20;
constexpr std::int64_t uplink_rate_min = 1024;  // slower, and health alone would fill the line

JsonObject object_at(const Json& document, std::string_view key) {
    const Json* part = find(document, key);
    return part && part->is_object() ? part->get_object() : JsonObject{};
}

}  // namespace

Converger::Converger(Parts parts, DeviceId device, std::string directory)
    : parts_(std::move(parts)),
      device_(std::move(device)),
      directory_(std::move(directory)),
      sources_(
          {parts_.loop, parts_.workers, parts_.files, parts_.clock, parts_.processor,
           [this](const std::string& name) { return parts_.processor.source_checkpoint(name); },
           [this] { changed(); }},
          device_, directory_),
      downloads_(parts_.hub),
      models_({parts_.workers, parts_.files, parts_.clock, parts_.processor, device_,
               parts_.program, [this] { return surroundings(); }}),
      firmware_(parts_.workers, parts_.files, directory_),
      updates_({parts_.loop, parts_.workers, parts_.files, parts_.clock, downloads_, models_,
                firmware_, parts_.trust},
               directory_) {
    updates_.on_change([this] { changed(); });
}

Converger::~Converger() = default;

Task<> Converger::run() {
    auto ended = co_await follow();
    ignore(co_await updates_.stop(), "the next start continues");
    sources_.stop();
    co_return ended;
}

Task<> Converger::follow() {
    const std::string path = files::join(directory_, "desired.json");
    auto job = [this, path] { return files::read_all(parts_.files, path, document_bytes_max); };
    auto remembered = co_await parts_.workers.run(std::move(job));
    if (remembered && !next_) desire(std::string(remembered->begin(), remembered->end()));
    for (;;) {
        while (!next_) {
            arrived_.reset();
            CO_TRY_VOID(co_await arrived_.wait());
        }
        const std::string text = *std::exchange(next_, std::nullopt);
        CO_TRY_VOID(co_await converge(text));
    }
}

void Converger::desire(std::string document) {
    next_ = std::move(document);
    arrived_.set();
}

void Converger::changed() {
    if (on_report_) on_report_();
}

Task<> Converger::remember(std::string text) {
    auto job = [this, text = std::move(text)] {
        return files::atomic_replace(parts_.files, files::join(directory_, "desired.json"),
                                     bytes_of(text));
    };
    auto outcome = co_await parts_.workers.run(std::move(job));
    if (!outcome && outcome.error().code == Errc::cancelled) co_return std::move(outcome);
    if (!outcome) log::warn("edge.desired.not_kept", {{"reason", outcome.error().message}});
    co_return Result<>{};
}

Task<> Converger::converge(std::string text) {
    const auto document = parse_json(text);
    if (!document || !document->is_object()) {
        log::warn("edge.desired.unreadable",
                  {{"reason", document ? "not an object" : document.error().message}});
        co_return Result<>{};
    }
    CO_TRY_VOID(co_await remember(text));
    asset_ = find_string(*document, "asset").value_or("");
    constexpr std::array<std::string_view, 6> known = {"generation", "asset",    "models",
                                                       "sources",    "firmware", "config"};
    ignored_.clear();
    for (const auto& [key, part] : document->get_object())
        if (std::find(known.begin(), known.end(), key) == known.end()) ignored_.emplace_back(key);
    read_config(*document);
    coming_sources_.clear();
    for (const auto& [key, entry] : object_at(*document, "sources")) {
        if (!entry.is_object()) continue;
        JsonObject bare = entry.get_object();
        bare.erase("hash");
        coming_sources_[std::string(key)] = {find_string(entry, "hash").value_or(""),
                                             Json(std::move(bare))};
    }
    // Models first: a source that starts must find those that judge its rows.
    JsonObject models = object_at(*document, "models");
    CO_TRY_VOID(co_await updates_.want(updates::Kind::model, std::move(models)));
    JsonObject firmware = object_at(*document, "firmware");
    CO_TRY_VOID(co_await updates_.want(updates::Kind::firmware, std::move(firmware)));
    // What is reported from now on answers to this document.
    generation_ = find_integer(*document, "generation").value_or(0);
    CO_TRY_VOID(co_await updates_.settled(updates::Kind::model));
    auto sources = coming_sources_;
    CO_TRY_VOID(co_await sources_.converge(std::move(sources)));
    changed();
    co_return Result<>{};
}

void Converger::read_config(const Json& document) {
    config_error_.reset();
    const auto sketches = find_string(document, "config.sketch_every");
    auto window = parse_duration(sketches.value_or("10m"));
    if (window && *window >= observation::window_min)
        parts_.processor.observe_every(*window);
    else
        config_error_ = Error{Errc::invalid_input, "config.sketch_every: want at least 1s"};
    if (const Json* watch = find(document, "config.updates.watch")) {
        auto rule = updates::watch_of(*watch, {});
        if (rule)
            updates_.set_watch(*rule);
        else
            config_error_ = std::move(rule).error().context("config.updates");
    } else {
        updates_.set_watch({});
    }
    read_uplink(document);
    const Json* labels = find(document, "config.labels");
    if (parts_.configure_labels) {
        auto configured = parts_.configure_labels(labels ? *labels : Json(JsonObject{}));
        if (!configured) config_error_ = std::move(configured).error();
    }
    const auto text = find_string(document, "config.health_every");
    if (!text) return;
    auto every = parse_duration(*text);
    if (every && *every >= milliseconds{100})
        health_every_ = *every;
    else
        config_error_ = Error{Errc::invalid_input, "config.health_every: want at least 100ms"};
}

void Converger::read_uplink(const Json& document) {
    const Json* uplink = find(document, "config.uplink");
    std::int64_t rate = 0, burst = 0;
    if (uplink) {
        rate = find_integer(*uplink, "bytes_per_second").value_or(0);
        burst = find_integer(*uplink, "burst_bytes").value_or(rate);
        if (rate < uplink_rate_min || burst < 0) {
            config_error_ = Error{Errc::invalid_input,
                                  "config.uplink: want bytes_per_second of at least 1024, and "
                                  "burst_bytes of at least 0 (a second's worth unless said)"};
            return;
        }
    }
    if (on_uplink_) on_uplink_(static_cast<std::uint64_t>(rate), static_cast<std::uint64_t>(burst));
}

// What a model that starts may look back in. At a restart no source runs yet: what is to run looks
// back all the same.
ModelInstaller::Surroundings Converger::surroundings() {
    ModelInstaller::Surroundings around;
    around.asset = asset_;
    around.recordings = sources_.running();
    if (!around.recordings.empty()) return around;
    for (const auto& [source, wanted] : coming_sources_) {
        auto made = sources::make_source(wanted.description, {device_, source, &parts_.clock});
        if (made) around.recordings.push_back(around.owned.emplace_back(std::move(*made)).get());
    }
    return around;
}

Json Converger::report() const {
    JsonObject models = updates_.report(updates::Kind::model);
    JsonArray ignored;
    for (const auto& key : ignored_) ignored.emplace_back(key);
    JsonObject config{{"state", config_error_ ? "failed" : "applied"}};
    if (config_error_) config["reason"] = config_error_->message;
    return JsonObject{{"generation", generation_},
                      {"agent", MW_VERSION},
                      {"models", std::move(models)},
                      {"sources", sources_.report()},
                      {"firmware", updates_.report(updates::Kind::firmware)},
                      {"config", std::move(config)},
                      {"ignored", std::move(ignored)}};
}

}  // namespace mw::agent
