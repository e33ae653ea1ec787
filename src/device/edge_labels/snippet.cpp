#include "device/edge_labels/snippet.h"

#include <algorithm>
#include <cmath>

#include "platform/crypto/crypto.h"

namespace mw::edge_labels {
namespace {

constexpr std::size_t id_bytes = 10;
constexpr std::int64_t format_version = 1;

Json trace_json(const Trace& trace, Timestamp zero) {
    JsonArray times, values;
    times.reserve(trace.times.size());
    values.reserve(trace.values.size());
    for (const Timestamp time : trace.times) times.emplace_back((time - zero).count());
    // JSON has no NaN and no infinity.
    for (const double value : trace.values)
        values.emplace_back(std::isfinite(value) ? Json(value) : Json(nullptr));
    JsonObject object{
        {"signal", trace.signal}, {"times", std::move(times)}, {"values", std::move(values)}};
    if (trace.thinned) object["thinned"] = true;
    return object;
}

}  // namespace

std::string snippet_id(const Decision& decision) {
    const std::string key = decision.device.text + '\0' + decision.model + '\0' +
                            std::to_string(decision.window_from.ns) + '\0' +
                            std::to_string(decision.window_to.ns);
    const auto digest = crypto::sha256(bytes_of(key));
    return to_hex(ByteView(digest).first(id_bytes));
}

Json to_json(const Snippet& snippet) {
    JsonObject votes;
    for (const auto& [rule, vote] : snippet.votes) votes[rule] = vote;
    JsonArray traces;
    for (const Trace& trace : snippet.traces)
        traces.push_back(trace_json(trace, snippet.window_from));
    return JsonObject{{"v", format_version},
                      {"id", snippet.id},
                      {"device", snippet.device},
                      {"asset", snippet.asset},
                      {"model", snippet.model},
                      {"version", snippet.version},
                      {"window_from", snippet.window_from.ns},
                      {"window_to", snippet.window_to.ns},
                      {"score", snippet.score},
                      {"raise_at", snippet.raise_at},
                      {"decision", snippet.decision},
                      {"why", snippet.why},
                      {"votes", std::move(votes)},
                      {"traces", std::move(traces)}};
}

Trace thin(const Trace& trace, std::size_t most) {
    const std::size_t size = trace.times.size();
    if (size <= most) return trace;
    Trace less;
    less.signal = trace.signal;
    less.thinned = true;
    const std::size_t stretches = std::max<std::size_t>(most / 2, 1);
    for (std::size_t i = 0; i < stretches; ++i) {
        const std::size_t begin = i * size / stretches, end = (i + 1) * size / stretches;
        const auto [low, high] =
            std::minmax_element(trace.values.begin() + static_cast<std::ptrdiff_t>(begin),
                                trace.values.begin() + static_cast<std::ptrdiff_t>(end));
        auto first = static_cast<std::size_t>(low - trace.values.begin());
        auto second = static_cast<std::size_t>(high - trace.values.begin());
        if (first > second) std::swap(first, second);
        for (const std::size_t at : {first, second}) {
            less.times.push_back(trace.times[at]);
            less.values.push_back(trace.values[at]);
            if (first == second) break;
        }
    }
    return less;
}

std::string message_of(const Event& event, std::string_view snippet) {
    JsonObject object{{"v", format_version},    {"event", event.id},
                      {"author", event.author}, {"source", "edge"},
                      {"label", event.label},   {"labelled_at", event.labelled_at.ns}};
    if (event.confidence) object["confidence"] = *event.confidence;
    return mw::to_json(object) + '\n' + std::string(snippet);
}

}  // namespace mw::edge_labels
