#include "fleet/rollouts/progress.h"

namespace mw::rollouts {
namespace {

Timestamp time_at(const Json& status, std::string_view key) {
    const auto text = find_string(status, key);
    if (!text) return {};
    auto time = parse_iso8601(*text);
    return time ? *time : Timestamp{};
}

Json time_or_null(Timestamp time) { return time.ns == 0 ? Json(nullptr) : Json(to_iso8601(time)); }

}  // namespace

Progress progress_of(const Resource& rollout) {
    const Json& s = rollout.status;
    Progress p;
    p.wave = find_integer(s, "wave").value_or(0);
    p.look = find_integer(s, "look").value_or(0);
    p.population = static_cast<std::uint64_t>(find_integer(s, "population").value_or(0));
    p.target = static_cast<std::uint64_t>(find_integer(s, "target").value_or(0));
    p.planned_at = time_at(s, "planned_at");
    p.wave_started = time_at(s, "wave_started");
    p.installing_from = time_at(s, "installing_from");
    p.soaking_from = time_at(s, "soaking_from");
    p.resumes = find_integer(s, "resumes").value_or(0);
    p.passed_wave = find_integer(s, "passed_wave").value_or(0);
    p.ends_as = find_string(s, "ends_as").value_or("");
    return p;
}

JsonObject to_status(const Progress& p) {
    return JsonObject{{"wave", p.wave},
                      {"look", p.look},
                      {"population", p.population},
                      {"target", p.target},
                      {"planned_at", time_or_null(p.planned_at)},
                      {"wave_started", time_or_null(p.wave_started)},
                      {"installing_from", time_or_null(p.installing_from)},
                      {"soaking_from", time_or_null(p.soaking_from)},
                      {"resumes", p.resumes},
                      {"passed_wave", p.passed_wave},
                      {"ends_as", p.ends_as.empty() ? Json(nullptr) : Json(p.ends_as)}};
}

}  // namespace mw::rollouts
