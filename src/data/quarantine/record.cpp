#include "data/quarantine/record.h"

#include <algorithm>
#include <cmath>

namespace mw::quarantine {
namespace {

constexpr std::size_t text_bytes_max = 200;
constexpr std::size_t why_bytes_max = 1000;
constexpr std::string_view verbs[] = {"release", "confirm", "hold"};

Error bad_record(std::string message) {
    return {Errc::invalid_input, "quarantine: " + std::move(message)};
}

}  // namespace

std::string_view to_string(Verb verb) { return verbs[static_cast<std::size_t>(verb)]; }

Result<Verb> verb_from(std::string_view text) {
    const auto found = std::find(std::begin(verbs), std::end(verbs), text);
    if (found == std::end(verbs)) return bad_record("'verb' must be release, confirm or hold");
    return static_cast<Verb>(found - std::begin(verbs));
}

Json to_json(const Record& record) {
    return JsonObject{{"verb", to_string(record.verb)},
                      {"device", record.device},
                      {"signal", record.signal},
                      {"from", record.from.ns},
                      {"to", record.to.ns},
                      {"why", record.why},
                      {"by", record.by},
                      {"at", record.at.ns}};
}

Result<Record> record_from_json(const Json& value) {
    if (!value.is_object()) return bad_record("want an object");
    Record record;
    TRY(record.verb, verb_from(find_string(value, "verb").value_or("")));
    for (const auto& [key, field] :
         {std::pair{"device", &record.device}, std::pair{"signal", &record.signal},
          std::pair{"why", &record.why}, std::pair{"by", &record.by}})
        *field = find_string(value, key).value_or("");
    for (const auto& [key, field] : {std::pair{"from", &record.from}, std::pair{"to", &record.to},
                                     std::pair{"at", &record.at}}) {
        const auto ns = find_integer(value, key);
        if (!ns)
            return bad_record("'" + std::string(key) + "' must be whole nanoseconds since 1970");
        field->ns = *ns;
    }
    TRY_VOID(check(record));
    return record;
}

Result<> check(const Record& record) {
    if (record.device.empty()) return bad_record("'device' is missing");
    if (record.why.empty()) return bad_record("'why' is missing");
    if (record.by.empty()) return bad_record("'by' is missing");
    if (std::max({record.device.size(), record.signal.size(), record.by.size()}) > text_bytes_max)
        return bad_record("a name has more than " + std::to_string(text_bytes_max) + " bytes");
    if (record.why.size() > why_bytes_max)
        return bad_record("'why' has more than " + std::to_string(why_bytes_max) + " bytes");
    // It goes into the audit log, where a fact is a line.
    if (std::any_of(record.why.begin(), record.why.end(),
                    [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }))
        return bad_record("'why' has a control character; write it in one line");
    if (record.from >= record.to) return bad_record("'to' must be later than 'from'");
    return {};
}

const Record* deciding(const Records& records, std::string_view device, std::string_view signal,
                       Timestamp time) {
    const auto found = std::find_if(records.rbegin(), records.rend(), [&](const Record& record) {
        return record.covers(device, signal, time);
    });
    return found == records.rend() ? nullptr : &*found;
}

Quality decided(const Record* record, double value, Quality stored) {
    if (!record || record->verb == Verb::confirm) return stored;
    if (record->verb == Verb::hold) return stored.is_bad() ? stored : Quality::bad(Reason::held);
    // Without a value there is nothing to be released.
    return stored.is_bad() && std::isfinite(value) ? Quality::good(Reason::released) : stored;
}

}  // namespace mw::quarantine
