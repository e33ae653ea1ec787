#include "device/updates/artifact.h"

#include <algorithm>

namespace mw::updates {
namespace {

constexpr std::string_view shadow_ending = ".shadow";
constexpr std::size_t name_max = 80;

// Names become names of files.
bool is_plain(std::string_view name) {
    return !name.empty() && name.size() <= name_max && name.front() != '.' &&
           std::ranges::all_of(name, [](unsigned char c) {
               return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '.' || c == '_' || c == '-';
           });
}

bool is_hash(std::string_view text) {
    return text.size() == 64 && std::ranges::all_of(text, [](char c) {
               return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
           });
}

Result<> check(const Artifact& a) {
    auto bad = [&](std::string why) {
        return Error{Errc::invalid_input, "entry '" + a.name + "': " + std::move(why)};
    };
    if (!is_plain(a.name)) return bad("its name has other characters than letters, digits, . _ -");
    if (!is_plain(a.version)) return bad("want 'version' of letters, digits, . _ -");
    if (!is_hash(a.sha256)) return bad("want the file's SHA-256 in 64 hex digits");
    if (a.kind == Kind::firmware && (!is_plain(a.filename) || !is_plain(a.module)))
        return bad("want 'filename' and 'module' of letters, digits, . _ -");
    return {};
}

}  // namespace

std::string_view to_string(Kind kind) { return kind == Kind::model ? "ModelVersion" : "Firmware"; }

std::string Artifact::resource() const {
    std::string_view base = name;
    if (kind == Kind::model && base.ends_with(shadow_ending))
        base.remove_suffix(shadow_ending.size());
    return std::string(base) + "--" + version;
}

Result<Watch> watch_of(const Json& given, const Watch& otherwise) {
    Watch watch = otherwise;
    if (const auto text = find_string(given, "for")) {
        TRY(watch.duration, parse_duration(*text).context("watch.for"));
    }
    const auto count = [&](std::string_view key, std::int64_t fallback) {
        return std::max<std::int64_t>(find_integer(given, key).value_or(fallback), 0);
    };
    watch.decisions = static_cast<std::uint64_t>(
        count("decisions", static_cast<std::int64_t>(otherwise.decisions)));
    watch.failures_max = static_cast<std::uint64_t>(
        count("failures_max", static_cast<std::int64_t>(otherwise.failures_max)));
    watch.restarts_max = static_cast<unsigned>(count("restarts_max", otherwise.restarts_max));
    return watch;
}

Result<Artifact> artifact_of(Kind kind, std::string_view name, const Json& entry,
                             const Watch& watch) {
    Artifact a;
    a.kind = kind;
    a.name = std::string(name);
    a.version = find_string(entry, "version").value_or("");
    a.sha256 = find_string(entry, kind == Kind::model ? "bundle" : "file").value_or("");
    a.size = static_cast<std::uint64_t>(
        std::max<std::int64_t>(find_integer(entry, "size").value_or(0), 0));
    a.filename = find_string(entry, "filename").value_or("");
    a.module = find_string(entry, "module").value_or("");
    a.release = find_string(entry, "release").value_or("");
    a.signature = find_string(entry, "signature").value_or("");
    a.certificate = find_string(entry, "certificate").value_or("");
    a.budget.latency_us_p99 = find_number(entry, "budget.latency_us_p99");
    if (const auto bytes = find_integer(entry, "budget.memory_bytes"); bytes && *bytes >= 0)
        a.budget.memory_bytes = static_cast<std::uint64_t>(*bytes);
    if (const Json* limits = find(entry, "limits")) a.limits = *limits;
    a.watch = watch;
    if (const Json* given = find(entry, "watch")) {
        TRY(a.watch, watch_of(*given, watch));
    }
    TRY_VOID(check(a));
    return a;
}

Json json_of(const Artifact& a) {
    JsonObject budget;
    if (a.budget.latency_us_p99) budget["latency_us_p99"] = *a.budget.latency_us_p99;
    if (a.budget.memory_bytes) budget["memory_bytes"] = *a.budget.memory_bytes;
    return JsonObject{{"kind", to_string(a.kind)},
                      {"name", a.name},
                      {"version", a.version},
                      {"sha256", a.sha256},
                      {"size", a.size},
                      {"filename", a.filename},
                      {"module", a.module},
                      {"release", a.release},
                      {"signature", a.signature},
                      {"certificate", a.certificate},
                      {"counter", a.counter},
                      {"budget", std::move(budget)},
                      {"limits", a.limits},
                      {"watch",
                       {{"for", to_text(a.watch.duration)},
                        {"decisions", a.watch.decisions},
                        {"failures_max", a.watch.failures_max},
                        {"restarts_max", a.watch.restarts_max}}}};
}

Result<Artifact> artifact_from_json(const Json& json) {
    const Kind kind =
        find_string(json, "kind") == to_string(Kind::firmware) ? Kind::firmware : Kind::model;
    Json entry = json;
    if (const Json* hash = find(json, "sha256"))
        set(entry, kind == Kind::model ? "bundle" : "file", *hash);
    TRY(Artifact a, artifact_of(kind, find_string(json, "name").value_or(""), entry, {}));
    a.counter = static_cast<std::uint64_t>(find_integer(json, "counter").value_or(0));
    return a;
}

}  // namespace mw::updates
