#include "device/sources/mqtt_mapping.h"

#include <simdjson.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>

#include "device/sources/scalar.h"
#include "protocols/mqtt/mqtt.h"
#include "protocols/payload/payload.h"

namespace mw::sources {
namespace {

namespace dom = simdjson::dom;

constexpr std::size_t rules_max = 1'000;
constexpr std::size_t values_max = 1'000;  // what one message may carry upstream
constexpr std::size_t topic_levels_max = 32;
constexpr std::size_t body_bytes_max = std::size_t{4} << 20;
constexpr std::string_view keys = "filter, signal, values, signals, unit, units, time, time_unit";

Error bad(const std::string& place, const std::string& what) {
    return Error{Errc::invalid_input, place + ": " + what};
}

Result<std::map<std::string, std::string>> read_texts(const Json& rule, const char* key,
                                                      const std::string& place) {
    std::map<std::string, std::string> texts;
    const Json* part = find(rule, key);
    if (!part) return texts;
    const std::string here = place + "." + key;
    if (!part->is_object() || part->get_object().empty())
        return bad(here, "want an object of texts that is not empty");
    if (part->get_object().size() > values_max) return bad(here, "at most 1000 entries");
    for (const auto& [name, text] : part->get_object()) {
        if (!text.is_string()) return bad(here + "." + std::string(name), "want a text");
        texts.emplace(name, text.get_string());
    }
    return texts;
}

Result<std::string> read_text(const Json& rule, const char* key, const std::string& place) {
    const Json* part = find(rule, key);
    if (!part) return std::string();
    if (!part->is_string() || part->get_string().empty())
        return bad(place + "." + key, "want a text that is not empty");
    return std::string(part->get_string());
}

// The number in "{1}" at `at`, or 0 when there is no such thing there.
std::size_t hole_at(std::string_view name, std::size_t at) {
    if (at + 2 >= name.size() || name[at] != '{' || name[at + 2] != '}') return 0;
    return name[at + 1] >= '1' && name[at + 1] <= '9' ? std::size_t(name[at + 1] - '0') : 0;
}

Result<> check_signal(const std::string& name, const std::string& filter,
                      const std::string& place) {
    if (auto fine = payload::check_name(name, payload::Limits{}.name_bytes); !fine)
        return bad(place, fine.error().message);
    const auto pluses = static_cast<std::size_t>(std::count(filter.begin(), filter.end(), '+'));
    for (std::size_t at = 0; at < name.size(); ++at)
        if (const std::size_t hole = hole_at(name, at); hole > pluses)
            return bad(place, "{" + std::to_string(hole) + "} stands for a '+', and '" + filter +
                                  "' has " + std::to_string(pluses));
    return {};
}

Result<> check_unit(const std::string& unit, const std::string& place) {
    if (unit.empty()) return {};
    if (auto fine = payload::check_name(unit, payload::Limits{}.unit_bytes); !fine)
        return bad(place, fine.error().message);
    return {};
}

Result<> check_pointer(const std::string& pointer, const std::string& place) {
    if (pointer.empty() || pointer.front() == '/') return {};
    return bad(place, "want a JSON pointer like /em/power, got '" + pointer + "'");
}

Result<std::int64_t> read_time_unit(const Json& rule, const std::string& place) {
    TRY(const std::string unit, read_text(rule, "time_unit", place));
    return time_unit_of(unit, place + ".time_unit");
}

Result<> check_rule(const MqttRule& rule, const std::string& place) {
    const auto fault = mqtt::topic_filter_fault(rule.filter, topic_levels_max);
    if (!fault.empty()) return bad(place + ".filter", std::string(fault));
    if (mqtt::is_shared_filter(rule.filter))
        return bad(place + ".filter", "a shared subscription has no place here");
    const int ways =
        int(!rule.signal.empty()) + int(!rule.values.empty()) + int(!rule.signals.empty());
    if (ways > 1)
        return bad(place,
                   "want only one of signal (a bare value), values (JSON pointers) and "
                   "signals (names in points-json)");
    if (!rule.signal.empty()) TRY_VOID(check_signal(rule.signal, rule.filter, place + ".signal"));
    TRY_VOID(check_unit(rule.unit, place + ".unit"));
    for (const auto& [signal, pointer] : rule.values) {
        TRY_VOID(check_signal(signal, rule.filter, place + ".values." + signal));
        TRY_VOID(check_pointer(pointer, place + ".values." + signal));
    }
    for (const auto& [theirs, ours] : rule.signals)
        TRY_VOID(check_signal(ours, "", place + ".signals." + theirs));
    for (const auto& [signal, unit] : rule.units) {
        if (!rule.values.contains(signal))
            return bad(place + ".units." + signal, "there is no such signal in values");
        TRY_VOID(check_unit(unit, place + ".units." + signal));
    }
    if (!rule.unit.empty() && rule.signal.empty())
        return bad(place + ".unit", "goes with signal; values have units, points-json brings them");
    if (!rule.time.empty() && rule.values.empty())
        return bad(place + ".time", "goes with values; a bare value is of the time it came");
    return check_pointer(rule.time, place + ".time");
}

Result<MqttRule> read_rule(const Json& json, const std::string& place) {
    if (!json.is_object()) return bad(place, "want an object with a filter");
    constexpr std::array<std::string_view, 8> known = {"filter", "signal", "values", "signals",
                                                       "unit",   "units",  "time",   "time_unit"};
    for (const auto& [key, part] : json.get_object())
        if (std::find(known.begin(), known.end(), key) == known.end())
            return bad(place,
                       "unknown key '" + std::string(key) + "' (want " + std::string(keys) + ")");
    MqttRule rule;
    TRY(rule.filter, read_text(json, "filter", place));
    if (rule.filter.empty()) return bad(place + ".filter", "is missing; want a topic or a filter");
    TRY(rule.signal, read_text(json, "signal", place));
    TRY(rule.values, read_texts(json, "values", place));
    TRY(rule.signals, read_texts(json, "signals", place));
    TRY(rule.unit, read_text(json, "unit", place));
    TRY(rule.units, read_texts(json, "units", place));
    TRY(rule.time, read_text(json, "time", place));
    TRY(rule.time_unit_ns, read_time_unit(json, place));
    TRY_VOID(check_rule(rule, place));
    return rule;
}

std::string_view level_taken(std::string_view filter, std::string_view topic, std::size_t plus) {
    for (;;) {
        const auto wanted = filter.substr(0, filter.find('/'));
        const auto got = topic.substr(0, topic.find('/'));
        if (wanted == "+" && --plus == 0) return got;
        if (wanted.size() == filter.size() || got.size() == topic.size()) return {};
        filter.remove_prefix(wanted.size() + 1);
        topic.remove_prefix(got.size() + 1);
    }
}

std::string filled(const std::string& name, const MqttRule& rule, std::string_view topic) {
    if (name.find('{') == std::string::npos) return name;
    std::string text;
    for (std::size_t at = 0; at < name.size(); ++at) {
        const std::size_t hole = hole_at(name, at);
        if (hole == 0) {
            text.push_back(name[at]);
            continue;
        }
        text.append(level_taken(rule.filter, topic, hole));
        at += 2;
    }
    return text;
}

std::string shown(std::string_view text) {
    constexpr std::size_t most = 40;
    std::string copy(text.substr(0, most));
    for (char& c : copy)
        if (static_cast<unsigned char>(c) < 0x20) c = ' ';
    return text.size() > most ? copy + "..." : copy;
}

std::optional<Scalar> scalar_in(const dom::element& element) {
    double number = 0;
    if (element.is_int64()) return integer_scalar(element.get_int64().value_unsafe());
    if (element.is_number()) {
        if (element.get_double().get(number) != simdjson::SUCCESS) return std::nullopt;
        return Scalar{number};
    }
    bool flag = false;
    if (element.get_bool().get(flag) == simdjson::SUCCESS)
        return Scalar{flag ? 1.0 : 0.0, Quality::good(), ValueType::boolean};
    if (element.is_null()) return scalar_of("null");
    std::string_view text;
    if (element.get_string().get(text) != simdjson::SUCCESS) return std::nullopt;
    if (auto scalar = scalar_of(text)) return scalar;
    if (text.size() > text_value_bytes_max) return std::nullopt;
    return Scalar{no_value, Quality::good(), ValueType::text, text, {}};
}

Result<Timestamp> time_in(const dom::element& element, std::int64_t unit_ns) {
    std::string_view text;
    double number = 0;
    if (element.get_string().get(text) == simdjson::SUCCESS) {
        TRY(const Timestamp time, parse_iso8601(text));
        return checked_time(time);
    }
    if (element.is_int64()) {
        Timestamp time;
        if (__builtin_mul_overflow(element.get_int64().value_unsafe(), unit_ns, &time.ns))
            time.ns = -1;
        return checked_time(time);
    }
    if (element.get_double().get(number) == simdjson::SUCCESS)
        return time_of_number(number, unit_ns);
    return Error{Errc::invalid_input, "want a number or an ISO 8601 text"};
}

}  // namespace

struct MqttMapping::Readers {
    payload::Decoder points;
    payload::BinaryDecoder frames;
    dom::parser json{body_bytes_max};
};

MqttMapping::MqttMapping(std::vector<MqttRule> rules)
    : rules_(std::move(rules)), readers_(std::make_unique<Readers>()) {}
MqttMapping::~MqttMapping() = default;
MqttMapping::MqttMapping(MqttMapping&&) noexcept = default;
MqttMapping& MqttMapping::operator=(MqttMapping&&) noexcept = default;

Result<MqttMapping> MqttMapping::read(const Json& topics) {
    if (!topics.is_array() || topics.get_array().empty())
        return bad("topics",
                   "want a list of rules, like [{filter: pump/pressure, signal: "
                   "pressure}]");
    if (topics.get_array().size() > rules_max) return bad("topics", "at most 1000 rules");
    std::vector<MqttRule> rules;
    for (const auto& json : topics.get_array()) {
        TRY(auto rule, read_rule(json, "topics[" + std::to_string(rules.size()) + "]"));
        rules.push_back(std::move(rule));
    }
    return MqttMapping(std::move(rules));
}

Result<MqttMapping> MqttMapping::of_lines(const Json& json, const std::string& place) {
    if (!json.is_object()) return bad(place, "want an object; {} when lines are points-json");
    if (find(json, "filter")) return bad(place, "unknown key 'filter': lines have no topic");
    Json with_filter = json;
    with_filter.get_object()["filter"] = "line";
    TRY(auto rule, read_rule(with_filter, place));
    std::vector<MqttRule> rules;
    rules.push_back(std::move(rule));
    return MqttMapping(std::move(rules));
}

Result<> MqttMapping::decode_line(ByteView line, Timestamp arrived, Batch& batch) {
    batch.clear();
    auto read = read_body(rules_.front(), rules_.front().filter, text_of(line), arrived, batch);
    if (!read) batch.clear();
    return read;
}

Result<bool> MqttMapping::decode(std::string_view topic, ByteView payload, Timestamp arrived,
                                 Batch& batch) {
    if (!payload::is_binary(payload)) batch.clear();  // the names of a frame may be there already
    const auto rule = std::find_if(rules_.begin(), rules_.end(), [&](const MqttRule& each) {
        return mqtt::matches(each.filter, topic);
    });
    if (rule == rules_.end()) return false;
    if (auto read = read_body(*rule, topic, text_of(payload), arrived, batch); !read) {
        batch.clear();
        return std::move(read).error().context("topic '" + shown(topic) + "'");
    }
    return true;
}

Result<> MqttMapping::read_body(const MqttRule& rule, std::string_view topic, std::string_view text,
                                Timestamp arrived, Batch& batch) {
    if (text.empty()) return Error{Errc::invalid_input, "the body is empty"};
    if (rule.signal.empty())
        return rule.values.empty() ? read_points(rule, text, batch)
                                   : read_values(rule, topic, text, arrived, batch);
    const auto scalar = scalar_of(text);
    if (!scalar)
        return Error{Errc::invalid_input,
                     "want a bare number, true, false or null, got '" + shown(text) +
                         "'; for JSON give the rule values, or leave signal out "
                         "for points-json"};
    return add_point(batch, filled(rule.signal, rule, topic), rule.unit, arrived, *scalar);
}

Result<> MqttMapping::read_points(const MqttRule& rule, std::string_view text, Batch& batch) {
    if (payload::is_binary(bytes_of(text)))
        TRY_VOID(read_binary(bytes_of(text), batch));
    else
        TRY_VOID(readers_->points.decode(text, batch));
    if (rule.signals.empty()) return {};
    batch.form = 0;  // its runs are not what the decoder remembers
    for (Run& run : batch.runs)
        if (const auto found = rule.signals.find(run.signal); found != rule.signals.end())
            run.signal = found->second;
    return {};
}

Result<> MqttMapping::read_binary(ByteView body, Batch& batch) {
    TRY(const std::size_t length, readers_->frames.decode(body, device_.text, batch));
    if (length == body.size()) return {};
    return Error{Errc::invalid_input, "after the binary batch come " +
                                          std::to_string(body.size() - length) +
                                          " more bytes; send one batch in a message"};
}

Result<> MqttMapping::read_values(const MqttRule& rule, std::string_view topic,
                                  std::string_view text, Timestamp arrived, Batch& batch) {
    dom::element root;
    if (const auto code = readers_->json.parse(text.data(), text.size()).get(root))
        return Error{Errc::invalid_input,
                     std::string("not JSON: ") + simdjson::error_message(code)};
    Timestamp time = arrived;
    if (!rule.time.empty()) {
        dom::element part;
        if (root.at_pointer(rule.time).get(part) != simdjson::SUCCESS)
            return Error{Errc::invalid_input, "there is no time at " + rule.time};
        auto read = time_in(part, rule.time_unit_ns);
        if (!read) return std::move(read).error().context(rule.time);
        time = *read;
    }
    for (const auto& [signal, pointer] : rule.values) {
        dom::element part;
        // Devices leave out what has not changed.
        if (root.at_pointer(pointer).get(part) != simdjson::SUCCESS) continue;
        const auto scalar = scalar_in(part);
        if (!scalar)
            return Error{Errc::invalid_input, pointer +
                                                  ": want a number, a text of at most 1024 bytes, "
                                                  "true, false or null"};
        const auto unit = rule.units.find(signal);
        TRY_VOID(add_point(batch, filled(signal, rule, topic),
                           unit == rule.units.end() ? std::string() : unit->second, time, *scalar));
    }
    if (batch.size() == 0)
        return Error{Errc::invalid_input,
                     "holds none of the rule's " + std::to_string(rule.values.size()) +
                         " values, the first of which is at " + rule.values.begin()->second};
    return {};
}

}  // namespace mw::sources
