#include "protocols/payload/parser.h"

#include <array>
#include <bit>
#include <cmath>
#include <cstring>

namespace mw::payload {
namespace {

namespace on = simdjson::ondemand;

enum Key : unsigned { signal, t, v, values, t0, dt, frame, q, unit, units, seq, replayed, unknown };
constexpr std::array<std::string_view, unknown> key_names = {
    "signal", "t", "v", "values", "t0", "dt", "frame", "q", "unit", "units", "seq", "replayed"};
constexpr unsigned bit(unsigned key) { return 1U << key; }

unsigned key_of(std::string_view text) {
    for (unsigned key = 0; key < key_names.size(); ++key)
        if (key_names[key] == text) return key;
    return unknown;
}

// Larger messages are rare: their working memory (about 6 bytes per byte) is given back.
constexpr std::size_t kept_bytes = std::size_t{256} << 10;

}  // namespace

Decoder::Parser::Parser(Limits limits)
    : limits_(limits),
      columns_(limits.signals),
      piece_names_(limits.signals),
      note_names_(limits.signals) {}

Result<void> Decoder::Parser::decode(std::string_view payload, Batch& batch) {
    columns_.begin(batch);
    sequence_.reset();
    batch.replayed = false;
    path_ = {};
    auto outcome = read(payload, batch);
    batch.position.sequence = outcome ? sequence_.value_or(0) : 0;
    if (!outcome) columns_.abandon();
    if (padded_.size() > kept_bytes + simdjson::SIMDJSON_PADDING) {
        json_ = on::parser();
        padded_ = {};
    }
    return outcome;
}

Result<void> Decoder::Parser::read(std::string_view payload, Batch& batch) {
    TRY_VOID(load(payload));
    on::json_type type{};
    if (const auto code = document_.type().get(type)) return fail(code, "want points");
    if (type == on::json_type::object) {
        on::object object;
        if (const auto code = document_.get_object().get(object)) return fail(code, "want points");
        TRY_VOID(read_object(object, batch));
    } else if (type == on::json_type::array) {
        TRY_VOID(read_array(batch));
    } else {
        return fail("want an object with points, or an array of such objects");
    }
    path_ = {};
    if (document_.current_location().error() != simdjson::OUT_OF_BOUNDS)
        return fail("the message ends here, yet more follows; send one JSON value per message");
    if (columns_.size() == 0) return fail("no points in the message; leave it out");
    columns_.finish();
    return {};
}

// The text with room behind it, which simdjson's wide loads need.
Result<void> Decoder::Parser::load(std::string_view payload) {
    if (payload.size() > limits_.payload_bytes)
        return Error{Errc::invalid_input,
                     "message of " + std::to_string(payload.size()) + " bytes: at most " +
                         std::to_string(limits_.payload_bytes) + "; send shorter frames"};
    if (payload.empty())
        return Error{Errc::invalid_input,
                     "empty message; want JSON such as {\"signal\":\"pressure\",\"t\":"
                     "1700000000000000000,\"v\":1.2}"};
    const std::size_t wanted = std::bit_ceil(payload.size());
    if (padded_.size() < wanted + simdjson::SIMDJSON_PADDING) {
        padded_.resize(wanted + simdjson::SIMDJSON_PADDING);
        if (json_.allocate(wanted)) return Error{Errc::overloaded, "no memory for the message"};
    }
    std::memcpy(padded_.data(), payload.data(), payload.size());
    std::memset(padded_.data() + payload.size(), ' ', simdjson::SIMDJSON_PADDING);
    text_size_ = payload.size();
    if (const auto code = json_.iterate(padded_.data(), text_size_, padded_.size()).get(document_))
        return Error{Errc::invalid_input,
                     std::string("not JSON: ") + simdjson::error_message(code)};
    return {};
}

Result<void> Decoder::Parser::read_array(Batch& batch) {
    on::array array;
    if (const auto code = document_.get_array().get(array)) return fail(code, "want an array");
    for (auto element : array) {
        path_ = {.object = path_.object + 1};
        on::object object;
        if (const auto code = element.get_object().get(object))
            return fail(code, "want an object with points");
        TRY_VOID(read_object(object, batch));
    }
    return {};
}

Result<void> Decoder::Parser::read_object(on::object object, Batch& batch) {
    Shape shape;
    pieces_.clear();
    piece_names_.clear();
    notes_.clear();
    note_names_.clear();
    codes_.clear();
    const std::size_t begin = columns_.size();
    for (auto entry : object) {
        path_ = {.object = path_.object};
        on::field field;
        if (const auto code = std::move(entry).get(field)) return fail(code, "want a key");
        std::string_view text;
        if (const auto code = field.unescaped_key().get(text)) return fail(code, "want a key");
        path_.key = text;
        const unsigned key = key_of(text);
        if (key == unknown)
            return fail(
                "unknown key; known are signal t v values t0 dt frame q unit units seq replayed");
        if (shape.seen & bit(key)) return fail("the key is there twice");
        shape.seen |= bit(key);
        TRY_VOID(read_key(key, field.value(), shape, batch));
    }
    path_ = {.object = path_.object};
    TRY_VOID(check_keys(shape));
    const std::int64_t count = static_cast<std::int64_t>(columns_.size() - begin);
    if (shape.step > 0 && count > (latest_ns - shape.start->ns) / shape.step)
        return fail("the frame ends after the year 2261; dt is in nanoseconds");
    return close_object(shape);
}

Result<void> Decoder::Parser::read_key(unsigned key, Value value, Shape& shape, Batch& batch) {
    switch (key) {
        case signal: {
            TRY(shape.signal, read_text(value, limits_.name_bytes));
            return {};
        }
        case t:
        case t0: {
            TRY(shape.start, read_time(value));
            return {};
        }
        case v:
            return read_number(value);
        case values:
            return read_values(value);
        case frame:
            return read_frame(value);
        case dt: {
            if (const auto code = value.get_int64().get(shape.step))
                return fail(code, "want whole nanoseconds");
            if (shape.step <= 0) return fail("want a positive number of nanoseconds");
            return {};
        }
        case q:
            return read_quality(value, shape);
        case unit: {
            TRY(shape.unit, read_text(value, limits_.unit_bytes));
            return {};
        }
        case units:
            return read_units(value);
        case seq:
            return read_sequence(value, batch);
        default: {
            bool said = false;
            if (const auto code = value.get_bool().get(said))
                return fail(code, "want true or false");
            batch.replayed |= said;
            return {};
        }
    }
}

Result<void> Decoder::Parser::read_values(Value value) {
    on::object object;
    if (const auto code = value.get_object().get(object))
        return fail(code, "want an object of signal and value");
    for (auto entry : object) {
        on::field field;
        if (const auto code = std::move(entry).get(field)) return fail(code, "want a signal");
        TRY(const auto name, read_signal(field));
        const auto begin = static_cast<std::uint32_t>(columns_.size());
        TRY_VOID(read_number(field.value()));
        pieces_.push_back({name, begin, begin + 1});
        path_.signal = {};
    }
    return {};
}

Result<void> Decoder::Parser::read_frame(Value value) {
    on::object object;
    if (const auto code = value.get_object().get(object))
        return fail(code, "want an object of signal and array of values");
    for (auto entry : object) {
        on::field field;
        if (const auto code = std::move(entry).get(field)) return fail(code, "want a signal");
        TRY(const auto name, read_signal(field));
        const auto begin = static_cast<std::uint32_t>(columns_.size());
        TRY_VOID(read_samples(field.value()));
        pieces_.push_back({name, begin, static_cast<std::uint32_t>(columns_.size())});
        path_.signal = {};
    }
    return {};
}

// The hot loop: a frame's numbers.
Result<void> Decoder::Parser::read_samples(Value value) {
    on::array array;
    if (const auto code = value.get_array().get(array)) return fail(code, "want an array");
    const std::size_t begin = columns_.size();
    std::size_t room = limits_.points - begin;
    for (auto element : array) {
        if (room-- == 0) {
            path_.element = static_cast<std::int64_t>(columns_.size() - begin);
            return fail("too many points in one message; send shorter frames");
        }
        double number = 0;
        if (element.get_double().get(number) == simdjson::SUCCESS) [[likely]] {
            if (std::abs(number) >= whole_double_max) [[unlikely]]
                number = exact(number);
            columns_.add(number);
            continue;
        }
        path_.element = static_cast<std::int64_t>(columns_.size() - begin);
        on::value odd;
        if (const auto code = std::move(element).get(odd)) return fail(code, "want a number");
        TRY_VOID(read_odd_number(odd));
    }
    path_.element = -1;
    columns_.pad_quality();
    return {};
}

Result<void> Decoder::Parser::check_keys(const Shape& shape) {
    constexpr unsigned single = bit(signal) | bit(t) | bit(v);
    constexpr unsigned several = bit(t) | bit(values);
    constexpr unsigned frames = bit(t0) | bit(dt) | bit(frame);
    constexpr unsigned common = bit(q) | bit(unit) | bit(units) | bit(seq) | bit(replayed);
    const unsigned own = shape.seen & ~common;
    if (own == single || own == several || own == frames) return {};
    const unsigned wanted = (own & bit(frame))    ? frames
                            : (own & bit(values)) ? several
                            : (own & bit(v))      ? single
                                                  : 0;
    if (wanted == 0)
        return fail(
            "no values; want \"signal\",\"t\",\"v\", or \"t\",\"values\", or "
            "\"t0\",\"dt\",\"frame\"");
    std::string text;
    for (unsigned key = 0; key < unknown; ++key)
        if (const unsigned odd = (wanted ^ own) & bit(key))
            text.append(text.empty() ? "" : ", ")
                .append((wanted & odd) ? "'" : "not wanted here: '")
                .append(key_names[key])
                .append((wanted & odd) ? "' is missing" : "'");
    return fail(text);
}

Result<void> Decoder::Parser::close_object(Shape& shape) {
    if (shape.signal) {
        path_.signal = *shape.signal;
        if (auto good = check_name(*shape.signal, limits_.name_bytes); !good)
            return fail(good.error().message);
        const auto end = static_cast<std::uint32_t>(columns_.size());
        if (piece_names_.insert({*shape.signal, {}}) == NameTable::none)
            return fail("too many signals");
        pieces_.push_back({*shape.signal, end - 1, end});
    }
    for (const auto& note : notes_)
        if (piece_names_.find({note.signal, {}}) == NameTable::none) {
            path_.signal = note.signal;
            return fail("'q' or 'units' names a signal that has no value here");
        }
    for (const auto& piece : pieces_) {
        path_.signal = piece.signal;
        TRY_VOID(close_piece(shape, piece));
    }
    return {};
}

Result<void> Decoder::Parser::close_piece(const Shape& shape, const Piece& piece) {
    columns_.set_times(piece.begin, piece.end, *shape.start, shape.step);
    if (shape.quality) columns_.weaken(piece.begin, piece.end, *shape.quality);
    std::string_view unit_text = shape.unit;
    const auto index = notes_.empty() ? NameTable::none : note_names_.find({piece.signal, {}});
    if (index != NameTable::none) {
        const Note& note = notes_[index];
        if (note.unit) unit_text = *note.unit;
        const auto codes = note.codes_end - note.codes_begin;
        const auto points = piece.end - piece.begin;
        if (note.has_quality && codes != 1 && codes != points)
            return fail("'q' has " + std::to_string(codes) + " codes for " +
                        std::to_string(points) + " values");
        for (std::uint32_t i = 0; note.has_quality && i < points; ++i)
            columns_.weaken(piece.begin + i, piece.begin + i + 1,
                            codes_[note.codes_begin + (codes == 1 ? 0 : i)]);
    }
    if (!columns_.claim(piece.signal, unit_text, piece.begin, piece.end))
        return fail("more than " + std::to_string(limits_.signals) +
                    " signals in one message; send several messages");
    return {};
}

Result<std::string_view> Decoder::Parser::read_signal(on::field& field) {
    std::string_view name;
    if (const auto code = field.unescaped_key().get(name)) return fail(code, "want a signal");
    path_.signal = name;
    if (auto good = check_name(name, limits_.name_bytes); !good) return fail(good.error().message);
    const auto before = piece_names_.size();
    const auto index = piece_names_.insert({name, {}});
    if (index == NameTable::none)
        return fail("more than " + std::to_string(limits_.signals) +
                    " signals in one message; send several messages");
    if (index != before) return fail("the signal is there twice");
    return name;
}

}  // namespace mw::payload
