#include "device/agent/converger.h"

#include <array>

#include "base/log.h"

namespace mw::agent {
namespace {

constexpr std::uint64_t bundle_bytes_max = std::uint64_t{300} << 20;
constexpr std::uint64_t document_bytes_max = 4 << 20;

JsonObject object_at(const Json& document, std::string_view key) {
    const Json* part = find(document, key);
    return part && part->is_object() ? part->get_object() : JsonObject{};
}

}  // namespace

Converger::Converger(Parts parts, DeviceId device, std::string directory)
    : parts_(parts), device_(std::move(device)), directory_(std::move(directory)) {}

Converger::~Converger() = default;

Task<> Converger::run() {
    const std::string path = files::join(directory_, "desired.json");
    auto job = [this, path] { return files::read_all(parts_.files, path, document_bytes_max); };
    auto remembered = co_await parts_.workers.run(std::move(job));
    if (remembered && !next_) desire(std::string(remembered->begin(), remembered->end()));
    for (;;) {
        while (!next_) {
            arrived_.reset();
            auto waited = co_await arrived_.wait();
            if (!waited) {
                while (!running_.empty()) running_.erase(running_.begin());
                co_return std::move(waited);
            }
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
    generation_ = find_integer(*document, "generation").value_or(0);
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
        coming_sources_[std::string(key)] = std::move(bare);
    }
    // Models first: a source that starts must find those that judge its rows.
    JsonObject models = object_at(*document, "models");
    CO_TRY_VOID(co_await converge_models(std::move(models)));
    JsonObject sources = object_at(*document, "sources");
    CO_TRY_VOID(co_await converge_sources(std::move(sources)));
    changed();
    co_return Result<>{};
}

void Converger::read_config(const Json& document) {
    config_error_.reset();
    const auto text = find_string(document, "config.health_every");
    if (!text) return;
    auto every = parse_duration(*text);
    if (every && *every >= milliseconds{100})
        health_every_ = *every;
    else
        config_error_ = Error{Errc::invalid_input, "config.health_every: want at least 100ms"};
}

Task<> Converger::converge_models(JsonObject wanted) {
    std::vector<std::string> gone;
    for (const auto& [name, entry] : models_)
        if (!wanted.contains(name)) gone.push_back(name);
    for (const auto& name : gone) {
        CO_TRY_VOID(co_await parts_.processor.uninstall(name));
        models_.erase(name);
        log::info("edge.model.removed", {{"model", name}});
    }
    for (const auto& [key, description] : wanted) {
        const std::string name(key);
        const std::string hash = find_string(description, "bundle").value_or("");
        Entry& entry = models_[name];
        if (entry.state == "applied" && entry.hash == hash) continue;
        entry.hash = hash;
        entry.version = find_string(description, "version").value_or("");
        auto loaded = co_await load_model(name, description);
        if (!loaded && loaded.error().code == Errc::cancelled) co_return std::move(loaded);
        entry.state = loaded ? "applied" : "failed";
        entry.error.reset();
        if (!loaded) {
            log::warn("edge.model.failed", {{"model", name}, {"reason", loaded.error().message}});
            entry.error = std::move(loaded).error();
        } else {
            log::info("edge.model.loaded", {{"model", name}, {"version", entry.version}});
        }
        changed();
    }
    co_return Result<>{};
}

Task<Bytes> Converger::bundle_bytes(std::string sha256) {
    const std::string folder = files::join(directory_, "bundles");
    const std::string path = files::join(folder, sha256 + ".tar");
    auto read = [this, path, sha256]() -> Result<Bytes> {
        TRY(Bytes bytes, files::read_all(parts_.files, path, bundle_bytes_max));
        if (to_hex(crypto::sha256(bytes)) != sha256)
            return Error{Errc::corrupt, "'" + path + "' is not what was downloaded"};
        return bytes;
    };
    auto kept = co_await parts_.workers.run(std::move(read));
    if (kept || kept.error().code == Errc::cancelled) co_return kept;
    CO_TRY(Bytes bytes, co_await parts_.hub.download(sha256, bundle_bytes_max));
    auto keep = [this, folder, path, bytes]() -> Result<> {
        TRY_VOID(parts_.files.make_directories(folder, 0750));
        return files::atomic_replace(parts_.files, path, bytes);
    };
    CO_TRY_VOID(co_await parts_.workers.run(std::move(keep)));
    co_return bytes;
}

Task<> Converger::load_model(std::string name, Json entry) {
    CO_TRY(const std::string sha256, want_string(entry, "bundle"));
    CO_TRY(const Bytes bytes, co_await bundle_bytes(sha256));
    auto load = [this, bytes, sha256]() -> Result<pipeline::LoadedBundle> {
        if (!engine_) {
            TRY(engine_, inference::open_onnx_runtime());
        }
        return pipeline::load_bundle(bytes, *engine_, parts_.clock, sha256);
    };
    CO_TRY(auto bundle, co_await parts_.workers.run(std::move(load)));
    Assignment assignment{device_, asset_, name, find_string(entry, "version").value_or("")};
    auto runner = std::make_unique<ModelRunner>(std::move(assignment), std::move(bundle));
    std::vector<sources::Source*> recordings;
    for (const auto& [source, running] : running_) recordings.push_back(running.source.get());
    // At a restart no source runs yet: what is to run looks back all the same.
    std::vector<std::unique_ptr<sources::Source>> coming;
    if (running_.empty()) {
        for (const auto& [source, description] : coming_sources_) {
            auto made = sources::make_source(description, {device_, source, &parts_.clock});
            if (made) recordings.push_back(coming.emplace_back(std::move(*made)).get());
        }
    }
    co_return co_await parts_.processor.install(std::move(runner), std::move(recordings));
}

Task<> Converger::converge_sources(JsonObject wanted) {
    std::vector<std::string> gone;
    for (const auto& [name, entry] : sources_)
        if (!wanted.contains(name)) gone.push_back(name);
    for (const auto& name : gone) {
        CO_TRY_VOID(co_await stop_source(name));
        sources_.erase(name);
        log::info("edge.source.removed", {{"source", name}});
    }
    for (const auto& [key, entry] : wanted) {
        const std::string name(key);
        const std::string hash = find_string(entry, "hash").value_or("");
        const Json& bare = coming_sources_[name];
        const auto found = running_.find(name);
        if (found != running_.end() && found->second.hash == hash) continue;
        if (found != running_.end() && found->second.source->reconfigure(bare)) {
            found->second.hash = hash;
            sources_[name].hash = hash;
            continue;
        }
        CO_TRY_VOID(co_await stop_source(name));
        sources_[name] = {};
        sources_[name].hash = hash;
        auto started = co_await start_source(name, bare);
        if (!started && started.error().code == Errc::cancelled) co_return std::move(started);
        sources_[name].state = started ? "applied" : "failed";
        if (started) {
            log::info("edge.source.started", {{"source", name}});
        } else {
            log::warn("edge.source.failed",
                      {{"source", name}, {"reason", started.error().message}});
            sources_[name].error = std::move(started).error();
        }
    }
    co_return Result<>{};
}

Task<> Converger::start_source(std::string name, Json description) {
    auto job = [this, name, description] {
        return sources::make_source(description, {device_, name, &parts_.clock});
    };
    CO_TRY(auto source, co_await parts_.workers.run(std::move(job)));
    Running& running = running_[name];
    running.hash = sources_[name].hash;
    running.source = std::move(source);
    running.scope = std::make_unique<Scope>(parts_.loop);
    running.scope->spawn(run_source(name, *running.source));
    co_return Result<>{};
}

Task<> Converger::run_source(std::string name, sources::Source& source) {
    auto outcome = co_await source.run(parts_.processor, parts_.processor.source_checkpoint(name));
    if (outcome || outcome.error().code == Errc::cancelled) co_return std::move(outcome);
    log::warn("edge.source.failed", {{"source", name}, {"reason", outcome.error().message}});
    sources_[name].state = "failed";
    sources_[name].error = std::move(outcome).error();
    changed();
    co_return Result<>{};
}

Task<> Converger::stop_source(std::string name) {
    const auto found = running_.find(name);
    if (found == running_.end()) co_return Result<>{};
    found->second.scope->cancel();
    CO_TRY_VOID(co_await found->second.scope->join());
    running_.erase(name);
    co_return Result<>{};
}

Json Converger::report() const {
    const auto describe = [](const Entry& entry) {
        JsonObject object{{"state", entry.state}, {"hash", entry.hash}};
        if (!entry.version.empty()) object["version"] = entry.version;
        if (entry.error) {
            object["code"] = std::string(to_string(entry.error->code));
            object["reason"] = entry.error->message;
        }
        return object;
    };
    JsonObject models, sources;
    for (const auto& [name, entry] : models_) models[name] = describe(entry);
    for (const auto& [name, entry] : sources_) {
        JsonObject object = describe(entry);
        if (const auto found = running_.find(name); found != running_.end())
            object["running"] = found->second.source->status().state;
        sources[name] = std::move(object);
    }
    JsonArray ignored;
    for (const auto& key : ignored_) ignored.emplace_back(key);
    JsonObject config{{"state", config_error_ ? "failed" : "applied"}};
    if (config_error_) config["reason"] = config_error_->message;
    return JsonObject{{"generation", generation_},    {"agent", MW_VERSION},
                      {"models", std::move(models)},  {"sources", std::move(sources)},
                      {"firmware", JsonObject{}},     {"config", std::move(config)},
                      {"ignored", std::move(ignored)}};
}

}  // namespace mw::agent
