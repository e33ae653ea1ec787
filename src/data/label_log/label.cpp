#include "data/label_log/label.h"

#include <algorithm>
#include <cmath>

namespace mw::labels {
namespace {

constexpr std::size_t text_bytes_max = 200;
constexpr std::size_t adjudication_bytes_max = 1000;

struct TextField {
    const char* key;
    std::string Label::*field;
    bool needed;
};
constexpr TextField texts[] = {
    {"task", &Label::task, false},     {"device", &Label::device, true},
    {"asset", &Label::asset, false},   {"use_case", &Label::use_case, false},
    {"model", &Label::model, true},    {"version", &Label::version, false},
    {"why", &Label::why, true},        {"author", &Label::author, true},
    {"source", &Label::source, false},
};
struct TimeField {
    const char* key;
    Timestamp Label::*field;
};
constexpr TimeField times[] = {
    {"window_from", &Label::window_from},
    {"window_to", &Label::window_to},
    {"labelled_at", &Label::labelled_at},
};

Error bad(std::string message) { return {Errc::invalid_input, "label: " + std::move(message)}; }

Result<> read_numbers(const Json& value, Label& label) {
    for (const auto& [key, field] : times) {
        const auto ns = find_integer(value, key);
        if (!ns) return bad("'" + std::string(key) + "' must be whole nanoseconds since 1970");
        (label.*field).ns = *ns;
    }
    const auto score = find_number(value, "score");
    const auto propensity = find_number(value, "propensity");
    const auto decision = find_bool(value, "decision");
    const auto answer = find_bool(value, "label");
    if (!score || !propensity) return bad("'score' and 'propensity' must be numbers");
    if (!decision || !answer) return bad("'decision' and 'label' must be true or false");
    label.score = *score;
    label.propensity = *propensity;
    label.decision = *decision;
    label.label = *answer;
    const auto supersedes = find_integer(value, "supersedes").value_or(0);
    if (supersedes < 0) return bad("'supersedes' must not be negative");
    label.supersedes = static_cast<std::uint64_t>(supersedes);
    label.confidence = find_number(value, "confidence");
    label.adjudication = find_string(value, "adjudication").value_or("");
    label.event = find_string(value, "event").value_or("");
    label.snippet = find_string(value, "snippet").value_or("");
    return {};
}

}  // namespace

Json to_json(const Label& label) {
    JsonObject object;
    for (const auto& [key, field, needed] : texts) object[key] = label.*field;
    for (const auto& [key, field] : times) object[key] = (label.*field).ns;
    object["score"] = label.score;
    object["decision"] = label.decision;
    object["label"] = label.label;
    object["propensity"] = label.propensity;
    object["supersedes"] = label.supersedes;
    if (label.confidence) object["confidence"] = *label.confidence;
    if (!label.adjudication.empty()) object["adjudication"] = label.adjudication;
    if (!label.event.empty()) object["event"] = label.event;
    if (!label.snippet.empty()) object["snippet"] = label.snippet;
    return object;
}

Result<Label> label_from_json(const Json& value) {
    if (!value.is_object()) return bad("want an object");
    Label label;
    for (const auto& [key, field, needed] : texts) {
        const Json* text = find(value, key);
        if (!text) continue;  // check() says whether it is needed
        if (!text->is_string()) return bad("'" + std::string(key) + "' must be text");
        label.*field = std::string(text->get_string());
    }
    TRY_VOID(read_numbers(value, label));
    TRY_VOID(check(label));
    return label;
}

Result<> check(const Label& label) {
    for (const auto& [key, field, needed] : texts) {
        const std::string& text = label.*field;
        if (needed && text.empty()) return bad("'" + std::string(key) + "' is missing");
        if (text.size() > text_bytes_max)
            return bad("'" + std::string(key) + "' has more than " +
                       std::to_string(text_bytes_max) + " bytes");
    }
    if (label.window_from > label.window_to) return bad("the window ends before it begins");
    if (!std::isfinite(label.score)) return bad("'score' must be finite");
    if (!(label.propensity > 0 && label.propensity <= 1))
        return bad("'propensity' must be above 0 and at most 1");
    if (label.confidence && !(*label.confidence > 0 && *label.confidence <= 1))
        return bad("'confidence' must be above 0 and at most 1");
    for (const std::string* text : {&label.event, &label.snippet})
        if (text->size() > text_bytes_max)
            return bad("'event' or 'snippet' has more than " + std::to_string(text_bytes_max) +
                       " bytes");
    if (label.adjudication.size() > adjudication_bytes_max)
        return bad("'adjudication' has more than " + std::to_string(adjudication_bytes_max) +
                   " bytes");
    if (std::any_of(label.adjudication.begin(), label.adjudication.end(),
                    [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }))
        return bad("'adjudication' has a control character; write it in one line");
    return {};
}

}  // namespace mw::labels
