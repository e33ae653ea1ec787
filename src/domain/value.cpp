#include "domain/value.h"

#include "base/assert.h"

namespace mw {
namespace {

constexpr std::uint64_t place_mask = 0x0000'ffff'ffff'ffff;

std::uint64_t place_of(double box) { return std::bit_cast<std::uint64_t>(box) & place_mask; }

bool is_number(ValueType type) { return type < ValueType::text; }

// How many bytes follow the first one; -1: it begins no character.
int followers(unsigned char first) {
    if (first < 0x80) return 0;
    if (first >= 0xc2 && first < 0xe0) return 1;
    if (first >= 0xe0 && first < 0xf0) return 2;
    return first >= 0xf0 && first < 0xf5 ? 3 : -1;
}

// Second bytes that would make a character too long, a surrogate, or one beyond Unicode.
bool is_second(unsigned char first, unsigned char second) {
    if (first == 0xe0) return second >= 0xa0;
    if (first == 0xed) return second < 0xa0;
    if (first == 0xf0) return second >= 0x90;
    return first != 0xf4 || second < 0x90;
}

}  // namespace

std::string_view to_string(ValueType type) {
    switch (type) {
        case ValueType::number:
            return "double";
        case ValueType::integer:
            return "int64";
        case ValueType::boolean:
            return "bool";
        case ValueType::text:
            return "text";
        case ValueType::mixed:
            return "mixed";
        case ValueType::none:
            break;
    }
    return "unknown";
}

ValueType value_type_of(std::uint8_t code) {
    return code <= std::uint8_t(ValueType::none) ? ValueType{code} : ValueType::number;
}

ValueType widest(ValueType a, ValueType b) {
    if (a == b || b == ValueType::none) return a;
    if (a == ValueType::none) return b;
    return is_number(a) && is_number(b) ? ValueType::number : ValueType::mixed;
}

std::optional<std::string_view> Boxes::text(double value) const {
    if (!is_text_box(value)) return std::nullopt;
    return text_at(place_of(value));
}

std::optional<std::int64_t> Boxes::integer(double value) const {
    if (!is_box(value) || is_text_box(value)) return std::nullopt;
    return integer_at(place_of(value));
}

double Boxes::number(double value) const {
    if (!is_box(value)) return value;
    const auto whole = integer(value);
    return whole ? static_cast<double>(*whole) : no_value;
}

double BoxList::add(std::string_view text) {
    if (ends_.empty() || text_number(ends_.size() - 1) != text) {
        characters_ += text;
        ends_.push_back(static_cast<std::uint32_t>(characters_.size()));
    }
    return text_box(static_cast<std::uint32_t>(ends_.size() - 1));
}

double BoxList::add(std::int64_t integer) {
    integers_.push_back(integer);
    return integer_box(static_cast<std::uint32_t>(integers_.size() - 1));
}

double BoxList::adopt(double value, const Boxes& from) {
    if (!is_box(value)) return value;
    if (const auto said = from.text(value)) return add(*said);
    const auto whole = from.integer(value);
    return whole ? add(*whole) : no_value;
}

std::string_view BoxList::text_number(std::size_t i) const {
    ASSERT(i < ends_.size());
    const std::size_t begin = i == 0 ? 0 : ends_[i - 1];
    return std::string_view(characters_).substr(begin, ends_[i] - begin);
}

void BoxList::clear() {
    characters_.clear();
    ends_.clear();
    integers_.clear();
}

std::optional<std::string_view> BoxList::text_at(std::uint64_t place) const {
    if (place >= ends_.size()) return std::nullopt;
    return text_number(place);
}

std::optional<std::int64_t> BoxList::integer_at(std::uint64_t place) const {
    if (place >= integers_.size()) return std::nullopt;
    return integers_[place];
}

bool is_utf8(std::string_view text) {
    for (std::size_t i = 0; i < text.size();) {
        const auto first = static_cast<unsigned char>(text[i]);
        const int more = followers(first);
        if (more < 0 || text.size() - i <= static_cast<std::size_t>(more)) return false;
        for (int k = 1; k <= more; ++k) {
            const auto byte = static_cast<unsigned char>(text[i + static_cast<std::size_t>(k)]);
            if ((byte & 0xc0) != 0x80 || (k == 1 && !is_second(first, byte))) return false;
        }
        i += static_cast<std::size_t>(more) + 1;
    }
    return true;
}

}  // namespace mw
