#pragma once
// Sparkplug B's payload (docs/formats/sparkplug.md) as views into its bytes, and what a metric is
// worth as a point. Pure. Of values that no point can hold only the kind is told.

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "domain/quality.h"
#include "domain/value.h"

namespace mw::sparkplug {

// The datatypes of the specification, 6.4.16. Arrays are 22 to 34.
enum class DataType : std::uint8_t {
    unknown = 0,
    int8 = 1,
    int16 = 2,
    int32 = 3,
    int64 = 4,
    uint8 = 5,
    uint16 = 6,
    uint32 = 7,
    uint64 = 8,
    float32 = 9,
    float64 = 10,
    boolean = 11,
    string = 12,
    date_time = 13,  // milliseconds since 1970
    text = 14,
    uuid = 15,
    data_set = 16,
    bytes = 17,
    file = 18,
    template_ = 19,
    property_set = 20,
    property_set_list = 21,
    first_array = 22,
    last_array = 34,
};

struct Metric {
    // Which member of the value's oneof was there.
    enum class Held : std::uint8_t {
        nothing,
        int32,
        int64,
        float32,
        float64,
        boolean,
        text,
        other
    };

    std::string_view name = {};  // empty: the alias tells
    std::optional<std::uint64_t> alias = {};
    std::optional<std::uint64_t> timestamp_ms = {};
    DataType type = DataType::unknown;  // unknown: the birth told
    Held held = Held::nothing;
    std::uint64_t bits = 0;      // of the number that is held
    std::string_view text = {};  // the text that is held
    bool historical = false;
    bool transient = false;
    bool null = false;
    std::optional<std::int64_t> quality = {};  // property "Quality"
    std::string_view unit = {};                // property "engUnit"
};

struct Payload {
    std::optional<std::uint64_t> timestamp_ms;
    std::optional<std::uint64_t> seq;
    std::string_view uuid;  // "SPBV1.0_COMPRESSED": the metrics are deflated in the body
    std::vector<Metric> metrics;

    const Metric* find(std::string_view name) const;
};

inline constexpr std::string_view compressed_uuid = "SPBV1.0_COMPRESSED";

struct DecodeLimits {
    std::size_t metrics = 50'000;    // in one message
    std::size_t properties = 1'000;  // of one metric
};

// Views live as long as the bytes. invalid_input says which metric and which byte.
Result<void> decode(ByteView bytes, Payload& payload, const DecodeLimits& limits = {});

// Why a metric is no point.
enum class Skip : std::uint8_t {
    text,          // a String, Text or UUID that is too long or not UTF-8
    bytes,         // Bytes, File
    structure,     // DataSet, Template, PropertySet and its list
    array,         // the array types
    unknown_type,  // a number that the specification does not have, or none was told
    mismatch,      // a value of another type than declared
    transient,     // is_transient: not for a historian
    control,       // Node Control/, Device Control/, bdSeq: between host and node
    bad_name,      // longer than a signal's name may be, or with control characters
    bad_time,      // before 1970 or after 2261
    unresolved,    // an alias or name that no birth told
    too_many,      // more metrics than a node may have
};
inline constexpr std::size_t skip_reasons = 12;
std::string_view to_string(Skip skip);

// The number that a metric holds, its type being this one; null is not a number.
struct Number {
    std::optional<double> value;
    Skip why = Skip::text;  // without a value
};
Number number_of(const Metric& metric, DataType type);
bool is_text_type(DataType type);
ValueType value_type(DataType type);
// The integer that a metric holds, where no double says it.
std::optional<std::int64_t> large_integer_of(const Metric& metric, DataType type);

// From is_null, is_historical and the property Quality: 192 good, 0 bad, 500 stale as Sparkplug has
// them; others by the ranges of OPC.
Quality source_quality(const Metric& metric);

}  // namespace mw::sparkplug
