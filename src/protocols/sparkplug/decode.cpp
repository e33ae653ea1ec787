#include "protocols/sparkplug/decode.h"

#include <array>
#include <bit>
#include <limits>

#include "protocols/sparkplug/wire.h"

namespace mw::sparkplug {
namespace {

Error malformed(std::string_view what, std::size_t metric, std::size_t at) {
    return {Errc::invalid_input, "metrics[" + std::to_string(metric) + "] (byte " +
                                     std::to_string(at) + "): " + std::string(what)};
}

Error malformed(std::string_view what, std::size_t at) {
    return {Errc::invalid_input, "byte " + std::to_string(at) + ": " + std::string(what)};
}

constexpr std::string_view no_protobuf = "no protocol buffer of Sparkplug B";

// A field that the schema has with this wire type.
bool is(const Field& field, std::uint32_t number, WireType type) {
    return field.number == number && field.type == type;
}

// The value of a property, as a whole number or a text; other types say nothing to us.
struct PropertyValue {
    std::optional<std::int64_t> number;
    std::string_view text;
};

bool read_property(ByteView bytes, PropertyValue& value) {
    FieldReader reader(bytes);
    Field field;
    while (reader.next(field)) {
        if (is(field, 3, WireType::varint))  // int_value: 32 bits
            value.number = static_cast<std::int32_t>(field.bits);
        else if (is(field, 4, WireType::varint))
            value.number = static_cast<std::int64_t>(field.bits);
        else if (is(field, 8, WireType::bytes))
            value.text = text_of(field.bytes);
    }
    return !reader.failed();
}

// Keys and values are two lists side by side. First where ours stand, then what they say.
bool read_properties(ByteView bytes, Metric& metric, std::size_t properties_max) {
    constexpr std::size_t nowhere = std::numeric_limits<std::size_t>::max();
    std::size_t quality_at = nowhere, unit_at = nowhere, keys = 0;
    FieldReader names(bytes);
    Field field;
    while (names.next(field)) {
        if (!is(field, 1, WireType::bytes)) continue;
        if (keys == properties_max) return false;
        const std::string_view key = text_of(field.bytes);
        if (key == "Quality") quality_at = keys;
        if (key == "engUnit") unit_at = keys;
        ++keys;
    }
    if (names.failed()) return false;
    if (quality_at == nowhere && unit_at == nowhere) return true;
    FieldReader values(bytes);
    for (std::size_t at = 0; values.next(field);) {
        if (!is(field, 2, WireType::bytes)) continue;
        const std::size_t index = at++;
        if (index != quality_at && index != unit_at) continue;
        PropertyValue value;
        if (!read_property(field.bytes, value)) return false;
        if (index == quality_at)
            metric.quality = value.number;
        else
            metric.unit = value.text;
    }
    return true;
}

void hold(Metric& metric, Metric::Held held, std::uint64_t bits) {
    metric.held = held;
    metric.bits = bits;
}

// False: a field of the value has a wire type that is not its own.
bool read_value(const Field& field, Metric& metric) {
    using Held = Metric::Held;
    struct Shape {
        WireType type;
        Held held;
    };
    constexpr std::array<Shape, 10> shapes = {{{WireType::varint, Held::int32},
                                               {WireType::varint, Held::int64},
                                               {WireType::fixed32, Held::float32},
                                               {WireType::fixed64, Held::float64},
                                               {WireType::varint, Held::boolean},
                                               {WireType::bytes, Held::text},
                                               {WireType::bytes, Held::other},
                                               {WireType::bytes, Held::other},
                                               {WireType::bytes, Held::other},
                                               {WireType::bytes, Held::other}}};
    const Shape& shape = shapes[field.number - 10];
    if (field.type != shape.type) return false;
    hold(metric, shape.held, field.bits);
    if (shape.held == Held::text) metric.text = text_of(field.bytes);
    return true;
}

DataType type_from(std::uint64_t number) {
    return number <= static_cast<std::uint64_t>(DataType::last_array)
               ? static_cast<DataType>(number)
               : static_cast<DataType>(255);
}

bool read_field(const Field& field, Metric& metric, const DecodeLimits& limits) {
    if (field.number >= 10 && field.number <= 19) return read_value(field, metric);
    const bool varint = field.type == WireType::varint;
    const bool bytes = field.type == WireType::bytes;
    switch (field.number) {
        case 1:
            metric.name = text_of(field.bytes);
            return bytes;
        case 2:
            metric.alias = field.bits;
            return varint;
        case 3:
            metric.timestamp_ms = field.bits;
            return varint;
        case 4:
            metric.type = type_from(field.bits);
            return varint;
        case 5:
            metric.historical = field.bits != 0;
            return varint;
        case 6:
            metric.transient = field.bits != 0;
            return varint;
        case 7:
            metric.null = field.bits != 0;
            return varint;
        case 9:
            return bytes && read_properties(field.bytes, metric, limits.properties);
        default:
            return true;  // metadata, and what later versions add
    }
}

Result<void> read_metric(ByteView bytes, std::size_t index, std::size_t base, Metric& metric,
                         const DecodeLimits& limits) {
    FieldReader reader(bytes);
    Field field;
    while (reader.next(field))
        if (!read_field(field, metric, limits))
            return malformed("field " + std::to_string(field.number) + " is malformed", index,
                             base + reader.at());
    if (reader.failed()) return malformed(no_protobuf, index, base + reader.at());
    return {};
}

bool is_integer(DataType type) { return type >= DataType::int8 && type <= DataType::uint64; }

// Two's complement, whatever width a client has sent it in.
double integer(std::uint64_t bits, DataType type, Metric::Held held) {
    const bool wide = held == Metric::Held::int64;
    switch (type) {
        case DataType::int8:
            return static_cast<std::int8_t>(bits);
        case DataType::int16:
            return static_cast<std::int16_t>(bits);
        case DataType::int32:
            return static_cast<std::int32_t>(bits);
        case DataType::int64:
            return wide ? static_cast<double>(static_cast<std::int64_t>(bits))
                        : static_cast<std::int32_t>(bits);
        case DataType::uint8:
            return static_cast<std::uint8_t>(bits);
        case DataType::uint16:
            return static_cast<std::uint16_t>(bits);
        case DataType::uint32:
            return static_cast<std::uint32_t>(bits);
        default:
            return wide ? static_cast<double>(bits) : static_cast<std::uint32_t>(bits);
    }
}

std::optional<Skip> kind_without_number(DataType type) {
    using enum DataType;
    if (is_text_type(type)) return Skip::text;
    if (type == bytes || type == file) return Skip::bytes;
    if (type == data_set || type == template_ || type == property_set || type == property_set_list)
        return Skip::structure;
    if (type >= first_array && type <= last_array) return Skip::array;
    if (type == unknown || type > last_array) return Skip::unknown_type;
    return std::nullopt;
}

}  // namespace

const Metric* Payload::find(std::string_view name) const {
    for (const Metric& metric : metrics)
        if (metric.name == name) return &metric;
    return nullptr;
}

Result<void> decode(ByteView bytes, Payload& payload, const DecodeLimits& limits) {
    payload.timestamp_ms.reset();
    payload.seq.reset();
    payload.uuid = {};
    payload.metrics.clear();
    FieldReader reader(bytes);
    Field field;
    while (reader.next(field)) {
        if (is(field, 1, WireType::varint)) {
            payload.timestamp_ms = field.bits;
        } else if (is(field, 2, WireType::bytes)) {
            const std::size_t index = payload.metrics.size();
            if (index == limits.metrics)
                return malformed("more than " + std::to_string(limits.metrics) + " metrics",
                                 reader.at());
            TRY_VOID(read_metric(field.bytes, index, reader.at() - field.bytes.size(),
                                 payload.metrics.emplace_back(), limits));
        } else if (is(field, 3, WireType::varint)) {
            payload.seq = field.bits;
        } else if (is(field, 4, WireType::bytes)) {
            payload.uuid = text_of(field.bytes);
        } else if (field.number <= 4) {
            return malformed("field " + std::to_string(field.number) + " is malformed",
                             reader.at());
        }
    }
    if (reader.failed()) return malformed(no_protobuf, reader.at());
    return {};
}

std::string_view to_string(Skip skip) {
    constexpr std::array<std::string_view, skip_reasons> words = {
        "text",      "bytes",   "structure", "array",    "unknown_type", "mismatch",
        "transient", "control", "bad_name",  "bad_time", "unresolved",   "too_many"};
    return words[static_cast<std::size_t>(skip)];
}

bool is_text_type(DataType type) {
    return type == DataType::string || type == DataType::text || type == DataType::uuid;
}

ValueType value_type(DataType type) {
    if (is_text_type(type)) return ValueType::text;
    if (type == DataType::boolean) return ValueType::boolean;
    return is_integer(type) || type == DataType::date_time ? ValueType::integer : ValueType::number;
}

// Of UInt64 those of 63 bits.
std::optional<std::int64_t> large_integer_of(const Metric& metric, DataType type) {
    const bool wide = type == DataType::int64 || type == DataType::uint64;
    if (!wide || metric.null || metric.held != Metric::Held::int64) return std::nullopt;
    const auto integer = static_cast<std::int64_t>(metric.bits);
    if (fits_double(integer) || (type == DataType::uint64 && integer < 0)) return std::nullopt;
    return integer;
}

Number number_of(const Metric& metric, DataType type) {
    using Held = Metric::Held;
    if (const auto why = kind_without_number(type)) return {{}, *why};
    if (metric.null) return {std::numeric_limits<double>::quiet_NaN()};
    const bool whole = metric.held == Held::int32 || metric.held == Held::int64;
    if ((is_integer(type) || type == DataType::date_time) && whole)
        return {integer(metric.bits, type, metric.held)};
    if (type == DataType::float32 || type == DataType::float64) {
        if (metric.held == Held::float64) return {std::bit_cast<double>(metric.bits)};
        if (metric.held == Held::float32)
            return {double{std::bit_cast<float>(static_cast<std::uint32_t>(metric.bits))}};
    }
    if (type == DataType::boolean && (metric.held == Held::boolean || whole))
        return {metric.bits != 0 ? 1.0 : 0.0};
    return {{}, Skip::mismatch};
}

Quality source_quality(const Metric& metric) {
    const Quality good = metric.historical ? Quality::good(Reason::historical) : Quality::good();
    if (metric.null) return Quality::bad(Reason::not_a_number);
    if (!metric.quality) return good;
    const std::int64_t code = *metric.quality;
    if (code == 500) return Quality::bad(Reason::stale);
    if (code >= 192 && code < 256) return good;
    const bool doubt = (code >= 64 && code < 192) || (code >= 256 && code < 500);
    return doubt ? Quality::uncertain(Reason::source_uncertain) : Quality::bad(Reason::source_bad);
}

}  // namespace mw::sparkplug
