#include "fleet/monitors/outcomes.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "base/sql_text.h"
#include "insight/drift/drift.h"

namespace mw::monitors {
namespace {

constexpr nanoseconds one_incident = hours{1};
// Wrong decisions come one or none at a time: a rise by a tenth, summed up to eight of them.
constexpr drift::PageHinkleyOptions page_hinkley{30, .05, 8, .9999};

}  // namespace

std::string answers_sql(const std::string& model, const std::string& version) {
    // Nobody knows with what chance somebody at a gateway answers: such answers train, and weigh
    // nothing here.
    return "SELECT time, device, decision, label, propensity FROM labels WHERE model = " +
           sql_text(model) + " AND version = " + sql_text(version) + " AND why <> 'edge'" +
           " ORDER BY time, device LIMIT 100000";
}

Result<std::vector<Answered>> answers_from(std::string_view query_json) {
    TRY(const Json reply, parse_json(query_json));
    const Json* rows = find(reply, "rows");
    const Error bad{Errc::corrupt, "labels: the answer to the query has another shape"};
    if (!rows || !rows->is_array()) return bad;
    std::vector<Answered> answers;
    for (const Json& row : rows->get_array()) {
        if (!row.is_array() || row.get_array().size() != 5) return bad;
        const JsonArray& cells = row.get_array();
        if (!cells[0].is_string() || !cells[1].is_string() || !cells[4].is_number()) return bad;
        if (!cells[2].is_bool() || !cells[3].is_bool()) continue;  // nobody could tell
        Answered one;
        TRY(one.time, parse_iso8601(std::string_view(cells[0].get_string())));
        one.device = std::string(cells[1].get_string());
        one.decision = cells[2].get_bool();
        one.label = cells[3].get_bool();
        one.propensity = cells[4].to_number<double>();
        if (one.propensity > 0 && one.propensity <= 1) answers.push_back(std::move(one));
    }
    return answers;
}

namespace {

// Share of wrong decisions in a run of answers about one device with at most an hour between them:
// neighbours resemble each other, and the detectors take each value for a new one.
struct Run {
    Timestamp last;
    double wrong = 0, n = 0;
};
std::vector<Run> runs_of(const std::vector<Answered>& answers) {
    std::vector<Run> runs;
    std::map<std::string, std::size_t> open;
    for (const Answered& one : answers) {
        const auto found = open.find(one.device);
        if (found == open.end() || one.time - runs[found->second].last > one_incident) {
            open[one.device] = runs.size();
            runs.push_back({});
        }
        Run& run = runs[open[one.device]];
        run.last = one.time;
        run.wrong += one.decision != one.label ? 1 : 0;
        run.n += 1;
    }
    std::stable_sort(runs.begin(), runs.end(),
                     [](const Run& a, const Run& b) { return a.last < b.last; });
    return runs;
}

// Where the means before and after differ most for their length.
void find_split(const std::vector<Run>& runs, Decline& found) {
    double all = 0, older = 0, most = 0;
    for (const Run& run : runs) all += run.wrong / run.n;
    const auto n = static_cast<double>(runs.size());
    for (std::size_t i = 1; i < runs.size(); ++i) {
        older += runs[i - 1].wrong / runs[i - 1].n;
        const double n0 = static_cast<double>(i), n1 = n - n0;
        const double before = older / n0, after = (all - older) / n1;
        const double weight = n0 * n1 * (after - before) * (after - before);
        if (weight <= most || after <= before) continue;
        most = weight;
        found.before = before;
        found.after = after;
        found.since = runs[i].last;
    }
}

}  // namespace

Decline decline_of(const std::vector<Answered>& answers) {
    Decline found;
    found.labels = answers.size();
    double weights = 0, wrong = 0;
    for (const Answered& one : answers) {
        weights += 1 / one.propensity;
        wrong += (one.decision != one.label ? 1 : 0) / one.propensity;
    }
    if (weights > 0) found.error_rate = wrong / weights;

    drift::Adwin adwin;
    drift::PageHinkley rise(page_hinkley);
    double sum = 0, n = 0;
    const auto runs = runs_of(answers);
    for (const Run& run : runs) {
        const double error = run.wrong / run.n;
        const bool differs = adwin.update(error), rises = rise.update(error);
        const double before = n > 0 ? sum / n : 0;
        sum += error;
        n += 1;
        if (!differs && !rises) continue;
        found.declined = rises || adwin.mean() > before;  // else it got better
        found.by = differs ? "ADWIN" : "Page-Hinkley";
    }
    if (found.declined)
        find_split(runs, found);
    else
        found.by.clear();
    return found;
}

std::vector<statistics::LabelledWindow> windows_of(const std::vector<Answered>& answers,
                                                   Timestamp from) {
    struct Incident {
        Timestamp last;
        std::uint64_t number;
    };
    std::map<std::string, Incident> incidents;
    std::uint64_t next = 1;
    std::vector<statistics::LabelledWindow> windows;
    for (const Answered& one : answers) {
        if (one.time < from) continue;
        statistics::LabelledWindow window;
        window.decision = one.decision;
        window.event = one.label;
        window.propensity = one.propensity;
        if (one.label) {
            const auto [at, is_new] = incidents.try_emplace(one.device, Incident{one.time, next});
            if (!is_new && one.time - at->second.last > one_incident) at->second.number = next;
            if (at->second.number == next) ++next;
            at->second.last = one.time;
            window.cluster = at->second.number;
        }
        windows.push_back(window);
    }
    return windows;
}

std::optional<statistics::Outcomes> gate_outcomes(const Resource& version) {
    const auto missed = find_number(version.status, "gate.missed_alarm_rate");
    const auto false_alarms = find_number(version.status, "gate.false_alarm_rate");
    const auto rows = find_number(version.status, "gate.rows");
    const auto anomalous = find_number(version.status, "gate.anomalous_rows");
    const auto events = find_number(version.status, "gate.events");
    if (!missed || !false_alarms || !rows || !anomalous || !events || *events < 1 ||
        *anomalous < *events)
        return std::nullopt;
    const double quiet = (*rows - *anomalous) * *events / *anomalous;
    const auto whole = [](double value) {
        return static_cast<std::size_t>(std::llround(std::max(0.0, value)));
    };
    return statistics::outcomes_of_counts(whole(*events * *missed), whole(*events * (1 - *missed)),
                                          whole(quiet * *false_alarms),
                                          whole(quiet * (1 - *false_alarms)));
}

}  // namespace mw::monitors
