#pragma once
// Values that no double can say, in a column of doubles: a text, or a whole number that a double
// would round, which happens beyond 2^53. In the column stands a box, a NaN whose payload is a
// place in a table beside it; so whoever knows nothing of boxes sees a value that is missing, and
// who has none of them pays nothing. A NaN that only looks like a box is one nowhere: without a
// table nothing is a box. Why: docs/decisions/0014-values-that-are-not-doubles.md.

#include <bit>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace mw {

inline constexpr std::size_t text_value_bytes_max = 1024;
inline constexpr double whole_double_max = 0x1p53;  // no double up to here is a rounded integer
// Whether the nearest double is the integer itself.
constexpr bool fits_double(std::int64_t integer) {
    const auto nearest = static_cast<double>(integer);
    return nearest < 0x1p63 && static_cast<std::int64_t>(nearest) == integer;
}

// What the values of a series are, as far as whoever sent them said. none: nothing but nulls.
enum class ValueType : std::uint8_t {
    number = 0,
    integer = 1,
    boolean = 2,
    text = 3,
    mixed = 4,
    none = 5
};
std::string_view to_string(ValueType type);  // double, int64, bool, text, mixed, unknown
ValueType value_type_of(std::uint8_t code);  // as stored; number for a code that is none
// What holds both: numbers of every kind are numbers, texts among them are mixed.
ValueType widest(ValueType a, ValueType b);

constexpr std::uint64_t text_box_bits = 0xfffe'0000'0000'0000;
constexpr std::uint64_t integer_box_bits = 0xffff'0000'0000'0000;
constexpr double no_value = std::numeric_limits<double>::quiet_NaN();

constexpr bool is_box(double value) { return std::bit_cast<std::uint64_t>(value) >= text_box_bits; }
constexpr bool is_text_box(double value) {
    return std::bit_cast<std::uint64_t>(value) >> 48 == text_box_bits >> 48;
}
constexpr double text_box(std::uint32_t place) {
    return std::bit_cast<double>(text_box_bits | place);
}
constexpr double integer_box(std::uint32_t place) {
    return std::bit_cast<double>(integer_box_bits | place);
}

// A boxed value by itself.
using BoxedValue = std::variant<std::int64_t, std::string>;

// The table beside a column. What it says of a box is valid as long as it lives; nothing of a box
// that it did not make.
class Boxes {
 public:
    virtual ~Boxes() = default;
    std::optional<std::string_view> text(double value) const;
    std::optional<std::int64_t> integer(double value) const;
    // The nearest double: NaN for a text, and for what is no box of this table.
    double number(double value) const;

 protected:
    virtual std::optional<std::string_view> text_at(std::uint64_t place) const = 0;
    virtual std::optional<std::int64_t> integer_at(std::uint64_t place) const = 0;
};

// The table of a batch: grows with it, keeps its memory when cleared.
class BoxList final : public Boxes {
 public:
    double add(std::string_view text);  // again: the same box, if it is the last one
    double add(std::int64_t integer);
    // The same value, boxed here; NaN if `from` has no such box. What is no box stays.
    double adopt(double value, const Boxes& from);
    bool empty() const { return ends_.empty() && integers_.empty(); }
    std::size_t texts() const { return ends_.size(); }
    std::string_view text_number(std::size_t i) const;  // in the order of their places
    const std::vector<std::int64_t>& integers() const { return integers_; }
    const std::string& characters() const { return characters_; }  // of all texts
    const std::vector<std::uint32_t>& ends() const { return ends_; }
    std::size_t bytes() const {
        return characters_.size() + ends_.size() * sizeof(std::uint32_t) +
               integers_.size() * sizeof(std::int64_t);
    }
    void clear();

 private:
    std::optional<std::string_view> text_at(std::uint64_t place) const override;
    std::optional<std::int64_t> integer_at(std::uint64_t place) const override;
    std::string characters_;
    std::vector<std::uint32_t> ends_;  // of texts, in characters_
    std::vector<std::int64_t> integers_;
};

bool is_utf8(std::string_view text);

}  // namespace mw
