#include "domain/decision.h"

namespace mw {
namespace {

Result<Timestamp> want_time(const Json& value, std::string_view path) {
    if (auto ns = find_integer(value, path)) return Timestamp{*ns};
    if (auto text = find_string(value, path)) return parse_iso8601(*text);
    return Error{Errc::invalid_input,
                 "'" + std::string(path) + "' must be nanoseconds since 1970 or an ISO 8601 time"};
}

std::string text_or_empty(const Json& value, std::string_view path) {
    return find_string(value, path).value_or("");
}

}  // namespace

Json to_json(const Decision& d) {
    JsonObject object{
        {"device", d.device.text},
        {"asset", d.asset},
        {"use_case", d.use_case},
        {"model", d.model},
        {"version", d.version},
        {"bundle_hash", d.bundle_hash},
        {"window", {{"from", d.window_from.ns}, {"to", d.window_to.ns}, {"samples", d.samples}}},
        {"inputs_quality", d.inputs_quality.code},
        {"score", d.score},
        {"decision", d.decision},
        {"fallback", d.fallback.empty() ? Json(nullptr) : Json(d.fallback)},
        {"latency_us", d.latency_us},
    };
    if (d.position.sequence > 0) object["seq"] = d.position.sequence;
    return object;
}

Result<Decision> decision_from_json(const Json& value) {
    Decision d;
    TRY(d.device.text, want_string(value, "device"));
    TRY(d.model, want_string(value, "model"));
    TRY(d.version, want_string(value, "version"));
    TRY(d.window_from, want_time(value, "window.from"));
    TRY(d.window_to, want_time(value, "window.to"));
    const auto score = find_number(value, "score");
    const auto verdict = find_bool(value, "decision");
    if (!score) return Error{Errc::invalid_input, "'score' must be a number"};
    if (!verdict) return Error{Errc::invalid_input, "'decision' must be true or false"};
    const auto samples = find_integer(value, "window.samples").value_or(0);
    const auto quality = find_integer(value, "inputs_quality").value_or(Quality::good().code);
    const auto sequence = find_integer(value, "seq").value_or(0);
    if (samples < 0 || samples > 1'000'000'000 || quality < 0 || quality > 255 || sequence < 0)
        return Error{Errc::invalid_input,
                     "'window.samples', 'inputs_quality' (0 to 255) or 'seq' is out of range"};
    d.samples = static_cast<std::uint32_t>(samples);
    d.inputs_quality = Quality{static_cast<std::uint8_t>(quality)};
    d.position.sequence = static_cast<std::uint64_t>(sequence);
    d.score = *score;
    d.decision = *verdict;
    d.asset = text_or_empty(value, "asset");
    d.use_case = text_or_empty(value, "use_case");
    d.bundle_hash = text_or_empty(value, "bundle_hash");
    d.fallback = text_or_empty(value, "fallback");
    d.latency_us = find_number(value, "latency_us").value_or(0);
    return d;
}

}  // namespace mw
