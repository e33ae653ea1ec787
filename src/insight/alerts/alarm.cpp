#include "insight/alerts/alarm.h"

#include <array>

namespace mw::alerts {
namespace {

constexpr std::array<std::string_view, 6> state_names = {"ok",   "pending",  "raised",
                                                         "held", "clearing", "cleared"};

Json to_json(const Window& window) {
    return JsonObject{{"from", to_iso8601(window.from)}, {"to", to_iso8601(window.to)}};
}

Result<Timestamp> time_at(const Json& value, std::string_view path) {
    TRY(const auto text, want_string(value, path));
    return parse_iso8601(text);
}

Result<Window> window_at(const Json& value, const std::string& path) {
    Window window;
    TRY(window.from, time_at(value, path + ".from"));
    TRY(window.to, time_at(value, path + ".to"));
    return window;
}

Result<State> state_at(const Json& value) {
    TRY(const auto text, want_string(value, "state"));
    return state_from(text);
}

}  // namespace

std::string_view to_string(State state) { return state_names[static_cast<std::size_t>(state)]; }

Result<State> state_from(std::string_view text) {
    for (std::size_t i = 0; i < state_names.size(); ++i)
        if (state_names[i] == text) return static_cast<State>(i);
    return Error{Errc::invalid_input, "unknown alarm state '" + std::string(text) + "'"};
}

Json to_json(const Alarm& alarm) {
    JsonObject object{
        {"id", alarm.id},
        {"rule", alarm.rule},
        {"severity", alarm.severity},
        {"device", alarm.device},
        {"asset", alarm.asset},
        {"model", alarm.model},
        {"version", alarm.version},
        {"bundle_hash", alarm.bundle_hash},
        {"state", to_string(alarm.state)},
        {"raised_at", to_iso8601(alarm.raised_at)},
        {"cleared_at", alarm.is_open() ? Json(nullptr) : Json(to_iso8601(alarm.cleared_at))},
        {"first_window", to_json(alarm.first_window)},
        {"last_window", to_json(alarm.last_window)},
        {"peak_score", alarm.peak_score},
        {"decisions", alarm.decisions}};
    if (!alarm.cleared_by.empty()) object["cleared_by"] = alarm.cleared_by;
    return object;
}

Result<Alarm> alarm_from_json(const Json& value) {
    Alarm alarm;
    TRY(alarm.id, want_string(value, "id"));
    TRY(alarm.rule, want_string(value, "rule"));
    TRY(alarm.severity, want_string(value, "severity"));
    TRY(alarm.device, want_string(value, "device"));
    TRY(alarm.model, want_string(value, "model"));
    TRY(alarm.version, want_string(value, "version"));
    alarm.asset = find_string(value, "asset").value_or("");
    alarm.bundle_hash = find_string(value, "bundle_hash").value_or("");
    TRY(alarm.state, state_at(value));
    TRY(alarm.raised_at, time_at(value, "raised_at"));
    if (!alarm.is_open()) {
        TRY(alarm.cleared_at, time_at(value, "cleared_at"));
    }
    TRY(alarm.first_window, window_at(value, "first_window"));
    TRY(alarm.last_window, window_at(value, "last_window"));
    alarm.peak_score = find_number(value, "peak_score").value_or(0);
    alarm.decisions = static_cast<std::uint64_t>(find_integer(value, "decisions").value_or(0));
    alarm.cleared_by = find_string(value, "cleared_by").value_or("");
    return alarm;
}

Json to_json(const Track& track) {
    return JsonObject{{"rule", track.rule},
                      {"device", track.device},
                      {"state", to_string(track.state)},
                      {"count", track.count},
                      {"cursor", to_iso8601(track.cursor)},
                      {"alarm", track.alarm},
                      {"first_window", to_json(track.first_window)},
                      {"peak_score", track.peak_score}};
}

Result<Track> track_from_json(const Json& value) {
    Track track;
    TRY(track.rule, want_string(value, "rule"));
    TRY(track.device, want_string(value, "device"));
    TRY(track.state, state_at(value));
    track.count = static_cast<std::uint32_t>(find_integer(value, "count").value_or(0));
    TRY(track.cursor, time_at(value, "cursor"));
    track.alarm = find_string(value, "alarm").value_or("");
    TRY(track.first_window, window_at(value, "first_window"));
    track.peak_score = find_number(value, "peak_score").value_or(0);
    return track;
}

}  // namespace mw::alerts
