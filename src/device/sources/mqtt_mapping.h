#pragma once
// What the messages of local MQTT clients mean (docs/formats/sources.md): rules by topic filter,
// and the reading of a body under its rule. Pure; belongs to its source's loop. Limits: 1,000
// rules, 1,000 values a rule, and those of points-json.

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/json.h"
#include "domain/point.h"

namespace mw::sources {

struct MqttRule {
    std::string filter;
    // One of the next three says how a body is read. The default, neither signal nor values:
    // points-json or points-binary, as the body begins. In names, {1} is what the first '+' of the
    // filter took, {2} the second.
    std::string signal;                          // the body is a bare value
    std::map<std::string, std::string> values;   // signal -> JSON pointer into the body
    std::map<std::string, std::string> signals;  // of points-json: theirs -> ours
    std::string unit;                            // of `signal`
    std::map<std::string, std::string> units;    // of `values`, by signal
    std::string time;                            // JSON pointer; empty: when the message came
    std::int64_t time_unit_ns = 1;               // of a number there
};

class MqttMapping {
 public:
    // The list under `topics`. Errors name the place: "topics[2].signal: ...".
    static Result<MqttMapping> read(const Json& topics);
    // One rule for lines, which have no topic: what a rule says beside its filter. Errors begin
    // with the place.
    static Result<MqttMapping> of_lines(const Json& rule, const std::string& place);
    ~MqttMapping();
    MqttMapping(MqttMapping&&) noexcept;
    MqttMapping& operator=(MqttMapping&&) noexcept;

    // The gateway for which clients speak: a binary body that names a device may name no other.
    void speak_for(DeviceId device) { device_ = std::move(device); }

    // Fills runs, columns, sequence and replayed of the batch by the first rule whose filter takes
    // the topic, and its form where the body is binary and no signal gets another name; false when
    // none does. `arrived` is the time of values that bring none. invalid_input says what is wrong
    // with the body, where, and what is wanted.
    Result<bool> decode(std::string_view topic, ByteView payload, Timestamp arrived, Batch& batch);
    Result<> decode_line(ByteView line, Timestamp arrived, Batch& batch);  // of of_lines()

 private:
    struct Readers;
    explicit MqttMapping(std::vector<MqttRule> rules);
    Result<> read_body(const MqttRule& rule, std::string_view topic, std::string_view text,
                       Timestamp arrived, Batch& batch);
    Result<> read_points(const MqttRule& rule, std::string_view text, Batch& batch);
    Result<> read_binary(ByteView body, Batch& batch);
    Result<> read_values(const MqttRule& rule, std::string_view topic, std::string_view text,
                         Timestamp arrived, Batch& batch);

    std::vector<MqttRule> rules_;
    DeviceId device_{"gateway"};
    std::unique_ptr<Readers> readers_;
};

}  // namespace mw::sources
